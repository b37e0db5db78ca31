"""What of a picture file is picture data, and of what kind a file is.

Decoders fail over things that have nothing to do with pixels: a text of 5 MB, a profile that ends
too early, the depth map of a telephone's portrait, a wrong checksum of a comment. So they are
handed a file without those things. It takes a walk over the file's pieces, for which there is no
library: Pillow reads all pieces or refuses. The same walk counts what costs libjpeg time and memory
before it starts (scans, coefficients), which Pillow does not tell either.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from vgg_viz.image_io.limits import (
    ANOTHER,
    MAX_COEFFICIENT_BYTES,
    MAX_EXIF_BYTES,
    MAX_PROFILE_BYTES,
    MAX_READS,
    MAX_SCANS,
    MAX_SEGMENTS,
    ImageFileError,
    cut_off,
    refusal,
    too_many_pixels,
)

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_SEND_JPEG = "please save or export it as a JPEG, and choose that."
_IPHONE = (
    "please send a JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible; of a picture "
    "that is there: share it by mail, or export it)."
)
NAMES = {name: name for name in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "AVIF")}
NAMES |= {"WEBP": "WebP", "HEIF": "HEIC"}
_STARTS = {JPEG: "JPEG", PNG: "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP"}
_STARTS |= dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF")
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis"}
# What people choose by mistake, and kinds of picture that are not read here: where in the file
# which bytes stand, and its name.
_OTHER_KINDS = (
    (0, b"%PDF", "a PDF", "not a picture"),
    (0, b"%!PS", "a PostScript file", ""),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file", ""),
    (0, b"8BPS", "a Photoshop file", ""),
    (0, b"\x1aE\xdf\xa3", "a video", "not a picture"),
    (8, b"AVI ", "a video", "not a picture"),
    (0, b"\0\0\x01\xba", "a video", "not a picture"),
    (0, b"\0\0\x01\xb3", "a video", "not a picture"),
    (0, b"ID3", "a sound file", "not a picture"),
    (0, b"OggS", "a sound file", "not a picture"),
    (8, b"WAVE", "a sound file", "not a picture"),
    (0, b"PK\x03\x04", "an archive or an office document", "not a picture"),
    (0, b"\xd0\xcf\x11\xe0", "an office document", "not a picture"),
    (0, b"\0\0\x01\0", "an icon", ""),
    (0, b"\0\0\x02\0", "a mouse pointer", ""),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000", ""),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000", ""),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL", ""),
    (0, b"\xff\x0a", "a JPEG XL", ""),
    (0, b"II\xbc\x01", "a JPEG XR", ""),
    (0, b"FUJIFILM", "a camera's raw file", ""),
    (0, b"IIRO", "a camera's raw file", ""),
    (0, b"IIU\0", "a camera's raw file", ""),
    (128, b"DICM", "a DICOM", ""),
    (0, b"SIMPLE  =", "a FITS", ""),
    (0, b"\x89HDF", "an HDF5 file", ""),
    (0, b"v/1\x01", "an OpenEXR", ""),
    (0, b"#?RADIANCE", "a Radiance HDR", ""),
    (0, b"gimp xcf", "a GIMP file", ""),
    (0, b"\x0a\x05\x01\x08", "a PCX", ""),
    (0, b"DDS ", "a DirectDraw surface", ""),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile", ""),
    *((0, b"P%d" % number, "a PNM", "") for number in range(1, 8)),
)


def format_of(data: bytes) -> str | None:
    """Pillow's name of the format that the first bytes tell; ``None`` for those not read here."""
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        return "AVIF" if brands & _AVIF else "HEIF" if brands & _HEIC else None
    if data[8:12] == b"WEBP" and data.startswith(b"RIFF"):
        return "WEBP"
    return next((name for start, name in _STARTS.items() if data.startswith(start)), None)


def other_kind(data: bytes) -> ImageFileError:
    """The refusal of a file that is of none of the formats read here, by its name if known."""
    head = data[:32]
    if head[4:8] == b"ftyp":
        return _media_kind(data)
    for place, magic, name, what in _OTHER_KINDS:
        if data[place : place + len(magic)] == magic:
            if what:
                return refusal(f"The file is {name}, {what}", ANOTHER)
            return refusal(f"The file is {name}, of a kind that cannot be shown here", _SEND_JPEG)
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return refusal("The file is an SVG, of a kind that cannot be shown here", _SEND_JPEG)
    if text.startswith((b"<!doctype html", b"<html")):
        return refusal("The file is a web page, not a picture", ANOTHER)
    return refusal("The file is not a picture, or its beginning is damaged")


def _media_kind(data: bytes) -> ImageFileError:
    """The refusal of a file in the container that HEIC, AVIF and videos share, by its brands."""
    brands = _brands(data)
    if b"crx " in brands:
        what = "The file is a camera's raw file, of a kind that cannot be shown here"
        return refusal(what, _SEND_JPEG)
    if brands & {b"mif1", b"msf1", b"hevc", b"hevx", b"heif"}:
        return refusal("The file is a HEIF of a kind that cannot be shown here", _IPHONE)
    return refusal("The file is a video or a sound file, not a picture", ANOTHER)


def _brands(data: bytes) -> set[bytes]:
    """What the first box of such a file says it can be read as."""
    length = min(int.from_bytes(data[:4]), 256, len(data))
    return {data[place : place + 4] for place in (8, *range(16, length, 4))}


# --- JPEG -------------------------------------------------------------------------------------


class JpegPlan(NamedTuple):
    """What libjpeg will make of a JPEG file."""

    size: tuple[int, int]  # width and height
    buffered: bool  # whether all coefficients are held until the last scan is read
    stop: int | None  # where a file ends that has no end marker, without a segment that is cut
    coarse: bool  # whether every channel has come once, so that later scans only refine it


def jpeg_plan(data: bytes) -> JpegPlan:
    """Walk over a JPEG's markers as libjpeg does, up to the end of its first picture.

    Raises:
        ImageFileError: There are too many scans, segments or coefficients, or libjpeg does not
            know the kind of frame or cannot decode it at a smaller scale (lossless).
    """
    frames: list[tuple[int, bytes]] = []
    scans = []
    stop: int | None = len(data)
    for kind, segment, place in _jpeg_segments(data):
        if kind == 0xD9:
            stop = None
        elif place + 2 + max(2, int.from_bytes(data[place + 2 : place + 4])) > len(data):
            stop = place
        if kind == 0xDA:
            scans.append(segment)
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            frames.append((kind, segment))
    if len(scans) > MAX_SCANS:
        raise refusal("The JPEG comes in too many scans", _SEND_JPEG)
    if len(frames) != 1 or not scans or len(frames[0][1]) < 6:
        raise cut_off()
    kind, (_, height, width, channels) = frames[0][0], struct.unpack(">BHHB", frames[0][1][:6])
    if kind not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
        raise refusal("The JPEG is of a rare kind that cannot be read here", _SEND_JPEG)
    buffered = kind in (0xC2, 0xCA) or scans[0][:1] != bytes([channels])
    if buffered and _coefficient_bytes(width, height, frames[0][1]) > MAX_COEFFICIENT_BYTES:
        raise too_many_pixels(width * height)
    coarse = _first_scans(scans[:-1]) >= channels
    return JpegPlan((width, height), buffered, stop, coarse)


def _first_scans(scans: list[bytes]) -> int:
    """How many channels have come in those scans, at least coarsely."""
    known: set[int] = set()
    for scan in scans:
        count = scan[0] if scan else 0
        if scan[1 + 2 * count : 2 + 2 * count] == b"\0":  # from the lowest frequency on
            known.update(scan[1 : 1 + 2 * count : 2])
    return len(known)


def _coefficient_bytes(width: int, height: int, frame: bytes) -> int:
    """What libjpeg keeps of a picture whose scans it must put together: 2 bytes a sample."""
    sampling = [(byte >> 4 or 1, byte & 15 or 1) for byte in frame[7::3]] or [(1, 1)]
    most_across = max(across for across, _ in sampling)
    most_down = max(down for _, down in sampling)
    samples = sum(across * down for across, down in sampling) / (most_across * most_down)
    return round(2 * width * height * samples)


def jpeg_essence(data: bytes) -> bytes:
    """A JPEG without the segments that are neither needed to decode it, nor profile, nor EXIF.

    What follows the first scan's header is as it was: pixels, and after their end whatever a
    telephone keeps there (a film, a second picture), which libjpeg does not read.
    """
    kept, profile, has_exif = [data[:2]], 0, False
    for kind, segment, place in _jpeg_segments(data):
        whole = data[place : place + 4 + len(segment)]
        if kind == 0xDA:
            return b"".join((*kept, data[place:]))
        if kind == 0xE1 and segment.startswith(b"Exif\0") and not has_exif:
            has_exif = True
        elif kind == 0xE2 and segment.startswith(b"ICC_PROFILE\0"):
            profile += len(segment)
            if profile > MAX_PROFILE_BYTES:
                continue
        elif kind >= 0xE0 and kind not in (0xE0, 0xEE):
            continue
        kept.append(whole)
    raise cut_off()


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The marker, the content and the place of every segment of a JPEG's first picture, in order.

    Between segments, and in the coded pixels of a scan, a marker is 0xFF and neither 0 nor 0xFF;
    restarts (0xD0 to 0xD7) and 0x01 have no content and say nothing here.
    """
    marker = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
    place, count = 2, 0
    while found := marker.search(data, place):
        if found[1] in b"\xd8\xd9":  # another picture, or the end
            yield 0xD9, b"", found.start()
            return
        if count == MAX_SEGMENTS:
            raise refusal("The JPEG is in too many pieces", _SEND_JPEG)
        count += 1
        place = found.end()
        length = int.from_bytes(data[place : place + 2])
        yield found[1][0], data[place + 2 : place + length], found.start()
        place += max(length, 2)


# --- PNG --------------------------------------------------------------------------------------


def png_essence(data: bytes) -> tuple[bytes, bytes | None]:
    """A still PNG of the pixels that are there (palette, transparency, EXIF), and its profile.

    Whatever else there is (texts, frames of an animation, a missing end) does not decide; of the
    pixels, what follows a damaged chunk is as good as not there.
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
                raise cut_off()
            kept.append(_png_chunk(kind, content))
        if not whole and kind in (b"IDAT", b"PLTE"):
            break
    kept += [_png_chunk(b"IDAT", b"".join(pixels)), _png_chunk(b"IEND", b"")]
    return b"".join(kept), profile


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind and content of every chunk, and whether all of it is there with the right checksum."""
    place, count, pixels_begun = len(PNG), 0, False
    while place + 8 <= len(data):
        if (count := count + 1) > MAX_READS:
            raise refusal("The file is in too many pieces")
        length, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        end = place + 8 + length
        whole = data[end : end + 4] == zlib.crc32(content, zlib.crc32(kind)).to_bytes(4)
        if kind == b"IEND" or (pixels_begun and kind == b"IHDR"):
            return
        pixels_begun |= kind == b"IDAT"
        yield kind, content, whole
        place = end + 4


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _png_profile(content: bytes) -> bytes | None:
    """The profile in an iCCP chunk; ``None`` where it is broken, or larger than any press's."""
    packed = content.partition(b"\0")[2][1:]
    try:
        profile = zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    return profile if len(profile) <= MAX_PROFILE_BYTES else None


# --- WebP and BMP -----------------------------------------------------------------------------


def webp_essence(data: bytes) -> bytes:
    """A WebP's first frame, its alpha, profile and EXIF, with a true length of the whole."""
    kept: list[bytes] = []
    place, count, exif, film = 12, 0, False, False
    while place + 8 <= len(data):
        if (count := count + 1) > MAX_READS:
            raise refusal("The file is in too many pieces")
        kind, length = struct.unpack_from("<4sI", data, place)
        chunk = data[place : place + 8 + length]
        place += 8 + length + length % 2
        if kind == b"EXIF" and length <= MAX_EXIF_BYTES and len(chunk) == 8 + length:
            exif = True
        elif kind not in (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"):
            continue
        if not (film and kind == b"ANMF"):
            kept.append(chunk + b"\0" * (length % 2))
        film |= kind == b"ANMF"
    if kept and kept[0].startswith(b"VP8X"):
        # Bit 2 promises XMP, bit 3 EXIF: libwebp looks for what is promised.
        flags = kept[0][8:9]
        if flags:
            promised = flags[0] & ~4 & (~0 if exif else ~8)
            kept[0] = kept[0][:8] + bytes([promised & 255]) + kept[0][9:]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_profile(data: bytes) -> bytes | None:
    """The color profile within a BMP (of version 5), which Pillow passes over."""
    if len(data) < 138 or data[14:18] != b"\x7c\0\0\0" or data[70:74] != b"DEBM":
        return None
    start, length = struct.unpack_from("<II", data, 126)
    profile = data[14 + start : 14 + start + length]
    return profile if 0 < len(profile) == length <= MAX_PROFILE_BYTES else None
