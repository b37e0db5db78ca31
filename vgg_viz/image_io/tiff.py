"""TIFF: its tags, read by Pillow, and the samples of layouts that Pillow does not read right.

Pillow decodes 8 bits a channel, and one channel of 16 or 32 bits; deeper colors it turns into 8
bits without a word. So strips and tiles of other depths are read here with NumPy, if they are
uncompressed or deflated.

TIFF 6.0 (Adobe, 1992), its Technical Notes 1 (tiles) and 3 (floating-point predictor), and BigTIFF.
"""

import ctypes
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import TiffImagePlugin as Tiff

from vgg_viz.image_io import limits
from vgg_viz.image_io.contrast_stretching import Samples
from vgg_viz.image_io.file_formats import unsupported_image
from vgg_viz.image_io.limits import ImageFileError, damaged, rejection

# Tags that libtiff, within Pillow, needs to decode an image; then tags that are needed here.
_FOR_PILLOW = (
    *(Tiff.IMAGEWIDTH, Tiff.IMAGELENGTH, Tiff.BITSPERSAMPLE, Tiff.COMPRESSION, Tiff.FILLORDER),
    *(Tiff.PHOTOMETRIC_INTERPRETATION, Tiff.STRIPOFFSETS, Tiff.SAMPLESPERPIXEL, Tiff.ROWSPERSTRIP),
    *(Tiff.STRIPBYTECOUNTS, Tiff.PLANAR_CONFIGURATION, Tiff.PREDICTOR, Tiff.COLORMAP),
    *(Tiff.TILEWIDTH, Tiff.TILELENGTH, Tiff.TILEOFFSETS, Tiff.TILEBYTECOUNTS, Tiff.EXTRASAMPLES),
    *(Tiff.SAMPLEFORMAT, Tiff.JPEGTABLES, Tiff.YCBCRSUBSAMPLING, Tiff.REFERENCEBLACKWHITE),
)
_SUBFILE_TYPE, _ORIENTATION, _SUB_IFDS, _NO_DATA, _DNG_VERSION = 254, 274, 330, 42113, 50706
_OTHERS = (_SUBFILE_TYPE, _ORIENTATION, _SUB_IFDS, _NO_DATA, _DNG_VERSION, Tiff.ICCPROFILE)
# Other compressions are rare in photographs. For a damaged fax, libtiff writes every line to the
# server's log, and LZMA allocates memory without limit.
_RAW, _LZW, _JPEG, _DEFLATE, _PACK_BITS = 1, 5, 7, (8, 32946), 32773
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOR_CHANNELS = {_RGB: 3, _CMYK: 4, _YCBCR: 3, _LAB: 3}
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}  # of samples, by SampleFormat; 4 is undefined
_MAX_CHANNELS = 1_000  # hyperspectral instruments have some hundred
# Bytes to unpack at a time, and the most of a row.
_STEP_BYTES, _MAX_ROW_BYTES = 2**22, 2**24
# Elevation and climate models (netCDF, Surfer, ENVI, HYCOM) write these values where there is no
# measurement, or a float32 beyond the largest. No sensor measures them.
_NOT_MEASURED = (
    *(-9999, -99999, -999999, -32768, -32767, -(2**31), 1 - 2**31, 2**31 - 1),
    *(1e20, 9.969209968386869e36, 1.70141e38, 1e30, -1e30, 1e34, -1e34, 2.0**100),
)
_LARGEST_FLOAT = 3.4e38
_SAVE_DEFLATED = "Save it uncompressed or with Deflate (ZIP), and choose that file."
_SAVE_AS_ORDINARY = "Save it as an 8-bit TIFF, a PNG or a JPEG, and choose that file."


@lru_cache(maxsize=1)
def silence_libtiff() -> None:
    """Keep libtiff, within Pillow, from writing a line to the server's log for each damaged strip.

    Pillow has no option for it. Without Linux' list of the libraries in use, the lines stay.
    """
    with suppress(OSError, AttributeError):
        libraries = Path("/proc/self/maps").read_text(encoding="utf-8")
        if found := re.search(r"/\S*/libtiff\S*", libraries):
            ctypes.CDLL(found[0]).TIFFSetErrorHandler(None)


class Directory:
    """First directory of a TIFF file, which describes its first image."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tags, self.has_pages = _tags(data)
        self.width, self.height = self.number(Tiff.IMAGEWIDTH), self.number(Tiff.IMAGELENGTH)
        self.compression = self.number(Tiff.COMPRESSION, _RAW)
        self.channels = max(1, self.number(Tiff.SAMPLESPERPIXEL, 1))
        self.bits = self.number(Tiff.BITSPERSAMPLE, 1)
        self.kind = _KINDS.get(self.number(Tiff.SAMPLEFORMAT, 1))
        default = _RGB if self.channels >= 3 else _BLACK_IS_ZERO
        self.photometric = self.number(Tiff.PHOTOMETRIC_INTERPRETATION, default)
        self.separate = self.number(Tiff.PLANAR_CONFIGURATION, 1) == 2 and self.channels > 1
        self.orientation = self.number(_ORIENTATION, 1)
        self.profile = self.tags.get(Tiff.ICCPROFILE, (None,))[0]
        four = self.photometric == _RGB and self.channels == 4  # probably alpha
        self.alpha_uncertain = four and Tiff.EXTRASAMPLES not in self.tags
        self._check()
        self.colors, self.alpha, self.premultiplied = self._visible_channels()

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag as an integer."""
        return int(self.tags.get(tag, (default,))[0])

    def _check(self) -> None:
        if min(self.width, self.height) < 1:
            raise damaged()
        if len(set(self.tags.get(Tiff.BITSPERSAMPLE, (1,)))) != 1:
            raise unsupported("its channels differ in depth")
        if not 1 <= self.bits <= 64 or self.channels > _MAX_CHANNELS:
            raise unsupported(f"it has {self.channels:,} channels of {self.bits} bits")
        camera = _DNG_VERSION in self.tags or self.data[8:10] == b"CR"
        small = _SUB_IFDS in self.tags and self.number(_SUBFILE_TYPE) & 1
        if camera or small or self.photometric in (32803, 34892):
            raise unsupported_image("a camera's raw file")
        if self.compression not in (_RAW, *_DEFLATE, _LZW, _JPEG, _PACK_BITS):
            raise self._unsupported_compression()
        if self.number(Tiff.TILEWIDTH) * self.number(Tiff.TILELENGTH) > limits.PIXEL_LIMITS["TIFF"]:
            raise damaged()

    def _unsupported_compression(self, depth: str = "") -> ImageFileError:
        name = Tiff.COMPRESSION_INFO.get(self.compression, "an unknown method")
        name = name.removeprefix("tiff_").upper() if self.compression != 6 else "old-style JPEG"
        return unsupported(f"it is compressed with {name}{depth}", _SAVE_DEFLATED)

    def _visible_channels(self) -> tuple[list[int], int | None, bool]:
        """Return the color channels, the alpha channel, and whether colors are premultiplied."""
        count = min(_COLOR_CHANNELS.get(self.photometric, 1), self.channels)
        kinds = (2,) if self.alpha_uncertain else self.tags.get(Tiff.EXTRASAMPLES, ())
        for channel, kind in enumerate(kinds[: self.channels - count], start=count):
            if kind in (1, 2):
                return list(range(count)), channel, kind == 1
        # Microscopes store their channels as gray and extra ones; three can be shown at once.
        several = count == 1 and self.channels >= 3
        return list(range(3 if several else count)), None, False

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the caption on channels and pages that are not shown."""
        notes: tuple[str, ...] = ()
        if len(self.colors) + (self.alpha is not None) < self.channels:
            count = {1: "", 3: " three", 4: " four"}[len(self.colors)]
            notes = (f"the first{count} of {self.channels} channels",)
        elif len(self.colors) == 3 and self.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO):
            notes = ("its three channels as red, green and blue",)
        return (*notes, "the first of several pages") if self.has_pages else notes

    @property
    def known_to_pillow(self) -> bool:
        """Whether Pillow decodes this layout correctly to 8 bits."""
        if self.compression == _JPEG or self.photometric in (_PALETTE, _CMYK, _YCBCR, _LAB):
            return True
        if self.kind != "u" or self.separate or self.bits > 8:
            return False
        if self.photometric == _RGB:
            return self.bits == 8 and self.channels in (3, 4)
        return self.channels == 1 and self.bits in (1, 2, 4, 8)

    @property
    def deep_gray_of_pillow(self) -> bool:
        """Whether Pillow, but not NumPy, decodes this layout with all of its bits."""
        # Pillow confuses the byte order of compressed big-endian samples, except unsigned ones.
        kinds = ("u16", "i16", "i32", "f32") if self.data.startswith(b"II") else ("u16",)
        deep_gray = self.channels == 1 and f"{self.kind}{self.bits}" in kinds
        return deep_gray and self.compression in (_LZW, _PACK_BITS)

    def for_pillow(self) -> bytes:
        """Return the file after a directory that holds only the tags needed for decoding."""
        # libtiff would read any number of others, each as large as the file.
        directory = Tiff.ImageFileDirectory_v2(prefix=self.data[:2])
        for tag in _FOR_PILLOW:
            if tag in self.tags:
                directory[tag] = self.tags[tag]
        directory[Tiff.BITSPERSAMPLE] = (self.bits,) * self.channels
        deep = self.deep_gray_of_pillow  # white that is zero is inverted later
        directory[Tiff.PHOTOMETRIC_INTERPRETATION] = _BLACK_IS_ZERO if deep else self.photometric
        if self.kind == "u":
            del directory[Tiff.SAMPLEFORMAT]
        if Tiff.TILEOFFSETS in self.tags:  # Pillow adds its length to the offsets of strips only
            length = directory.save(io.BytesIO())
            offsets = [offset + length for offset in self.tags[Tiff.TILEOFFSETS]]
            directory[Tiff.TILEOFFSETS] = offsets
        file = io.BytesIO()
        directory.save(file)
        return file.getvalue() + self.data

    def read_samples(self) -> tuple[Samples, np.ndarray]:
        """Read the samples with NumPy; also return whether each row is present, bool (height,)."""
        kind = self._sample_type()
        channels = self.colors if self.alpha is None else [*self.colors, self.alpha]
        stored = len(channels) if self.separate else self.channels
        size = self.width * self.height * stored * kind.itemsize
        if size > limits.MAX_SAMPLE_BYTES:
            limit = f"{limits.MAX_SAMPLE_BYTES / 1e6:,.0f} MB are the limit"
            problem = f"The TIFF holds {size / 1e6:,.0f} MB of samples, but {limit}"
            raise rejection(problem, "Choose a smaller image.")
        values = np.zeros((self.height, self.width, len(channels)), kind.newbyteorder("="))
        present = np.ones(self.height, bool)
        if self.separate:
            for index, plane in enumerate(channels):
                self._read_plane(plane, [0], values[:, :, index : index + 1], present)
        else:
            self._read_plane(0, channels, values, present)
        return self.samples(values), present

    def _sample_type(self) -> np.dtype:
        """Return the type of a sample, in the file's byte order, if NumPy can read the layout."""
        if self.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
            raise unsupported("its colors are not gray, RGB or CMYK")
        if self.kind is None:
            raise unsupported("its numbers are complex")
        if self.bits not in (8, 16, 32, 64) or f"{self.kind}{self.bits}" == "f8":
            advice = "Save it with 8, 16 or 32 bits a channel, and choose that file."
            raise unsupported(f"it has {self.bits} bits a channel", advice)
        if self.compression not in (_RAW, *_DEFLATE):
            raise self._unsupported_compression(f" at {self.bits} bits a channel")
        if self.number(Tiff.FILLORDER, 1) != 1:
            raise unsupported("its bits are reversed")
        return np.dtype(f"{'<' if self.data.startswith(b'II') else '>'}{self.kind}{self.bits // 8}")

    def samples(self, values: np.ndarray) -> Samples:
        """Describe the values of the shown channels, ``(height, width, channels)``."""
        colors = values[:, :, : len(self.colors)]
        alpha = None if self.alpha is None else values[:, :, -1]
        if alpha is not None and self.alpha_uncertain and not alpha.any():
            alpha = None
        no_data = self._no_data()
        if self.kind == "f":
            # The value may belong to a wider type, and values may be signaling NaNs.
            with np.errstate(over="ignore", invalid="ignore"):
                colors[(colors > _LARGEST_FLOAT) | (colors < -_LARGEST_FLOAT)] = np.nan
                for value in np.array(no_data, colors.dtype):
                    colors[colors == value] = np.nan
        most = float(2**self.bits - 1)
        return Samples(
            values=colors,
            white=most if self.kind == "u" and self.bits <= 16 else None,
            alpha=alpha,
            alpha_white=1.0 if self.kind == "f" else most,
            inverted=self.photometric == _WHITE_IS_ZERO and len(self.colors) == 1,
            premultiplied=self.premultiplied,
            no_data=no_data,
        )

    def _no_data(self) -> tuple[float, ...]:
        """Return the values that stand for no measurement: GDAL's tag, else the usual ones."""
        try:
            return (float(self.tags[_NO_DATA][0]),)
        except (KeyError, ValueError):
            return () if self.kind == "u" else _NOT_MEASURED

    def _read_plane(
        self, plane: int, shown: list[int], values: np.ndarray, present: np.ndarray
    ) -> None:
        """Read the shown channels of a plane into ``values``; set ``present`` to missing rows."""
        tiled = Tiff.TILEOFFSETS in self.tags
        offsets = self.tags[Tiff.TILEOFFSETS if tiled else Tiff.STRIPOFFSETS]
        sizes = self.tags.get(Tiff.TILEBYTECOUNTS if tiled else Tiff.STRIPBYTECOUNTS)
        width = self.number(Tiff.TILEWIDTH) if tiled else self.width
        height = self.number(Tiff.TILELENGTH if tiled else Tiff.ROWSPERSTRIP, self.height)
        if min(width, height) < 1:
            raise damaged()
        lefts, tops = range(0, self.width, width), range(0, self.height, height)
        corners = [(top, left) for top in tops for left in lefts]
        for piece, (top, left) in enumerate(corners, start=plane * len(corners)):
            bottom = min(top + height, self.height)
            size = sizes[piece] if sizes else len(self.data)
            content = memoryview(self.data)[offsets[piece] :][:size]
            for rows in self._rows(content, width, bottom - top):
                shown_rows = rows[:, : self.width - left, shown]
                values[top : top + len(rows), left : left + width] = shown_rows
                top += len(rows)
            present[top:bottom] = False

    def _rows(self, content: memoryview, width: int, count: int) -> Iterator[np.ndarray]:
        """Yield at most ``count`` rows of a strip or tile, a few at a time."""
        channels = 1 if self.separate else self.channels
        row_bytes = width * channels * self.bits // 8
        if row_bytes > _MAX_ROW_BYTES:
            raise damaged()
        inflater = zlib.decompressobj()
        rest: memoryview | bytes = content
        complete = step = 1
        while count and complete == step:
            step = min(count, max(1, _STEP_BYTES // row_bytes))
            if self.compression == _RAW:
                part, rest = bytes(rest[: step * row_bytes]), rest[step * row_bytes :]
            else:
                try:  # a limit, so that a bomb does not inflate
                    part = inflater.decompress(rest, step * row_bytes)
                except zlib.error:
                    return
                rest = inflater.unconsumed_tail
            complete = len(part) // row_bytes
            raw = np.frombuffer(part, np.uint8, complete * row_bytes).reshape(complete, row_bytes)
            yield self._unpacked(raw, (complete, width, channels))
            count -= complete

    def _unpacked(self, raw: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """Convert rows of bytes to samples ``(rows, width, channels)``; undo the predictor."""
        kind = self._sample_type()
        predictor = 1 if self.compression == _RAW else self.number(Tiff.PREDICTOR, 1)
        if predictor == 3 and self.kind == "f":
            # Differences of bytes; each row holds the most significant bytes of all samples first.
            bytewise = raw.reshape(shape[0], shape[1] * kind.itemsize, shape[2])
            planes = np.cumsum(bytewise, axis=1, dtype=np.uint8)
            planes = planes.reshape(shape[0], kind.itemsize, shape[1] * shape[2])
            numbers = np.ascontiguousarray(planes.transpose(0, 2, 1))
            return numbers.view(kind.newbyteorder(">")).reshape(shape)
        values = raw.view(kind).reshape(shape).astype(kind.newbyteorder("="))
        if predictor == 2:
            integers = values.view(f"u{kind.itemsize}")  # floats, too, are summed with overflow
            np.cumsum(integers, axis=1, dtype=integers.dtype, out=integers)
        elif predictor != 1:
            raise unsupported("it is compressed with an unknown predictor", _SAVE_DEFLATED)
        return values


def _tags(data: bytes) -> tuple[dict[int, tuple[Any, ...]], bool]:
    """Return the needed tags of the first directory with their values, and whether more follow."""
    # Pillow takes a big-endian BigTIFF for a small one, unless its header is written like this.
    big = b"+" in data[2:4]
    header = (b"II+\0" if big else b"II*\0") + data[4 : 16 if big else 8]
    directory = Tiff.ImageFileDirectory_v2(header, prefix=data[:2])
    file = io.BytesIO(data)
    file.seek(directory.next)
    directory.load(file)
    tags: dict[int, tuple[Any, ...]] = {}
    for tag in (*_FOR_PILLOW, *_OTHERS):
        if tag in directory:
            size, text = len(directory._tagdata[tag]), tag in (Tiff.ICCPROFILE, Tiff.JPEGTABLES)
            if size > 8 * limits.MAX_TAG_VALUES and not text:  # before each becomes an object
                raise rejection("The TIFF is in too many pieces", _SAVE_AS_ORDINARY)
            value = directory[tag]
            tags[tag] = value if isinstance(value, tuple) else (value,)
    return tags, 0 < (directory.next or 0) < len(data)


def unsupported(reason: str, advice: str = _SAVE_AS_ORDINARY) -> ImageFileError:
    """Return the error for an unsupported layout."""
    return rejection(f"This kind of TIFF cannot be shown here: {reason}", advice)
