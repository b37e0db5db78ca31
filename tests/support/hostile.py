"""Hostile and unusual image files, as attackers and unlucky viewers upload them.

One file for each mechanism, generated without external files and identical every time. Formats,
depths and colors that are merely unusual are in `tests/image_io`, with their expected pixels.
"""

import gzip
import io
import pickle
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
)

EXTENSIONS = {"JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}
EXTENSIONS |= {"PNG": "png", "AVIF": "avif", "HEIF": "heic"}
GRAY = (77, 77, 77)
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
    """A file and its expected outcome.

    `color` is that of the expected image, if it is known; it holds to within `tolerance`.
    """

    name: str
    file_name: str
    data: bytes
    outcome: Literal["image", "rejected", "either"]
    color: tuple[int, int, int] | None = None
    tolerance: int = 6


def accepted(name, data, color=None, tolerance=6, extension="png"):
    return Hostile(name, f"{name}.{extension}", data, "image", color, tolerance)


def rejected(name, data, extension="png"):
    return Hostile(name, f"{name}.{extension}", data, "rejected")


def either(name, data, color=None, extension="png"):
    return Hostile(name, f"{name}.{extension}", data, "either", color)


@lru_cache(maxsize=2)
def corpus(*, large=False):
    """Return all files in a fixed order; those that take long to build or decode only if large."""
    groups = (formats, metadata, profiles, shapes, bombs, jpeg_tricks, tiff_tricks, other_lies)
    groups += (truncated, polyglots, other_kinds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns when it writes such files
        large_groups = (limits, deep_limits, large_attacks) if large else ()
        return [file for group in (*groups, *large_groups) for file in group()]


# --- unusual, but valid -----------------------------------------------------------------------


def formats():
    for file_format, extension in EXTENSIONS.items():
        data = encode(plain(), file_format)
        yield accepted(f"plain-{extension}", data, RED, extension=extension)
        wrong = "svg" if file_format == "GIF" else "gif"
        yield accepted(f"{extension}-called-{wrong}", data, RED, extension=wrong)
    yield accepted("jpeg-called-exe", encode(plain(), "JPEG"), RED, extension="exe")
    many = [Image.new("L", (4, 4), level % 256) for level in range(500)]
    data = encode(plain(0, (4, 4), "L"), "GIF", save_all=True, append_images=many, duration=1)
    yield accepted("gif-of-500-frames", data, BLACK)
    control = struct.pack(">IIIIIHHBB", 0, 9_999, 9_999, 0, 0, 1, 1, 0, 0)
    chunks = (png_chunk(b"acTL", struct.pack(">II", 1, 0)), png_chunk(b"fcTL", control))
    # only the still image before the animation counts
    yield accepted("apng-frame-larger-than-the-picture", solid_png(3, 3, bytes(RED), *chunks), RED)


def metadata():
    kinds = {"text": (2, 2, 0x36), "rational": (5, 1, 26), "float": (11, 1, 0x40C00000)}
    kinds |= {"9": (3, 1, 9), "many": (3, 2, 0x00060006), "unknown": (99, 1, 6)}
    kinds |= {"missing": (3, 500, 60_000), "huge-count": (3, 2**31, 8)}
    for name, entry in kinds.items():
        exif = build.exif_bytes((0x0112, *entry)) + struct.pack("<LL", 6, 0)
        yield accepted(f"orientation-as-{name}", encode(plain(), "JPEG", exif=exif), RED)
    loop = build.exif_bytes((0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8), following=8)
    for file_format in ("JPEG", "PNG", "WEBP"):
        data = encode(plain(), file_format, exif=loop)
        yield accepted(f"exif-in-a-circle-{file_format}", data, RED)
        nonsense = encode(plain(), file_format, exif=b"Exif\0\0MM\0*" + bytes(range(256)))
        yield accepted(f"exif-nonsense-{file_format}", nonsense, RED)
    many = build.exif_bytes(*[(tag, 3, 1, 6) for tag in range(0x1000, 0xFFFF)])
    yield either("exif-of-61439-tags", encode(plain(), "PNG", exif=many), RED)
    xmp = b'<x:xmpmeta tiff:Orientation="' + b"9" * 60_000 + b'"><!ENTITY a "&a;&a;">'
    segment = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    yield accepted("xmp-nonsense", build.with_jpeg_segments(encode(plain(), "JPEG"), segment), RED)
    # PNGs with a color key or a palette that does not fit
    palette = png_chunk(b"PLTE", bytes(RED))
    yield either("png-color-key-cut", solid_png(4, 4, bytes(3), png_chunk(b"tRNS", b"\0")))
    for name, chunk in {
        "palette-of-5000": png_chunk(b"PLTE", bytes(RED) * 5_000),
        "300-alpha-values": palette + png_chunk(b"tRNS", bytes(300)),
        "index-outside-the-palette": palette,
        "no-palette": b"",
    }.items():
        yield either(f"png-{name}", solid_png(4, 4, b"\xc8", chunk, color_type=3))


def elements_profile(elements):
    """Build a pipeline ("mpet") whose many elements all share the same few bytes."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH", 3, 3)
    matrix += struct.pack(">12f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    table = struct.pack(">II", 16 + 8 * elements, len(matrix)) * elements
    content = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, elements) + table + matrix
    return build.icc_profile({b"D2B0": content})


def profiles():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, profile in {
        "nonsense": b"nonsense",
        "zeros": bytes(200),
        "cut": srgb[:300],
        "of-lab": lab,
        "lying-about-its-size": build.icc_profile({}, size=2**31),
        "of-gray": build.icc_profile({}, space=b"GRAY"),
        "of-cmyk": build.icc_profile({}, space=b"CMYK"),
        "tags-beyond-its-end": build.icc_profile({})[:128]
        + struct.pack(">I", 2**32 - 1)
        + bytes(64),
        "of-a-hundred-thousand-elements": elements_profile(100_000),
    }.items():
        for file_format in ("PNG", "TIFF"):
            data = encode(plain(), file_format, icc_profile=profile)
            yield accepted(f"profile-{name}-{file_format}", data, RED)
    large = encode(plain(), "JPEG", icc_profile=srgb.ljust(5 * 2**20, b"\0"))
    yield accepted("profile-of-5-megabytes", large, RED)
    bomb = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50 * 2**20), 1))
    yield accepted("profile-bomb", solid_png(4, 4, bytes(RED), bomb), RED)


def shapes():
    for file_format, side in (("PNG", 65_535), ("JPEG", 20_000), ("GIF", 20_000), ("TIFF", 20_000)):
        for size in ((1, side), (side, 1)):
            data = encode(plain(size=size), file_format)
            yield accepted(f"{file_format}-{size[0]}-by-{size[1]}", data, RED)
    yield rejected("png-1-by-65536", encode(plain(size=(1, 65_536)), "PNG"))
    for width, height in ((0, 10), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1)):
        data = build.png(width, height, zlib.compress(b""))
        yield rejected(f"png-says-{width}-by-{height}", data)


def limits():
    """Yield images at and just above each format's pixel limit, and large photographs."""
    yield accepted("png-at-the-limit", solid_png(8_000, 5_000, bytes(GRAY)), GRAY)
    yield rejected("png-above-the-limit", solid_png(8_000, 5_001, b"\x4d", color_type=0))
    transparent = solid_png(4_032, 3_024, b"\x4d" * 4, color_type=6)
    yield accepted("png-of-transparent-12-megapixels", transparent, (201,) * 3)
    exif = build.exif_bytes((0x0112, 3, 1, 6))
    for name, size, options in (
        ("48-megapixel-phone", (8_064, 6_048), {"exif": exif}),
        ("12-megapixels-with-profile", (4_032, 3_024), {"icc_profile": build.EXCHANGED}),
    ):
        data = encode(plain(77, size, "L").convert("RGB"), "JPEG", **options)
        yield accepted(f"jpeg-{name}", data, GRAY)
    cmyk = plain((0, 0, 0, 178), (5_000, 5_000), "CMYK")
    cmyk = encode(cmyk, "JPEG", progressive=True, subsampling=0)
    more = [jpeg_segment(0xE1, exif + bytes(60_000))] * 60
    more += [
        jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 70]) + bytes(65_000))
        for number in range(1, 71)
    ]
    heavy = build.with_jpeg_segments(cmyk, *more)
    yield accepted("jpeg-progressive-cmyk-and-8-megabytes-more", heavy, GRAY)
    wide = zlib.compress("\U0001f431".encode() + b"x" * 1_000_000, 1)
    chunks = [png_chunk(b"iTXt", b"%d\0\x01\0\0\0" % number + wide) for number in range(4)]
    chunks.append(png_chunk(b"eXIf", exif.ljust(18_500_000, b"\1")))
    heavy = solid_png(8_000, 5_000, b"\x4d" * 3 + b"\xff", *chunks, color_type=6)
    yield accepted("png-at-the-limit-and-19-megabytes-more", heavy, GRAY)
    yield accepted("jpeg-at-the-limit", build.flat_jpeg(15_000, 10_000), (128,) * 3)
    yield rejected("jpeg-progressive-above-the-limit", build.scans_jpeg(5_000, 6_667, 1))
    data = build.scans_jpeg(5_000, 6_666, 90)
    yield accepted("jpeg-progressive-33-megapixels", data, (128,) * 3)
    large = plain(GRAY, (4_096, 3_050))
    turned = {"exif": exif}
    for name, file_format, options in (
        ("webp-12-megapixels", "WEBP", {"method": 0}),
        ("webp-12-megapixels-turned", "WEBP", turned | {"lossless": True, "method": 0}),
        ("tiff-12-megapixels-lzw", "TIFF", turned | {"compression": "tiff_lzw"}),
        ("tiff-12-megapixels-deflated", "TIFF", turned | {"compression": "tiff_adobe_deflate"}),
        ("avif-12-megapixels", "AVIF", {"quality": 10, "speed": 10}),
    ):
        image = large.convert("RGBA") if "lossless" in options else large
        yield accepted(name, encode(image, file_format, **options), GRAY)
    above = encode(plain(size=(5_000, 2_501)), "WEBP", method=0)
    yield rejected("webp-above-the-limit", above)
    data = encode(plain(77, (5_712, 4_284), "L"), "HEIF", quality=10)
    yield accepted("heic-24-megapixels", data, GRAY)
    yield rejected("heic-larger-than-it-says", with_container_size(data, (64, 64)))
    yield accepted("bmp-12-megapixels", encode(plain(77, (4_000, 3_000), "L"), "BMP"), GRAY)
    yield accepted("gif-at-the-limit", encode(plain(77, (8_000, 5_000), "L"), "GIF"), GRAY)


def with_container_size(data, size):
    """Replace the size in the header (box "ispe") of an AVIF or HEIC."""
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", *size) + data[place + 8 :]


def deep_limits():
    """Yield images of more than 8 bits at the memory limit."""
    for color, name, levels in (
        *((0, "gray", [2_000]), (4, "la", [2_000, 65_535])),
        *((2, "rgb", [2_000] * 3), (6, "rgba", [2_000] * 3 + [65_535])),
    ):
        pixel = struct.pack(f">{len(levels)}H", *levels)
        data = solid_png(8_000, 5_000, pixel, bits=16, color_type=color)
        yield accepted(f"png-of-16-bits-at-the-limit-{name}", data, (8,) * 3)
    for name, options in {
        "rgba-of-16-bits": {"bits": 16, "channels": 4},
        "rgba-of-16-bits-in-planes": {"bits": 16, "channels": 4, "separate": True},
        "floats-of-64-bits": {"bits": 64, "kind": 3},
        "floats-of-64-bits-with-differences": {"bits": 64, "kind": 3, "predictor": 3},
    }.items():
        data = deflated_tiff(4_096, 3_050, **options)
        yield accepted(f"tiff-at-the-limit-{name}", data, BLACK)
    floats = Image.fromarray(np.full((3_000, 4_096), 77, np.float32))
    yield accepted("tiff-of-lzw-floats", encode(floats, "TIFF", compression="tiff_lzw"), GRAY)


def deflated_tiff(width, height, *, bits, channels=1, kind=1, separate=False, predictor=1):
    """Build a TIFF of one strip, or one for all planes; with four channels, opaque black."""
    row = bytes(width * bits * channels // 8)
    if channels == 4 and not separate:
        row = (bytes(3 * bits // 8) + b"\xff" * (bits // 8)) * width
    row = bytes(width * bits // 8) if separate else row
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
    place = data.index(b"\xff\xc0\0")
    return data[: place + 5] + struct.pack(">HH", height, width) + data[place + 9 :]


def bombs():
    for width, height in ((50_000, 50_000), (13_000, 12_000)):
        body = zlib.compress(bytes(2**20), 9)
        yield rejected(f"png-bomb-{width}-by-{height}", build.png(width, height, body))
    small = encode(plain(), "JPEG")
    yield rejected("jpeg-says-65535-by-65535", with_jpeg_size(small, 65_535, 65_535))
    yield rejected("jpeg-above-the-limit", with_jpeg_size(small, 15_000, 10_001))
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 60_000_000, 1))
    yield accepted("png-text-bomb", solid_png(4, 4, bytes(RED), text), RED)
    many = text_bombs(60)
    yield accepted("png-sixty-text-bombs", solid_png(4, 4, bytes(RED), *many), RED)
    late = solid_png(4, 4, bytes(RED)).replace(png_chunk(b"IEND", b""), b"".join(many))
    yield accepted("png-text-bombs-after-the-pixels", late + png_chunk(b"IEND", b""), RED)
    yield rejected("gif-screen-65535-by-65535", build.gif(65_535, 65_535))
    yield rejected("gif-frame-65535-by-65535", build.gif(4, 4, frame=(0, 0, 65_535, 65_535)))
    yield either("gif-frame-outside-the-screen", build.gif(4, 4, frame=(60_000, 0, 4, 4)))
    screen = build.riff((b"VP8X", b"\x02\0\0\0" + struct.pack("<I", 16_382)[:3] * 2))
    yield rejected("webp-says-16383-by-16383", screen)
    lossy = bytearray(encode(plain(), "WEBP"))
    place = lossy.index(b"\x9d\x01\x2a") + 3
    lossy[place : place + 4] = struct.pack("<HH", 16_383, 16_383)
    yield rejected("webp-lossy-header-lies", bytes(lossy))
    for name, size in (("avif", (5_000, 2_501)), ("heic", (5_000, 5_001))):
        small = encode(plain(size=(64, 64)), {"heic": "HEIF"}.get(name, "AVIF"))
        yield rejected(f"{name}-above-the-limit", with_container_size(small, size))


def large_attacks():
    """Yield files of many pieces, which take long to build or to read."""
    yield either("jpeg-says-48-megapixels", with_jpeg_size(encode(plain(), "JPEG"), 8_000, 6_000))
    tiny = png_chunk(b"tEXt", b"") * 1_000_000
    yield rejected("png-of-a-million-chunks", solid_png(4, 4, bytes(RED), tiny))
    empty = png_chunk(b"IDAT", b"") * 1_000_000
    yield rejected("png-of-a-million-empty-pixel-chunks", solid_png(4, 4, bytes(RED), empty))
    tall = zlib.compress(bytes(2 * 49_000_000), 1)
    yield rejected("png-1-by-49-million", build.png(1, 49_000_000, tall, color_type=0))
    yield either("gif-screen-7000-by-7000-frame-4-by-4", build.gif(7_000, 7_000))
    comment = b"!\xfe" + b"\x02ab" * 6_500_000 + b"\0"
    yield rejected("gif-comment-in-pieces", build.gif(4, 4, comment))
    frames = [(b"ANMF", bytes(16))] * 300_000
    frames = build.riff((b"VP8X", b"\x02\0\0\0" + bytes(6)), (b"ANIM", bytes(6)), *frames)
    yield rejected("webp-of-300000-empty-frames", frames)
    chunks = build.riff((b"VP8X", bytes(10)), *[(b"JUNK", b"")] * 2_000_000)
    yield rejected("webp-of-two-million-chunks", chunks)
    runs = b"\x01\x00" * 6_000_000 + b"\0\x01"
    gray = bytes(value for level in range(256) for value in (level, level, level, 0))
    for bits, compression in ((8, 1), (4, 2)):
        options = {"bits": bits, "compression": compression, "palette": gray[: 4 << bits]}
        yield rejected(
            f"bmp-of-six-million-runs-{bits}-bit", build.bmp(4_000, 3_000, runs, **options)
        )
    data = build.bmp(4_000, 3_000, b"\xff\0" * 48_000, bits=8, compression=1, palette=gray)
    yield either("bmp-12-megapixels-in-runs", data, BLACK)
    for scans in (200, 100_000):
        yield rejected(f"jpeg-of-{scans}-scans", build.scans_jpeg(5_000, 5_000, scans))
    yield rejected("jpeg-lossless-20-megapixels", build.lossless_jpeg(5_000, 4_000))
    ordinary = encode(noise(), "JPEG")
    comments = jpeg_segment(0xFE, b"ab") * 1_000_000
    yield rejected("jpeg-of-a-million-comments", build.with_jpeg_segments(ordinary, comments))
    yield either("jpeg-ten-megabytes-of-fill", ordinary[:2] + b"\xff" * 10_000_000 + ordinary[2:])
    start = ordinary.index(b"\xff\xda")
    restarts = ordinary[: start + 14] + b"\xff\xd0" * 5_000_000 + b"\xff\xd9"
    yield either("jpeg-of-restarts-only", restarts)
    offsets = {278: 1, 273: [8] * 2_000_000, 279: [8] * 2_000_000}
    yield rejected("tiff-of-two-million-strips", tiff(16, 16, bytes(256), offsets))
    rows = {278: 1, 273: [8] * 60_000, 279: [8] * 60_000}
    yield either("tiff-of-60000-strips", tiff(4, 60_000, bytes(256), rows))
    zeros = zlib.compress(bytes(16_384**2), 1)
    tiles = {259: 8, 273: None, 279: None, 324: 8, 325: len(zeros)}
    giant = tiles | {322: 16_384, 323: 16_384}
    yield rejected("tiff-tile-bomb", tiff(16, 16, zeros, giant))
    for bits in (8, 16):
        tags = {258: bits, 259: 8, 278: 2**31 - 1}
        yield either(f"tiff-strip-bomb-{bits}-bit", tiff(16, 16, zeros, tags))
    many = tiff(16, 16, bytes([77]) * 256, dict.fromkeys(range(1_000, 65_500), 7))
    yield either("tiff-of-64500-tags", many, GRAY)
    noisy = np.random.default_rng(1).integers(0, 256, 2**24, np.uint8).tobytes()
    heavy = dict.fromkeys(range(40000, 45000), 8)
    yield either("tiff-of-5000-tags-of-16-megabytes", repeated_tags(noisy, heavy))


def repeated_tags(body, tags):
    """Build a gray TIFF in which each of some tags claims the whole body as its value."""
    data = tiff(16, 16, body, tags)
    head, entry = data[: -12 * len(tags) - 4], struct.pack("<HLL", 1, len(body), 8)
    return head + b"".join(struct.pack("<H", tag) + entry for tag in tags) + bytes(4)


def jpeg_tricks():
    yield accepted("jpeg-of-50-scans", build.scans_jpeg(500, 500, 50))
    yield rejected("jpeg-of-5000-scans", build.scans_jpeg(500, 500, 5_000))
    yield rejected("jpeg-lossless", build.lossless_jpeg(64, 64))
    whole = encode(plain(size=(400, 400)), "JPEG")
    place = whole.index(b"\xff\xc0\0")
    frame = whole[place : place + 19]
    small = frame[:5] + struct.pack(">HH", 8, 8) + frame[9:]
    # libjpeg would write long rows into memory allocated for short ones
    yield rejected("jpeg-two-frames", whole[: place + 19] + small + whole[place + 19 :])
    hierarchy = b"\xff\xde" + small[2:]
    yield rejected("jpeg-hierarchical", whole[: place + 19] + hierarchy + whole[place + 19 :])
    hidden = jpeg_segment(0xFE, small)
    yield accepted("jpeg-frame-in-a-comment", whole[:place] + hidden + whole[place:], RED)
    few = whole[:place] + frame[:9] + b"\x01\x01\x11\0" + whole[place + 19 :]
    yield either("jpeg-says-one-channel", few)
    ordinary = encode(noise(), "JPEG")
    comments = jpeg_segment(0xFE, bytes(9)) * 200
    yield accepted(
        "jpeg-of-200-comments", build.with_jpeg_segments(encode(plain(), "JPEG"), comments)
    )
    exif = jpeg_segment(0xE1, b"Exif\0\0" + bytes(6)) * 600
    yield rejected("exif-in-600-segments", build.with_jpeg_segments(ordinary, exif))
    for kind in (0xC5, 0xC9, 0xCA, 0xCB):
        data = ordinary.replace(b"\xff\xc0", bytes([0xFF, kind]), 1)
        yield either(f"jpeg-frame-kind-{kind:x}", data)
    place = ordinary.index(b"\xff\xc0\0")
    for name, at, value in (("12-bit", 4, 12), ("no-channels", 9, 0), ("wide-sampling", 11, 0xFF)):
        damaged = bytearray(ordinary)
        damaged[place + at] = value
        yield rejected(f"jpeg-{name}", bytes(damaged))
    mpo = bytearray(encode(plain(), "MPO", save_all=True, append_images=[plain(build.BLUE)]))
    index = mpo.index(b"MPF\0")
    mpo[index + 8 : index + 60] = b"\xff" * 52
    yield accepted("mpo-with-a-broken-index", bytes(mpo), RED)


def tiff_tricks():
    gray = bytes([77]) * 256
    data = tiff(16, 16, gray)
    next_is_itself = data[:-4] + struct.pack("<L", 8 + 256)
    yield accepted("tiff-next-directory-is-itself", next_is_itself, GRAY)
    yield rejected("tiff-directory-in-its-header", tiff(16, 16, gray, start=1))
    yield rejected("tiff-directory-beyond-the-end", tiff(16, 16, gray, start=2**31))
    line = b"\xff" * 300_000  # every line is an error, which libtiff prints
    yield rejected("tiff-fax-of-65000-errors", tiff(60, 65_000, line, {258: 1, 259: 4}))
    yield rejected("tiff-above-the-limit", tiff(5_000, 2_501, bytes(64)))
    numbers = {258: 32, 262: 2, 277: 4, 339: 3}
    yield rejected("tiff-of-too-many-numbers", tiff(4_096, 3_050, bytes(64), numbers))
    numbers = {258: 16, 277: 2**31}
    yield rejected("tiff-of-two-thousand-million-channels", tiff(16, 16, bytes(64), numbers))
    tiles = {322: 65_520, 323: 65_520, 324: 8, 325: 256, 273: None, 279: None}
    for bits in (8, 16):
        data = tiff(16, 16, gray, tiles | {258: bits})
        yield either(f"tiff-giant-raw-tile-{bits}-bit", data)
    for name, tag, value in (
        ("five-planes", 277, 5),
        ("a-million-bits", 258, 2**20),
        ("rare-photometry", 262, 32_844),
        ("no-such-compression", 259, 12_345),
        ("old-jpeg", 259, 6),
        ("xz", 259, 34_925),
        ("zstandard", 259, 50_000),
        ("sgi-logarithms", 259, 34_676),
        ("zero-rows-a-strip", 278, 0),
        ("reversed-bits", 266, 2),
        ("no-such-predictor", 317, 9),
        ("strip-beyond-the-end", 273, 2**31),
        ("width-zero", 256, 0),
    ):
        for bits in (8, 16):
            data = tiff(16, 16, gray, {258: bits} | {tag: value})
            yield either(f"tiff-{name}-{bits}-bit", data)
    big = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**40) + bytes(100)
    yield rejected("tiff-big-with-a-trillion-tags", big)


def other_lies():
    for name, width, height, bits in (
        ("negative-width", -16, 16, 24),
        ("least-height", 16, -(2**31), 24),
        ("largest", 2**31 - 1, 2**31 - 1, 24),
        ("nothing", 0, 0, 24),
        ("of-7-bit", 16, 16, 7),
    ):
        yield rejected(f"bmp-{name}", build.bmp(width, height, bytes(1_024), bits=bits))
    body = bytes(RED[::-1]) * 256
    yield accepted("bmp-upside-down", build.bmp(16, -16, body), RED)
    yield accepted("bmp-longer-header", build.bmp(16, 16, body, header=bytes(68)), RED)
    for compression, kind in ((4, "jpeg"), (5, "png")):
        data = build.bmp(40, 30, encode(plain(), kind.upper()), compression=compression)
        yield rejected(f"bmp-around-a-{kind}", data)
    data = build.bmp(16, 16, bytes(256), bits=8, colors=2**31 - 1)
    yield rejected("bmp-two-thousand-million-colors", data)
    whole = solid_png(4, 4, bytes(RED))
    yield rejected("png-wrong-checksum", whole[:29] + bytes(4) + whole[33:])
    yield rejected("png-filter-9", build.png(4, 4, zlib.compress(b"\x09" + bytes(12) * 4)))
    yield rejected("png-of-no-such-kind", build.png(4, 4, zlib.compress(bytes(60)), color_type=5))
    yield rejected("png-chunk-of-4-gigabytes", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR" + bytes(64))
    yield either("webp-without-frames", build.riff((b"VP8X", bytes(10))))
    long = b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\x7f" + bytes(64)
    yield rejected("webp-chunk-longer-than-the-file", long)
    whole = build.gif(4, 4)
    place = whole.rindex(struct.pack("<HHHH", 0, 0, 4, 4)) + 9
    yield rejected("gif-code-size-255", whole[:place] + b"\xff" + whole[place + 1 :])


def truncated():
    """Yield files of each format that are cut off; only those with most rows may be shown."""
    for file_format, extension in EXTENSIONS.items():
        data = encode(noise(), file_format)
        for tenth in (1, 4, 8, 9):
            cut = data[: len(data) * tenth // 10]
            make = rejected if tenth < 5 or file_format in ("WEBP", "AVIF", "HEIF") else either
            yield make(f"{extension}-cut-at-{tenth}0-percent", cut, extension=extension)


def polyglots():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("../../evil.py"), "import os")
    page = b"<script>alert(document.domain)</script>"
    jpeg, php = encode(plain(), "JPEG"), b"<?php system($_GET['c']); ?>"
    yield accepted("png-and-zip", encode(plain(), "PNG") + archive.getvalue(), RED)
    html = build.with_jpeg_segments(jpeg, jpeg_segment(0xFE, page))
    yield accepted("jpeg-and-html", html, RED, extension="html")
    yield accepted("jpeg-and-php", jpeg + php, RED, extension="php")
    script = encode(plain().quantize(2), "GIF", comment=b"*/=1;alert(1);/*")
    yield accepted("gif-and-javascript", script, RED, extension="js")
    yield rejected("pdf-and-jpeg", b"%PDF-1.7\n1 0 obj\nstream\n" + jpeg, extension="pdf")
    yield rejected("postscript-and-jpeg", b"%!PS-Adobe-3.0 EPSF-3.0\n" + jpeg)
    shell = encode(plain(), "BMP") + b"\n#!/bin/sh\nrm -rf /\n"
    yield accepted("bmp-and-shell", shell, RED, extension="sh")


def svg(content):
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + content + b"</svg>"


class Bomb:
    """Object that prints when it is unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


def other_kinds():
    """Yield files that are not images, and images of unsupported formats."""
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("zeros"), bytes(2_000_000), zipfile.ZIP_DEFLATED)
    entity = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    contents = {
        "empty.png": b"",
        "one-byte.jpg": b"\xff",
        "zeros.png": bytes(4_096),
        "text.jpg": b"Dear diary, today I renamed a text file.\n" * 20,
        "utf16.txt": "\ufeffpicture".encode("utf-16"),
        "html.png": b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
        "svg-entity.png": entity + svg(b"&a;"),
        "svg-compressed.svgz": gzip.compress(svg(b"<rect/>"), mtime=0),
        "postscript.eps": postscript,
        "targa.tga": encode(plain(), "TGA"),
        "pickle.png": pickle.dumps(Bomb(), protocol=4),
        "numpy.npy": b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n",
        "zip-bomb.png": archive.getvalue(),
        "gzip-bomb.png": gzip.compress(bytes(2_000_000), mtime=0),
        "avif.avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + bytes(200),
        "program.exe": b"MZ" + bytes(200),
        "only-a-jpeg-head.jpg": b"\xff\xd8\xff",
        "only-a-build.gif-head.gif": b"GIF89a",
        "only-a-build.bmp-head.bmp": b"BM",
        "only-a-tiff-head.tif": b"II*\0",
        "only-a-webp-head.webp": b"RIFF\0\0\0\0WEBP",
        "only-a-build.png-head.png": b"\x89PNG\r\n\x1a\n",
    }
    for file_name, data in contents.items():
        yield Hostile(f"kind-{file_name}", file_name, data, "rejected")


def strange_names():
    """Yield valid and invalid images under misleading file names."""
    valid, invalid = encode(plain(build.GREEN), "PNG"), b"<b>not an image</b>"
    for number, file_name in enumerate(FILE_NAMES):
        yield Hostile(f"strange-name-{number}", file_name, valid, "image", build.GREEN)
        yield Hostile(f"strange-name-{number}-wrong", file_name, invalid, "rejected")
