"""A photo file's bytes -> its pixels as they are stored, within ``MAX_MEMORY``.

One format is tried, the one that the first bytes tell. What does not fit into 8 bits comes as
numbers. Where a file ends too early, or is damaged, the rows that are there come, and which they
are.
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
from vgg_viz.image_io.contrast_stretching import Scales, scales
from vgg_viz.image_io.limits import (
    MAX_READS,
    MAX_SIDE,
    PIXEL_LIMITS,
    ImageFileError,
    cut_off,
    refusal,
    too_many_pixels,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# Pillow holds four bytes a pixel, and turning or converting a picture copies it. Above this size,
# which a 12-megapixel camera (4032 x 3024) stays below, pictures are taken at half the scale (or a
# quarter, or an eighth): 224 pixels a side lose nothing by it.
FULL_SCALE_PIXELS = 12_500_000
# How much of a picture that is cut off must be there to show it.
MOST = 0.5
# Formats whose libraries hand over a whole picture, or none.
_ALL_OR_NOTHING = ("WEBP", "AVIF", "HEIF")
# What pixels are before they are decoded; whole rows of it are taken for missing ones.
_UNTOUCHED = (165, 91, 14, 203)


class Rows(NamedTuple):
    """Which rows of a picture are there, bool (height,), and whether they lie among the others."""

    present: np.ndarray
    interlaced: bool = False


@dataclass
class Stored:
    """A picture as its file has it: not yet turned, in the file's own colors and depth.

    It is either an ``image`` of 8 bits, or ``samples`` with the ``scales`` to show them by.
    """

    image: Image.Image | None = None
    samples: tiff.Samples | None = None
    profile: bytes | None = None
    orientation: int = 1
    rows: Rows | None = None  # where not all of them are there
    coarse: bool = False
    alpha_unsure: bool = False
    remarks: tuple[str, ...] = ()
    scales: Scales | None = field(init=False)

    def __post_init__(self) -> None:
        self.scales = scales(self.samples) if self.samples else None

    @property
    def stretchable(self) -> bool:
        """Whether there are two ways to show its numbers."""
        return bool(self.scales and self.scales.stretched)

    def notes(self, *, as_stored: bool) -> tuple[str, ...]:
        """What the file could not tell, or is not shown of it."""
        tone = self.scales.note(as_stored=as_stored) if self.scales else None
        missing: tuple[str, ...] = ()
        if self.coarse or (self.rows and self.rows.interlaced):
            missing = ("cut off: fine details are missing",)
        elif self.rows:
            percent = max(1, round(100 * (1 - self.rows.present.mean())))
            missing = (f"cut off: {percent}% of it are missing and gray",)
        return (*((tone,) if tone else ()), *self.remarks, *missing)


def load(data: bytes) -> Stored:
    """The first frame of a photo file.

    Raises:
        ImageFileError: the file is of another kind, costs too much, or too little of it is there.
    """
    kind = file_formats.format_of(data)
    if kind is None:
        raise file_formats.other_kind(data)
    if kind == "JPEG":
        return _load_jpeg(data)
    if kind == "TIFF":
        return _load_tiff(data)
    if kind == "PNG":
        return _load_png(data)
    if kind == "WEBP":
        data = file_formats.webp_essence(data)
    image, rows = _pixels(data, kind)
    stored = Stored(image, None, image.info.get("icc_profile"), _orientation(image), rows)
    if kind == "BMP":
        # Programs write zeros into the byte that others take for alpha.
        stored.profile, stored.alpha_unsure = file_formats.bmp_profile(data), True
    return stored


def _load_jpeg(data: bytes) -> Stored:
    plan = file_formats.jpeg_plan(data)
    if plan.stop is not None:
        if plan.buffered and not plan.coarse:
            raise cut_off("The JPEG is cut off before all of its colors have come")
        data = data[: plan.stop] + b"\xff\xd9"
    data = file_formats.jpeg_essence(data)

    def prepare(image: Image.Image) -> None:
        # libjpeg writes rows of its own length into memory of the length that Pillow has read.
        if image.size != plan.size:
            raise cut_off()
        # Only JPEG can be decoded at a smaller scale, without ever being whole in memory.
        scale = _scale(*image.size)
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))

    image, rows = _pixels(data, "JPEG", prepare)
    profile, coarse = image.info.get("icc_profile"), False
    if plan.stop is not None:
        coarse = plan.buffered
        rows = rows if coarse else _rows_before_the_filling(image)
    return Stored(image, None, profile, _orientation(image), rows, coarse)


def _rows_before_the_filling(image: Image.Image) -> Rows | None:
    """The rows of a JPEG that came; libjpeg makes the rest gray, as no coefficients mean."""
    gray = 127 if image.mode == "CMYK" else 128  # Inks are stored the other way round.
    present = _touched_rows(image, np.uint8(gray))
    last = len(present) - int(np.argmax(present[::-1])) if present.any() else 0
    present = np.arange(len(present)) < last
    if present.mean() <= MOST:
        raise _too_little("JPEG", float(present.mean()))
    return None if present.all() else Rows(present)


def _load_png(data: bytes) -> Stored:
    data, profile = file_formats.png_essence(data)
    depth, color = data[24], data[25]
    if depth < 16:
        image, rows = _pixels(data, "PNG")
        return Stored(image, None, profile, _orientation(image), rows)
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
    return Stored(None, samples, profile, _orientation(image), rows)


def _sixteen_bit_png(data: bytes, color: int) -> tuple[Image.Image, Rows | None, np.ndarray]:
    """All 16 bits of a PNG with colors or alpha, of which Pillow gives the upper eight.

    Its unpacker for the other byte order gives the lower eight; gray with alpha are four bytes.
    """
    unpackers = {2: ("RGB;16B", "RGB;16L"), 4: ("RGBA",), 6: ("RGBA;16B", "RGBA;16L")}[color]
    # A large one at half the usual scale: two of them are in memory together.
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


def _load_tiff(data: bytes) -> Stored:
    directory = tiff.Directory(data)
    _check_size(directory.width, directory.height, "TIFF")
    found: list[Rows] = []

    def decode(content: bytes, *, scale: int | None = 1) -> Image.Image:
        image, rows = _pixels(content, "TIFF", scale=scale)
        if rows:
            found.append(rows)
        return image

    image, samples = None, None
    if directory.known_to_pillow:
        image = decode(directory.for_pillow(), scale=None)
    else:
        samples = directory.read_samples(decode)
    rows = Rows(np.all([rows.present for rows in found], axis=0)) if found else None
    return Stored(
        image=image,
        samples=samples,
        profile=directory.profile,
        orientation=directory.orientation,
        rows=rows,
        alpha_unsure=directory.alpha_unsure,
        remarks=directory.notes,
    )


class _Reader(io.BytesIO):
    """A file's bytes that can be read ``MAX_READS`` times."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise refusal("The file is in too many pieces")
        return super().read(size)


@lru_cache(maxsize=1)
def _set_up_pillow() -> None:
    """Import the decoders of ``FORMATS``, without which ``Image.open`` imports all there are."""
    from PIL import (  # noqa: F401
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    # What Pillow has to say of a file is for nobody: its visitor gets a picture or a sentence.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


@lru_cache(maxsize=1)
def _set_up_heif() -> None:
    """Let Pillow open HEIC; only where one comes, as it is not needed for anything else."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    """The picture before it is decoded: its size, its kind and what else is in its header."""
    _set_up_pillow()
    if kind == "HEIF":
        _set_up_heif()
    # Here and not once, since it is lost where warnings.catch_warnings is around the first call;
    # catch_warnings itself is no use, as it changes what other threads' warnings do.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        return Image.open(_Reader(data), formats=(kind,))
    except UnidentifiedImageError as error:
        if kind == "TIFF":
            raise tiff.rare("its colors are stored in a rare way") from error
        raise cut_off(f"The {file_formats.NAMES[kind]} is cut off or damaged") from error


def _pixels(
    data: bytes,
    kind: str,
    prepare: Callable[[ImageFile.ImageFile], None] = lambda _: None,
    scale: int | None = None,
) -> tuple[Image.Image, Rows | None]:
    """A file's first frame, decoded, and its rows where not all of them are there.

    ``prepare`` may change how it is decoded. It comes at ``scale`` (2 is half of each side), or as
    large as ``FULL_SCALE_PIXELS`` lets it be.
    """
    image = _open(data, kind)
    if kind != "TIFF":  # Its directory has told, and may be of bytes here.
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
        # As much as there is; decoded anew, since what was there before would hide what is missing.
        image, rows = _as_far_as_it_goes(data, kind, prepare)
    scale = scale or _scale(*image.size)
    if scale > 1:
        size = (max(1, image.width // scale), max(1, image.height // scale))
        places = ((np.arange(size[1]) + 0.5) * image.height / size[1]).astype(int)
        rows = rows and rows._replace(present=rows.present[places])
        return image.resize(size, Image.Resampling.NEAREST), rows
    # Only a copy lets go of the canvases that these libraries hold.
    return (image.copy() if kind in _ALL_OR_NOTHING else image), rows


def _as_far_as_it_goes(
    data: bytes, kind: str, prepare: Callable[[ImageFile.ImageFile], None]
) -> tuple[ImageFile.ImageFile, Rows | None]:
    """The rows of a damaged file up to where its decoder gives up, and which they are."""
    image = _open(data, kind)
    prepare(image)
    color = _UNTOUCHED[: len(image.getbands())]
    value = color[0] if len(color) == 1 else color
    if image.mode == "1":
        value = 0
    elif kind == "GIF":
        value = image.info.get("transparency", value)  # with which Pillow fills it
    interlaced = _interlaced(image, kind)
    fill = Image.core.fill  # type: ignore[attr-defined]
    untouched = fill(image.mode, (1, 1), value)
    image.im = fill(image.mode, image.size, value)
    try:
        image.load()
    except (MemoryError, ImageFileError):
        raise
    except Exception:
        image.tile = []  # So that Pillow takes it for loaded.
    present = _touched_rows(image, np.asarray(Image.Image()._new(untouched)))
    if present.mean() <= MOST:
        raise _too_little(kind, float(present.mean()))
    return image, None if present.all() else Rows(present, interlaced)


def _interlaced(image: ImageFile.ImageFile, kind: str) -> bool:
    """Whether the rows of a picture that is not yet decoded come in several turns."""
    if kind != "GIF":
        return bool(image.info.get("interlace"))
    arguments = image.tile[0].args  # A GIF says it to its decoder only.
    return isinstance(arguments, tuple) and bool(arguments[1])


def _touched_rows(image: Image.Image, untouched: np.ndarray | np.uint8) -> np.ndarray:
    """Which rows have a pixel that is not as it was before decoding, bool (height,)."""
    present = np.empty(image.height, bool)
    step = max(1, 2**20 // image.width)
    for top in range(0, image.height, step):
        rows = image.crop((0, top, image.width, min(top + step, image.height)))
        other = np.asarray(rows) != untouched
        present[top : top + step] = other.reshape(rows.height, -1).any(axis=1)
    return present


def _too_little(kind: str, part: float) -> ImageFileError:
    name = file_formats.NAMES[kind]
    if part == 0:
        return cut_off(f"The {name} is cut off or damaged")
    return cut_off(f"Only {part:.0%} of the {name} can be read, the rest is cut off or damaged")


def _scale(width: int, height: int) -> int:
    """By how much a picture is made smaller, for the sake of memory: 1, 2, 4 or 8."""
    scales = (1, 2, 4, 8)
    return next(
        (scale for scale in scales if (width // scale) * (height // scale) <= FULL_SCALE_PIXELS),
        scales[-1],
    )


def _check_size(width: int, height: int, kind: str) -> None:
    """Raise a ImageFileError for a picture of too many pixels in all or along a side."""
    if width * height > PIXEL_LIMITS[kind]:
        raise too_many_pixels(width * height)
    if max(width, height) > MAX_SIDE:
        side = f"{max(width, height):,} pixels along a side where {MAX_SIDE:,} are the most"
        raise refusal(f"The picture has {side}")


def _orientation(image: Image.Image) -> int:
    """As EXIF has it, 1 being upright, if that can be read.

    ``ImageOps.exif_transpose`` would write the EXIF anew, and fail where the rest of it is broken.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # The pixels are decoded and good: broken EXIF must not cost the picture.
        return 1
