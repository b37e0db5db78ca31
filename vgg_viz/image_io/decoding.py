"""Decoding of an image file's first frame within bounded memory.

Truncated files are decoded as far as possible, over a canvas whose color shows the missing rows.
"""

import io
import logging
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from vgg_viz.image_io import file_formats, limits, tiff
from vgg_viz.image_io.contrast_stretching import Contrast, Samples, contrast_of
from vgg_viz.image_io.limits import ImageFileError, damaged, rejection, too_many_pixels

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# Pillow needs four bytes a pixel, and rotating or converting an image copies it. Larger images than
# a 12-megapixel camera's (4032 x 3024) are reduced to a half, a quarter or an eighth of each side,
# which loses nothing at 224 pixels a side.
FULL_SCALE_PIXELS = 12_500_000
MIN_PRESENT = 0.5  # fraction of rows; a truncated image is shown if more are present
_ALL_OR_NOTHING = ("WEBP", "AVIF", "HEIF")  # their libraries return a complete image or none
_CANVAS_COLOR = (165, 91, 14, 203)  # before decoding; rows that keep it count as missing


@dataclass
class StoredImage:
    """A decoded image in the file's own orientation, color space and depth."""

    image: Image.Image | None  # if it has 8 bits a channel; else `samples` has its values
    samples: Samples | None = None
    profile: bytes | None = None  # ICC
    orientation: int = 1  # EXIF; 1 is upright
    present: np.ndarray | None = None  # whether each row was decoded, if some are missing
    coarse: bool = False  # whether a truncated file lacks fine details; other rows may be missing
    alpha_uncertain: bool = False  # whether the fourth channel may be something other than alpha
    remarks: tuple[str, ...] = ()  # for the caption, on channels and pages that are not shown

    @cached_property
    def contrast(self) -> Contrast | None:
        """Value ranges to show ``samples`` with; ``None`` without samples."""
        return contrast_of(self.samples, self.present) if self.samples else None

    @property
    def stretchable(self) -> bool:
        """Whether contrast stretching changes how the image is shown."""
        return bool(self.contrast and self.contrast.stretched)

    def notes(self, as_stored: bool) -> tuple[str, ...]:
        """Return notes for the caption: value range, channels that are not shown, missing parts."""
        contrast = self.contrast.note(as_stored=as_stored) if self.contrast else None
        missing = None
        if self.coarse:
            missing = "cut off: fine details are missing"
        elif self.present is not None:
            percent = max(1, round(100 * (1 - self.present.mean())))
            missing = f"cut off: {percent}% of the rows are missing and gray"
        return tuple(note for note in (contrast, *self.remarks, missing) if note)


def load(data: bytes) -> StoredImage:
    """Decode an image file's first frame; raise an ImageFileError if it cannot be shown."""
    kind = file_formats.format_of(data)
    if kind is None:
        raise file_formats.unsupported_format(data)
    _set_up_pillow(kind)
    if kind in (loaders := {"JPEG": _load_jpeg, "TIFF": _load_tiff, "PNG": _load_png}):
        return loaders[kind](data)
    if kind == "WEBP":
        data = file_formats.minimal_webp(data)
    stored = _pixels(data, kind)
    if kind == "BMP":
        # Some programs write zeros into the byte that others read as alpha.
        stored.profile, stored.alpha_uncertain = file_formats.bmp_profile(data), True
    return stored


def _load_jpeg(data: bytes) -> StoredImage:
    jpeg = file_formats.minimal_jpeg(data)

    def prepare(image: Image.Image) -> None:
        # libjpeg would write rows of its own length into memory of the length that Pillow has read.
        if image.size != jpeg.size:
            raise damaged()
        # Only JPEG can be decoded at a smaller scale, without the full image in memory.
        scale = _scale(*image.size)
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))

    stored = _pixels(jpeg.content, "JPEG", prepare)
    if jpeg.truncated and jpeg.buffered:
        stored.coarse = True
    elif stored.image:
        # libjpeg fills missing rows with gray; inks are stored inverted.
        gray = np.uint8(127 if stored.image.mode == "CMYK" else 128)
        lowest = stored.image.crop((0, stored.image.height - 1, *stored.image.size))
        ends_gray = not _changed_rows(lowest, gray).any()
        if jpeg.truncated or (ends_gray and _lacks_data(jpeg)):
            rows = np.flatnonzero(_changed_rows(stored.image, gray))
            present = np.arange(stored.image.height) <= (rows[-1] if rows.size else -1)
            stored.present = _enough(present, "JPEG")
    return stored


def _lacks_data(jpeg: file_formats.Jpeg) -> bool:
    """Return whether a JPEG has less data than its header says: then more data changes pixels."""

    def reduce(image: Image.Image) -> None:
        image.draft(None, (image.width // 8, image.height // 8))

    as_is, continued = (_pixels(data, "JPEG", reduce) for data in (jpeg.content, jpeg.continued))
    return not np.array_equal(np.asarray(as_is.image), np.asarray(continued.image))


def _load_png(data: bytes) -> StoredImage:
    data, profile = file_formats.minimal_png(data)
    depth, color = data[24], data[25]
    if depth < 16 or color == 0:
        stored = _pixels(data, "PNG")
        values = np.asarray(stored.image)[:, :, np.newaxis] if depth == 16 else None
    else:
        stored, values = _sixteen_bit_png(data, color)
    stored.profile = profile
    if values is not None and stored.image:
        alpha, alpha_white = None, 1.0
        key = stored.image.info.get("transparency")
        if color in (4, 6):
            values, alpha, alpha_white = values[:, :, :-1], values[:, :, -1], 65535.0
        elif key is not None:
            alpha = (values != np.array(key, np.uint16)).any(axis=2)
        stored.image, stored.samples = None, Samples(values, 65535.0, alpha, alpha_white)
    return stored


def _sixteen_bit_png(data: bytes, color: int) -> tuple[StoredImage, np.ndarray]:
    """Decode a PNG of 16 bits and color type 2 (RGB), 4 (gray with alpha) or 6 (RGBA).

    Also return its samples, uint16. Pillow returns the upper eight bits only, so color is decoded
    twice: the second time with the unpacker for the other byte order, which returns the lower ones.
    Gray with alpha is decoded as RGBA, whose four bytes are those of the two samples.
    """
    unpackers = {2: ("RGB;16B", "RGB;16L"), 4: ("RGBA",), 6: ("RGBA;16B", "RGBA;16L")}[color]
    # Large images at half the usual scale: two of them are in memory at once.
    scale = _scale(*struct.unpack_from(">II", data, 16))
    scale = 1 if scale == 1 else 2 * scale
    halves = []
    for unpacker in unpackers:

        def prepare(image: ImageFile.ImageFile, unpacker: str = unpacker) -> None:
            image.tile = [image.tile[0]._replace(args=unpacker)]

        stored = _pixels(data, "PNG", prepare, scale)
        halves.append(np.asarray(stored.image))
    if color == 4:
        halves = [halves[0][:, :, ::2], halves[0][:, :, 1::2]]
    values = halves[0].astype(np.uint16)
    values <<= 8
    values |= halves[1]
    return stored, values


def _load_tiff(data: bytes) -> StoredImage:
    directory = tiff.Directory(data)
    _check_size(directory.width, directory.height, "TIFF")
    if directory.known_to_pillow:
        stored = _pixels(directory.for_pillow(), "TIFF")
    elif directory.deep_gray_of_pillow:
        stored = _pixels(directory.for_pillow(), "TIFF", scale=1)
        values = np.array(stored.image)[:, :, np.newaxis]
        stored.image, stored.samples = None, directory.samples(values)
    else:
        samples, present = directory.read_samples()
        stored = StoredImage(None, samples, present=_enough(present, "TIFF"))
    stored.profile, stored.orientation = directory.profile, directory.orientation
    stored.alpha_uncertain, stored.remarks = directory.alpha_uncertain, directory.notes
    return stored


class _Reader(io.BytesIO):
    """An image file in memory that raises an ImageFileError after ``MAX_READS`` reads by Pillow."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > limits.MAX_READS:
            raise rejection("The file is in too many pieces", limits.SAVE_AS_JPEG)
        return super().read(size)


def _set_up_pillow(kind: str) -> None:
    """Register the decoder of HEIC when the first HEIC arrives; suppress Pillow's messages."""
    from PIL import AvifImagePlugin, WebPImagePlugin  # noqa: F401, else Pillow imports all decoders

    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    elif kind == "TIFF":
        tiff.silence_libtiff()
    # Pillow's messages on a file are of no use: the viewer sees the image or an error.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    # At every call, since a caller's warnings.catch_warnings would undo a single one. Using
    # catch_warnings here would change the warnings of other threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _pixels(
    data: bytes,
    kind: str,
    prepare: Callable[[ImageFile.ImageFile], None] = lambda _: None,
    scale: int | None = None,
) -> StoredImage:
    """Decode a file's first frame, with width and height divided by a scale (see `_scale`).

    ``prepare`` may change the opened image before its pixels are decoded.
    """
    try:
        image = Image.open(_Reader(data), formats=(kind,))
    except UnidentifiedImageError as error:
        if kind == "TIFF":
            raise tiff.unsupported("its color space is unknown") from error
        raise damaged(f"The {limits.NAMES[kind]} is cut off or damaged") from error
    _check_size(*image.size, kind)
    prepare(image)
    interlaced, present = _interlaced(image, kind), _decode(image, kind)
    stored = StoredImage(image, None, image.info.get("icc_profile"), _orientation(image))
    stored.present, stored.coarse = present, present is not None and interlaced
    scale = scale or _scale(*image.size)
    if scale > 1:
        size = (max(1, image.width // scale), max(1, image.height // scale))
        kept = ((np.arange(size[1]) + 0.5) * image.height / size[1]).astype(int)
        stored.present = None if present is None else present[kept]
        stored.image = image.resize(size, Image.Resampling.NEAREST)
    elif kind in _ALL_OR_NOTHING:
        # Only a copy frees the canvases that the libraries of these formats hold.
        stored.image = image.copy()
    return stored


def _decode(image: ImageFile.ImageFile, kind: str) -> np.ndarray | None:
    """Decode an opened image as far as possible; return which rows are present if not all are."""
    color = _CANVAS_COLOR[: len(image.getbands())]
    value = color[0] if len(color) == 1 else color
    fill = Image.core.fill  # type: ignore[attr-defined]
    if kind == "GIF" and "transparency" in image.info:
        value = image.info["transparency"]  # Pillow fills the frame with it
    elif kind not in _ALL_OR_NOTHING:
        value = 0 if image.mode == "1" else value
        image.im = fill(image.mode, image.size, value)
    try:
        image.load()
    except (MemoryError, ImageFileError):
        raise
    except Exception as error:
        if kind in _ALL_OR_NOTHING:
            raise damaged(f"The {limits.NAMES[kind]} is cut off or damaged") from error
        image.tile = []  # Pillow then treats the image as loaded
        blank = np.asarray(Image.Image()._new(fill(image.mode, (1, 1), value)))
        return _enough(_changed_rows(image, blank), kind)
    return None


def _interlaced(image: ImageFile.ImageFile, kind: str) -> bool:
    if kind != "GIF":
        return bool(image.info.get("interlace"))
    arguments = image.tile[0].args  # for GIF, only the decoder's arguments say so
    return isinstance(arguments, tuple) and bool(arguments[1])


def _changed_rows(image: Image.Image, blank: np.ndarray | np.uint8) -> np.ndarray:
    """Return whether each row of an image has a pixel unlike ``blank``, the color of its canvas."""
    present = np.empty(image.height, bool)
    step = max(1, 2**20 // image.width)
    for top in range(0, image.height, step):
        rows = image.crop((0, top, image.width, min(top + step, image.height)))
        changed = np.asarray(rows) != blank
        present[top : top + step] = changed.reshape(rows.height, -1).any(axis=1)
    return present


def _enough(present: np.ndarray, kind: str) -> np.ndarray | None:
    """Return which rows are present, or ``None`` if all are; raise if at least half are missing."""
    fraction = float(present.mean())
    if fraction == 0:
        raise damaged(f"The {limits.NAMES[kind]} is cut off or damaged")
    if fraction <= MIN_PRESENT:
        raise damaged(f"Only {max(0.01, fraction):.0%} of the {limits.NAMES[kind]} can be read")
    return None if fraction == 1 else present


def _scale(width: int, height: int) -> int:
    """Return the divisor of width and height that bounds an image's memory: 1, 2, 4 or 8."""
    scale = 1
    while scale < 8 and (width // scale) * (height // scale) > FULL_SCALE_PIXELS:
        scale *= 2
    return scale


def _check_size(width: int, height: int, kind: str) -> None:
    """Raise an ImageFileError if an image has too many pixels, in all or along a side."""
    if width * height > limits.PIXEL_LIMITS[kind]:
        raise too_many_pixels(width * height, kind)
    if max(width, height) > limits.MAX_SIDE:
        problem = f"A side has {max(width, height):,} pixels, but {limits.MAX_SIDE:,} are the limit"
        raise rejection(problem, "Choose a smaller image.")


def _orientation(image: Image.Image) -> int:
    """Return an image's EXIF orientation (1 to 8), or 1 (upright) if it cannot be read."""
    # Pillow's ImageOps.exif_transpose would fail if another part of the EXIF is broken.
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken EXIF must not prevent an image from being shown
        return 1
