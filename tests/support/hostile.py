"""Hostile and unusual image files, as attackers and unlucky viewers upload them.

One file for each mechanism, generated without external files and identical every time. Formats,
depths and colors that are merely unusual are in `tests/image_io`, with their expected pixels.
"""

import gzip
import io
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from tests.support import image_files as build
from tests.support.image_files import (
    BLACK,
    RED,
    encode,
    jpeg_segment,
    noise,
    plain,
    png_chunk,
    solid_png,
    tiff,
    with_jpeg_segments,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
GRAY, MIDDLE_GRAY = (77, 77, 77), (128, 128, 128)
TURNED = build.exif_bytes((0x0112, 3, 1, 6))
# File names that a browser may send; the page must neither use nor repeat them unescaped.
FILE_NAMES = (
    "",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\config\\sam",
    "<script>alert(1)</script>.png",
    '"><img src=x onerror=alert(1)>.jpg',
    "a\nb\r\nSet-Cookie: x=1.png",
    "nul\0byte.png",
    "bell\a\x1b[31mred\x1b[0m.gif",
    "\u202egnp.exe",
    "a" * 5_000 + ".png",
    "{{7*7}}${7*7}.png",
    "[link](javascript:alert(1)).webp",
    ":material/home: $x^2$ **bold**.tif",
    "\U0001f431\u0301\u0336.jpeg",
    "\udcff\ud800.png",
    ".htaccess",
)


@dataclass(frozen=True, eq=False)
class Hostile:
    """A file and its expected outcome."""

    name: str
    data: bytes
    outcome: Literal["image", "rejected", "either"]
    color: tuple[int, int, int] | None = None  # of the expected image, if it is known
    reason: str = ""  # part of the expected message


def accepted(color, files):
    return [Hostile(name, data, "image", color) for name, data in files.items()]


def rejected(files, reason=""):
    """Return rejected files; ``files`` maps names to contents, or to contents and reasons."""
    pairs = {name: (one, reason) if isinstance(one, bytes) else one for name, one in files.items()}
    return [Hostile(name, data, "rejected", None, words) for name, (data, words) in pairs.items()]


def either(files, color=None):
    return [Hostile(name, data, "either", color) for name, data in files.items()]


@lru_cache(maxsize=2)
def corpus(*, large=False):
    """Return all files in a fixed order; those that take long to build or decode only if large."""
    groups = [formats, metadata, profiles, sizes, bombs, jpeg_tricks, tiff_tricks, other_lies]
    groups += [truncated, other_kinds, *[limits, deep_limits, large_attacks] * large]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns when it writes such files
        return [file for group in groups for file in group()]


def changed(data, offset, new):
    """Replace the bytes at an offset, or at those that follow a pattern."""
    if isinstance(offset, bytes):
        offset = data.index(offset) + len(offset)
    return data[:offset] + new + data[offset + len(new) :]


# --- unusual, but valid -----------------------------------------------------------------------


def formats():
    files = {f"plain-{name}": encode(plain(), name) for name in FORMATS}
    control = struct.pack(">IIIIIHHBB", 0, 9_999, 9_999, 0, 0, 1, 1, 0, 0)
    chunks = (png_chunk(b"acTL", struct.pack(">II", 1, 0)), png_chunk(b"fcTL", control))
    # only the still image before the animation counts
    files["apng-frame-larger-than-the-picture"] = solid_png(3, 3, bytes(RED), *chunks)
    many = [Image.new("L", (4, 4), level % 256) for level in range(500)]
    gif = encode(plain(0, (4, 4), "L"), "GIF", save_all=True, append_images=many, duration=1)
    return accepted(RED, files) + accepted(BLACK, {"gif-of-500-frames": gif})


def metadata():
    kinds = {"text": (2, 2, 0x36), "rational": (5, 1, 26), "float": (11, 1, 0x40C00000)}
    kinds |= {"9": (3, 1, 9), "many": (3, 2, 0x00060006), "unknown": (99, 1, 6)}
    kinds |= {"missing": (3, 500, 60_000), "huge-count": (3, 2**31, 8)}
    files = {}
    for name, entry in kinds.items():
        exif = build.exif_bytes((0x0112, *entry)) + struct.pack("<LL", 6, 0)
        files[f"orientation-as-{name}"] = encode(plain(), "JPEG", exif=exif)
    loop = build.exif_bytes((0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8), following=8)
    nonsense = b"Exif\0\0MM\0*" + bytes(range(256))
    for file_format in ("JPEG", "PNG", "WEBP"):
        files[f"exif-in-a-circle-{file_format}"] = encode(plain(), file_format, exif=loop)
        files[f"exif-nonsense-{file_format}"] = encode(plain(), file_format, exif=nonsense)
    xmp = b'<x:xmpmeta tiff:Orientation="' + b"9" * 60_000 + b'"><!ENTITY a "&a;&a;">'
    segment = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    files["xmp-nonsense"] = with_jpeg_segments(encode(plain(), "JPEG"), segment)
    many = build.exif_bytes(*[(tag, 3, 1, 6) for tag in range(0x1000, 0xFFFF)])
    many = either({"exif-of-61439-tags": encode(plain(), "PNG", exif=many)}, RED)
    palette = png_chunk(b"PLTE", bytes(RED))
    misfits = {
        "palette-of-5000": png_chunk(b"PLTE", bytes(RED) * 5_000),
        "300-alpha-values": palette + png_chunk(b"tRNS", bytes(300)),
        "index-outside-the-palette": palette,
        "no-palette": b"",
    }
    pngs = {
        f"png-{name}": solid_png(4, 4, b"\xc8", misfits[name], color_type=3) for name in misfits
    }
    pngs["png-color-key-cut"] = solid_png(4, 4, bytes(3), png_chunk(b"tRNS", b"\0"))
    return accepted(RED, files) + many + either(pngs)


def elements_profile(elements):
    """Build a pipeline ("mpet") whose many elements all share the same few bytes."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    table = struct.pack(">II", 16 + 8 * elements, len(matrix)) * elements
    content = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, elements) + table + matrix
    return build.icc_profile({b"D2B0": content})


def profiles():
    srgb, lab = (
        ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes() for name in ("sRGB", "LAB")
    )
    empty = build.icc_profile({})
    broken = {
        "nonsense": b"nonsense",
        "zeros": bytes(200),
        "cut": srgb[:300],
        "of-lab": lab,
        "lying-about-its-size": build.icc_profile({}, size=2**31),
        "of-gray": build.icc_profile({}, space=b"GRAY"),
        "of-cmyk": build.icc_profile({}, space=b"CMYK"),
        "tags-beyond-its-end": empty[:128] + b"\xff" * 4 + bytes(64),
        "of-a-hundred-thousand-elements": elements_profile(100_000),
    }
    files = {
        f"profile-{name}-{file_format}": encode(plain(), file_format, icc_profile=profile)
        for name, profile in broken.items()
        for file_format in ("PNG", "TIFF")
    }
    large = srgb.ljust(5 * 2**20, b"\0")
    files["profile-of-5-megabytes"] = encode(plain(), "JPEG", icc_profile=large)
    bomb = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50 * 2**20), 1))
    return accepted(RED, files | {"profile-bomb": solid_png(4, 4, bytes(RED), bomb)})


def sizes():
    sides = {"PNG": 65_535, "JPEG": 20_000, "GIF": 20_000, "TIFF": 20_000}
    files = {f"{name}-wide": encode(plain(size=(side, 1)), name) for name, side in sides.items()}
    files |= {f"{name}-tall": encode(plain(size=(1, side)), name) for name, side in sides.items()}
    tall = encode(plain(size=(1, 65_536)), "PNG")
    lies = {"png-1-by-65536": (tall, "A side has 65,536 pixels, but 65,535 are the limit")}
    for width, height in ((0, 10), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1)):
        lies[f"png-says-{width}-by-{height}"] = build.png(width, height, zlib.compress(b""))
    return accepted(RED, files) + rejected(lies)


def limits():
    """Return images at and just above each format's pixel limit, and large photographs."""
    phone, camera = (plain(GRAY, size) for size in ((8_064, 6_048), (4_032, 3_024)))
    cmyk = plain((0, 0, 0, 178), (5_000, 5_000), "CMYK")
    cmyk = encode(cmyk, "JPEG", progressive=True, subsampling=0)
    more = [jpeg_segment(0xE1, TURNED + bytes(60_000))] * 60
    for number in range(1, 71):
        content = b"ICC_PROFILE\0" + bytes([number, 70]) + bytes(65_000)
        more.append(jpeg_segment(0xE2, content))
    chunks = [*text_bombs(4), png_chunk(b"eXIf", TURNED.ljust(18_500_000, b"\1"))]
    gray, wide = plain(GRAY, (4_096, 3_050)), b"\x4d" * 3 + b"\xff"
    rgba = gray.convert("RGBA")
    heic = encode(plain(77, (5_712, 4_284), "L"), "HEIF", quality=10)
    turned = {"exif": TURNED}
    files = {
        "png-at-the-limit": solid_png(8_000, 5_000, bytes(GRAY)),
        "png-with-19-MB-more": solid_png(8_000, 5_000, wide, *chunks, color_type=6),
        "jpeg-48-megapixel-phone": encode(phone, "JPEG", exif=TURNED),
        "jpeg-12-megapixels-with-profile": encode(camera, "JPEG", icc_profile=build.EXCHANGED),
        "jpeg-progressive-cmyk-and-8-megabytes-more": with_jpeg_segments(cmyk, *more),
        "webp-12-megapixels": encode(gray, "WEBP", method=0),
        "webp-12-megapixels-turned": encode(rgba, "WEBP", **turned, lossless=True, method=0),
        "tiff-12-megapixels-lzw": encode(gray, "TIFF", **turned, compression="tiff_lzw"),
        "tiff-12-megapixels-deflated": encode(gray, "TIFF", **turned, compression="tiff_deflate"),
        "avif-12-megapixels": encode(gray, "AVIF", quality=10, speed=10),
        "heic-24-megapixels": heic,
        "bmp-12-megapixels": encode(plain(77, (4_000, 3_000), "L"), "BMP"),
        "gif-at-the-limit": encode(plain(77, (8_000, 5_000), "L"), "GIF"),
    }
    flat = {
        "jpeg-at-the-limit": build.flat_jpeg(15_000, 10_000),
        "jpeg-progressive-33-megapixels": build.scans_jpeg(5_000, 6_666, 90),
    }
    transparent = solid_png(4_032, 3_024, b"\x4d" * 4, color_type=6)
    webp = encode(plain(size=(5_000, 2_501)), "WEBP", method=0)
    progressive = build.scans_jpeg(5_000, 6_667, 1)
    above = {
        "jpeg-progressive-above-the-limit": (progressive, "The image has 33.4 megapixels"),
        "webp-above-the-limit": (webp, "The image has 12.6 megapixels"),
        "heic-larger-than-it-says": with_container_size(heic, (64, 64)),
    }
    files = accepted(GRAY, files) + accepted(MIDDLE_GRAY, flat) + rejected(above)
    return files + accepted((201,) * 3, {"png-of-transparent-12-megapixels": transparent})


def with_container_size(data, size):
    """Replace the size in the header (box "ispe") of an AVIF or HEIC."""
    return changed(data, b"ispe\0\0\0\0", struct.pack(">II", *size))


def deep_limits():
    """Return images of more than 8 bits at the memory limit."""
    gray, white = b"\x07\xd0", b"\xff\xff"
    pixels = {0: gray, 2: gray * 3, 4: gray + white, 6: gray * 3 + white}  # by color type
    pngs = {}
    for kind, pixel in pixels.items():
        data = solid_png(8_000, 5_000, pixel, bits=16, color_type=kind)
        pngs[f"png-of-16-bits-at-the-limit-{kind}"] = data
    layouts = {
        "rgba-of-16-bits": {"bits": 16, "channels": 4},
        "rgba-of-16-bits-in-planes": {"bits": 16, "channels": 4, "separate": True},
        "floats-of-64-bits": {"bits": 64, "kind": 3},
        "floats-of-64-bits-with-differences": {"bits": 64, "kind": 3, "predictor": 3},
    }
    tiffs = {f"tiff-{name}": deflated_tiff(4_096, 3_050, **layouts[name]) for name in layouts}
    floats = Image.fromarray(np.full((3_000, 4_096), 77, np.float32))
    floats = {"tiff-of-lzw-floats": encode(floats, "TIFF", compression="tiff_lzw")}
    return accepted((8,) * 3, pngs) + accepted(BLACK, tiffs) + accepted(GRAY, floats)


def deflated_tiff(width, height, *, bits, channels=1, kind=1, separate=False, predictor=1):
    """Build a TIFF of one strip, or one for all planes; with four channels, opaque black."""
    row = bytes(width * bits * (1 if separate else channels) // 8)
    if channels == 4 and not separate:
        row = (bytes(3 * bits // 8) + b"\xff" * (bits // 8)) * width
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    planes = channels if separate else 1
    tags = {258: bits, 259: 8, 262: 2 if channels == 4 else 1, 277: channels, 339: kind}
    tags |= {273: [8] * planes, 279: [len(body)] * planes, 284: 1 + separate, 317: predictor}
    return tiff(width, height, body, tags | ({} if channels == 1 or separate else {338: 2}))


# --- attacks ----------------------------------------------------------------------------------


def text_bombs(count):
    wide = zlib.compress("\U0001f431".encode() + b"x" * 1_000_000, 1)
    return [png_chunk(b"iTXt", b"%d\0\x01\0\0\0" % number + wide) for number in range(count)]


def with_jpeg_size(data, width, height):
    """Replace the size in a JPEG's frame header."""
    frame = re.search(rb"\xff[\xc0\xc2]\0", data).start()
    return changed(data, frame + 5, struct.pack(">HH", height, width))


def bombs():
    small, red, many = encode(plain(), "JPEG"), solid_png(4, 4, bytes(RED)), text_bombs(60)
    above = with_jpeg_size(small, 15_000, 10_001)
    avif, heic = (encode(plain(size=(64, 64)), name) for name in ("AVIF", "HEIF"))
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 60_000_000, 1))
    texts = {
        "png-text-bomb": solid_png(4, 4, bytes(RED), text),
        "png-sixty-text-bombs": solid_png(4, 4, bytes(RED), *many),
        "png-text-bombs-after-the-pixels": red[:-12] + b"".join(many) + red[-12:],
    }
    lossy = changed(encode(plain(), "WEBP"), b"\x9d\x01\x2a", struct.pack("<HH", 16_383, 16_383))
    screen = (b"VP8X", b"\x02\0\0\0" + struct.pack("<I", 16_382)[:3] * 2)
    avif = with_container_size(avif, (5_000, 2_501))
    heic = with_container_size(heic, (5_000, 5_001))
    lies = {
        "jpeg-says-65535-by-65535": with_jpeg_size(small, 65_535, 65_535),
        "jpeg-above-the-limit": (above, "The image has 150.1 megapixels"),
        "gif-screen-65535-by-65535": build.gif(65_535, 65_535),
        "gif-frame-65535-by-65535": build.gif(4, 4, frame=(0, 0, 65_535, 65_535)),
        "webp-says-16383-by-16383": build.riff(screen),
        "webp-lossy-header-lies": lossy,
        "avif-above-the-limit": (avif, "The image has 12.6 megapixels"),
        "heic-above-the-limit": (heic, "The image has 25.1 megapixels"),
    }
    outside = {"gif-frame-outside-the-screen": build.gif(4, 4, frame=(60_000, 0, 4, 4))}
    return accepted(RED, texts) + rejected(lies) + either(outside)


def large_attacks():
    """Return files of many pieces, which take long to build or to read."""
    ordinary, riff = encode(noise(), "JPEG"), build.riff
    comment = b"!\xfe" + b"\x02ab" * 6_500_000 + b"\0"
    palette = (np.arange(256, dtype="<u4") * 0x10101).tobytes()
    in_runs = {"bits": 8, "compression": 1, "palette": palette}
    zeros = zlib.compress(bytes(16_384**2), 1)
    tile = {259: 8, 273: None, 279: None, 322: 16_384, 323: 16_384, 324: 8, 325: len(zeros)}
    strips = {count: {278: 1, 273: [8] * count, 279: [8] * count} for count in (60_000, 2_000_000)}
    many = {
        "png-of-a-million-chunks": solid_png(4, 4, bytes(RED), png_chunk(b"tEXt", b"") * 10**6),
        "gif-comment-in-pieces": build.gif(4, 4, comment),
        "webp-of-two-million-chunks": riff((b"VP8X", bytes(10)), *[(b"JUNK", b"")] * 2**21),
        "bmp-of-six-million-runs": build.bmp(4_000, 3_000, b"\1\0" * 6_000_000, **in_runs),
    }
    many = rejected(many, "The file is in too many pieces")
    invalid = {
        "jpeg-of-200-scans": (build.scans_jpeg(5_000, 5_000, 200), "The JPEG has too many scans"),
        "tiff-of-many-strips": (tiff(9, 9, b"", strips[2_000_000]), "TIFF is in too many pieces"),
        "tiff-tile-bomb": tiff(16, 16, zeros, tile),
    }
    noisy = np.random.default_rng(1).integers(0, 256, 2**24, np.uint8).tobytes()
    start = ordinary.index(b"\xff\xda") + 14
    small = {
        "jpeg-says-48-megapixels": with_jpeg_size(encode(plain(), "JPEG"), 8_000, 6_000),
        "jpeg-ten-megabytes-of-fill": ordinary[:2] + b"\xff" * 10_000_000 + ordinary[2:],
        "jpeg-of-restarts-only": ordinary[:start] + b"\xff\xd0" * 5_000_000 + b"\xff\xd9",
        "tiff-of-60000-strips": tiff(4, 60_000, bytes(256), strips[60_000]),
        "tiff-strip-bomb-8-bit": tiff(16, 16, zeros, {259: 8, 278: 2**31 - 1}),
        "tiff-strip-bomb-16-bit": tiff(16, 16, zeros, {258: 16, 259: 8, 278: 2**31 - 1}),
        "tiff-of-5000-tags-of-16-megabytes": repeated_tags(noisy, range(40_000, 45_000)),
    }
    black = build.bmp(4_000, 3_000, b"\xff\0" * 48_000, **in_runs)
    tags = tiff(16, 16, bytes([77]) * 256, dict.fromkeys(range(1_000, 65_500), 7))
    files = many + rejected(invalid) + either(small) + either({"tiff-of-64500-tags": tags}, GRAY)
    files.append(bomb_in_a_row(zeros))
    return files + either({"bmp-12-megapixels-in-runs": black}, BLACK)


def bomb_in_a_row(body):
    """Build a TIFF whose only row is a tile of 768 MB, for which the body is too short."""
    tags = {258: 64, 259: 8, 277: 8, 322: 12_000_000, 323: 1, 324: 8, 325: len(body)}
    data = tiff(16, 16, body, tags | {273: None, 279: None})
    return Hostile("tiff-bomb-in-a-row", data, "rejected")


def repeated_tags(body, tags):
    """Build a gray TIFF in which each of some tags claims the whole body as its value."""
    data = tiff(16, 16, body, dict.fromkeys(tags, 8))
    entry = struct.pack("<HLL", 1, len(body), 8)
    entries = b"".join(struct.pack("<H", tag) + entry for tag in tags)
    return data[: -12 * len(tags) - 4] + entries + bytes(4)


def jpeg_tricks():
    whole, ordinary = encode(plain(size=(400, 400)), "JPEG"), encode(noise(), "JPEG")
    place = whole.index(b"\xff\xc0\0")
    before, frame, after = whole[:place], whole[place : place + 19], whole[place + 19 :]
    small = frame[:5] + struct.pack(">HH", 8, 8) + frame[9:]
    exif, comments = jpeg_segment(0xE1, b"Exif\0\0" + bytes(6)), jpeg_segment(0xFE, bytes(9))
    mpo = encode(plain(), "MPO", save_all=True, append_images=[plain(build.BLUE)])
    valid = {
        "jpeg-frame-in-a-comment": before + jpeg_segment(0xFE, small) + frame + after,
        "jpeg-of-200-comments": with_jpeg_segments(encode(plain(), "JPEG"), comments * 200),
        "mpo-with-a-broken-index": changed(mpo, mpo.index(b"MPF\0") + 8, b"\xff" * 52),
    }
    place = ordinary.index(b"\xff\xc0\0")
    invalid = {
        "jpeg-of-600-segments": (with_jpeg_segments(ordinary, exif * 600), "in too many pieces"),
        "jpeg-ls": (changed(ordinary, place + 1, b"\xf7"), "The JPEG is of a rare kind"),
        "jpeg-lossless": (changed(ordinary, place + 1, b"\xc3"), "The JPEG is of a rare kind"),
        # libjpeg would write long rows into memory allocated for short ones
        "jpeg-two-frames": before + frame + small + after,
        "jpeg-hierarchical": before + frame + b"\xff\xde" + small[2:] + after,
        "jpeg-12-bit": (changed(ordinary, place + 4, b"\x0c"), "has 12 bits a channel, not 8"),
        "jpeg-no-channels": changed(ordinary, place + 9, b"\0"),
        "jpeg-wide-sampling": changed(ordinary, place + 11, b"\xff"),
    }
    others = {
        f"jpeg-frame-kind-{kind:x}": changed(ordinary, place + 1, bytes([kind]))
        for kind in (0xC5, 0xC9, 0xCA, 0xCB)
    }
    others["jpeg-says-one-channel"] = before + frame[:9] + b"\x01\x01\x11\0" + after
    scans = accepted(None, {"jpeg-of-50-scans": build.scans_jpeg(500, 500, 50)})
    return accepted(RED, valid) + scans + rejected(invalid) + either(others)


TIFF_LIES = {
    "giant-raw-tile": {322: 65_520, 323: 65_520, 324: 8, 325: 256, 273: None, 279: None},
    "five-planes": {277: 5},
    "a-million-bits": {258: 2**20},
    "rare-photometry": {262: 32_844},
    "old-jpeg": {259: 6},
    "xz": {259: 34_925},
    "zero-rows-a-strip": {278: 0},
    "reversed-bits": {266: 2},
    "no-such-predictor": {317: 9},
    "strip-beyond-the-end": {273: 2**31},
    "width-zero": {256: 0},
}


def tiff_tricks():
    gray = bytes([77]) * 256
    next_is_itself = tiff(16, 16, gray)[:-4] + struct.pack("<L", 8 + 256)
    many = tiff(4_096, 3_050, bytes(64), {258: 32, 262: 2, 277: 4, 339: 3})
    channels = tiff(16, 16, bytes(64), {258: 16, 277: 2**31})
    # Every line is an error, which libtiff prints.
    fax = tiff(60, 65_000, b"\xff" * 300_000, {258: 1, 259: 4})
    big = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**40) + bytes(100)
    invalid = {
        "tiff-directory-in-its-header": tiff(16, 16, gray, start=1),
        "tiff-directory-beyond-the-end": tiff(16, 16, gray, start=2**31),
        "tiff-fax-of-65000-errors": (fax, "compressed with GROUP4"),
        "tiff-above-the-limit": (tiff(5_000, 2_501, bytes(64)), "The image has 12.6 megapixels"),
        "tiff-of-200-MB": (many, "The TIFF holds 200 MB of samples, but 100 MB are the limit"),
        "tiff-of-many-channels": (channels, "it has 2,147,483,648 channels of 16 bits"),
        "tiff-big-with-a-trillion-tags": big,
    }
    others = {
        f"tiff-{name}-{bits}-bit": tiff(16, 16, gray, {258: bits} | tags)
        for bits in (8, 16)
        for name, tags in TIFF_LIES.items()
    }
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate"):  # libtiff prints its errors
        data = encode(noise(), "TIFF", compression=compression, tiffinfo={278: 8})
        others[f"tiff-damaged-{compression}"] = changed(data, len(data) // 3, b"\xff\x75" * 200)
    valid = accepted(GRAY, {"tiff-next-directory-is-itself": next_is_itself})
    return valid + rejected(invalid) + either(others)


def other_lies():
    most, invalid = 2**31 - 1, {}
    sizes = ((-16, 16, 24), (16, -most - 1, 24), (most, most, 24), (0, 0, 24), (16, 16, 7))
    for width, height, bits in sizes:
        data = build.bmp(width, height, bytes(1_024), bits=bits)
        invalid[f"bmp-{width}-by-{height}-of-{bits}-bit"] = data
    for compression, kind in ((4, "JPEG"), (5, "PNG")):
        data = build.bmp(40, 30, encode(plain(), kind), compression=compression)
        invalid[f"bmp-around-a-{kind}"] = data
    gif, signature = build.gif(4, 4), b"\x89PNG\r\n\x1a\n"
    long = b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\x7f"
    code_size = gif.rindex(struct.pack("<HHHH", 0, 0, 4, 4)) + 9
    invalid |= {
        "bmp-two-thousand-million-colors": build.bmp(16, 16, bytes(256), bits=8, colors=most),
        "png-wrong-checksum": changed(solid_png(4, 4, bytes(RED)), 29, bytes(4)),
        "png-filter-9": build.png(4, 4, zlib.compress(b"\x09" + bytes(12) * 4)),
        "png-of-no-such-kind": build.png(4, 4, zlib.compress(bytes(60)), color_type=5),
        "png-chunk-of-4-gigabytes": signature + b"\xff\xff\xff\xffIHDR" + bytes(64),
        "webp-chunk-longer-than-the-file": long + bytes(64),
        "gif-code-size-255": changed(gif, code_size, b"\xff"),
    }
    body = bytes(RED[::-1]) * 256
    valid = {
        "bmp-upside-down": build.bmp(16, -16, body),
        "bmp-longer-header": build.bmp(16, 16, body, header=bytes(68)),
    }
    frames = {"webp-without-frames": build.riff((b"VP8X", bytes(10)))}
    return rejected(invalid) + accepted(RED, valid) + either(frames)


def truncated():
    """Return files of each format that are cut off; only those with most rows may be shown."""
    files = []
    for file_format in FORMATS:
        data = encode(noise(), file_format)
        for tenth in (1, 4, 8, 9):
            make = rejected if tenth < 5 or file_format in ("WEBP", "AVIF", "HEIF") else either
            files += make({f"{file_format}-cut-at-{tenth}0%": data[: len(data) * tenth // 10]})
    return files


def zipped(name, content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


class Bomb:
    """Object that prints when it is unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


def container(brand, others=b""):
    return b"\0\0\0\x18ftyp" + brand + bytes(4) + others.ljust(99, b"\0")


def other_kinds():
    """Return files that are not images, and images of unsupported formats and layouts."""
    page = b"\n <!-- hi -->\n<HTML><p><script>alert(1)</script>"
    entity = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'
    fits = {name: encode(plain(), name) for name in ("TGA", "PPM", "ICO", "JPEG2000")}
    deep, cut = {258: 16, 262: 2, 277: 3}, "is cut off or damaged. Upload"
    files = {
        "empty": (b"", "The file is empty. Choose"),
        "targa": fits["TGA"],
        "pickle": pickle.dumps(Bomb(), protocol=4),
        "numpy": b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n",
        "gzip-bomb": gzip.compress(bytes(2_000_000), mtime=0),
        "jpeg-head": (b"\xff\xd8\xff", cut),
        "gif-head": (b"GIF89a", cut),
        "bmp-head": (b"BM", cut),
        "tiff-head": (b"II*\0", cut),
        "webp-head": (b"RIFF\0\0\0\0WEBP", cut),
        "png-head": (b"\x89PNG\r\n\x1a\n", cut),
        "avif-head": (container(b"avif", b"avifmif1"), f"The AVIF {cut}"),
        "heic-head": (container(b"heic", b"mif1heic"), f"The HEIC {cut}"),
        "pdf": (b"%PDF-1.7\n", "The file is a PDF, not an image. Choose"),
        "video-of-a-phone": (container(b"qt  "), "a video or a sound file, not an image. Choose"),
        "video": (b"\x1aE\xdf\xa3", "The file is a video, not an image"),
        "sound": (b"RIFF\0\0\0\0WAVE", "The file is a sound file, not an image"),
        "zip-bomb": (zipped("zeros", bytes(2_000_000)), "an archive or an office document, not"),
        "web-page": (page, "The file is a web page, not an image"),
        "svg-entity": (entity, "an SVG, which cannot be shown here. Save"),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript file"),
        "dicom": (bytes(128) + b"DICM" + bytes(9), "a DICOM, which cannot be shown here"),
        "photoshop": (b"8BPS\0\x01", "a Photoshop file, which cannot be shown"),
        "jpeg-xl": (b"\xff\x0a", "a JPEG XL, which cannot be shown here"),
        "ppm": (fits["PPM"], "a PNM, which cannot be shown here. Save"),
        "icon": (fits["ICO"], "an icon, which cannot be shown here. Save"),
        "jpeg-2000": (fits["JPEG2000"], "a JPEG 2000, which cannot be shown here. Save"),
        "raw-canon": (container(b"crx "), "a camera's raw file, which cannot be shown here. Save"),
        "raw-fujifilm": (b"FUJIFILMCCD-RAW ", "a camera's raw file"),
        "raw-dng": (tiff(9, 9, bytes(81), {50706: 1}), "a camera's raw file, which cannot"),
        "kind-of-heif": (container(b"hevx", b"mif1hevx"), "is a kind of HEIF that"),
        "complex-tiff": (tiff(9, 9, bytes(999), {258: 64, 339: 6}), "numbers are complex. Save"),
        "12-bit-tiff": (tiff(9, 9, bytes(999), {258: 12}), "it has 12 bits a channel. Save"),
        "fax": (tiff(9, 9, bytes(99), {259: 4}), "it is compressed with GROUP4. Save"),
        "zstandard": (tiff(9, 9, bytes(99), {259: 50000}), "compressed with ZSTD. Save"),
        "reversed": (tiff(9, 9, bytes(999), deep | {266: 2}), "its bits are reversed. Save"),
        "deep-lzw": (tiff(9, 9, bytes(9_999), deep | {259: 5}), "with LZW at 16 bits a channel."),
    }
    return rejected({f"kind-{name}": content for name, content in files.items()})
