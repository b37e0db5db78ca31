"""TIFF: which of its many layouts a file has, and its numbers where they are not 8-bit colors.

Pillow takes only the layouts that it has a name for: no floating-point color, no five channels, no
12 bits of either order, no white-is-zero of 16 bits, and it drops what it cannot hold. libtiff,
within Pillow, undoes every compression all the same when the file says that it holds bytes. So the
directory is read here, and written anew for Pillow: as it is for the layouts that Pillow knows,
else as a gray picture of bytes, of which the numbers are then made as the file really has them.
The directory is also where a small file can ask for much memory; that is seen before it is decoded.

TIFF 6.0 (Adobe, 1992), its Technical Notes 1 (tiles) and 3 (floating-point predictor), and BigTIFF.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vgg_viz.image_io.limits import (
    MAX_PROFILE_BYTES,
    MAX_SAMPLE_BYTES,
    MAX_TAG_VALUES,
    PIXEL_LIMITS,
    ImageFileError,
    cut_off,
    refusal,
)

# The instruments that see most colors at once have some hundred channels.
MAX_CHANNELS = 1_000
_ADVICE = "please save it as an ordinary TIFF, a PNG or a JPEG, and choose that."
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
_WANTED = {*_FOR_PILLOW, NEW_SUBFILE_TYPE, ORIENTATION, SUB_IFDS, PROFILE, DNG_VERSION}
# The types of a tag's values, as struct writes them; texts and fractions are two numbers or bytes.
_TYPES = {1: "B", 2: "B", 3: "H", 4: "L", 5: "LL", 6: "b", 7: "B", 8: "h", 9: "l", 10: "ll"}
_TYPES |= {11: "f", 12: "d", 13: "L", 16: "Q", 17: "q", 18: "Q"}
_BYTES = (1, 2, 7)
# The rest of what libtiff reads is rare in photographs; of a damaged fax it writes every line into
# the log of the server, and xz in a TIFF asks for memory without limit.
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
    """A picture as the numbers that the file holds.

    ``values`` has the shape (height, width, 1 or 3); ``alpha``, where there is one, (height, width)
    of 0 (transparent) to ``alpha_white``. ``white`` is the largest number of the type where that is
    a measure: for unsigned integers of at most 16 bits.
    """

    values: np.ndarray
    white: float | None = None
    alpha: np.ndarray | None = None
    alpha_white: float = 1.0
    inverted: bool = False
    premultiplied: bool = False


class Directory:
    """The first directory of a TIFF file: what the file says of its first picture."""

    def __init__(self, data: bytes) -> None:
        """Read the tags that matter here.

        Raises:
            ImageFileError: they are not all there, or there is no end of them.
        """
        self.data = data
        self.order = "<" if data.startswith(b"II") else ">"
        self.tags, self.pages = _tags(data, self.order)
        self.width, self.height = self.number(WIDTH), self.number(LENGTH)
        if not self.width or not self.height:
            raise cut_off()
        self.compression = self.number(COMPRESSION, RAW)
        self.samples = max(1, self.number(SAMPLES, 1))
        self.bits = self.number(BITS, 1)
        self.format = self.number(SAMPLE_FORMAT, UNSIGNED)
        default = RGB if self.samples >= 3 else BLACK_IS_ZERO
        self.photometric = self.number(PHOTOMETRIC, default)
        self.separate = self.number(PLANAR, 1) == 2 and self.samples > 1
        self.tiled = TILE_OFFSETS in self.tags
        self._check()

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag, as a whole number."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    @property
    def orientation(self) -> int:
        """As EXIF has it: 1 is upright."""
        return self.number(ORIENTATION, 1)

    @property
    def profile(self) -> bytes | None:
        """The color profile."""
        return bytes(self.tags[PROFILE]) if PROFILE in self.tags else None

    def _check(self) -> None:
        """Raise a ImageFileError for what cannot be read, or would cost too much."""
        if len(set(self.tags.get(BITS, (1,)))) != 1:
            raise rare("its channels differ in depth")
        if not 1 <= self.bits <= 64 or self.samples > MAX_CHANNELS:
            raise rare(f"it has {self.samples:,} channels of {self.bits} bits")
        camera = DNG_VERSION in self.tags or self.data[8:10] == b"CR"
        small = SUB_IFDS in self.tags and self.number(NEW_SUBFILE_TYPE) & 1
        if camera or small or self.photometric in (32803, 34892):
            problem = "The file is a camera's raw file, of a kind that cannot be shown here"
            raise refusal(problem, "please develop it to a JPEG, and choose that.")
        if self.compression not in _COMPRESSIONS:
            how = _COMPRESSION_NAMES.get(self.compression, "in a rare way")
            raise rare(f"it is compressed {how}")
        if self.number(TILE_WIDTH) * self.number(TILE_LENGTH) > PIXEL_LIMITS["TIFF"]:
            raise cut_off()

    @property
    def known_to_pillow(self) -> bool:
        """Whether Pillow makes the right 8-bit picture of it."""
        if self.compression == JPEG or self.photometric in (PALETTE, CMYK, YCBCR_COLORS, LAB):
            return True
        if self.format not in (UNSIGNED, UNDEFINED) or self.separate or self.bits > 8:
            return False
        if self.photometric == RGB:
            return self.bits == 8 and (self.samples == 3 or self._extras() in ((0,), (1,), (2,)))
        return self.samples == 1 and self.bits in (1, 2, 4, 8)

    def for_pillow(self) -> bytes:
        """The file with nothing in its directory that has no say in the decoding."""
        tags = {tag: self.tags[tag] for tag in _FOR_PILLOW if tag in self.tags}
        tags |= {PHOTOMETRIC: (self.photometric,), BITS: (self.bits,) * self.samples}
        if self.format == UNDEFINED:
            del tags[SAMPLE_FORMAT]
        return _written(self.data, self.order, tags)

    def read_samples(self, decode: Callable[[bytes], Image.Image]) -> Samples:
        """The numbers of the file; ``decode`` makes a picture of a TIFF of gray bytes.

        Raises:
            ImageFileError: the layout is of a rare kind, or there are too many numbers.
        """
        if self.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            raise rare("its colors are not gray, RGB or CMYK")
        colors, alpha = self._channels()
        wanted = colors if alpha is None else [*colors, alpha]
        levels = self._levels(decode, wanted)
        whole = self.format in (UNSIGNED, UNDEFINED) and self.bits <= 16
        white = float(2**self.bits - 1) if whole else None
        transparency = None if alpha is None else levels[:, :, -1]
        if self.alpha_unsure and transparency is not None and not transparency.any():
            transparency = None
        alpha_white = 1.0 if self.format == FLOAT else float(2**self.bits - 1)
        return Samples(
            values=levels[:, :, : len(colors)],
            white=white,
            alpha=transparency,
            alpha_white=alpha_white,
            inverted=self.photometric == WHITE_IS_ZERO and len(colors) == 1,
            premultiplied=alpha is not None and self._extras()[alpha - self._base] == 1,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file is not shown."""
        notes = []
        if self.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            colors, alpha = self._channels()
            shown = len(colors) + (alpha is not None)
            if shown < self.samples:
                first = "first" if len(colors) == 1 else "first three"
                notes.append(f"the {first} of {self.samples} channels")
            elif self.photometric != RGB and len(colors) == 3:
                notes.append("its three channels as red, green and blue")
        elif self.samples > {CMYK: 4, YCBCR_COLORS: 3, LAB: 3}.get(self.photometric, 1):
            notes.append(f"without the further ones of its {self.samples} channels")
        if self.pages > 1:
            notes.append(f"the first of {self.pages} pages")
        return tuple(notes)

    @property
    def _base(self) -> int:
        return 3 if self.photometric == RGB else 1

    @property
    def alpha_unsure(self) -> bool:
        """Whether a fourth channel beside red, green and blue is only likely to be alpha."""
        return self.photometric == RGB and self.samples == 4 and EXTRA_SAMPLES not in self.tags

    def _extras(self) -> tuple[int, ...]:
        """What each channel after the colors is: 1 and 2 are kinds of alpha, 0 is anything."""
        count = max(0, self.samples - self._base)
        told = tuple(self.tags.get(EXTRA_SAMPLES, (2,) if self.alpha_unsure else ()))[:count]
        return (*told, *(0,) * (count - len(told)))

    def _channels(self) -> tuple[list[int], int | None]:
        """The numbers of the channels shown as colors, and of the one that is alpha."""
        extras = self._extras()
        alpha = next((self._base + n for n, kind in enumerate(extras) if kind in (1, 2)), None)
        if self.photometric == RGB and self.samples >= 3:
            return [0, 1, 2], alpha
        # Microscopes' channels are stored as a gray and others: three of them can be seen at once.
        several = alpha is None and self.samples >= 3
        return ([0, 1, 2], None) if several else ([0], alpha)

    def number_type(self) -> np.dtype | None:
        """The type of one number in the file's order; ``None`` for those that NumPy has not."""
        kinds = {UNSIGNED: "u", UNDEFINED: "u", SIGNED: "i", FLOAT: "f"}
        kind, size = kinds.get(self.format), self.bits // 8
        if kind and self.bits % 8 == 0 and size in ((2, 4, 8) if kind == "f" else (1, 2, 4, 8)):
            return np.dtype(f"{self.order}{kind}{size}")
        if kind == "u" and (self.bits < 16 or self.bits == 24):
            return None
        raise rare(f"it has numbers of {self.bits} bits")

    def _levels(self, decode: Callable[[bytes], Image.Image], wanted: Sequence[int]) -> np.ndarray:
        """The wanted channels as numbers: (height, width, channels)."""
        if self.row_bytes(self.width, len(wanted)) * self.height > MAX_SAMPLE_BYTES:
            raise self._too_many_numbers(len(wanted))
        unpack = _Unpacking(self, 1 if self.separate else self.samples)
        levels = np.empty((self.height, self.width, len(wanted)), unpack.result)
        if not self.separate:
            image = decode(self._as_bytes(self.samples))
            for rows, values in _by_rows(image, unpack):
                levels[rows] = values[:, :, wanted]
            return levels
        for place, band in enumerate(wanted):
            for rows, values in _by_rows(decode(self._as_bytes(1, band)), unpack):
                levels[rows, :, place] = values[:, :, 0]
        return levels

    def _too_many_numbers(self, channels: int) -> ImageFileError:
        size = self.row_bytes(self.width, channels) * self.height
        return refusal(f"The TIFF holds {size / 10**6:,.0f} MB of numbers")

    def _as_bytes(self, channels: int, band: int | None = None) -> bytes:
        """The file as a gray picture whose pixels are its bytes, row for row."""
        offsets, sizes, across, down = self._pieces()
        width = self.row_bytes(self.stored_width, channels)
        if width * self.height > MAX_SAMPLE_BYTES:
            raise self._too_many_numbers(channels)
        tags: dict[int, Sequence[int]] = {
            WIDTH: (width,),
            LENGTH: (self.height,),
            BITS: (8,),
            PHOTOMETRIC: (1,),
        }
        tags |= {COMPRESSION: (self.compression,), FILL_ORDER: (self.number(FILL_ORDER, 1),)}
        count = -(-self.height // down) * (-(-self.width // across))
        part = slice(None) if band is None else slice(band * count, (band + 1) * count)
        names = (TILE_OFFSETS, TILE_BYTES) if self.tiled else (STRIP_OFFSETS, STRIP_BYTES)
        tags |= {names[0]: offsets[part]} | ({names[1]: sizes[part]} if sizes else {})
        if self.tiled:
            tags |= {TILE_WIDTH: (self.row_bytes(across, channels),), TILE_LENGTH: (down,)}
            if tags[TILE_WIDTH][0] * down > MAX_SAMPLE_BYTES:
                raise cut_off()
        else:
            tags[ROWS] = (down,)
        return _written(self.data, self.order, tags)

    def _pieces(self) -> tuple[Sequence[int], Sequence[int], int, int]:
        """Where the strips or tiles are, their lengths, and how wide and high they are."""
        if self.tiled:
            across, down = self.number(TILE_WIDTH), self.number(TILE_LENGTH)
            offsets, sizes = self.tags[TILE_OFFSETS], self.tags.get(TILE_BYTES, ())
        else:
            across, down = self.width, min(self.number(ROWS, self.height), self.height)
            offsets, sizes = self.tags.get(STRIP_OFFSETS, ()), self.tags.get(STRIP_BYTES, ())
        if not across or not down or not len(offsets):
            raise cut_off()
        return offsets, sizes, across, down

    def row_bytes(self, width: int, channels: int) -> int:
        """How many bytes a row of that many pixels takes."""
        return -(-width * channels * self.bits // 8)

    @property
    def tile_width(self) -> int:
        """After how many pixels a row begins anew, for the predictor."""
        return self.number(TILE_WIDTH) if self.tiled else self.width

    @property
    def stored_width(self) -> int:
        """How many pixels of a row are needed: whole tiles, where their bytes are in disorder."""
        whole_tiles = self.tiled and self.number(PREDICTOR, 1) == 3
        return -(-self.width // self.tile_width) * self.tile_width if whole_tiles else self.width


class _Unpacking:
    """Makes the numbers of rows of bytes."""

    def __init__(self, tiff: Directory, channels: int) -> None:
        self.tiff, self.channels, self.type = tiff, channels, tiff.number_type()
        self.result = np.dtype(np.uint16 if tiff.bits < 16 else np.uint32)
        if self.type is not None:
            self.result = self.type.newbyteorder("=")
        predicts = tiff.compression in (LZW, DEFLATE, OLD_DEFLATE)
        self.predictor = tiff.number(PREDICTOR, 1) if predicts else 1
        if self.predictor not in (1, 2, 3) or (self.predictor > 1 and self.type is None):
            raise rare("it is compressed in a rare way")
        if self.predictor == 3 and tiff.format != FLOAT:
            raise cut_off()

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Rows of bytes, uint8 (rows, bytes), as numbers (rows, width, channels)."""
        if self.type is None:
            return self._from_bits(rows)
        if self.predictor == 3:
            rows = np.concatenate([self._floats(part) for part in self._tiles(rows)], axis=1)
        values = np.ascontiguousarray(rows).view(self.type).astype(self.result)
        values = values.reshape(len(rows), -1, self.channels)[:, : self.tiff.width]
        if self.predictor == 2:
            for left in range(0, self.tiff.width, self.tiff.tile_width):
                part = values[:, left : left + self.tiff.tile_width]
                whole = part.view(f"u{part.itemsize}")  # Sums of what may be floats wrap, too.
                np.cumsum(whole, axis=1, dtype=whole.dtype, out=whole)
        return values

    def _tiles(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The rows' bytes tile by tile."""
        width = self.tiff.row_bytes(self.tiff.tile_width, self.channels)
        for left in range(0, rows.shape[1], width):
            yield rows[:, left : left + width]

    def _floats(self, part: np.ndarray) -> np.ndarray:
        """Undo the floating-point predictor: differences of bytes, the most telling bytes first."""
        size = self.result.itemsize
        steps = part.reshape(len(part), -1, self.channels)
        summed = np.cumsum(steps, axis=1, dtype=np.uint8)
        planes = summed.reshape(len(part), size, -1)
        planes = planes if self.tiff.order == ">" else planes[:, ::-1]
        return np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(len(part), -1)

    def _from_bits(self, rows: np.ndarray) -> np.ndarray:
        """Numbers that end within a byte, the highest bit first, or of three bytes."""
        bits, count = self.tiff.bits, self.tiff.width * self.channels
        if bits == 24:
            places = (0, 8, 16) if self.tiff.order == "<" else (16, 8, 0)
            parts = rows.reshape(len(rows), count, 3).astype(np.uint32)
            values: np.ndarray = (parts << np.array(places, np.uint32)).sum(axis=2, dtype=np.uint32)
        else:
            single = np.unpackbits(rows, axis=1)[:, : count * bits]
            single = single.reshape(len(rows), count, bits)
            values = single @ (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
        return values.reshape(len(rows), self.tiff.width, self.channels)


def _by_rows(
    image: Image.Image, unpack: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """A few rows of bytes at a time, unpacked: all would be in memory twice."""
    step = max(1, 2**20 // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        rows = np.asarray(image.crop((0, top, image.width, bottom)))
        yield slice(top, bottom), unpack(rows)


def _tags(data: bytes, order: str) -> tuple[dict[int, Sequence[int]], int]:
    """The wanted tags of the first directory with their values, and the number of pages."""
    big = b"+" in data[2:4]
    number, entry, start_at = ("Q", "HHQ8s", 8) if big else ("L", "HHL4s", 4)
    try:
        (start,) = struct.unpack_from(order + number, data, start_at)
        entries, place = _entries(data, order, start, big=big)
    except struct.error as error:
        raise cut_off("The TIFF is cut off or damaged before its table of contents") from error
    tags: dict[int, Sequence[int]] = {}
    size = struct.calcsize(order + entry)
    table = data[place : place + entries * size]
    if len(table) < entries * size:
        raise cut_off("The TIFF is cut off within its table of contents")
    for tag, kind, count, inline in struct.iter_unpack(order + entry, table):
        if tag in _WANTED and tag not in tags and kind in _TYPES:
            content = _content(data, order, kind, count, inline, opaque=tag in _OPAQUE)
            if content is None and tag not in _OPTIONAL:
                raise cut_off("The TIFF is cut off or damaged within its table of contents")
            if content:
                numbers = tag not in _OPAQUE and kind not in _BYTES
                tags[tag] = (
                    struct.unpack(order + _TYPES[kind] * count, content) if numbers else content
                )
    return tags, _pages(data, order, start, big=big)


def _entries(data: bytes, order: str, start: int, *, big: bool) -> tuple[int, int]:
    """How many entries the directory there has, and where the first is."""
    kind = "Q" if big else "H"
    if start > len(data):
        raise struct.error("a directory behind the end")
    (entries,) = struct.unpack_from(order + kind, data, start)
    return min(entries, MAX_TAG_VALUES), start + struct.calcsize(order + kind)


def _content(
    data: bytes, order: str, kind: int, count: int, inline: bytes, *, opaque: bool
) -> bytes | None:
    """The bytes of one tag's values, which stand in its entry or elsewhere; ``None`` if missing."""
    if count > MAX_TAG_VALUES and not opaque:
        raise refusal("The TIFF is in too many pieces", _ADVICE)
    size = struct.calcsize(order + _TYPES[kind]) * count
    if size > MAX_PROFILE_BYTES:
        return None
    if size <= len(inline):
        return inline[:size]
    (place,) = struct.unpack(order + ("Q" if len(inline) == 8 else "L"), inline)
    content = data[place : place + size]
    return content if len(content) == size else None


def _pages(data: bytes, order: str, start: int, *, big: bool) -> int:
    """How many pages are in the file, as far as the chain of directories is whole."""
    seen: set[int] = set()
    number, size = ("Q", 20) if big else ("L", 12)
    while start and start not in seen and len(seen) < 1000:
        try:
            entries, place = _entries(data, order, start, big=big)
            seen.add(start)
            (start,) = struct.unpack_from(order + number, data, place + entries * size)
        except struct.error:
            break
    return len(seen)


def _written(data: bytes, order: str, tags: Mapping[int, Sequence[int]]) -> bytes:
    """The file's data behind another header, with a directory of those tags at its end."""
    body, entries = bytearray(len(data) % 2), []
    for tag, values in sorted(tags.items()):
        kind, count, content = _packed(tag, values, order)
        where = content.ljust(4, b"\0")
        if len(content) > 4:
            where = struct.pack(f"{order}L", len(data) + len(body))
            body += content + bytes(len(content) % 2)
        entries.append(struct.pack(f"{order}HHL", tag, kind, count) + where)
    start = len(data) + len(body)
    table = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HL", 42, start)
    return b"".join((head, memoryview(data)[8:], body, table))


def _packed(tag: int, values: Sequence[int], order: str) -> tuple[int, int, bytes]:
    """The type, the count and the bytes of a tag's values."""
    if tag == JPEG_TABLES:
        return 7, len(values), bytes(values)
    if tag in YCBCR_FRACTIONS:
        return 5, len(values) // 2, struct.pack(f"{order}{len(values)}L", *values)
    kind, letter, limit = (4, "L", 2**32 - 1) if tag in _WIDE else (3, "H", 2**16 - 1)
    numbers = [min(max(int(value), 0), limit) for value in values]
    return kind, len(values), struct.pack(f"{order}{len(values)}{letter}", *numbers)


def rare(why: str) -> ImageFileError:
    """The refusal of a layout that is not read here."""
    return refusal(f"The TIFF is of a kind that cannot be shown here ({why})", _ADVICE)
