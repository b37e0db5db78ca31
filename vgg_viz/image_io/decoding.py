"""Decoding of an image file's first frame, by Pillow, within bounded memory.

Truncated files are decoded as far as possible; `Rows` records which rows were decoded.
"""

import io
import logging
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from vgg_viz.image_io import file_formats, tiff
from vgg_viz.image_io.contrast_stretching import Contrast, contrast_of
from vgg_viz.image_io.limits import (
    MAX_READS,
    MAX_SIDE,
    NAMES,
    PIXEL_LIMITS,
    SAVE_AS_JPEG,
    ImageFileError,
    damaged,
    rejection,
    too_many_pixels,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# Pillow needs four bytes a pixel, and rotating or converting an image copies it. Larger images than
# a 12-megapixel camera's (4032 x 3024) are reduced to a half, a quarter or an eighth of each side,
# which loses nothing at 224 pixels a side.
FULL_SCALE_PIXELS = 12_500_000
# A truncated image is shown if more than this fraction of its rows is present.
MIN_PRESENT = 0.5
# Formats whose libraries return a complete image or none.
_ALL_OR_NOTHING = ("WEBP", "AVIF", "HEIF")
# Color of the canvas before decoding; rows that keep it count as missing.
_CANVAS_COLOR = (165, 91, 14, 203)


class Rows(NamedTuple):
    """Record of the rows of a truncated image that were decoded.

    present: whether each row was decoded, bool ``(height,)``.
    interlaced: whether missing rows alternate with decoded ones, instead of following them.
    """

    present: np.ndarray
    interlaced: bool = False


@dataclass
class StoredImage:
    """A decoded image in the file's own orientation, color space and depth.

    image: the image, if it has 8 bits a channel; otherwise ``None``.
    samples: pixel values of an image of another depth; ``None`` if ``image`` is set.
    profile: content of the ICC color profile, if the file has one.
    orientation: EXIF orientation; 1 is upright.
    rows: rows that were decoded, if some are missing.
    coarse: whether a truncated JPEG lacks fine details (high frequencies) instead of rows.
    alpha_uncertain: whether the fourth channel may be something other than alpha.
    remarks: notes for the caption on channels and pages that are not shown.
    contrast: value ranges to show ``samples`` with; ``None`` without samples.
    """

    image: Image.Image | None = None
    samples: tiff.Samples | None = None
    profile: bytes | None = None
    orientation: int = 1
    rows: Rows | None = None
    coarse: bool = False
    alpha_uncertain: bool = False
    remarks: tuple[str, ...] = ()
    contrast: Contrast | None = field(init=False)

    def __post_init__(self) -> None:
        self.contrast = contrast_of(self.samples) if self.samples else None

    @property
    def stretchable(self) -> bool:
        """Whether contrast stretching changes how the image is shown."""
        return bool(self.contrast and self.contrast.stretched)

    def notes(self, *, as_stored: bool) -> tuple[str, ...]:
        """Return notes for the caption: value range, channels that are not shown, missing parts.

        ``as_stored`` says whether contrast stretching is off.
        """
        contrast = self.contrast.note(as_stored=as_stored) if self.contrast else None
        missing: tuple[str, ...] = ()
        if self.coarse or (self.rows and self.rows.interlaced):
            missing = ("cut off: fine details are missing",)
        elif self.rows:
            percent = max(1, round(100 * (1 - self.rows.present.mean())))
            missing = (f"cut off: {percent}% of the rows are missing and gray",)
        return (*((contrast,) if contrast else ()), *self.remarks, *missing)


def load(data: bytes) -> StoredImage:
    """Decode the first frame of an image file, from its content.

    Raises:
        ImageFileError: The format is unsupported, a limit is exceeded, or too little of the image
            can be decoded.
    """
    kind = file_formats.format_of(data)
    if kind is None:
        raise file_formats.unsupported_format(data)
    if kind == "JPEG":
        return _load_jpeg(data)
    if kind == "TIFF":
        return _load_tiff(data)
    if kind == "PNG":
        return _load_png(data)
    if kind == "WEBP":
        data = file_formats.minimal_webp(data)
    image, rows = _pixels(data, kind)
    stored = StoredImage(image, None, image.info.get("icc_profile"), _orientation(image), rows)
    if kind == "BMP":
        # Some programs write zeros into the byte that others read as alpha.
        stored.profile, stored.alpha_uncertain = file_formats.bmp_profile(data), True
    return stored


def _load_jpeg(data: bytes) -> StoredImage:
    structure = file_formats.jpeg_structure(data)
    if structure.stop is not None:
        if structure.buffered and not structure.complete_at_low_frequencies:
            raise damaged("The JPEG is cut off before all of its color channels")
        data = data[: structure.stop] + b"\xff\xd9"
    data = file_formats.minimal_jpeg(data)

    def prepare(image: Image.Image) -> None:
        # libjpeg would write rows of its own length into memory of the length that Pillow has read.
        if image.size != structure.size:
            raise damaged()
        # Only JPEG can be decoded at a smaller scale, without the full image in memory.
        scale = _scale(*image.size)
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))

    image, rows = _pixels(data, "JPEG", prepare)
    profile, coarse = image.info.get("icc_profile"), False
    if structure.stop is not None:
        coarse = structure.buffered
        rows = rows if coarse else _rows_before_padding(image)
    return StoredImage(image, None, profile, _orientation(image), rows, coarse)


def _rows_before_padding(image: Image.Image) -> Rows | None:
    """Return the rows of a truncated JPEG that were decoded, or ``None`` if all were.

    libjpeg fills missing rows with gray, so gray rows at the bottom count as missing.

    Raises:
        ImageFileError: At least half of the rows are missing.
    """
    gray = 127 if image.mode == "CMYK" else 128  # inks are stored inverted
    present = _changed_rows(image, np.uint8(gray))
    last = len(present) - int(np.argmax(present[::-1])) if present.any() else 0
    present = np.arange(len(present)) < last
    if present.mean() <= MIN_PRESENT:
        raise _too_little("JPEG", float(present.mean()))
    return None if present.all() else Rows(present)


def _load_png(data: bytes) -> StoredImage:
    data, profile = file_formats.minimal_png(data)
    depth, color = data[24], data[25]
    if depth < 16:
        image, rows = _pixels(data, "PNG")
        return StoredImage(image, None, profile, _orientation(image), rows)
    if color == 0:
        image, rows = _pixels(data, "PNG")
        values = np.array(image)[:, :, np.newaxis]
    else:
        image, rows, values = _sixteen_bit_png(data, color)
    alpha, key = None, image.info.get("transparency")
    if color in (4, 6):
        values, alpha = values[:, :, :-1], values[:, :, -1]
    elif key is not None:
        alpha = (values != np.array(key, np.uint16)).any(axis=2)
    alpha_white = 65535.0 if color in (4, 6) else 1.0
    samples = tiff.Samples(values, 65535.0, alpha, alpha_white)
    return StoredImage(None, samples, profile, _orientation(image), rows)


def _sixteen_bit_png(data: bytes, color: int) -> tuple[Image.Image, Rows | None, np.ndarray]:
    """Decode a PNG with color or alpha and 16 bits a channel.

    Pillow returns only the upper eight bits of each sample. So a color PNG is decoded twice: once
    with Pillow's unpacker for the PNG's byte order, and once with that for the other byte order,
    which returns the lower eight bits. Gray with alpha is decoded as RGBA, whose four bytes are
    those of the two samples.

    Args:
        data: Content of the PNG.
        color: Color type in its header: 2 (RGB), 4 (gray with alpha) or 6 (RGB with alpha).

    Returns:
        The image as Pillow decodes it, for its metadata; its rows, if some are missing; and its
        samples, uint16 ``(height, width, channels)``.
    """
    unpackers = {2: ("RGB;16B", "RGB;16L"), 4: ("RGBA",), 6: ("RGBA;16B", "RGBA;16L")}[color]
    # Large images at half the usual scale: two of them are in memory at once.
    scale = _scale(*struct.unpack_from(">II", data, 16))
    scale = 1 if scale == 1 else 2 * scale
    halves = []
    for unpacker in unpackers:

        def prepare(image: ImageFile.ImageFile, unpacker: str = unpacker) -> None:
            image.tile = [image.tile[0]._replace(args=unpacker)]

        image, rows = _pixels(data, "PNG", prepare, scale)
        halves.append(np.asarray(image))
    if color == 4:
        halves = [halves[0][:, :, ::2], halves[0][:, :, 1::2]]
    values = halves[0].astype(np.uint16)
    values <<= 8
    values |= halves[1]
    return image, rows, values


def _load_tiff(data: bytes) -> StoredImage:
    directory = tiff.Directory(data)
    _check_size(directory.width, directory.height, "TIFF")
    truncated: list[Rows] = []

    def decode(content: bytes, *, scale: int | None = 1) -> Image.Image:
        image, rows = _pixels(content, "TIFF", scale=scale)
        if rows:
            truncated.append(rows)
        return image

    image, samples = None, None
    if directory.known_to_pillow:
        image = decode(directory.for_pillow(), scale=None)
    else:
        samples = directory.read_samples(decode)
    present = [rows.present for rows in truncated]
    rows = Rows(np.all(present, axis=0)) if present else None
    return StoredImage(
        image=image,
        samples=samples,
        profile=directory.profile,
        orientation=directory.orientation,
        rows=rows,
        alpha_uncertain=directory.alpha_uncertain,
        remarks=directory.notes,
    )


class _Reader(io.BytesIO):
    """An image file in memory that raises an ImageFileError after ``MAX_READS`` reads by Pillow."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise rejection("The file is in too many pieces", SAVE_AS_JPEG)
        return super().read(size)


@lru_cache(maxsize=1)
def _set_up_pillow() -> None:
    """Import only those of Pillow's decoders that ``FORMATS`` needs.

    Without this, the first ``Image.open`` would import all decoders.
    """
    from PIL import (  # noqa: F401
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    # Pillow's messages on a file are of no use: the viewer sees the image or an error.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


@lru_cache(maxsize=1)
def _set_up_heif() -> None:
    """Register the HEIC decoder with Pillow; called for HEIC files only."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Open an image file with Pillow: read its header, without decoding its pixels.

    Args:
        data: Content of the file.
        kind: Pillow's name of its format.

    Raises:
        ImageFileError: Pillow cannot read the header.
    """
    _set_up_pillow()
    if kind == "HEIF":
        _set_up_heif()
    # At every call, since a caller's warnings.catch_warnings would undo a single one. Using
    # catch_warnings here would change the warnings of other threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        return Image.open(_Reader(data), formats=(kind,))
    except UnidentifiedImageError as error:
        if kind == "TIFF":
            raise tiff.unsupported("its color space is unknown") from error
        raise damaged(f"The {NAMES[kind]} is cut off or damaged") from error


def _pixels(
    data: bytes,
    kind: str,
    prepare: Callable[[ImageFile.ImageFile], None] = lambda _: None,
    scale: int | None = None,
) -> tuple[Image.Image, Rows | None]:
    """Decode a file's first frame, reduced in size if it is large.

    Args:
        data: Content of the file.
        kind: Pillow's name of its format.
        prepare: Called with the opened image before its pixels are decoded; may change it.
        scale: Divisor of width and height. By default, the smallest with which the image has at
            most ``FULL_SCALE_PIXELS`` (see `_scale`).

    Returns:
        The image, and the rows that were decoded, or ``None`` if all were.

    Raises:
        ImageFileError: The image is too large, or too little of it can be decoded.
    """
    image = _open(data, kind)
    if kind != "TIFF":  # checked before; here a pixel may be a byte
        _check_size(*image.size, kind)
    prepare(image)
    rows = None
    try:
        image.load()
    except (MemoryError, ImageFileError):
        raise
    except Exception as error:
        if kind in _ALL_OR_NOTHING:
            raise _too_little(kind, 0) from error
        # Decode again over a canvas of known color, which shows the missing rows.
        image, rows = _decode_partially(data, kind, prepare)
    scale = scale or _scale(*image.size)
    if scale > 1:
        size = (max(1, image.width // scale), max(1, image.height // scale))
        kept = ((np.arange(size[1]) + 0.5) * image.height / size[1]).astype(int)
        rows = rows and rows._replace(present=rows.present[kept])
        return image.resize(size, Image.Resampling.NEAREST), rows
    # Only a copy frees the canvases that the libraries of these formats hold.
    return (image.copy() if kind in _ALL_OR_NOTHING else image), rows


def _decode_partially(
    data: bytes, kind: str, prepare: Callable[[ImageFile.ImageFile], None]
) -> tuple[ImageFile.ImageFile, Rows | None]:
    """Decode a damaged image file as far as possible, over a canvas of a known color.

    Args:
        data: Content of the file.
        kind: Pillow's name of its format.
        prepare: Called with the opened image before its pixels are decoded; may change it.

    Returns:
        The image, and the rows that were decoded, or ``None`` if all were.

    Raises:
        ImageFileError: At least half of the rows are missing.
    """
    image = _open(data, kind)
    prepare(image)
    color = _CANVAS_COLOR[: len(image.getbands())]
    value = color[0] if len(color) == 1 else color
    if image.mode == "1":
        value = 0
    elif kind == "GIF":
        value = image.info.get("transparency", value)  # Pillow fills the frame with it
    interlaced = _interlaced(image, kind)
    fill = Image.core.fill  # type: ignore[attr-defined]
    blank = fill(image.mode, (1, 1), value)
    image.im = fill(image.mode, image.size, value)
    try:
        image.load()
    except (MemoryError, ImageFileError):
        raise
    except Exception:
        image.tile = []  # Pillow then treats the image as loaded
    present = _changed_rows(image, np.asarray(Image.Image()._new(blank)))
    if present.mean() <= MIN_PRESENT:
        raise _too_little(kind, float(present.mean()))
    return image, None if present.all() else Rows(present, interlaced)


def _interlaced(image: ImageFile.ImageFile, kind: str) -> bool:
    """Return whether an image is interlaced, from the header that Pillow has read."""
    if kind != "GIF":
        return bool(image.info.get("interlace"))
    arguments = image.tile[0].args  # for GIF, only the decoder's arguments say so
    return isinstance(arguments, tuple) and bool(arguments[1])


def _changed_rows(image: Image.Image, blank: np.ndarray | np.uint8) -> np.ndarray:
    """Return whether each row of an image has a pixel unlike ``blank``, the color of its canvas.

    The result is bool ``(height,)``: decoding has changed these rows.
    """
    present = np.empty(image.height, bool)
    step = max(1, 2**20 // image.width)
    for top in range(0, image.height, step):
        rows = image.crop((0, top, image.width, min(top + step, image.height)))
        changed = np.asarray(rows) != blank
        present[top : top + step] = changed.reshape(rows.height, -1).any(axis=1)
    return present


def _too_little(kind: str, fraction: float) -> ImageFileError:
    if fraction == 0:
        return damaged(f"The {NAMES[kind]} is cut off or damaged")
    return damaged(f"Only {fraction:.0%} of the {NAMES[kind]} can be read")


def _scale(width: int, height: int) -> int:
    """Return the divisor of width and height that bounds an image's memory: 1, 2, 4 or 8."""
    scales = (1, 2, 4, 8)
    return next(
        (scale for scale in scales if (width // scale) * (height // scale) <= FULL_SCALE_PIXELS),
        scales[-1],
    )


def _check_size(width: int, height: int, kind: str) -> None:
    """Raise an ImageFileError if an image has too many pixels, in all or along a side."""
    if width * height > PIXEL_LIMITS[kind]:
        raise too_many_pixels(width * height, kind)
    if max(width, height) > MAX_SIDE:
        problem = f"A side has {max(width, height):,} pixels, but {MAX_SIDE:,} are the limit"
        raise rejection(problem, "Choose a smaller image.")


def _orientation(image: Image.Image) -> int:
    """Return an image's EXIF orientation (1 to 8), or 1 (upright) if it cannot be read.

    Pillow's ``ImageOps.exif_transpose`` is not used: it would rewrite the EXIF, and fail if another
    part of it is broken.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken EXIF must not prevent an image from being shown
        return 1
