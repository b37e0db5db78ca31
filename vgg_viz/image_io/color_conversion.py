"""Conversion of a decoded image to upright 8-bit sRGB: depth, alpha, color profile, orientation."""

import io
from typing import cast

import numpy as np
from PIL import Image
from PIL.ImageChops import difference

from vgg_viz.image_io.contrast_stretching import eight_bits
from vgg_viz.image_io.decoding import StoredImage
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
    """Convert a decoded image to upright 8-bit sRGB over white, with missing rows filled."""
    image = _over_white(_eight_bits(stored, as_stored), stored.alpha_uncertain)
    image = (stored.profile and _to_srgb(image, stored.profile)) or image
    image = image if image.mode == "RGB" else image.convert("RGB")
    if stored.present is not None:
        image = _fill_missing_rows(image, stored.present, stored.coarse)
    rotation = _ROTATIONS.get(stored.orientation)
    return image if rotation is None else image.transpose(rotation)


def _eight_bits(stored: StoredImage, as_stored: bool) -> Image.Image:
    """Return a decoded image with 8 bits a channel; convert deeper samples."""
    if stored.image is not None:
        return stored.image
    if stored.samples is None or stored.contrast is None:
        raise ValueError("expected an image or samples, got neither")
    plain, stretched = stored.contrast.stored, stored.contrast.stretched
    pixels = eight_bits(stored.samples, plain if as_stored else stretched or plain)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _fill_missing_rows(image: Image.Image, present: np.ndarray, interlaced: bool) -> Image.Image:
    """Make missing rows gray, or in an interlaced image, copies of the next decoded row above."""
    pixels = np.array(image)
    if interlaced:
        pixels = pixels[np.maximum.accumulate(np.where(present, np.arange(len(pixels)), 0))]
    else:
        pixels[~present] = _MISSING_COLOR
    return Image.fromarray(pixels)


def _over_white(image: Image.Image, alpha_uncertain: bool) -> Image.Image:
    """Composite over white; if ``alpha_uncertain``, ignore an alpha that is zero everywhere."""
    if not image.has_transparency_data:
        return image
    color = image.convert("RGBA")
    alpha = color.getchannel("A")
    if alpha_uncertain and alpha.getextrema() == (0, 0):
        return color.convert("RGB")
    canvas = Image.new("L" if image.mode in ("1", "L", "LA") else "RGB", image.size, "white")
    canvas.paste(color, mask=alpha)
    return canvas


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert an image to sRGB; return ``None`` if its profile is sRGB, broken or unsuitable."""
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
    if converted is None:
        return None
    # A profile that changes values by rounding only is sRGB: keep the file's own values. One
    # channel at a time, to save memory.
    plain = image.convert("RGB")
    pairs = ((converted.getchannel(name), plain.getchannel(name)) for name in "RGB")
    same = all(cast("tuple[int, int]", difference(*pair).getextrema())[1] <= 1 for pair in pairs)
    return None if same else converted


def _profile_mode(image_mode: str, color_space: str) -> str | None:
    """Return the Pillow mode that an image needs before its profile is applied, if it can be."""
    if color_space == "RGB":
        return None if image_mode in ("CMYK", "LAB") else "RGB"
    return {("CMYK", "CMYK"): "CMYK", ("GRAY", "1"): "L", ("GRAY", "L"): "L"}.get(
        (color_space, image_mode)
    )
