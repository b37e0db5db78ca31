"""Recognition of image file formats, and removal of parts of a file that decoders do not need.

Decoders fail on parts that have nothing to do with pixels: a text of 5 MB, a truncated profile, the
depth map of a phone's portrait, a wrong checksum of a comment. `minimal_jpeg`, `minimal_png` and
`minimal_webp` return a file without such parts. No library does this: Pillow reads every part or
fails. `minimal_jpeg` also counts what costs libjpeg time and memory (scans, coefficients).
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vgg_viz.downloads.file_kinds import POINTERS, WEB_PAGE, recognize
from vgg_viz.image_io import limits
from vgg_viz.image_io.limits import ImageFileError, damaged, rejection, too_many_pixels

_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf")
PNG = b"\x89PNG\r\n\x1a\n"
_EXPORT_FROM_PHONE = "Export it as a JPEG (iPhone: Settings, Camera, Formats, Most Compatible)."
_FORMATS = {  # by the beginnings of files, as regular expressions
    rb"\xff\xd8\xff": "JPEG",
    rb"\x89PNG\r\n\x1a\n": "PNG",
    rb"GIF8[79]a": "GIF",
    rb"BM": "BMP",
    rb"II[*+]\0|MM\0[*+]": "TIFF",
    rb"RIFF....WEBP": "WEBP",
}
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis"}
_NOT_IMAGES = {  # files chosen by mistake
    rb"%PDF": "a PDF",
    rb"\x1aE\xdf\xa3|.{8}AVI |\0\0\x01[\xba\xb3]": "a video",
    rb"ID3|OggS|.{8}WAVE": "a sound file",
    rb"PK\x03\x04": "an archive or an office document",
    rb"\xd0\xcf\x11\xe0": "an office document",
}
_WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype html|html|head)", re.I | re.S
)
_OTHER_IMAGES = {
    rb"%!PS|\xc5\xd0\xd3\xc6": "a PostScript file",
    rb"8BPS": "a Photoshop file",
    rb"\0\0\x01\0": "an icon",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "a JPEG 2000",
    rb"\0\0\0\x0cJXL |\xff\x0a": "a JPEG XL",
    rb"FUJIFILM|IIRO|IIU\0": "a camera's raw file",
    rb".{128}DICM": "a DICOM",
    rb"SIMPLE  =": "a FITS",
    rb"\x89HDF": "an HDF5 file",
    rb"v/1\x01": "an OpenEXR",
    rb"gimp xcf": "a GIMP file",
    rb"P[1-7]": "a PNM",
}


def format_of(data: bytes) -> str | None:
    """Return Pillow's name of a file's format, from its first bytes; ``None`` if unsupported."""
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        return "AVIF" if brands & _AVIF else "HEIF" if brands & _HEIC else None
    return _described(data, _FORMATS)


def _described(data: bytes, names: Mapping[bytes, str]) -> str | None:
    return next((name for start, name in names.items() if re.match(start, data, re.S)), None)


def unsupported_format(data: bytes) -> ImageFileError:
    """Return the error for a file of an unsupported format, which the message names if known."""
    if data[4:8] == b"ftyp":  # of the ISO base media format: HEIF, videos, sound
        brands = _brands(data)
        if b"crx " in brands:
            return unsupported_image("a camera's raw file")
        if brands & {b"mif1", b"msf1", b"hevc", b"hevx", b"heif"}:
            problem = "The file is a kind of HEIF that cannot be shown here"
            return rejection(problem, _EXPORT_FROM_PHONE)
        return rejection("The file is a video or a sound file, not an image")
    if name := _described(data, _OTHER_IMAGES):
        return unsupported_image(name)
    if b"<svg" in data[:1024].lower():
        return unsupported_image("an SVG")
    name = "a web page" if _WEB_PAGE.match(data[:1024]) else _described(data, _NOT_IMAGES)
    kind = None if name else recognize(io.BytesIO(data))
    if kind is None or kind is WEB_PAGE:  # or other XML
        what = f"{name}, not an image" if name else "not an image, or its beginning is damaged"
        return rejection(f"The file is {what}")
    if kind in POINTERS:
        problem = f"The file is {kind.name} to another file, not an image"
        return rejection(problem, f"Choose that file: {kind.advice}.")
    return rejection(f"The file is {kind.name}, not an image")


def unsupported_image(name: str) -> ImageFileError:
    """Return the error for an image of an unsupported format, such as ``"a PostScript file"``."""
    return rejection(f"The file is {name}, which cannot be shown here", limits.SAVE_AS_JPEG)


def _brands(data: bytes) -> set[bytes]:
    """Return the brands, such as ``b"heic"``, in the first box of a file (ISO/IEC 14496-12)."""
    length = min(int.from_bytes(data[:4]), 256, len(data))
    return {data[offset : offset + 4] for offset in (8, *range(16, length, 4))}


# --- JPEG -------------------------------------------------------------------------------------

# Any bits, before and after each restart marker, of which libjpeg waits for one.
_BITS = bytes(range(255))
_MORE_DATA = _BITS + 2 * b"".join(b"\xff%c%b" % (0xD0 + number, _BITS) for number in range(8))


_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # 0xF7: JPEG-LS


class Jpeg(NamedTuple):
    """A JPEG file with only its image data, color profile and first EXIF segment."""

    content: bytes
    size: tuple[int, int]
    buffered: bool  # whether libjpeg holds all coefficients in memory until the last scan
    truncated: bool  # whether the end marker was missing
    scan_end: int  # offset in ``content`` of what follows the first scan

    @property
    def continued(self) -> bytes:
        """Content with more data after the first scan, which changes nothing but missing pixels."""
        return self.content[: self.scan_end] + _MORE_DATA + self.content[self.scan_end :]


def minimal_jpeg(data: bytes) -> Jpeg:
    """Read the structure of a JPEG file, up to the end of its first image, and keep what is needed.

    From the first scan on everything stays: libjpeg ignores what phones append to the image data (a
    video, a second image). Raise an ImageFileError if libjpeg cannot decode it within the limits.
    """
    kept, scans, frames = [data[:2]], [], []
    profile, has_exif = 0, False
    start = scan_end = stop = len(data)  # of the image data
    truncated = True
    for kind, segment, offset in _jpeg_segments(data):
        if start < offset:
            scan_end = min(scan_end, offset)
        if kind == 0xD9:
            truncated = False
        elif offset + 2 + max(2, int.from_bytes(data[offset + 2 : offset + 4])) > len(data):
            stop = offset
        if kind == 0xDA:
            start = min(start, offset)
            scans.append(segment)
        elif kind in _FRAMES:
            frames.append((kind, segment))
        if kind == 0xE1 and segment.startswith(b"Exif\0"):
            wanted, has_exif = not has_exif, True
        elif kind == 0xE2 and segment.startswith(b"ICC_PROFILE\0"):
            profile += len(segment)
            wanted = profile <= limits.MAX_PROFILE_BYTES
        else:
            wanted = kind < 0xE0 or kind in (0xE0, 0xEE)
        if wanted and not scans:
            kept.append(data[offset : offset + 4 + len(segment)])
    if len(scans) > limits.MAX_SCANS:
        raise rejection("The JPEG has too many scans", limits.SAVE_AS_JPEG)
    if len(frames) != 1 or not scans or len(frames[0][1]) < 6:
        raise damaged()
    size, buffered = _checked_frame(*frames[0], scans[0])
    # The first scan of a progressive JPEG holds the lowest frequencies of all channels.
    if truncated and buffered and (len(scans) < 2 or scans[0][:1] != frames[0][1][5:6]):
        raise damaged("The JPEG is cut off before all of its color channels")
    content = b"".join((*kept, data[start:stop], b"\xff\xd9" if truncated else b""))
    scan_end = min(scan_end, stop) - start + sum(map(len, kept))
    return Jpeg(content, size, buffered, truncated, scan_end)


def _checked_frame(kind: int, frame: bytes, scan: bytes) -> tuple[tuple[int, int], bool]:
    """Return a JPEG's size, and whether libjpeg holds all coefficients, as for several scans."""
    bits, height, width, channels = struct.unpack(">BHHB", frame[:6])
    if bits != 8:
        raise rejection(f"The JPEG has {bits} bits a channel, not 8", limits.SAVE_AS_JPEG)
    if kind not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
        raise rejection("The JPEG is of a rare kind that cannot be shown here", limits.SAVE_AS_JPEG)
    buffered = kind in (0xC2, 0xCA) or scan[:1] != bytes([channels])
    sampling = [(byte >> 4 or 1, byte & 15 or 1) for byte in frame[7::3]] or [(1, 1)]
    across, down = (max(factors) for factors in zip(*sampling, strict=True))
    samples = sum(horizontal * vertical for horizontal, vertical in sampling) / (across * down)
    if buffered and 2 * width * height * samples > limits.MAX_COEFFICIENT_BYTES:
        raise too_many_pixels(width * height, "progressive JPEG")
    return (width, height), buffered


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and offset of every segment of a JPEG's first image; its end is 0xD9.

    As in libjpeg, a marker is 0xFF followed by neither 0 nor 0xFF, also within entropy-coded data.
    """
    # Restart markers (0xD0 to 0xD7) and 0x01 have no content.
    marker = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
    offset, count = 2, 0
    while found := marker.search(data, offset):
        if found[1] in b"\xd8\xd9":  # another image, or the end
            yield 0xD9, b"", found.start()
            return
        if count == limits.MAX_SEGMENTS:
            raise rejection("The JPEG is in too many pieces", limits.SAVE_AS_JPEG)
        count += 1
        offset = found.end()
        length = int.from_bytes(data[offset : offset + 2])
        yield found[1][0], data[offset + 2 : offset + length], found.start()
        offset += max(length, 2)


# --- PNG --------------------------------------------------------------------------------------


def minimal_png(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG file with only pixels, palette, transparency and EXIF, and its ICC profile.

    A missing end is added. All chunks after a damaged chunk of pixels or palette are dropped.
    """
    kept, pixels, profile = [PNG], [], None
    for kind, content, whole in _png_chunks(data):
        if kind == b"IDAT":
            pixels.append(content)
        elif kind == b"iCCP" and profile is None:
            profile = _png_profile(content)
        elif kind == b"IHDR" and (not whole or len(kept) > 1):
            raise damaged()
        elif kind in _PNG_CHUNKS and (kind != b"eXIf" or len(content) <= limits.MAX_EXIF_BYTES):
            kept.append(_png_chunk(kind, content))
        if not whole and kind in (b"IDAT", b"PLTE"):
            break
    kept += [_png_chunk(b"IDAT", b"".join(pixels)), _png_chunk(b"IEND", b"")]
    return b"".join(kept), profile


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield kind and content of each chunk of a PNG, and whether it is complete and undamaged."""
    offset, count, pixels_begun = len(PNG), 0, False
    while offset + 8 <= len(data):
        if (count := count + 1) > limits.MAX_READS:
            raise rejection("The file is in too many pieces", limits.SAVE_AS_JPEG)
        length, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + 8 + length
        content = data[offset + 8 : end]
        if kind == b"IEND" or (pixels_begun and kind == b"IHDR"):
            return
        pixels_begun |= kind == b"IDAT"
        yield kind, content, data[end : end + 4] == _crc(kind, content)
        offset = end + 4


def _crc(kind: bytes, content: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(kind)).to_bytes(4)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + _crc(kind, content)


def _png_profile(content: bytes) -> bytes | None:
    """Return the ICC profile in a PNG's iCCP chunk; ``None`` if it is broken or too large."""
    packed = content.partition(b"\0")[2][1:]
    try:
        profile = zlib.decompressobj().decompress(packed, limits.MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    return profile if len(profile) <= limits.MAX_PROFILE_BYTES else None


# --- WebP and BMP -----------------------------------------------------------------------------


def minimal_webp(data: bytes) -> bytes:
    """Return a WebP file with only its first frame, alpha, color profile and EXIF."""
    wanted = {b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L", b"EXIF"}
    kept: dict[bytes, bytes] = {}
    offset, count = 12, 0
    while offset + 8 <= len(data):
        if (count := count + 1) > limits.MAX_READS:
            raise rejection("The file is in too many pieces", limits.SAVE_AS_JPEG)
        kind, length = struct.unpack_from("<4sI", data, offset)
        chunk = data[offset : offset + 8 + length]
        offset += 8 + length + length % 2
        intact = len(chunk) == 8 + length <= limits.MAX_EXIF_BYTES
        if kind in wanted - kept.keys() and (intact or kind != b"EXIF"):
            kept[kind] = chunk + b"\0" * (length % 2)
    if len(header := kept.get(b"VP8X", b"")) > 8:
        # Bit 2 announces XMP, bit 3 EXIF: libwebp expects what is announced.
        announced = header[8] & ~4 & (~0 if b"EXIF" in kept else ~8)
        kept[b"VP8X"] = header[:8] + bytes([announced & 255]) + header[9:]
    body = b"WEBP" + b"".join(kept.values())
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_profile(data: bytes) -> bytes | None:
    """Return the valid ICC profile of a BMP file of version 5, which Pillow ignores."""
    if len(data) < 138 or data[14:18] != b"\x7c\0\0\0" or data[70:74] != b"DEBM":
        return None
    start, length = struct.unpack_from("<II", data, 126)
    profile = data[14 + start : 14 + start + length]
    return profile if 0 < len(profile) == length <= limits.MAX_PROFILE_BYTES else None
