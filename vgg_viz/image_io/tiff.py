"""TIFF: the layout of a file, and its samples if they are not 8-bit colors.

Pillow reads only the layouts that it has a name for: no floating-point color, no five channels, no
12 bits, no white-is-zero of 16 bits. But libtiff, within Pillow, decompresses any file that claims
to hold bytes. This module therefore reads the directory and writes a new one for Pillow: unchanged
for layouts that Pillow knows, else that of a gray image of bytes, which are then unpacked here.
It also checks the directory for sizes that would need too much memory.

TIFF 6.0 (Adobe, 1992), its Technical Notes 1 (tiles) and 3 (floating-point predictor), and BigTIFF.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vgg_viz.image_io.file_formats import unsupported_image
from vgg_viz.image_io.limits import (
    MAX_PROFILE_BYTES,
    MAX_SAMPLE_BYTES,
    MAX_TAG_VALUES,
    PIXEL_LIMITS,
    ImageFileError,
    damaged,
    rejection,
)

# Hyperspectral instruments have some hundred channels.
MAX_CHANNELS = 1_000
_SAVE_AS_ORDINARY = "Save it as an 8-bit TIFF, a PNG or a JPEG, and choose that file."
# Tags, by their names in the specification.
NEW_SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES = 266, 273, 274, 277, 278, 279
PLANAR, PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_LENGTH = 284, 317, 320, 322, 323
TILE_OFFSETS, TILE_BYTES, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT = 324, 325, 330, 338, 339
JPEG_TABLES, YCBCR_FRACTIONS, YCBCR_NUMBERS = 347, (529, 532), (530, 531)
PROFILE, DNG_VERSION = 34675, 50706
_WIDE: tuple[int, ...] = (WIDTH, LENGTH, ROWS, STRIP_OFFSETS, STRIP_BYTES)
_WIDE += (TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES)
_OPAQUE = (PROFILE, JPEG_TABLES)
_OPTIONAL = (PROFILE, ORIENTATION, SUB_IFDS, *YCBCR_FRACTIONS, *YCBCR_NUMBERS)
_FOR_PILLOW = (
    *(WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS),
    *(STRIP_BYTES, PLANAR, PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS),
    *(TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, *YCBCR_FRACTIONS, *YCBCR_NUMBERS),
)
_NEEDED = {*_FOR_PILLOW, NEW_SUBFILE_TYPE, ORIENTATION, SUB_IFDS, PROFILE, DNG_VERSION}
# Types of a tag's values in struct's notation; a fraction is two numbers, a text is bytes.
_TYPES = {1: "B", 2: "B", 3: "H", 4: "L", 5: "LL", 6: "b", 7: "B", 8: "h", 9: "l", 10: "ll"}
_TYPES |= {11: "f", 12: "d", 13: "L", 16: "Q", 17: "q", 18: "Q"}
_BYTES = (1, 2, 7)
# Other compressions are rare in photographs. For a damaged fax, libtiff writes every line to the
# server's log, and LZMA allocates memory without limit.
RAW, LZW, JPEG, DEFLATE, PACK_BITS, OLD_DEFLATE = 1, 5, 7, 8, 32773, 32946
_COMPRESSIONS = (RAW, LZW, JPEG, DEFLATE, PACK_BITS, OLD_DEFLATE)
_COMPRESSION_NAMES = {2: "as a fax", 3: "as a fax", 4: "as a fax", 6: "as JPEG of the old kind"}
_COMPRESSION_NAMES |= {34925: "with LZMA", 50000: "with Zstandard", 50001: "as WebP"}
_COMPRESSION_NAMES |= {50002: "as JPEG XL", 34712: "as JPEG 2000", 33003: "as JPEG 2000"}
_COMPRESSION_NAMES |= {34887: "with LERC", 34676: "as logarithms", 34677: "as logarithms"}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR_COLORS, LAB = 0, 1, 2, 3, 5, 6, 8
UNSIGNED, SIGNED, FLOAT, UNDEFINED = 1, 2, 3, 4


@dataclass(frozen=True)
class Samples:
    """Samples of an image in the file's own type.

    values: samples of the visible channels, ``(height, width, 1 or 3)``.
    white: largest value of the type, for unsigned integers of at most 16 bits; else ``None``.
    alpha: alpha channel, ``(height, width)``, from 0 (transparent) to ``alpha_white``.
    inverted: whether 0 is white.
    premultiplied: whether the values are multiplied by alpha already.
    """

    values: np.ndarray
    white: float | None = None
    alpha: np.ndarray | None = None
    alpha_white: float = 1.0
    inverted: bool = False
    premultiplied: bool = False


class Directory:
    """First directory of a TIFF file, which describes its first image."""

    def __init__(self, data: bytes) -> None:
        """Read the tags that decoding needs.

        Raises:
            ImageFileError: Tags are missing or invalid, or a limit is exceeded.
        """
        self.data = data
        self.order = "<" if data.startswith(b"II") else ">"
        self.tags, self.pages = _tags(data, self.order)
        self.width, self.height = self.number(WIDTH), self.number(LENGTH)
        if not self.width or not self.height:
            raise damaged()
        self.compression = self.number(COMPRESSION, RAW)
        self.channels = max(1, self.number(SAMPLES, 1))
        self.bits = self.number(BITS, 1)
        self.format = self.number(SAMPLE_FORMAT, UNSIGNED)
        default = RGB if self.channels >= 3 else BLACK_IS_ZERO
        self.photometric = self.number(PHOTOMETRIC, default)
        self.separate = self.number(PLANAR, 1) == 2 and self.channels > 1
        self.tiled = TILE_OFFSETS in self.tags
        self._check()

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag as an integer."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    @property
    def orientation(self) -> int:
        """EXIF orientation; 1 is upright."""
        return self.number(ORIENTATION, 1)

    @property
    def profile(self) -> bytes | None:
        """ICC color profile."""
        return bytes(self.tags[PROFILE]) if PROFILE in self.tags else None

    def _check(self) -> None:
        """Raise an ImageFileError if the layout is unsupported or needs too much memory."""
        if len(set(self.tags.get(BITS, (1,)))) != 1:
            raise unsupported("its channels differ in depth")
        if not 1 <= self.bits <= 64 or self.channels > MAX_CHANNELS:
            raise unsupported(f"it has {self.channels:,} channels of {self.bits} bits")
        camera = DNG_VERSION in self.tags or self.data[8:10] == b"CR"
        small = SUB_IFDS in self.tags and self.number(NEW_SUBFILE_TYPE) & 1
        if camera or small or self.photometric in (32803, 34892):
            raise unsupported_image("a camera's raw file")
        if self.compression not in _COMPRESSIONS:
            how = _COMPRESSION_NAMES.get(self.compression, "with an unknown method")
            raise unsupported(f"it is compressed {how}")
        if self.number(TILE_WIDTH) * self.number(TILE_LENGTH) > PIXEL_LIMITS["TIFF"]:
            raise damaged()

    @property
    def known_to_pillow(self) -> bool:
        """Whether Pillow decodes this layout correctly to 8 bits."""
        if self.compression == JPEG or self.photometric in (PALETTE, CMYK, YCBCR_COLORS, LAB):
            return True
        if self.format not in (UNSIGNED, UNDEFINED) or self.separate or self.bits > 8:
            return False
        if self.photometric == RGB:
            return self.bits == 8 and (self.channels == 3 or self._extras() in ((0,), (1,), (2,)))
        return self.channels == 1 and self.bits in (1, 2, 4, 8)

    def for_pillow(self) -> bytes:
        """Return the file with a directory that holds only the tags needed for decoding."""
        tags = {tag: self.tags[tag] for tag in _FOR_PILLOW if tag in self.tags}
        tags |= {PHOTOMETRIC: (self.photometric,), BITS: (self.bits,) * self.channels}
        if self.format == UNDEFINED:
            del tags[SAMPLE_FORMAT]
        return _written(self.data, self.order, tags)

    def read_samples(self, decode: Callable[[bytes], Image.Image]) -> Samples:
        """Read the samples; ``decode`` decodes a TIFF of gray bytes to an image.

        Raises:
            ImageFileError: The layout is unsupported, or the samples need too much memory.
        """
        if self.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            raise unsupported("its colors are not gray, RGB or CMYK")
        colors, alpha = self._channels()
        channels = colors if alpha is None else [*colors, alpha]
        samples = self._read_channels(decode, channels)
        has_white = self.format in (UNSIGNED, UNDEFINED) and self.bits <= 16
        white = float(2**self.bits - 1) if has_white else None
        transparency = None if alpha is None else samples[:, :, -1]
        if self.alpha_uncertain and transparency is not None and not transparency.any():
            transparency = None
        alpha_white = 1.0 if self.format == FLOAT else float(2**self.bits - 1)
        return Samples(
            values=samples[:, :, : len(colors)],
            white=white,
            alpha=transparency,
            alpha_white=alpha_white,
            inverted=self.photometric == WHITE_IS_ZERO and len(colors) == 1,
            premultiplied=alpha is not None and self._extras()[alpha - self._color_channels] == 1,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the caption on channels and pages that are not shown."""
        notes = []
        if self.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            colors, alpha = self._channels()
            shown = len(colors) + (alpha is not None)
            if shown < self.channels:
                first = "first" if len(colors) == 1 else "first three"
                notes.append(f"the {first} of {self.channels} channels")
            elif self.photometric != RGB and len(colors) == 3:
                notes.append("its three channels as red, green and blue")
        elif self.channels > (count := {CMYK: 4, YCBCR_COLORS: 3, LAB: 3}.get(self.photometric, 1)):
            notes.append(f"the first {count} of {self.channels} channels")
        if self.pages > 1:
            notes.append(f"the first of {self.pages} pages")
        return tuple(notes)

    @property
    def _color_channels(self) -> int:
        return 3 if self.photometric == RGB else 1

    @property
    def alpha_uncertain(self) -> bool:
        """Whether a fourth channel is probably alpha, but not declared as such."""
        return self.photometric == RGB and self.channels == 4 and EXTRA_SAMPLES not in self.tags

    def _extras(self) -> tuple[int, ...]:
        """Return the kind of each extra channel: 1 and 2 are kinds of alpha, 0 is unspecified."""
        count = max(0, self.channels - self._color_channels)
        kinds = tuple(self.tags.get(EXTRA_SAMPLES, (2,) if self.alpha_uncertain else ()))[:count]
        return (*kinds, *(0,) * (count - len(kinds)))

    def _channels(self) -> tuple[list[int], int | None]:
        """Return the indices of the channels shown as colors, and that of the alpha channel."""
        extras = self._extras()
        first = self._color_channels
        alpha = next((first + n for n, kind in enumerate(extras) if kind in (1, 2)), None)
        if self.photometric == RGB and self.channels >= 3:
            return [0, 1, 2], alpha
        # Microscopes store their channels as gray and extra ones; three can be shown at once.
        several = alpha is None and self.channels >= 3
        return ([0, 1, 2], None) if several else ([0], alpha)

    def sample_type(self) -> np.dtype | None:
        """Return the type of a sample in the file's byte order; ``None`` if NumPy has none."""
        kinds = {UNSIGNED: "u", UNDEFINED: "u", SIGNED: "i", FLOAT: "f"}
        kind, size = kinds.get(self.format), self.bits // 8
        if kind and self.bits % 8 == 0 and size in ((2, 4, 8) if kind == "f" else (1, 2, 4, 8)):
            return np.dtype(f"{self.order}{kind}{size}")
        if kind == "u" and (self.bits < 16 or self.bits == 24):
            return None
        raise unsupported(f"it has samples of {self.bits} bits")

    def _read_channels(
        self, decode: Callable[[bytes], Image.Image], channels: Sequence[int]
    ) -> np.ndarray:
        """Read the samples of some channels, ``(height, width, channels)``."""
        if self.row_bytes(self.width, len(channels)) * self.height > MAX_SAMPLE_BYTES:
            raise self._too_many_samples(len(channels))
        unpack = _Unpacker(self, 1 if self.separate else self.channels)
        samples = np.empty((self.height, self.width, len(channels)), unpack.result_type)
        if not self.separate:
            image = decode(self._as_bytes(self.channels))
            for rows, values in _by_rows(image, unpack):
                samples[rows] = values[:, :, channels]
            return samples
        for index, channel in enumerate(channels):
            for rows, values in _by_rows(decode(self._as_bytes(1, channel)), unpack):
                samples[rows, :, index] = values[:, :, 0]
        return samples

    def _too_many_samples(self, channels: int) -> ImageFileError:
        size, limit = self.row_bytes(self.width, channels) * self.height, MAX_SAMPLE_BYTES
        problem = f"The TIFF holds {size / 1e6:,.0f} MB of samples, but {limit / 1e6:,.0f} MB"
        return rejection(f"{problem} are the limit", "Choose a smaller image.")

    def _as_bytes(self, channels: int, plane: int | None = None) -> bytes:
        """Return the file as a gray image whose pixels are the bytes of each row."""
        offsets, sizes, across, down = self._pieces()
        width = self.row_bytes(self.stored_width, channels)
        if width * self.height > MAX_SAMPLE_BYTES:
            raise self._too_many_samples(channels)
        tags: dict[int, Sequence[int]] = {
            WIDTH: (width,),
            LENGTH: (self.height,),
            BITS: (8,),
            PHOTOMETRIC: (1,),
        }
        tags |= {COMPRESSION: (self.compression,), FILL_ORDER: (self.number(FILL_ORDER, 1),)}
        count = -(-self.height // down) * (-(-self.width // across))
        part = slice(None) if plane is None else slice(plane * count, (plane + 1) * count)
        names = (TILE_OFFSETS, TILE_BYTES) if self.tiled else (STRIP_OFFSETS, STRIP_BYTES)
        tags |= {names[0]: offsets[part]} | ({names[1]: sizes[part]} if sizes else {})
        if self.tiled:
            tags |= {TILE_WIDTH: (self.row_bytes(across, channels),), TILE_LENGTH: (down,)}
            if tags[TILE_WIDTH][0] * down > MAX_SAMPLE_BYTES:
                raise damaged()
        else:
            tags[ROWS] = (down,)
        return _written(self.data, self.order, tags)

    def _pieces(self) -> tuple[Sequence[int], Sequence[int], int, int]:
        """Return the offsets and lengths of the strips or tiles, and their width and height."""
        if self.tiled:
            across, down = self.number(TILE_WIDTH), self.number(TILE_LENGTH)
            offsets, sizes = self.tags[TILE_OFFSETS], self.tags.get(TILE_BYTES, ())
        else:
            across, down = self.width, min(self.number(ROWS, self.height), self.height)
            offsets, sizes = self.tags.get(STRIP_OFFSETS, ()), self.tags.get(STRIP_BYTES, ())
        if not across or not down or not len(offsets):
            raise damaged()
        return offsets, sizes, across, down

    def row_bytes(self, width: int, channels: int) -> int:
        """Return the number of bytes in a row of ``width`` pixels."""
        return -(-width * channels * self.bits // 8)

    @property
    def tile_width(self) -> int:
        """Number of pixels after which the predictor starts again."""
        return self.number(TILE_WIDTH) if self.tiled else self.width

    @property
    def stored_width(self) -> int:
        """Number of pixels to decode in a row: full tiles if their bytes are reordered."""
        whole_tiles = self.tiled and self.number(PREDICTOR, 1) == 3
        return -(-self.width // self.tile_width) * self.tile_width if whole_tiles else self.width


class _Unpacker:
    """Converter from rows of bytes to samples."""

    def __init__(self, tiff: Directory, channels: int) -> None:
        self.tiff, self.channels, self.type = tiff, channels, tiff.sample_type()
        self.result_type = np.dtype(np.uint16 if tiff.bits < 16 else np.uint32)
        if self.type is not None:
            self.result_type = self.type.newbyteorder("=")
        predicts = tiff.compression in (LZW, DEFLATE, OLD_DEFLATE)
        self.predictor = tiff.number(PREDICTOR, 1) if predicts else 1
        if self.predictor not in (1, 2, 3) or (self.predictor > 1 and self.type is None):
            raise unsupported("it is compressed with an unknown method")
        if self.predictor == 3 and tiff.format != FLOAT:
            raise damaged()

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Convert rows of bytes, uint8 ``(rows, bytes)``, to ``(rows, width, channels)``."""
        if self.type is None:
            return self._from_bits(rows)
        if self.predictor == 3:
            rows = np.concatenate([self._floats(part) for part in self._tiles(rows)], axis=1)
        values = np.ascontiguousarray(rows).view(self.type).astype(self.result_type)
        values = values.reshape(len(rows), -1, self.channels)[:, : self.tiff.width]
        if self.predictor == 2:
            for left in range(0, self.tiff.width, self.tiff.tile_width):
                part = values[:, left : left + self.tiff.tile_width]
                # Floats are summed as integers, with overflow.
                integers = part.view(f"u{part.itemsize}")
                np.cumsum(integers, axis=1, dtype=integers.dtype, out=integers)
        return values

    def _tiles(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the bytes of the rows tile by tile."""
        width = self.tiff.row_bytes(self.tiff.tile_width, self.channels)
        for left in range(0, rows.shape[1], width):
            yield rows[:, left : left + width]

    def _floats(self, part: np.ndarray) -> np.ndarray:
        """Undo the floating-point predictor: byte differences, most significant bytes first."""
        size = self.result_type.itemsize
        steps = part.reshape(len(part), -1, self.channels)
        summed = np.cumsum(steps, axis=1, dtype=np.uint8)
        planes = summed.reshape(len(part), size, -1)
        planes = planes if self.tiff.order == ">" else planes[:, ::-1]
        return np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(len(part), -1)

    def _from_bits(self, rows: np.ndarray) -> np.ndarray:
        """Convert samples of less than 16 bits, highest bit first, or of three bytes."""
        bits, count = self.tiff.bits, self.tiff.width * self.channels
        if bits == 24:
            shifts = (0, 8, 16) if self.tiff.order == "<" else (16, 8, 0)
            parts = rows.reshape(len(rows), count, 3).astype(np.uint32)
            values: np.ndarray = (parts << np.array(shifts, np.uint32)).sum(axis=2, dtype=np.uint32)
        else:
            single = np.unpackbits(rows, axis=1)[:, : count * bits]
            single = single.reshape(len(rows), count, bits)
            values = single @ (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
        return values.reshape(len(rows), self.tiff.width, self.channels)


def _by_rows(
    image: Image.Image, unpack: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield a few unpacked rows at a time, so that memory holds all rows only once."""
    step = max(1, 2**20 // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        rows = np.asarray(image.crop((0, top, image.width, bottom)))
        yield slice(top, bottom), unpack(rows)


def _tags(data: bytes, order: str) -> tuple[dict[int, Sequence[int]], int]:
    """Return the needed tags of the first directory with their values, and the page count."""
    big = b"+" in data[2:4]
    number, entry, start_at = ("Q", "HHQ8s", 8) if big else ("L", "HHL4s", 4)
    try:
        (start,) = struct.unpack_from(order + number, data, start_at)
        entries, first = _entries(data, order, start, big=big)
    except struct.error as error:
        raise damaged("The TIFF is cut off or damaged before its directory") from error
    tags: dict[int, Sequence[int]] = {}
    size = struct.calcsize(order + entry)
    table = data[first : first + entries * size]
    if len(table) < entries * size:
        raise damaged("The TIFF is cut off within its directory")
    for tag, kind, count, inline in struct.iter_unpack(order + entry, table):
        if tag in _NEEDED and tag not in tags and kind in _TYPES:
            content = _content(data, order, kind, count, inline, opaque=tag in _OPAQUE)
            if content is None and tag not in _OPTIONAL:
                raise damaged("The TIFF is cut off or damaged within its directory")
            if content:
                numbers = tag not in _OPAQUE and kind not in _BYTES
                tags[tag] = (
                    struct.unpack(order + _TYPES[kind] * count, content) if numbers else content
                )
    return tags, _pages(data, order, start, big=big)


def _entries(data: bytes, order: str, start: int, *, big: bool) -> tuple[int, int]:
    """Return the number of entries of a directory, and the offset of the first."""
    kind = "Q" if big else "H"
    if start > len(data):
        raise struct.error("a directory beyond the end")
    (entries,) = struct.unpack_from(order + kind, data, start)
    return min(entries, MAX_TAG_VALUES), start + struct.calcsize(order + kind)


def _content(
    data: bytes, order: str, kind: int, count: int, inline: bytes, *, opaque: bool
) -> bytes | None:
    """Return the bytes of a tag's values, from its entry or elsewhere; ``None`` if missing."""
    if count > MAX_TAG_VALUES and not opaque:
        raise rejection("The TIFF is in too many pieces", _SAVE_AS_ORDINARY)
    size = struct.calcsize(order + _TYPES[kind]) * count
    if size > MAX_PROFILE_BYTES:
        return None
    if size <= len(inline):
        return inline[:size]
    (offset,) = struct.unpack(order + ("Q" if len(inline) == 8 else "L"), inline)
    content = data[offset : offset + size]
    return content if len(content) == size else None


def _pages(data: bytes, order: str, start: int, *, big: bool) -> int:
    """Return the number of pages, up to the first broken link between directories."""
    visited: set[int] = set()
    number, size = ("Q", 20) if big else ("L", 12)
    while start and start not in visited and len(visited) < 1000:
        try:
            entries, first = _entries(data, order, start, big=big)
            visited.add(start)
            (start,) = struct.unpack_from(order + number, data, first + entries * size)
        except struct.error:
            break
    return len(visited)


def _written(data: bytes, order: str, tags: Mapping[int, Sequence[int]]) -> bytes:
    """Return the file with a new header, and a directory of these tags at its end."""
    body, entries = bytearray(len(data) % 2), []
    for tag, values in sorted(tags.items()):
        kind, count, content = _packed(tag, values, order)
        field = content.ljust(4, b"\0")
        if len(content) > 4:
            field = struct.pack(f"{order}L", len(data) + len(body))
            body += content + bytes(len(content) % 2)
        entries.append(struct.pack(f"{order}HHL", tag, kind, count) + field)
    start = len(data) + len(body)
    table = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HL", 42, start)
    return b"".join((head, memoryview(data)[8:], body, table))


def _packed(tag: int, values: Sequence[int], order: str) -> tuple[int, int, bytes]:
    """Return the type, count and bytes of a tag's values."""
    if tag == JPEG_TABLES:
        return 7, len(values), bytes(values)
    if tag in YCBCR_FRACTIONS:
        return 5, len(values) // 2, struct.pack(f"{order}{len(values)}L", *values)
    kind, letter, limit = (4, "L", 2**32 - 1) if tag in _WIDE else (3, "H", 2**16 - 1)
    numbers = [min(max(int(value), 0), limit) for value in values]
    return kind, len(values), struct.pack(f"{order}{len(values)}{letter}", *numbers)


def unsupported(reason: str) -> ImageFileError:
    """Return the error for an unsupported layout."""
    return rejection(f"This kind of TIFF cannot be shown here: {reason}", _SAVE_AS_ORDINARY)
