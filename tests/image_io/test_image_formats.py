"""Kinds of image files that viewers upload, each with its expected colors and notes.

Expected colors are computed by hand. TIFFs are written by ``tifffile``, which shares no code with
the reader under test.
"""

import io
import re
import struct
import zlib
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.support import image_files as build
from tests.support.image_files import (
    EXCHANGED,
    RED,
    deep_png,
    encode,
    jpeg_segment,
    noise,
    plain,
    png_chunk,
)
from tests.support.photographs import decode
from vgg_viz.image_io.images import read_image, resize
from vgg_viz.image_io.input_image import PictureOptions
from vgg_viz.image_io.tiff import Directory

ROWS, COLUMNS = 48, 64
# From 0 to 1 in every row, so that all values are equally frequent.
RAMP = np.tile(np.linspace(0, 1, COLUMNS), (ROWS, 1))
GRAY = np.rint(255 * RAMP)
COLORS = np.stack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 0.5)], axis=2)
RGB = np.rint(255 * COLORS)
EIGHT = RGB.astype("u1")
ALPHA = np.where(np.arange(ROWS)[:, np.newaxis] < ROWS // 2, 1.0, 0.0) * np.ones_like(RAMP)
ZEROS = np.zeros_like(RAMP)
STRETCHED = "stretched to black and white"


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, **{"photometric": "minisblack", "metadata": None} | options)
    return file.getvalue()


def scaled(smallest, largest, kind, fractions=RAMP):
    """Scale fractions from 0 to 1 to values from ``smallest`` to ``largest``."""
    values = smallest + (largest - smallest) * fractions
    return (values if np.dtype(kind).kind == "f" else np.rint(values)).astype(kind)


def with_values(values, *places):
    changed = values.copy()
    for value, *pixels in places:
        for pixel in pixels:
            changed[pixel] = value
    return changed


def float_differences(values):
    """Apply the floating-point predictor of TIFF's Technical Note 3, and deflate."""
    planes = values.astype(">f4").view("u1").reshape(*values.shape, 4).transpose(0, 2, 1)
    rows = planes.reshape(len(values), -1)
    steps = np.diff(rows, axis=1, prepend=np.zeros((len(rows), 1), "u1"))
    return zlib.compress(steps.astype("u1").tobytes())


def over_white(colors, alpha=ALPHA):
    colors = colors if colors.ndim == 3 else np.dstack([colors] * 3)
    return np.rint(colors * alpha[:, :, np.newaxis] + 255 * (1 - alpha[:, :, np.newaxis]))


@dataclass(frozen=True)
class Kind:
    """A file with the expected colors (gray as one channel) and notes.

    as_stored: expected colors without contrast stretching, if there is any.
    """

    name: str
    data: bytes
    colors: np.ndarray
    notes: tuple[str, ...] = ()
    as_stored: np.ndarray | None = None
    tolerance: int = 1


def deep_grays():
    twelve, dark = scaled(0, 4095, "u2"), np.rint(255 * scaled(0, 4095, "f8") / 65535)
    image, notes = Image.fromarray(twelve), (f"values from 0 to 4,095 {STRETCHED}",)
    for name, data in {
        "": tiff(twelve),
        ", PNG": deep_png(0, twelve),
        ", LZW": encode(image, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}),
        ", PackBits": encode(image, "TIFF", compression="packbits"),
    }.items():
        yield Kind(f"12 bits in 16{name}", data, GRAY, notes, dark)
    narrow, dark = scaled(1000, 1400, "u2"), np.rint(255 * scaled(1000, 1400, "f8") / 65535)
    notes = (f"values from 1,000 to 1,400 {STRETCHED}",)
    yield Kind("1,000 to 1,400", tiff(narrow), GRAY, notes, dark)
    hot, dead = ((5, 7), (20, 30), (33, 50)), ((9, 11), (40, 3))
    data = tiff(with_values(narrow, (65535, *hot), (0, *dead)))
    shown, stored = (with_values(values, (255, *hot), (0, *dead)) for values in (GRAY, dark))
    yield Kind("1,000 to 1,400 with hot and dead pixels", data, shown, notes, stored)
    yield Kind("all 16 bits", tiff(scaled(0, 65535, "u2")), GRAY)
    yield Kind("all 16 bits, PNG", deep_png(0, scaled(0, 65535, "u2")), GRAY)
    notes = (f"values from \N{MINUS SIGN}1,000 to 800 {STRETCHED}",)
    stored = np.rint(255 * 1800 * RAMP / (65535 + 1000))
    for kind in ("i2", "i4", "f4", "f8"):
        yield Kind(f"a CT of {kind}", tiff(scaled(-1000, 800, kind)), GRAY, notes, stored)
    hot = with_values(scaled(-1000, 800, "i4"), (2_000_000_000, *hot))
    stored, shown = np.where(hot > 800, 255, 0), np.where(hot > 800, 255, GRAY)
    yield Kind("a CT with hot pixels", tiff(hot), shown, notes, stored)
    notes = (f"values from 0 to 1.2 {STRETCHED}",)
    thermal = np.rint(scaled(0, 1.2, "f8"))
    yield Kind("floats from 0 to 1.2", tiff(scaled(0, 1.2, "f4")), GRAY, notes, thermal)
    notes, stored = (f"values from 22.5 to 31.5 {STRETCHED}",), np.rint(scaled(22.5, 31.5, "f8"))
    values = scaled(22.5, 31.5, "f4")
    packed, image = float_differences(values), Image.fromarray(values)
    tags = {258: 32, 259: 8, 339: 3, 317: 3}
    tiles = [float_differences(values[:, :32]), float_differences(values[:, 32:])]
    tiled = {322: 32, 323: ROWS, 324: [8, 8 + len(tiles[0])], 325: [*map(len, tiles)]}
    tiled |= tags | {273: None, 279: None}
    for name, data in {
        "": tiff(values),
        ", LZW": encode(image, "TIFF", compression="tiff_lzw"),
        ", LZW with differences": encode(image, "TIFF", compression="tiff_lzw", tiffinfo={317: 3}),
        ", differences by hand": build.tiff(COLUMNS, ROWS, packed, tags),
        ", differences by hand, big-endian": build.tiff(COLUMNS, ROWS, packed, tags, order=">"),
        ", differences in tiles": build.tiff(COLUMNS, ROWS, b"".join(tiles), tiled),
    }.items():
        yield Kind(f"temperatures{name}", data, GRAY, notes, stored)
    yield Kind("floats from 0 to 1", tiff(scaled(0, 1, "f4")), GRAY)
    yield Kind("floats from 0 to 255", tiff(scaled(0, 255, "f4")), GRAY)
    notes = ("values from \N{MINUS SIGN}1 to 1 as black and white",)
    yield Kind("a vegetation index", tiff(scaled(-1, 1, "f4")), GRAY, notes)
    notes = ("values from 0 to 100,000 as black and white",)
    yield Kind("32 bits", tiff(scaled(0, 100_000, "u4")), GRAY, notes)
    yield Kind("all the same", tiff(np.full((ROWS, COLUMNS), 1000, "u2")), ZEROS + 4)


def no_data():
    """Yield images with pixels that stand for no measurement: black, and not in the range."""
    top = np.s_[:9]
    black = with_values(GRAY, (0, top))
    heights, notes = scaled(200, 1200, "f4"), (f"values from 200 to 1,200 {STRETCHED}",)
    stored = with_values(np.rint(255 * heights / 65535), (0, top))
    for name, value, kind, tag in (
        *(("NaN", np.nan, "f4", None), ("infinity", np.inf, "f4", None)),
        *(("the smallest float32", -3.4028235e38, "f4", None), ("-9999", -9999, "f4", "-9999")),
        *(("the smallest float64", -1.79769e308, "f8", None), ("-9999.0", -9999, "i4", "-9999.0")),
        *(("the smallest int16", -32768, "i2", None), ("65535", 65535, "u2", "65535 ")),
        *(("-9999 without a tag", -9999, "f4", None), ("-32768", -32768, "f4", None)),
        *(("the largest float32", 3.4028235e38, "f4", None), ("netCDF", 9.96921e36, "f4", None)),
        *(("netCDF's fill", -32767, "i2", None), ("netCDF's long", 1 - 2**31, "i4", None)),
        *(("Surfer's blank", 1.70141e38, "f4", None), ("ENVI's", -1e34, "f4", None)),
        *(("HYCOM's", 2.0**100, "f4", None), ("the largest int32", 2**31 - 1, "i4", None)),
        *(("the smallest int32", -(2**31), "i4", None), ("-99999", -99999, "f8", None)),
    ):
        tags = [(42113, "s", 0, tag, True)] if tag else []
        values = with_values(heights.astype(kind), (value, top))
        data = tiff(values, extratags=tags)
        yield Kind(f"no data: {name} in {kind}", data, black, notes, stored)
    nothing = tiff(np.full((ROWS, COLUMNS), np.nan, "f4"))
    yield Kind("no data anywhere", nothing, 0 * GRAY, ("no pixel holds data",))
    data = tiff(with_values(scaled(200, 1200, "i2"), (-32768, top)), photometric="miniswhite")
    inverted, stored = with_values(255 - GRAY, (0, top)), with_values(255 - stored, (0, top))
    notes = ("values from 200 to 1,200 stretched to white and black",)
    yield Kind("no data where white is zero", data, inverted, notes, stored)


def white_is_zero():
    for bits, order in product((1, 8), "<>"):
        values = scaled(0, 2**bits - 1, "u1")
        body = bytes(np.packbits(values, axis=1) if bits == 1 else values)
        data = build.tiff(COLUMNS, ROWS, body, {258: bits, 262: 0}, order=order)
        colors = 255 - np.rint(values * (255 / (2**bits - 1)))
        yield Kind(f"white is zero, {bits} bits {order}", data, colors)
    for (kind, most), order in product((("u2", 65535), ("f4", 1), ("f8", 1)), "<>"):
        data = tiff(scaled(0, most, kind), photometric="miniswhite", byteorder=order)
        yield Kind(f"white is zero, {kind} {order}", data, 255 - GRAY)
    notes = ("values from \N{MINUS SIGN}1,000 to 800 stretched to white and black",)
    stored, values = 255 - np.rint(255 * 1800 * RAMP / (65535 + 1000)), scaled(-1000, 800, "i2")
    data = tiff(values, photometric="miniswhite")
    yield Kind("white is zero, a CT", data, 255 - GRAY, notes, stored)
    data = encode(Image.fromarray(values.astype("i4")), "TIFF", compression="tiff_lzw")
    inverted = data.replace(b"\6\1\3\0\1\0\0\0\1\0", b"\6\1\3\0\1\0\0\0\0\0")  # tag 262
    yield Kind("white is zero, a CT, LZW", inverted, 255 - GRAY, notes, stored)


def colors():
    for name, options in {
        "PNG": {},
        "BMP": {},
        "TIFF": {},
        "TIFF, LZW": {"compression": "tiff_lzw"},
        "TIFF, PackBits": {"compression": "packbits"},
        "TIFF, deflated": {"compression": "tiff_adobe_deflate"},
        "WEBP": {"lossless": True},
    }.items():
        data = encode(noise(), name.partition(",")[0], **options)
        yield Kind(f"noise, {name}", data, np.asarray(noise()), tolerance=0)
    undefined = build.tiff(COLUMNS, ROWS, EIGHT[:, :, 0].tobytes(), {339: 4})
    yield Kind("undefined kind of samples", undefined, RGB[:, :, 0])
    tiles = tiff(EIGHT, photometric="rgb", tile=(16, 32), byteorder=">", bigtiff=True)
    yield Kind("tiles, big-endian BigTIFF", tiles, RGB)
    yield Kind("TIFF in JPEG", encode(plain(), "TIFF", compression="jpeg"), solid(RED), tolerance=8)
    wide, alpha = scaled(0, 65535, "u2", COLORS), scaled(0, 65535, "u2", ALPHA)
    rgba, la = np.dstack([wide, alpha]), np.dstack([wide[:, :, 0], alpha])
    yield Kind("RGB of 16 bits", tiff(wide, photometric="rgb"), RGB)
    yield Kind("RGB of 16 bits, PNG", deep_png(2, wide), RGB)
    yield Kind("RGBA of 16 bits, PNG", deep_png(6, rgba), over_white(RGB))
    yield Kind("LA of 16 bits, PNG", deep_png(4, la), over_white(GRAY))
    for (name, values, photometric, shown), order in product(
        (("RGBA", rgba, "rgb", RGB), ("LA", la, "minisblack", GRAY)), "<>"
    ):
        options = {"photometric": photometric, "extrasamples": ["unassalpha"]}
        data = tiff(values, byteorder=order, **options)
        yield Kind(f"{name} of 16 bits {order}", data, over_white(shown))
        data = tiff((values >> 8).astype("u1"), byteorder=order, **options)
        yield Kind(f"{name} of 8 bits {order}", data, over_white(shown))
    half = ALPHA / 2
    premultiplied = np.dstack([COLORS * half[:, :, np.newaxis], half])
    for most, kind in ((65535, "u2"), (255, "u1")):
        data = scaled(0, most, kind, premultiplied)
        data = tiff(data, photometric="rgb", extrasamples=["assocalpha"])
        yield Kind(f"RGBA of {kind}, multiplied", data, over_white(RGB, half), tolerance=2)
    floats = np.dstack([COLORS, ALPHA]).astype("f4")
    data = tiff(floats, photometric="rgb", extrasamples=["unassalpha"])
    yield Kind("float RGBA", data, over_white(RGB))
    notes, dark = (f"values from 0 to 4,095 {STRETCHED}",), np.rint(255 * 4095 * COLORS / 65535)
    twelve = scaled(0, 4095, "u2", COLORS)
    yield Kind("RGB of 12 bits in 16", tiff(twelve, photometric="rgb"), RGB, notes, dark)
    yield Kind("RGB of 12 bits in 16, PNG", deep_png(2, twelve), RGB, notes, dark)
    night = scaled(0, 20_000, "u2", COLORS)  # a photograph, which may use little of its type
    yield Kind("RGB at night", tiff(night, photometric="rgb"), np.rint(night / 257))
    key = png_chunk(b"tRNS", struct.pack(">3H", *wide[0, 0]))
    keyed = with_values(RGB, (255, np.s_[:, 0]))
    yield Kind("16-bit PNG with a transparent color", deep_png(2, wide, key), keyed)
    for mode in ("YCbCr", "LAB"):
        data = encode(plain().convert(mode), "TIFF")
        yield Kind(f"{mode} TIFF", data, solid(RED), tolerance=6)


def solid(color, size=(40, 30)):
    return np.asarray(plain(color, size))


def channels():
    eight = np.rint(255 * np.dstack([COLORS, RAMP, RAMP])).astype("u1")
    notes = ("the first three of 5 channels",)
    options = {"planarconfig": 1}
    yield Kind("five channels", tiff(eight, **options), RGB, notes)
    yield Kind("five channels, RGB first", tiff(eight, photometric="rgb", **options), RGB, notes)
    deep = scaled(200, 3000, "u2", np.dstack([COLORS, RAMP, RAMP]))
    stored = np.rint(255 * scaled(200, 3000, "f8", COLORS) / 65535)
    both = (f"values from 200 to 3,000 {STRETCHED}", *notes)
    yield Kind("five channels of 16 bits", tiff(deep, **options), RGB, both, stored)
    data = tiff(eight[:, :, :2], extrasamples=["unspecified"], **options)
    yield Kind("two channels", data, RGB[:, :, 0], ("the first of 2 channels",))
    dark = eight[:, :, :2] // 4  # photographs of 8 bits are never stretched
    data = tiff(dark, extrasamples=["unspecified"], **options)
    yield Kind("two dark channels", data, dark[:, :, 0], ("the first of 2 channels",))
    notes = ("its three channels as red, green and blue",)
    yield Kind("three channels other than RGB", tiff(EIGHT, **options), RGB, notes)
    data = tiff(np.stack([EIGHT[:, :, 0]] * 4))
    yield Kind("four pages", data, RGB[:, :, 0], ("the first of several pages",))
    zeros = np.dstack([EIGHT, ZEROS.astype("u1")])
    data = tiff(zeros, photometric="rgb", extrasamples=["unspecified"])
    yield Kind("RGB and a fourth channel", data, RGB, ("the first three of 4 channels",))
    data = build.tiff(COLUMNS, ROWS, zeros.tobytes(), {262: 2, 277: 4})
    yield Kind("alpha, not declared, of zeros", data, RGB)
    data = build.tiff(COLUMNS, ROWS, zeros.astype("<u2").tobytes(), {262: 2, 277: 4, 258: 16})
    notes, stored = (f"values from 0 to 255 {STRETCHED}",), np.rint(RGB / 257)
    yield Kind("alpha, not declared, of zeros in 16 bits", data, RGB, notes, stored)


def transparency():
    zeros, some = np.dstack([EIGHT, ZEROS]), np.dstack([EIGHT, 255 * ALPHA])
    yield Kind("BMP whose alpha is zero everywhere", bmp_with_alpha(zeros), RGB)
    yield Kind("BMP with alpha", bmp_with_alpha(some), over_white(RGB))
    image = Image.fromarray(some.astype("u1"))
    yield Kind("PNG with alpha", encode(image, "PNG"), over_white(RGB))
    yield Kind("WebP with alpha", encode(image, "WEBP", lossless=True), over_white(RGB))
    half = np.full((30, 40, 3), (255, 127, 127))
    for name in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if name == "WEBP" else {}
        data = encode(plain((255, 0, 0, 128), mode="RGBA"), name, **options)
        yield Kind(f"half transparent, {name}", data, half)
    data = encode(image.convert("LA"), "PNG")
    yield Kind("gray with alpha", data, over_white(np.asarray(image.convert("L"))))
    indexed = Image.fromarray(np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype("u1") % 4)
    indexed.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    table = np.array([[255, 0, 0], [127, 255, 127], [255, 255, 255], [9, 9, 9]])
    data = encode(indexed, "PNG", transparency=bytes([255, 128, 0, 255]))
    yield Kind("palette with transparency bytes", data, table[np.asarray(indexed)])
    table = np.array([[255, 0, 0], [255, 255, 255], [0, 0, 255], [9, 9, 9]])
    for name in ("PNG", "GIF"):
        data = encode(indexed, name, transparency=1)
        yield Kind(f"palette with a transparent entry, {name}", data, table[np.asarray(indexed)])
    data = encode(indexed, "TIFF", compression="tiff_lzw")
    table[1] = (0, 255, 0)
    yield Kind("palette, TIFF", data, table[np.asarray(indexed)])
    key = png_chunk(b"tRNS", struct.pack(">HHH", 0, 0, 255))
    data = build.png(2, 1, zlib.compress(b"\0\xff\0\0\0\0\xff"), key)
    yield Kind("PNG with a transparent color", data, np.array([[[255, 0, 0], [255, 255, 255]]]))


def bmp_with_alpha(values):
    """Build a BMP of version 4 with an alpha mask and, as usual, rows from the bottom up."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    body = values[::-1, :, [2, 1, 0, 3]].astype("u1").tobytes()
    return build.bmp(COLUMNS, ROWS, body, bits=32, compression=3, header=masks)


def bmp_with_profile(values, profile):
    """Build a BMP of version 5 with a color profile after its pixels."""
    body = values[::-1, :, ::-1].tobytes()
    header = bytes(16) + struct.pack("<I", 0x4D424544) + bytes(48)
    header += struct.pack("<IIII", 4, 124 + len(body), len(profile), 0)
    return build.bmp(values.shape[1], values.shape[0], body, header=header) + profile


def cmyk():
    inks = np.dstack([ZEROS, RAMP, 1 - RAMP, np.full(RAMP.shape, 0.25)])
    image = Image.fromarray(np.rint(255 * inks).astype("u1"), "CMYK")
    colors = 255 * (1 - inks[:, :, :3]) * (1 - inks[:, :, 3:])
    marked = encode(image, "JPEG", quality=100, subsampling=0)
    start = marked.index(b"\xff\xee")
    bare = marked[:start] + marked[start + 16 :]
    # Chromium, ImageMagick and libvips also take the inks of both to be stored as Photoshop does.
    yield Kind("CMYK JPEG with Adobe's marker", marked, colors, tolerance=4)
    yield Kind("CMYK JPEG without Adobe's marker", bare, colors, tolerance=4)
    yield Kind("CMYK TIFF", encode(image, "TIFF"), colors, tolerance=2)
    deep = np.rint(65535 * inks).astype("u2")
    yield Kind("CMYK TIFF of 16 bits", tiff(deep, photometric="separated"), colors, tolerance=2)


def srgb_light(value):
    """Convert an sRGB value to linear light, both from 0 to 1 (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def cyan_only_profile():
    """Build a CMYK profile in which cyan ink is black and the other inks are invisible."""
    ramp, identity = bytes(range(256)), build.icc_numbers(1, 0, 0, 0, 1, 0, 0, 0, 1)
    nodes = bytes([255, 128, 128]) * 8 + bytes([0, 128, 128]) * 8
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + nodes + ramp * 3
    return build.icc_profile({b"A2B0": table}, space=b"CMYK", device=b"prtr", connection=b"Lab ")


def profiles():
    red, blue = plain(), solid((0, 0, 255))
    for name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        data = encode(red, name, icc_profile=EXCHANGED)
        yield Kind(f"profile, {name}", data, blue, tolerance=35)
    data = bmp_with_profile(solid(RED), EXCHANGED)
    yield Kind("profile, BMP", data, blue, tolerance=35)
    deep = np.full((30, 40, 3), (65535, 0, 0), "u2")
    data = tiff(deep, photometric="rgb", iccprofile=EXCHANGED)
    yield Kind("profile, TIFF of 16 bits", data, blue, tolerance=35)
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(EXCHANGED))
    yield Kind("profile, PNG of 16 bits", deep_png(2, deep, chunk), blue, tolerance=35)
    large = encode(red, "PNG", icc_profile=EXCHANGED.ljust(3 * 2**20, b"\0"))
    yield Kind("profile of a printing press, 3 MB", large, blue, tolerance=35)
    indexed = encode(red.convert("P"), "PNG", icc_profile=EXCHANGED)
    yield Kind("profile of a palette", indexed, blue, tolerance=35)
    clear = encode(plain((*RED, 0), mode="RGBA"), "PNG", icc_profile=EXCHANGED)
    yield Kind("profile of a transparent image", clear, blue * 0 + 255)
    # 200, 100, 50 in Display P3 are 213.9, 91.9, 27.6 in sRGB (by the matrices of both).
    wide = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
    data = encode(plain((200, 100, 50)), "PNG", icc_profile=build.matrix_profile(*wide))
    light = np.linalg.solve(
        np.array(build.SRGB_PRIMARIES).T, np.array(wide).T @ (np.array([200, 100, 50]) / 255) ** 2.2
    )
    levels = np.linspace(0, 1, 4096)
    color = np.rint(255 * np.interp(light, [srgb_light(level) for level in levels], levels))
    yield Kind("Display P3", data, np.full((30, 40, 3), color), tolerance=2)
    linear = np.full((30, 40), 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055))
    profile = build.matrix_profile(*build.SRGB_PRIMARIES, curve=build.icc_curve(1.0))
    data = encode(plain((55, 55, 55)), "PNG", icc_profile=profile)
    yield Kind("linear profile", data, linear, tolerance=2)
    profile = build.icc_profile({b"kTRC": build.icc_curve(1.0)}, space=b"GRAY")
    for mode in ("L", "LA"):
        data = encode(plain(55, mode="L").convert(mode), "PNG", icc_profile=profile)
        yield Kind(f"gray profile, {mode}", data, linear, tolerance=2)
    for name, (inks, value) in product(
        ("JPEG", "TIFF"), (((0, 255, 255, 0), 255), ((255, 0, 0, 0), 0))
    ):
        data = encode(plain(inks, mode="CMYK"), name, icc_profile=cyan_only_profile())
        yield Kind(f"CMYK profile, {name} {value}", data, np.full((30, 40), value), tolerance=3)
    for name, image, other in (
        ("RGB profile of a CMYK image", plain((0, 255, 255, 0), mode="CMYK"), EXCHANGED),
        ("CMYK profile of an RGB image", red, cyan_only_profile()),
        ("gray profile of an RGB image", red, profile),
    ):
        yield Kind(name, encode(image, "JPEG", icc_profile=other), solid(RED), tolerance=3)
    # Many cameras' profiles round a primary differently, which would change some values by 1.
    table = np.array([srgb_light(level / 1023) for level in range(1024)]) * 65535
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1024) + table.round().astype(">u2").tobytes()
    rounded = build.matrix_profile((0.4362, 0.2225, 0.0139), *build.SRGB_PRIMARIES[1:], curve=curve)
    for name, own in (("Pillow's", ImageCms.createProfile("sRGB")), ("by hand", None)):
        own = ImageCms.ImageCmsProfile(own).tobytes() if own else rounded
        data = encode(noise(), "PNG", icc_profile=own)
        yield Kind(f"sRGB profile, {name}", data, np.asarray(noise()), tolerance=0)


def phones():
    image, colors = Image.fromarray(build.QUARTERS), build.QUARTERS
    jpeg = encode(image, "JPEG", quality=95, subsampling=0)
    film = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(500_000)
    yield Kind("motion photo", jpeg + film, colors, tolerance=6)
    films = {"save_all": True, "append_images": [Image.new("RGB", (64, 64))] * 2}
    several = encode(image, "MPO", **films, quality=95, subsampling=0)
    yield Kind("MPO", several, colors, tolerance=6)
    depth = jpeg_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)) * 160
    portrait = build.with_jpeg_segments(jpeg, depth)
    yield Kind("portrait with a depth map of 10 MB", portrait, colors, tolerance=6)
    for name in ("HEIF", "AVIF"):
        yield Kind(name, encode(image, name, quality=95), colors, tolerance=12)
    several = encode(image, "HEIF", **films, quality=95)
    yield Kind("HEIC with several images", several, colors, tolerance=12)
    for name in ("GIF", "WEBP", "PNG"):
        data = encode(plain(), name, save_all=True, append_images=[plain((0, 0, 255))])
        yield Kind(f"animation, {name}", data, solid(RED), tolerance=3)


def intact_pixels():
    """Yield files with all pixels, but with wrong, huge or missing metadata."""
    image = Image.fromarray(EIGHT)
    whole = encode(image, "PNG")
    for name, chunk in {
        "a text of 9 MB": png_chunk(b"tEXt", b"Comment\0" + b"x" * 9_000_000),
        "a broken text": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0nonsense"),
        "a wrong checksum of its date": png_chunk(b"tIME", b"1234567")[:-4] + b"\0\0\0\0",
        "a profile cut off": png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2000))[:9]),
    }.items():
        yield Kind(f"PNG with {name}", whole[:33] + chunk + whole[33:], RGB)
    yield Kind("PNG without its end", whole[:-12], RGB)
    yield Kind("PNG without its last checksum and end", whole[:-16], RGB)
    options = {"quality": 95, "subsampling": 0}
    jpeg = encode(image, "JPEG", **options)
    yield Kind("JPEG without its end", jpeg[:-2], RGB, tolerance=8)
    progressive, notes = encode(image, "JPEG", **options, progressive=True)[:-2], (COARSE,)
    yield Kind("progressive JPEG without its end", progressive, RGB, notes, tolerance=8)
    comments = build.with_jpeg_segments(jpeg, jpeg_segment(0xFE, b"x" * 65_000) * 250)
    yield Kind("JPEG with 16 MB of comments", comments, RGB, tolerance=8)
    webp = encode(image, "WEBP", lossless=True, xmp=b"x" * 1000)
    yield Kind("WebP with truncated metadata", webp[:-500], RGB)
    yield Kind("GIF without its end", encode(image.quantize(64), "GIF")[:-1], RGB, tolerance=40)
    bitmap = encode(image, "BMP")
    lies = bitmap[:2] + bytes(4) + bitmap[6:34] + bytes(4) + bitmap[38:]
    yield Kind("BMP without its length", lies, RGB)
    many = [(50838, "I", 70_000, tuple(range(70_000)), True)]
    many += [(700, "B", 4_000_000, bytes(4_000_000), True)]
    data = tiff(EIGHT, photometric="rgb", extratags=many)
    yield Kind("TIFF with an unknown tag of 70,000 values", data, RGB)


COARSE = "cut off: fine details are missing"
KINDS = [
    kind
    for group in (
        *(deep_grays, no_data, white_is_zero, colors, channels, transparency),
        *(cmyk, profiles, phones, intact_pixels),
    )
    for kind in group()
]


def assert_colors(found, expected, tolerance):
    expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
    assert found.shape == expected.shape
    wrong = np.abs(found.astype(int) - expected) > tolerance
    # Lossy formats blur edges.
    fraction = 0 if tolerance <= 2 else 0.12
    assert wrong.any(axis=2).mean() <= fraction, (found[-1, ::9], expected[-1, ::9])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_is_decoded_to_its_colors_and_notes(kind):
    image, decoded = read_image(kind.data), decode(kind.data)
    assert_colors(np.asarray(decoded), kind.colors, kind.tolerance)
    for fit in ("stretch", "crop"):
        shown = image.open(PictureOptions(fit))
        np.testing.assert_array_equal(shown.pixels, resize(decoded, fit))
        assert not shown.pixels.flags.writeable
        assert (shown.notes, shown.stretchable) == (kind.notes, kind.as_stored is not None)
    if kind.as_stored is not None:
        shown = image.open(PictureOptions(as_stored=True))
        stored = decode(kind.data, as_stored=True)
        assert_colors(np.asarray(stored), kind.as_stored, 1)
        assert re.search("as (black and white|white and black)", shown.notes[0])
        np.testing.assert_array_equal(shown.pixels, resize(stored))


# Type, byte order, size of offsets, channels, in planes, compression, differences, tiles.
LAYOUTS = list(
    product(
        ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"),
        *("<>", (False, True)),
        ((1, None), (3, 1), (3, 2), (4, 1), (5, 2)),
        ((None, None), ("zlib", None), ("zlib", True)),
        (None, (16, 32)),
    )
)


@pytest.mark.parametrize("step", [43, pytest.param(1, marks=pytest.mark.slow)])
def test_samples_equal_those_that_tifffile_has_written(step):
    for layout in LAYOUTS[::step]:
        kind, byteorder, bigtiff, (count, planar), (compression, predictor), tile = layout
        if predictor and kind in ("u8", "i8", "f2", "f4", "f8"):
            continue  # tifffile cannot write their predictor
        shape = (45, 50) if count == 1 else (45, 50, count)
        values = (np.random.default_rng(0).random(shape) * 120).astype(kind)
        data = tiff(
            values.transpose(2, 0, 1) if planar == 2 else values,
            photometric="rgb" if count in (3, 4) else "minisblack",
            extrasamples=["unassalpha"] if count == 4 else None,
            **{"byteorder": byteorder, "bigtiff": bigtiff, "planarconfig": planar},
            **{"compression": compression, "predictor": predictor, "tile": tile},
            rowsperstrip=None if tile else 7,
        )
        samples, present = Directory(data).read_samples()
        assert present.all()
        values = values.reshape(45, 50, count)
        np.testing.assert_array_equal(samples.values, values[:, :, : min(count, 3)], str(layout))
        if count == 4:
            np.testing.assert_array_equal(samples.alpha, values[:, :, 3], str(layout))
