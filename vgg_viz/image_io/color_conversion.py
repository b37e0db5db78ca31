"""A picture as its file has it -> an upright picture in sRGB: depth, alpha, profile, direction."""

import io
from typing import cast

import numpy as np
from PIL import Image, ImageChops

from vgg_viz.image_io import contrast_stretching
from vgg_viz.image_io.decoding import Rows, Stored
from vgg_viz.image_io.limits import MAX_PROFILE_BYTES

_MISSING = (128, 128, 128)
_TURNS = {  # EXIF 2.3, 4.6.4 A
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright_rgb(stored: Stored, *, as_stored: bool = False) -> Image.Image:
    """A stored picture as an upright sRGB one of mode ``"RGB"``, over white, missing rows gray."""
    image = _eight_bits(stored, as_stored=as_stored)
    image = _on_white(image, alpha_unsure=stored.alpha_unsure)
    converted = _by_profile(image, stored.profile) if stored.profile else None
    image = converted or image.convert("RGB")
    if stored.rows:
        image = _with_missing(image, stored.rows)
    turn = _TURNS.get(stored.orientation)
    return image if turn is None else image.transpose(turn)


def _eight_bits(stored: Stored, *, as_stored: bool) -> Image.Image:
    """The picture itself, or its numbers as ``"L"`` or ``"RGB"``."""
    if stored.image is not None:
        return stored.image
    samples, scales = stored.samples, stored.scales
    if samples is None or scales is None:
        raise ValueError("expected a picture or numbers, got neither")
    levels = (scales.stretched or scales.stored) if not as_stored else scales.stored
    shown = contrast_stretching.eight_bits(samples, levels)
    return Image.fromarray(shown[:, :, 0] if shown.shape[2] == 1 else shown)


def _with_missing(image: Image.Image, rows: Rows) -> Image.Image:
    """The picture with missing rows gray; between others, each is like the one above."""
    pixels = np.array(image)
    if rows.interlaced:
        above = np.maximum.accumulate(np.where(rows.present, np.arange(len(pixels)), 0))
        pixels = pixels[above]
    else:
        pixels[~rows.present] = _MISSING
    return Image.fromarray(pixels)


def _on_white(image: Image.Image, *, alpha_unsure: bool) -> Image.Image:
    """What is transparent over white, as ``"L"`` or ``"RGB"``; opaque pictures as they are.

    Where only zeros stand in what may not be alpha at all, the picture is opaque.
    """
    if not image.has_transparency_data:
        return image
    color = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = color.getchannel("A")
    if alpha_unsure and alpha.getextrema() == (0, 0):
        return color.convert("RGB")
    canvas = Image.new("L" if image.mode in ("1", "L", "LA") else "RGB", image.size, "white")
    canvas.paste(color, mask=alpha)
    return canvas


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB, as its color profile says; ``None`` where the profile is no use.

    That is where it is broken, made for another kind of picture, or sRGB itself.
    """
    from PIL import ImageCms  # Here because only pictures with a profile need it.

    # Elements ("mpet") can be named a hundred thousand times each, for minutes of computing.
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
    # A profile that moves no value by more than rounding is sRGB: keep the file's own values.
    same = converted is None or _differ_by_rounding(converted, image.convert("RGB"))
    return None if same else converted


def _differ_by_rounding(first: Image.Image, second: Image.Image) -> bool:
    """Whether no value of two RGB pictures differs by more than 1."""
    # A channel at a time, for the sake of memory.
    apart = (
        ImageChops.difference(first.getchannel(name), second.getchannel(name)) for name in "RGB"
    )
    return all(cast("tuple[int, int]", each.getextrema())[1] <= 1 for each in apart)


def _profile_mode(image_mode: str, color_space: str) -> str | None:
    """The mode in which a profile of that color space applies to such a picture, if it does."""
    if color_space == "CMYK" and image_mode == "CMYK":
        return "CMYK"
    if color_space == "GRAY" and image_mode in ("1", "L"):
        return "L"
    if color_space == "RGB" and image_mode not in ("CMYK", "LAB"):
        return "RGB"
    return None
