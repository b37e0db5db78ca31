"""Conversion of a decoded image to upright 8-bit sRGB: depth, alpha, color profile, orientation."""

import io
from typing import cast

import numpy as np
from PIL import Image, ImageChops

from vgg_viz.image_io import contrast_stretching
from vgg_viz.image_io.decoding import Rows, StoredImage
from vgg_viz.image_io.limits import MAX_PROFILE_BYTES

_MISSING_COLOR = (128, 128, 128)
_ROTATIONS = {  # by orientation: EXIF 2.3, 4.6.4 A
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright_rgb(stored: StoredImage, *, as_stored: bool = False) -> Image.Image:
    """Convert a decoded image to upright 8-bit sRGB.

    Args:
        stored: Decoded image, in the file's own orientation, color space and depth.
        as_stored: Whether contrast stretching is off.

    Returns:
        Image of mode ``"RGB"``. Transparent pixels are composited over white, and the missing rows
        of a truncated file are filled.
    """
    image = _eight_bits(stored, as_stored=as_stored)
    image = _over_white(image, alpha_uncertain=stored.alpha_uncertain)
    converted = _to_srgb(image, stored.profile) if stored.profile else None
    image = converted or image.convert("RGB")
    if stored.rows:
        image = _fill_missing_rows(image, stored.rows)
    rotation = _ROTATIONS.get(stored.orientation)
    return image if rotation is None else image.transpose(rotation)


def _eight_bits(stored: StoredImage, *, as_stored: bool) -> Image.Image:
    """Return a decoded image with 8 bits a channel; convert deeper samples to ``"L"`` or ``"RGB"``.

    ``as_stored`` turns contrast stretching off.
    """
    if stored.image is not None:
        return stored.image
    samples, contrast = stored.samples, stored.contrast
    if samples is None or contrast is None:
        raise ValueError("expected an image or samples, got neither")
    value_range = contrast.stored if as_stored else contrast.stretched or contrast.stored
    pixels = contrast_stretching.eight_bits(samples, value_range)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _fill_missing_rows(image: Image.Image, rows: Rows) -> Image.Image:
    """Fill the missing rows of a truncated image.

    They become gray, or in an interlaced image, copies of the next decoded row above.
    """
    pixels = np.array(image)
    if rows.interlaced:
        above = np.maximum.accumulate(np.where(rows.present, np.arange(len(pixels)), 0))
        pixels = pixels[above]
    else:
        pixels[~rows.present] = _MISSING_COLOR
    return Image.fromarray(pixels)


def _over_white(image: Image.Image, *, alpha_uncertain: bool) -> Image.Image:
    """Composite an image with transparency over white; return an image without it unchanged.

    The composite has mode ``"L"`` or ``"RGB"``. If ``alpha_uncertain``, an alpha channel that is
    zero everywhere is ignored.
    """
    if not image.has_transparency_data:
        return image
    color = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = color.getchannel("A")
    if alpha_uncertain and alpha.getextrema() == (0, 0):
        return color.convert("RGB")
    canvas = Image.new("L" if image.mode in ("1", "L", "LA") else "RGB", image.size, "white")
    canvas.paste(color, mask=alpha)
    return canvas


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert an image from the color space of its ICC profile to sRGB, mode ``"RGB"``.

    Returns ``None`` if no conversion is needed (the profile is sRGB) or possible (the profile
    cannot be used, or belongs to another color space than the image).
    """
    from PIL import ImageCms  # only images with a profile need it

    # Elements ("mpet") can repeat a hundred thousand times each and take minutes to compute.
    if len(profile) > MAX_PROFILE_BYTES or b"mpet" in profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _profile_mode(image.mode, source.profile.xcolor_space.strip())
        if mode is None:
            return None
        plain = image if image.mode == mode else image.convert(mode)
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(plain, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    # A profile that changes values by rounding only is sRGB: keep the file's own values.
    same = converted is None or _differ_by_rounding(converted, image.convert("RGB"))
    return None if same else converted


def _differ_by_rounding(first: Image.Image, second: Image.Image) -> bool:
    """Return whether two RGB images differ by at most 1 in every value."""
    # One channel at a time, to save memory.
    differences = (
        ImageChops.difference(first.getchannel(name), second.getchannel(name)) for name in "RGB"
    )
    return all(cast("tuple[int, int]", each.getextrema())[1] <= 1 for each in differences)


def _profile_mode(image_mode: str, color_space: str) -> str | None:
    """Return the Pillow mode that an image needs before its color profile is applied.

    Args:
        image_mode: Pillow mode of the image.
        color_space: Color space of the profile, such as ``"RGB"``.

    Returns:
        A Pillow mode, or ``None`` if the profile cannot apply to this image.
    """
    if color_space == "CMYK" and image_mode == "CMYK":
        return "CMYK"
    if color_space == "GRAY" and image_mode in ("1", "L"):
        return "L"
    if color_space == "RGB" and image_mode not in ("CMYK", "LAB"):
        return "RGB"
    return None
