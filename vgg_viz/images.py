"""Any photo file -> RGB uint8 ``(224, 224, 3)``, the input of VGG19.

Files come from strangers: only six formats are tried, the size is looked at before anything is
decoded, and whatever is wrong ends as a :class:`PictureError` with a sentence for the visitor.
"""

import hashlib
import io
import math
import re
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

Fit = Literal["stretch", "crop"]

SIDE = 224
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
# Pillow holds four bytes a pixel, and turning or converting a picture copies it. Above this size,
# which a 12-megapixel camera (4032 x 3024) stays below, pictures are taken at half the scale: 50
# megapixels then cost 50 MB a copy instead of 200, and 224 pixels a side lose nothing by it.
FULL_SCALE_PIXELS = 12_500_000

WANTED = (
    "please choose a JPEG, PNG, WebP, GIF, BMP or TIFF picture of at most "
    f"{MAX_BYTES // 2**20} MB and {MAX_PIXELS // 10**6} megapixels."
)


class PictureError(ValueError):
    """A file that cannot become a picture; the message is one sentence for the visitor."""


def load_picture(data: bytes, how: Fit = "stretch") -> np.ndarray:
    """A photo file's bytes as the network's input, uint8 ``(224, 224, 3)``.

    Raises:
        PictureError: the bytes are no acceptable picture; see :func:`decode`.
    """
    return fit(decode(data), how)


def decode(data: bytes) -> Image.Image:
    """A photo file's bytes as an upright sRGB picture of mode ``"RGB"``.

    Of an animation or a multi-page file it is the first frame; what is transparent becomes white.
    A picture of more than ``FULL_SCALE_PIXELS`` comes at half its width and height.

    Raises:
        PictureError: the file is empty, too large, of another kind, cut off or damaged.
    """
    if not data:
        raise _refusal("The file is empty")
    if len(data) > MAX_BYTES:
        raise _refusal(f"The file has {_tenths(len(data) / 2**20)} MB")
    try:
        return _upright_rgb(_load(data))
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Raised by Image.open itself, which then hands out no picture to read the size from.
        figures = re.findall(r"\d+", str(error))
        raise _too_many_pixels(int(figures[0]) if figures else MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        raise _refusal("The file is not a picture, or its beginning is damaged") from error
    except MemoryError as error:
        raise _refusal("The picture needs more memory than there is") from error
    # Bad data makes Pillow's decoders raise nearly anything: OSError, SyntaxError, ValueError,
    # struct.error, EOFError, KeyError, ZeroDivisionError, OverflowError, ...
    except Exception as error:
        raise _refusal("The picture is cut off or damaged") from error


def fit(image: Image.Image, how: Fit = "stretch") -> np.ndarray:
    """An RGB picture as the network's input, uint8 ``(224, 224, 3)``, C-contiguous.

    ``"stretch"`` is what ``keras.utils.load_img(target_size=(224, 224))`` does: nearest neighbour,
    the aspect ratio is not kept. ``"crop"`` keeps it: the middle square, resized smoothly.

    Raises:
        ValueError: the picture is not RGB, or ``how`` is neither of the two.
    """
    if image.mode != "RGB":
        raise ValueError(f"expected a picture of mode 'RGB', got {image.mode!r}")
    if how == "stretch":
        fitted = image.resize((SIDE, SIDE), Image.Resampling.NEAREST)
    elif how == "crop":
        fitted = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS)
    else:
        raise ValueError(f"expected one of {get_args(Fit)}, got {how!r}")
    return np.array(fitted)


def digest(pixels: np.ndarray) -> str:
    """A short name for exactly these pixels in this shape and type: 32 hexadecimal digits."""
    content = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    content.update(np.ascontiguousarray(pixels))
    return content.hexdigest()


def thumbnail(picture: Image.Image | bytes, side: int = 96) -> bytes:
    """The middle square of a picture (or of a photo file's bytes) as a small JPEG file.

    Raises:
        PictureError: the bytes are no acceptable picture; see :func:`decode`.
    """
    image = decode(picture) if isinstance(picture, bytes) else picture
    small = ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def _load(data: bytes) -> Image.Image:
    """The first frame, decoded, in the file's own mode and orientation."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(width * height)
    half = (max(1, width // 2), max(1, height // 2))
    if width * height > FULL_SCALE_PIXELS:
        # Only JPEG can be decoded at half the scale, without ever being whole in memory.
        image.draft(None, half)
    image.load()
    if image.width * image.height > FULL_SCALE_PIXELS:
        image = image.resize(half, Image.Resampling.NEAREST)
    return image


def _upright_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    image = _on_white(_eight_bits(_upright(image)))
    converted = _by_profile(image, profile) if profile else None
    return converted or image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the EXIF orientation says, if that can be read."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # The pixels are decoded and good: broken EXIF must not cost the picture.
        return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, 32 bits or floating point as mode ``"L"``; other modes as they are.

    16-bit values have a known white, 65535. For the others white is the first of 1, 255 and 65535
    that no value exceeds, else the largest value; black is 0 or the smallest, if that is below.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    levels = np.asarray(image).astype(np.float64)
    levels[~np.isfinite(levels)] = 0
    black, highest = min(0.0, levels.min()), levels.max()
    if image.mode.startswith("I;16"):
        white = 65535.0
    else:
        white = next((level for level in (1.0, 255.0, 65535.0) if highest <= level), highest)
    levels -= black
    levels *= 255 / (white - black)
    return Image.fromarray(np.rint(levels, out=levels).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """What is transparent over white, as ``"L"`` or ``"RGB"``; opaque pictures as they are."""
    if not image.has_transparency_data:
        return image
    colour = image.convert("RGBA")
    canvas = Image.new("L" if image.mode in ("1", "L", "LA") else "RGB", image.size, "white")
    canvas.paste(colour, mask=colour.getchannel("A"))
    return canvas


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB, as its colour profile says; ``None`` where the profile is no use.

    That is where it is broken, made for another kind of picture, or sRGB itself.
    """
    from PIL import ImageCms  # Here because only pictures with a profile need it.

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _profile_mode(image.mode, source.profile.xcolor_space.strip())
        if mode is None:
            return None
        plain, srgb = image.convert(mode), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(plain, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    difference = ImageChops.difference(converted, image.convert("RGB"))
    # A profile that moves no value by more than rounding is sRGB: keep the file's own values.
    is_srgb = max(highest for _, highest in difference.getextrema()) <= 1
    return None if is_srgb else converted


def _profile_mode(image_mode: str, colour_space: str) -> str | None:
    """The mode in which a profile of that colour space applies to such a picture, if it does."""
    if colour_space == "CMYK" and image_mode == "CMYK":
        return "CMYK"
    if colour_space == "GRAY" and image_mode in ("1", "L"):
        return "L"
    if colour_space == "RGB" and image_mode not in ("CMYK", "LAB"):
        return "RGB"
    return None


def _refusal(problem: str) -> PictureError:
    return PictureError(f"{problem}: {WANTED}")


def _too_many_pixels(pixels: int) -> PictureError:
    return _refusal(f"The picture has {_tenths(pixels / 10**6)} megapixels")


def _tenths(amount: float) -> str:
    """Rounded up, so that what is just above a limit does not look equal to it."""
    return f"{math.ceil(amount * 10) / 10:,.1f}"
