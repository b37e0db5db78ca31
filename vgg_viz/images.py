"""Any photo file -> RGB uint8 ``(224, 224, 3)``, the input of VGG19.

Files come from strangers: only six formats are tried, the size is looked at before anything is
decoded, and whatever is wrong ends as a :class:`PictureError` with a sentence for the visitor.
Decoding takes less than ``MAX_MEMORY``, whatever the file says and however many come at once.
"""

import hashlib
import io
import logging
import math
import re
import struct
import threading
import warnings
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageOps, UnidentifiedImageError

Fit = Literal["stretch", "crop"]

SIDE = 224
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 20 * 2**20
MAX_MEMORY = 260 * 10**6
# The most pixels that each format can have within that memory.
PIXEL_LIMITS = {
    "JPEG": 50_000_000,  # decoded at half the scale: never whole in memory
    "PNG": 40_000_000,  # whole, 4 bytes a pixel, its copy at half the scale, and 20 MB of EXIF
    "GIF": 40_000_000,  # the same with 1 byte
    "progressive JPEG": 25_000_000,  # libjpeg holds up to 8 bytes a pixel until the last scan
    "WEBP": 12_500_000,  # two canvases of libwebp, the frame handed over, Pillow's: 16 bytes
    "BMP": 12_500_000,  # run lengths are undone by a Python loop over the pixels: a second
    "TIFF": 12_500_000,  # a strip or tile as large as the picture, the picture, and it turned
}
MAX_PIXELS = max(PIXEL_LIMITS.values())
# What JPEG and GIF can store. Pillow adds a pointer to every row: 1 x 50,000,000 took 600 MB.
MAX_SIDE = 65_535
# Photographs have about ten scans; every one costs libjpeg a walk over the whole picture.
MAX_SCANS = 100
# An ICC profile of 16 MB takes 255 segments. Pillow copies all EXIF segments for each further one.
MAX_SEGMENTS = 500
# Strips, tiles and other numbers under one tag of a TIFF; Pillow makes 300 bytes of each strip.
MAX_TAG_VALUES = 65_536
# EXIF, profile and the rest of a JPEG's segments; Pillow holds up to three copies of them.
MAX_SEGMENT_BYTES = 8 * 2**20
# Small blocks, chunks and runs each become Python objects.
MAX_READS = 500_000
# Text chunks of a PNG, of which Pillow keeps up to 4 bytes a character; its own limit is 64 MB.
MAX_TEXT = 4 * 2**20
# The largest profiles of printing presses have 3 MB.
MAX_PROFILE_BYTES = 4 * 2**20
# The rest of what libtiff reads is rare in photographs; of a damaged fax it writes every line into
# the log of the server, and xz in a TIFF asks for memory without limit.
TIFF_COMPRESSIONS = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg")
# Pillow holds four bytes a pixel, and turning or converting a picture copies it. Above this size,
# which a 12-megapixel camera (4032 x 3024) stays below, pictures are taken at half the scale: 50
# megapixels then cost 50 MB a copy instead of 200, and 224 pixels a side lose nothing by it.
FULL_SCALE_PIXELS = 12_500_000

WANTED = (
    f"please choose a JPEG of at most {MAX_PIXELS / 10**6:g} megapixels, a PNG or GIF of at most "
    f"{PIXEL_LIMITS['PNG'] / 10**6:g}, a progressive JPEG of at most "
    f"{PIXEL_LIMITS['progressive JPEG'] / 10**6:g} or a WebP, BMP or TIFF of at most "
    f"{PIXEL_LIMITS['TIFF'] / 10**6:g}, and of at most {MAX_BYTES // 2**20} MB."
)

_decoding = threading.Lock()


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
        with _decoding:  # One at a time, so that many viewers need no more memory than one.
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


class _Reader(io.BytesIO):
    """A file's bytes that can be read ``MAX_READS`` times."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise _refusal("The file is in too many pieces")
        return super().read(size)


@lru_cache(maxsize=1)
def _set_up_pillow() -> None:
    """Import the decoders of ``FORMATS``, without which ``Image.open`` imports all there are."""
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT
    # What Pillow has to say of a file is for nobody: its visitor gets a picture or a sentence.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def _open(data: bytes) -> Image.Image:
    """The picture before it is decoded: its size, its kind and what else is in its header."""
    _set_up_pillow()
    # Here and not once, since it is lost where warnings.catch_warnings is around the first call;
    # catch_warnings itself is no use, as it changes what other threads' warnings do.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if data[:2] in (b"II", b"MM") and data[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+"):
        _check_tiff_tags(data)
    return Image.open(_Reader(data), formats=FORMATS)


def _load(data: bytes) -> Image.Image:
    """The first frame, decoded, in the file's own mode and orientation."""
    plan = _jpeg_plan(data) if data.startswith(b"\xff\xd8\xff") else None
    image = _open(data)
    kind = image.format or ""
    if plan:
        # libjpeg writes rows of its own length into memory of the length that Pillow has read.
        if image.size != plan.size:
            raise _refusal("The picture is cut off or damaged")
        kind = "progressive JPEG" if plan.buffered else "JPEG"
        image.app.clear()  # Copies of what is in image.info.
        image.applist.clear()
    _check_size(*image.size, kind)
    if kind == "TIFF":
        _check_tiff(image)
    return _decoded(image)


def _decoded(image: Image.Image) -> Image.Image:
    """An open picture's pixels; at half the scale above ``FULL_SCALE_PIXELS``."""
    half = (max(1, image.width // 2), max(1, image.height // 2))
    if image.width * image.height > FULL_SCALE_PIXELS:
        # Only JPEG can be decoded at half the scale, without ever being whole in memory.
        image.draft(None, half)
    image.load()
    if image.width * image.height > FULL_SCALE_PIXELS:
        return image.resize(half, Image.Resampling.NEAREST)
    # Only a copy lets go of the canvases that libwebp holds.
    return image.copy() if image.format == "WEBP" else image


def _check_size(width: int, height: int, kind: str) -> None:
    """Raise a PictureError for a picture of too many pixels in all or along a side."""
    if width * height > PIXEL_LIMITS[kind]:
        raise _too_many_pixels(width * height)
    if max(width, height) > MAX_SIDE:
        side = f"{max(width, height):,} pixels along a side where {MAX_SIDE:,} are the most"
        raise _refusal(f"The picture has {side}")


class _JpegPlan(NamedTuple):
    """What libjpeg will make of a JPEG file."""

    size: tuple[int, int]  # width and height
    buffered: bool  # whether all coefficients are held until the last scan is read


def _jpeg_plan(data: bytes) -> _JpegPlan:
    """Walk over a JPEG's markers as libjpeg does, up to the end of its first picture.

    Raises:
        PictureError: there are too many scans or segments, or the frame is of a kind that libjpeg
            cannot shrink while it decodes (lossless), or does not know.
    """
    frames: list[tuple[int, bytes]] = []
    scans = []
    for kind, segment in _jpeg_segments(data):
        if kind == 0xDA:
            scans.append(segment)
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            frames.append((kind, segment))
    if len(scans) > MAX_SCANS:
        raise _refusal("The JPEG comes in too many scans")
    if len(frames) != 1 or not scans or len(frames[0][1]) < 6:
        raise _refusal("The picture is cut off or damaged")
    kind, (_, height, width, channels) = frames[0][0], struct.unpack(">BHHB", frames[0][1][:6])
    if kind not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
        raise _refusal("The JPEG is of a rare kind that cannot be read here")
    return _JpegPlan((width, height), kind in (0xC2, 0xCA) or scans[0][:1] != bytes([channels]))


def _jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    """The marker and the content of every segment of a JPEG's first picture, in order.

    Between segments, and in the coded pixels of a scan, a marker is 0xFF and neither 0 nor 0xFF;
    restarts (0xD0 to 0xD7) and 0x01 have no content and say nothing here.
    """
    marker = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
    segments: list[tuple[int, bytes]] = []
    place, total = 2, 0
    while (found := marker.search(data, place)) and found[1] not in b"\xd8\xd9":
        if len(segments) == MAX_SEGMENTS:
            raise _refusal("The JPEG is in too many pieces")
        place = found.end()
        length = int.from_bytes(data[place : place + 2])
        segments.append((found[1][0], data[place + 2 : place + length]))
        place += max(length, 2)
        total += length
        if total > MAX_SEGMENT_BYTES:
            raise _refusal(
                f"The JPEG has more than {MAX_SEGMENT_BYTES // 2**20} MB beside its pixels"
            )
    return segments


def _check_tiff_tags(data: bytes) -> None:
    """Raise a PictureError for a TIFF's first directory with a tag of very many numbers.

    Bytes and texts may be long: they stay as they are, while Pillow makes an object of a number.
    """
    order = "<" if data.startswith(b"II") else ">"
    if b"+" in data[2:4]:  # BigTIFF, made for files of more than 4 GB
        raise _refusal("The TIFF is of a rare kind that cannot be read here")
    (start,) = struct.unpack_from(f"{order}L", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, start)
    directory = data[start + 2 : start + 2 + 12 * entries]
    whole = len(directory) - len(directory) % 12
    for _, kind, count, _ in struct.iter_unpack(f"{order}HHLL", directory[:whole]):
        if count > MAX_TAG_VALUES and kind not in (1, 2, 6, 7):
            raise _refusal("The TIFF is in too many pieces")


def _check_tiff(image: Image.Image) -> None:
    """Raise a PictureError for rare compressions, and for tiles larger than any picture."""
    if image.info.get("compression") not in TIFF_COMPRESSIONS:
        raise _refusal("The TIFF is of a rare kind that cannot be read here")
    width, height = (image.tag_v2.get(tag, 0) for tag in (322, 323))
    if width * height > PIXEL_LIMITS["TIFF"]:
        raise _refusal("The picture is cut off or damaged")


def _upright_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    image = _on_white(_eight_bits(_upright(image)))
    converted = _by_profile(image, profile) if profile else None
    return converted or image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the EXIF orientation says, if that can be read.

    ``ImageOps.exif_transpose`` would write the EXIF anew, and fail where the rest of it is broken.
    """
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # The pixels are decoded and good: broken EXIF must not cost the picture.
        return image
    return image if turn is None else image.transpose(turn)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, 32 bits or floating point as mode ``"L"``; other modes as they are.

    16-bit values have a known white, 65535. For the others white is the first of 1, 255 and 65535
    that no value exceeds, else the largest value; black is 0 or the smallest, if that is below.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    levels = np.asarray(image)
    finite = np.isfinite(levels)
    black = float(levels.min(where=finite, initial=0))
    highest = float(levels.max(where=finite, initial=0))
    if image.mode.startswith("I;16"):
        white = 65535.0
    else:
        white = next((level for level in (1.0, 255.0, 65535.0) if highest <= level), highest)
    grey = np.empty(levels.shape, np.uint8)
    for row, (values, usable) in enumerate(zip(levels, finite, strict=True)):
        # A row at a time: floats of 64 bits for all would take eight times the picture's memory.
        known = np.where(usable, values, 0).astype(np.float64)
        grey[row] = np.rint((known - black) * (255 / (white - black)))
    return Image.fromarray(grey)


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
    return None if _differ_by_rounding(converted, image.convert("RGB")) else converted


def _differ_by_rounding(first: Image.Image, second: Image.Image) -> bool:
    """Whether no value of two RGB pictures differs by more than 1."""
    # A channel at a time, for the sake of memory.
    return all(
        ImageChops.difference(first.getchannel(name), second.getchannel(name)).getextrema()[1] <= 1
        for name in "RGB"
    )


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
