"""Recognition of image file formats, and removal of parts of a file that decoders do not need.

Decoders fail on parts that have nothing to do with pixels: a text of 5 MB, a truncated profile, the
depth map of a phone's portrait, a wrong checksum of a comment. `minimal_jpeg`, `minimal_png` and
`minimal_webp` return a file without such parts. No library does this: Pillow reads every part or
fails. `jpeg_structure` counts what costs libjpeg time and memory (scans, coefficients) before
libjpeg starts.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from vgg_viz.image_io.limits import (
    MAX_COEFFICIENT_BYTES,
    MAX_EXIF_BYTES,
    MAX_PROFILE_BYTES,
    MAX_READS,
    MAX_SCANS,
    MAX_SEGMENTS,
    SAVE_AS_JPEG,
    ImageFileError,
    damaged,
    rejection,
    too_many_pixels,
)

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_EXPORT_FROM_PHONE = "Export it as a JPEG (iPhone: Settings, Camera, Formats, Most Compatible)."
_STARTS = {JPEG: "JPEG", PNG: "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP"}
_STARTS |= dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF")
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis"}
# Files chosen by mistake, and image formats that are not supported: offset and bytes that identify
# the file, its name, and whether it is an image.
_OTHER_FORMATS = (
    (0, b"%PDF", "a PDF", False),
    (0, b"%!PS", "a PostScript file", True),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file", True),
    (0, b"8BPS", "a Photoshop file", True),
    (0, b"\x1aE\xdf\xa3", "a video", False),
    (8, b"AVI ", "a video", False),
    (0, b"\0\0\x01\xba", "a video", False),
    (0, b"\0\0\x01\xb3", "a video", False),
    (0, b"ID3", "a sound file", False),
    (0, b"OggS", "a sound file", False),
    (8, b"WAVE", "a sound file", False),
    (0, b"PK\x03\x04", "an archive or an office document", False),
    (0, b"\xd0\xcf\x11\xe0", "an office document", False),
    (0, b"\0\0\x01\0", "an icon", True),
    (0, b"\0\0\x02\0", "a mouse pointer", True),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000", True),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000", True),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL", True),
    (0, b"\xff\x0a", "a JPEG XL", True),
    (0, b"II\xbc\x01", "a JPEG XR", True),
    (0, b"FUJIFILM", "a camera's raw file", True),
    (0, b"IIRO", "a camera's raw file", True),
    (0, b"IIU\0", "a camera's raw file", True),
    (128, b"DICM", "a DICOM", True),
    (0, b"SIMPLE  =", "a FITS", True),
    (0, b"\x89HDF", "an HDF5 file", True),
    (0, b"v/1\x01", "an OpenEXR", True),
    (0, b"#?RADIANCE", "a Radiance HDR", True),
    (0, b"gimp xcf", "a GIMP file", True),
    (0, b"\x0a\x05\x01\x08", "a PCX", True),
    (0, b"DDS ", "a DirectDraw surface", True),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile", True),
    *((0, b"P%d" % number, "a PNM", True) for number in range(1, 8)),
)


def format_of(data: bytes) -> str | None:
    """Return Pillow's name of a file's format, from its first bytes; ``None`` if it is unsupported.

    >>> format_of(b"GIF89a...")
    'GIF'
    """
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        return "AVIF" if brands & _AVIF else "HEIF" if brands & _HEIC else None
    if data[8:12] == b"WEBP" and data.startswith(b"RIFF"):
        return "WEBP"
    return next((name for start, name in _STARTS.items() if data.startswith(start)), None)


def unsupported_format(data: bytes) -> ImageFileError:
    """Return the error for a file of an unsupported format, which the message names if known."""
    head = data[:32]
    if head[4:8] == b"ftyp":
        return _unsupported_container(data)
    for offset, magic, name, is_image in _OTHER_FORMATS:
        if data[offset : offset + len(magic)] == magic:
            return unsupported_image(name) if is_image else _not_an_image(name)
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return unsupported_image("an SVG")
    if text.startswith((b"<!doctype html", b"<html")):
        return _not_an_image("a web page")
    return rejection("The file is not an image, or its beginning is damaged")


def unsupported_image(name: str) -> ImageFileError:
    """Return the error for an image file of an unsupported format.

    ``name`` is the format with an article, such as ``"a PostScript file"``.
    """
    return rejection(f"The file is {name}, which cannot be shown here", SAVE_AS_JPEG)


def _not_an_image(name: str) -> ImageFileError:
    return rejection(f"The file is {name}, not an image")


def _unsupported_container(data: bytes) -> ImageFileError:
    """Return the error for an unsupported file of the ISO base media format (HEIF, videos, sound).

    The file's brands tell raw files and kinds of HEIF from videos and sound.
    """
    brands = _brands(data)
    if b"crx " in brands:
        return unsupported_image("a camera's raw file")
    if brands & {b"mif1", b"msf1", b"hevc", b"hevx", b"heif"}:
        problem = "The file is a kind of HEIF that cannot be shown here"
        return rejection(problem, _EXPORT_FROM_PHONE)
    return _not_an_image("a video or a sound file")


def _brands(data: bytes) -> set[bytes]:
    """Return the brands that a file of the ISO base media format declares in its first box.

    Brands are codes of four bytes, such as ``b"heic"`` (ISO/IEC 14496-12).
    """
    length = min(int.from_bytes(data[:4]), 256, len(data))
    return {data[offset : offset + 4] for offset in (8, *range(16, length, 4))}


# --- JPEG -------------------------------------------------------------------------------------


class JpegStructure(NamedTuple):
    """Properties of a JPEG file that decide whether and how it can be decoded.

    size: width and height in pixels.
    buffered: whether libjpeg holds all coefficients in memory until the last scan.
    stop: offset of the end of the last complete segment, if the end marker is missing; otherwise
        ``None``.
    complete_at_low_frequencies: whether the scans before the last one hold the lowest frequency of
        every channel, so that the image can be shown without the last.
    """

    size: tuple[int, int]
    buffered: bool
    stop: int | None
    complete_at_low_frequencies: bool


def jpeg_structure(data: bytes) -> JpegStructure:
    """Read the structure of a JPEG file from its markers, up to the end of its first image.

    Markers are found as libjpeg finds them.

    Raises:
        ImageFileError: The JPEG has too many scans, segments or coefficients, its frame header is
            missing or damaged, or libjpeg does not know the kind of frame or cannot decode it at a
            smaller scale (lossless).
    """
    frames: list[tuple[int, bytes]] = []
    scans = []
    stop: int | None = len(data)
    for kind, segment, offset in _jpeg_segments(data):
        if kind == 0xD9:
            stop = None
        elif offset + 2 + max(2, int.from_bytes(data[offset + 2 : offset + 4])) > len(data):
            stop = offset
        if kind == 0xDA:
            scans.append(segment)
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            frames.append((kind, segment))
    if len(scans) > MAX_SCANS:
        raise rejection("The JPEG has too many scans", SAVE_AS_JPEG)
    if len(frames) != 1 or not scans or len(frames[0][1]) < 6:
        raise damaged()
    kind, (_, height, width, channels) = frames[0][0], struct.unpack(">BHHB", frames[0][1][:6])
    if kind not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
        raise rejection("The JPEG is of a rare kind that cannot be shown here", SAVE_AS_JPEG)
    buffered = kind in (0xC2, 0xCA) or scans[0][:1] != bytes([channels])
    if buffered and _coefficient_bytes(width, height, frames[0][1]) > MAX_COEFFICIENT_BYTES:
        raise too_many_pixels(width * height, "progressive JPEG")
    complete = _channels_with_low_frequencies(scans[:-1]) >= channels
    return JpegStructure((width, height), buffered, stop, complete)


def _channels_with_low_frequencies(scans: list[bytes]) -> int:
    """Return the number of channels of a JPEG whose lowest frequency is in one of these scans.

    Each scan is given by the content of its header (the SOS segment).
    """
    found: set[int] = set()
    for scan in scans:
        count = scan[0] if scan else 0
        if scan[1 + 2 * count : 2 + 2 * count] == b"\0":  # starts at frequency 0
            found.update(scan[1 : 1 + 2 * count : 2])
    return len(found)


def _coefficient_bytes(width: int, height: int, frame: bytes) -> int:
    """Return the memory in bytes that libjpeg needs for the coefficients of a JPEG.

    It holds them, 2 bytes each, if the JPEG has several scans.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        frame: Content of the frame header (the SOF segment), which holds the channels' sampling.
    """
    sampling = [(byte >> 4 or 1, byte & 15 or 1) for byte in frame[7::3]] or [(1, 1)]
    across = max(horizontal for horizontal, _ in sampling)
    down = max(vertical for _, vertical in sampling)
    samples = sum(horizontal * vertical for horizontal, vertical in sampling) / (across * down)
    return round(2 * width * height * samples)


def minimal_jpeg(data: bytes) -> bytes:
    """Return a JPEG file with only its image data, color profile and first EXIF segment.

    Everything from the first scan on stays: libjpeg ignores what phones append to the image data
    (a video, a second image).

    Raises:
        ImageFileError: The JPEG has no scan, or too many segments.
    """
    kept, profile, has_exif = [data[:2]], 0, False
    for kind, segment, offset in _jpeg_segments(data):
        whole = data[offset : offset + 4 + len(segment)]
        if kind == 0xDA:
            return b"".join((*kept, data[offset:]))
        if kind == 0xE1 and segment.startswith(b"Exif\0") and not has_exif:
            has_exif = True
        elif kind == 0xE2 and segment.startswith(b"ICC_PROFILE\0"):
            profile += len(segment)
            if profile > MAX_PROFILE_BYTES:
                continue
        elif kind >= 0xE0 and kind not in (0xE0, 0xEE):
            continue
        kept.append(whole)
    raise damaged()


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and offset of every segment of a JPEG's first image.

    Between segments, and within entropy-coded data, a marker is 0xFF followed by neither 0 nor
    0xFF. Restart markers (0xD0 to 0xD7) and 0x01 have no content and are skipped. The end of the
    image is yielded as 0xD9.

    Raises:
        ImageFileError: There are more than ``MAX_SEGMENTS`` segments.
    """
    marker = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
    offset, count = 2, 0
    while found := marker.search(data, offset):
        if found[1] in b"\xd8\xd9":  # another image, or the end
            yield 0xD9, b"", found.start()
            return
        if count == MAX_SEGMENTS:
            raise rejection("The JPEG is in too many pieces", SAVE_AS_JPEG)
        count += 1
        offset = found.end()
        length = int.from_bytes(data[offset : offset + 2])
        yield found[1][0], data[offset + 2 : offset + length], found.start()
        offset += max(length, 2)


# --- PNG --------------------------------------------------------------------------------------


def minimal_png(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG file with only pixels, palette, transparency and EXIF, and its color profile.

    Texts and animation frames are removed, and a missing end chunk is added. All chunks after a
    damaged chunk of pixels or palette are dropped.

    Returns:
        The PNG file, and the content of the ICC profile, or ``None`` if there is no valid one.

    Raises:
        ImageFileError: The header chunk is damaged or misplaced, or there are too many chunks.
    """
    kept, pixels, profile = [PNG], [], None
    for kind, content, whole in _png_chunks(data):
        if kind == b"IDAT":
            pixels.append(content)
        elif kind == b"iCCP" and profile is None:
            profile = _png_profile(content)
        elif kind in (b"PLTE", b"tRNS") or (kind == b"eXIf" and len(content) <= MAX_EXIF_BYTES):
            kept.append(_png_chunk(kind, content))
        elif kind == b"IHDR":
            if not whole or len(kept) > 1:
                raise damaged()
            kept.append(_png_chunk(kind, content))
        if not whole and kind in (b"IDAT", b"PLTE"):
            break
    kept += [_png_chunk(b"IDAT", b"".join(pixels)), _png_chunk(b"IEND", b"")]
    return b"".join(kept), profile


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield the kind and content of each chunk of a PNG, and whether the chunk is intact.

    An intact chunk is complete and has the right checksum.

    Raises:
        ImageFileError: There are more than ``MAX_READS`` chunks.
    """
    offset, count, pixels_begun = len(PNG), 0, False
    while offset + 8 <= len(data):
        if (count := count + 1) > MAX_READS:
            raise rejection("The file is in too many pieces", SAVE_AS_JPEG)
        length, kind = struct.unpack_from(">I4s", data, offset)
        content = data[offset + 8 : offset + 8 + length]
        end = offset + 8 + length
        whole = data[end : end + 4] == zlib.crc32(content, zlib.crc32(kind)).to_bytes(4)
        if kind == b"IEND" or (pixels_begun and kind == b"IHDR"):
            return
        pixels_begun |= kind == b"IDAT"
        yield kind, content, whole
        offset = end + 4


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _png_profile(content: bytes) -> bytes | None:
    """Return the ICC profile in a PNG's iCCP chunk; ``None`` if it is broken or too large."""
    packed = content.partition(b"\0")[2][1:]
    try:
        profile = zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    return profile if len(profile) <= MAX_PROFILE_BYTES else None


# --- WebP and BMP -----------------------------------------------------------------------------


def minimal_webp(data: bytes) -> bytes:
    """Return a WebP file with only its first frame, alpha, color profile and EXIF.

    The length in its header is corrected.

    Raises:
        ImageFileError: There are more than ``MAX_READS`` chunks.
    """
    kept: list[bytes] = []
    offset, count, exif, animated = 12, 0, False, False
    while offset + 8 <= len(data):
        if (count := count + 1) > MAX_READS:
            raise rejection("The file is in too many pieces", SAVE_AS_JPEG)
        kind, length = struct.unpack_from("<4sI", data, offset)
        chunk = data[offset : offset + 8 + length]
        offset += 8 + length + length % 2
        if kind == b"EXIF" and length <= MAX_EXIF_BYTES and len(chunk) == 8 + length:
            exif = True
        elif kind not in (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"):
            continue
        if not (animated and kind == b"ANMF"):
            kept.append(chunk + b"\0" * (length % 2))
        animated |= kind == b"ANMF"
    if kept and kept[0].startswith(b"VP8X"):
        # Bit 2 announces XMP, bit 3 EXIF: libwebp expects what is announced.
        flags = kept[0][8:9]
        if flags:
            announced = flags[0] & ~4 & (~0 if exif else ~8)
            kept[0] = kept[0][:8] + bytes([announced & 255]) + kept[0][9:]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_profile(data: bytes) -> bytes | None:
    """Return the ICC profile of a BMP file, or ``None`` if it has no valid one.

    Only BMP files with a header of version 5 have a profile; Pillow ignores it.
    """
    if len(data) < 138 or data[14:18] != b"\x7c\0\0\0" or data[70:74] != b"DEBM":
        return None
    start, length = struct.unpack_from("<II", data, 126)
    profile = data[14 + start : 14 + start + length]
    return profile if 0 < len(profile) == length <= MAX_PROFILE_BYTES else None
