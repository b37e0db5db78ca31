"""Kinds of image files that viewers upload, each with its expected colors and notes.

Expected colors are computed by hand. TIFFs are written by ``tifffile``, which shares no code with
the reader under test.
"""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.image_io.test_images import (
    EXCHANGED_PRIMARIES,
    SRGB_PRIMARIES,
    assert_problem_and_advice,
    icc_curve,
    matrix_profile,
    srgb_light,
)
from tests.support.hostile import QUARTERS, encode, jpeg_segment, png, png_chunk, with_jpeg_segments
from vgg_viz.image_io.images import ImageFileError, decode, read_image, resize

ROWS, COLUMNS = 48, 64
# From 0 to 1 in every row, so that all values are equally frequent.
RAMP = np.tile(np.linspace(0, 1, COLUMNS), (ROWS, 1))
GRAY = np.rint(255 * RAMP)
COLORS = np.stack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 0.5)], axis=2)
RGB = np.rint(255 * COLORS)
ALPHA = np.where(np.arange(ROWS)[:, np.newaxis] < ROWS // 2, 1.0, 0.0) * np.ones_like(RAMP)


def tiff(values, **options):
    file = io.BytesIO()
    options = {"photometric": "minisblack", "metadata": None} | options
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def scaled(smallest, largest, kind, fractions=RAMP):
    """Scale fractions from 0 to 1 to values from ``smallest`` to ``largest``."""
    values = smallest + (largest - smallest) * fractions
    return (values if np.dtype(kind).kind == "f" else np.rint(values)).astype(kind)


def with_hot_pixels(values, hot, dead=None):
    changed = values.copy()
    changed[5, 7] = changed[20, 30] = changed[33, 50] = hot
    if dead is not None:
        changed[9, 11] = changed[40, 3] = dead
    return changed


def packed(values, bits):
    """Pack values of the given number of bits; every row starts with a new byte."""
    rows = []
    for row in values:
        digits = "".join(format(int(value), f"0{bits}b") for value in row.ravel())
        digits += "0" * (-len(digits) % 8)
        rows.append(int(digits, 2).to_bytes(len(digits) // 8))
    return b"".join(rows)


def float_differences(values):
    """Apply the floating-point predictor of TIFF's Technical Note 3."""
    planes = values.astype(">f4").view("u1").reshape(*values.shape, 4).transpose(0, 2, 1)
    rows = planes.reshape(len(values), -1)
    return np.diff(rows, axis=1, prepend=np.zeros((len(rows), 1), "u1")).astype("u1").tobytes()


def tiff_of_bytes(body, bits, *, order="<", photometric=1, channels=1, compression=1, others=None):
    """Build a TIFF by hand, for layouts that ``tifffile`` does not write."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HL", 42, 8 + len(body))
    tags = {256: COLUMNS, 257: ROWS, 258: bits, 259: compression, 262: photometric, 273: 8}
    tags |= {277: channels, 278: ROWS, 279: len(body)} | (others or {})
    entries = b"".join(struct.pack(f"{order}HHLL", tag, 4, 1, value) for tag, value in tags.items())
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def deep_png(color_type, values, *chunks):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    height, width = values.shape[:2]
    return png(width, height, zlib.compress(rows), *chunks, bits=16, color_type=color_type)


def stack(*bands):
    return np.stack(bands, axis=2)


def over_white(colors, alpha):
    colors = colors if colors.ndim == 3 else stack(colors, colors, colors)
    return np.rint(colors * alpha[:, :, np.newaxis] + 255 * (1 - alpha[:, :, np.newaxis]))


def tiled_floats(values, side):
    """Build a deflated TIFF of square tiles with the floating-point predictor and padded edges."""
    padded = np.pad(values, [(0, -size % side) for size in values.shape])
    tiles = [
        zlib.compress(float_differences(padded[top : top + side, left : left + side]))
        for top, left in np.ndindex(*padded.shape)
        if top % side == left % side == 0
    ]
    offsets = np.cumsum([8 + 8 * len(tiles), *map(len, tiles)])[:-1]
    body = struct.pack(f"<{len(tiles)}L", *offsets)
    body += struct.pack(f"<{len(tiles)}L", *map(len, tiles)) + b"".join(tiles)
    tags = {256: COLUMNS, 257: ROWS, 258: 32, 259: 8, 262: 1, 277: 1, 317: 3, 322: side, 323: side}
    tags |= {324: 8, 325: 8 + 4 * len(tiles), 339: 3}
    entries = b"".join(
        struct.pack("<HHLL", tag, 4, len(tiles) if tag in (324, 325) else 1, value)
        for tag, value in tags.items()
    )
    head = b"II" + struct.pack("<HL", 42, 8 + len(body))
    return head + body + struct.pack("<H", len(tags)) + entries + bytes(4)


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
    stretched = "stretched to black and white"
    dark = {
        kind: np.rint(255 * scaled(smallest, largest, "f8") / 65535).clip(0)
        for kind, smallest, largest in (("12", 0, 4095), ("14", 0, 16383), ("narrow", 1000, 1400))
    }
    twelve = scaled(0, 4095, "u2")
    notes = (f"values from 0 to 4,095 {stretched}",)
    yield Kind("12 bits in 16", tiff(twelve), GRAY, notes, dark["12"])
    yield Kind("12 bits in 16, big-endian", tiff(twelve, byteorder=">"), GRAY, notes, dark["12"])
    yield Kind("12 bits in 16, PNG", deep_png(0, twelve), GRAY, notes, dark["12"])
    deflated = tiff(twelve, compression="zlib", predictor=True, rowsperstrip=7)
    yield Kind("12 bits in 16, deflated with differences", deflated, GRAY, notes, dark["12"])
    tiled = tiff(twelve, tile=(16, 16), compression="zlib", predictor=True)
    yield Kind("12 bits in 16, in tiles with differences", tiled, GRAY, notes, dark["12"])
    big = tiff(twelve, bigtiff=True)
    yield Kind("12 bits in 16, BigTIFF", big, GRAY, notes, dark["12"])
    lzw = encode(Image.fromarray(twelve), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield Kind("12 bits in 16, LZW with differences", lzw, GRAY, notes, dark["12"])
    bits = encode(Image.fromarray(twelve), "TIFF", compression="packbits")
    yield Kind("12 bits in 16, PackBits", bits, GRAY, notes, dark["12"])
    notes = (f"values from 0 to 16,383 {stretched}",)
    yield Kind("14 bits in 16", tiff(scaled(0, 16383, "u2")), GRAY, notes, dark["14"])
    narrow = scaled(1000, 1400, "u2")
    notes = (f"values from 1,000 to 1,400 {stretched}",)
    yield Kind("1,000 to 1,400", tiff(narrow), GRAY, notes, dark["narrow"])
    hot = with_hot_pixels(narrow, 65535, 0)
    shown = with_hot_pixels(GRAY, 255, 0)
    plain = with_hot_pixels(dark["narrow"], 255, 0)
    yield Kind("1,000 to 1,400 with hot and dead pixels", tiff(hot), shown, notes, plain)
    yield Kind("all 16 bits", tiff(scaled(0, 65535, "u2")), GRAY)
    yield Kind("all 16 bits, PNG", deep_png(0, scaled(0, 65535, "u2")), GRAY)
    notes = (f"values from \N{MINUS SIGN}1,000 to 800 {stretched}",)
    stored = np.rint(255 * 1800 * RAMP / (65535 + 1000))
    for kind in ("i2", "i4", "f4", "f8"):
        yield Kind(f"a CT of {kind}", tiff(scaled(-1000, 800, kind)), GRAY, notes, stored)
    hot = with_hot_pixels(scaled(-1000, 800, "i4"), 2_000_000_000)
    stored = np.where(hot == 2_000_000_000, 255, 0)
    yield Kind("a CT with hot pixels", tiff(hot), with_hot_pixels(GRAY, 255), notes, stored)
    notes = (f"values from 0 to 1.2 {stretched}",)
    thermal = np.rint(np.clip(scaled(0, 1.2, "f8"), 0, None))
    yield Kind("floats from 0 to 1.2", tiff(scaled(0, 1.2, "f4")), GRAY, notes, thermal)
    notes = (f"values from 22.5 to 31.5 {stretched}",)
    stored = np.rint(scaled(22.5, 31.5, "f8"))
    yield Kind("temperatures", tiff(scaled(22.5, 31.5, "f4")), GRAY, notes, stored)
    yield Kind("floats of 64 bits", tiff(scaled(22.5, 31.5, "f8")), GRAY, notes, stored)
    yield Kind("floats of 16 bits", tiff(scaled(22.5, 31.5, "f2")), GRAY, notes, stored)
    values = scaled(22.5, 31.5, "f4")
    written = {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 3}}
    data = encode(Image.fromarray(values), "TIFF", **written)
    yield Kind("floats with differences", data, GRAY, notes, stored)
    for order in "<>":
        body = zlib.compress(float_differences(values))
        data = tiff_of_bytes(body, 32, order=order, compression=8, others={339: 3, 317: 3})
        yield Kind(f"floats with differences by hand {order}", data, GRAY, notes, stored)
    data = tiled_floats(values, 48)
    yield Kind("floats with differences in tiles", data, GRAY, notes, stored)
    yield Kind("floats from 0 to 1", tiff(scaled(0, 1, "f4")), GRAY)
    yield Kind("floats from 0 to 255", tiff(scaled(0, 255, "f4")), GRAY)
    holes = scaled(0, 1, "f4")
    holes[3, 5], holes[4, 6] = np.nan, np.inf
    colors = GRAY.copy()
    colors[3, 5] = colors[4, 6] = 0
    yield Kind("floats with holes", tiff(holes), colors)
    notes = ("values from 0 to 100,000 as black and white",)
    yield Kind("32 bits", tiff(scaled(0, 100_000, "u4")), GRAY, notes)
    for bits, notes in ((10, ()), (12, ()), (14, ())):
        values = scaled(0, 2**bits - 1, "u2")
        for order in "<>":
            data = tiff_of_bytes(packed(values, bits), bits, order=order)
            yield Kind(f"packed {bits} bits {order}", data, GRAY, notes)
    body = zlib.compress(packed(scaled(0, 4095, "u2"), 12))
    yield Kind("packed 12 bits, deflated", tiff_of_bytes(body, 12, compression=8), GRAY)
    low = tiff_of_bytes(packed(scaled(100, 500, "u2"), 12), 12)
    notes = (f"values from 100 to 500 {stretched}",)
    yield Kind(
        "packed 12 bits, few used", low, GRAY, notes, np.rint(scaled(100, 500, "f8") / 16.06)
    )
    constant = tiff(np.full((ROWS, COLUMNS), 1000, "u2"))
    yield Kind("all the same", constant, np.full((ROWS, COLUMNS), 4))


def white_is_zero():
    turned = 255 - GRAY
    for bits in (1, 2, 4, 8, 12):
        values = scaled(0, 2**bits - 1, "u2")
        colors = 255 - np.rint(values * (255 / (2**bits - 1)))
        for order in "<>":
            data = tiff_of_bytes(packed(values, bits), bits, order=order, photometric=0)
            yield Kind(f"white is zero, {bits} bits {order}", data, colors)
    for kind, most in (("u2", 65535), ("f4", 1), ("f8", 1)):
        for order in "<>":
            data = tiff(scaled(0, most, kind), photometric="miniswhite", byteorder=order)
            yield Kind(f"white is zero, {kind} {order}", data, turned)
    notes = ("values from 1,000 to 1,400 stretched to white and black",)
    data = tiff(scaled(1000, 1400, "u2"), photometric="miniswhite")
    stored = 255 - np.rint(255 * scaled(1000, 1400, "f8") / 65535)
    yield Kind("white is zero, 1,000 to 1,400", data, turned, notes, stored)
    notes = ("values from \N{MINUS SIGN}1,000 to 800 stretched to white and black",)
    data = tiff(scaled(-1000, 800, "i2"), photometric="miniswhite")
    stored = 255 - np.rint(255 * 1800 * RAMP / (65535 + 1000))
    yield Kind("white is zero, a CT", data, turned, notes, stored)


def deep_colors():
    wide, halves = scaled(0, 65535, "u2", COLORS), ALPHA
    alpha = scaled(0, 65535, "u2", ALPHA)
    rgba, la = np.dstack([wide, alpha]), np.dstack([scaled(0, 65535, "u2"), alpha])
    yield Kind("RGB of 16 bits", tiff(wide, photometric="rgb"), RGB)
    yield Kind("RGB of 16 bits, PNG", deep_png(2, wide), RGB)
    yield Kind("RGBA of 16 bits, PNG", deep_png(6, rgba), over_white(RGB, halves))
    yield Kind("LA of 16 bits, PNG", deep_png(4, la), over_white(GRAY, halves))
    for name, values, photometric, colors in (
        ("RGBA", rgba, "rgb", over_white(RGB, halves)),
        ("LA", la, "minisblack", over_white(GRAY, halves)),
    ):
        for order in "<>":
            data = tiff(
                values, photometric=photometric, extrasamples=["unassalpha"], byteorder=order
            )
            yield Kind(f"{name} of 16 bits {order}", data, colors)
        eight = (values >> 8).astype("u1")
        data = tiff(eight, photometric=photometric, extrasamples=["unassalpha"])
        yield Kind(f"{name} of 8 bits", data, colors)
    premultiplied = (rgba * ALPHA[:, :, np.newaxis]).astype("u2")
    data = tiff(premultiplied, photometric="rgb", extrasamples=["assocalpha"])
    yield Kind("RGBA of 16 bits, multiplied", data, over_white(RGB, halves))
    yield Kind("float RGB", tiff(COLORS.astype("f4"), photometric="rgb"), RGB)
    apart = tiff(COLORS.transpose(2, 0, 1).astype("f4"), photometric="rgb", planarconfig=2)
    yield Kind("float RGB in planes", apart, RGB)
    floats = np.dstack([COLORS, ALPHA]).astype("f4")
    data = tiff(floats, photometric="rgb", extrasamples=["unassalpha"])
    yield Kind("float RGBA", data, over_white(RGB, halves))
    notes = ("values from 0 to 4,095 stretched to black and white",)
    dark = np.rint(255 * scaled(0, 4095, "f8", COLORS) / 65535)
    twelve = scaled(0, 4095, "u2", COLORS)
    yield Kind("RGB of 12 bits in 16", tiff(twelve, photometric="rgb"), RGB, notes, dark)
    yield Kind("RGB of 12 bits in 16, PNG", deep_png(2, twelve), RGB, notes, dark)
    data = tiff(twelve, photometric="rgb", compression="zlib", predictor=True, tile=(16, 32))
    yield Kind("RGB of 12 bits in 16, tiles with differences", data, RGB, notes, dark)
    key = png_chunk(b"tRNS", struct.pack(">H", 65535))
    colors = GRAY.copy()
    yield Kind("16-bit PNG with a transparent gray", deep_png(0, wide[:, :, 0], key), colors)
    key = png_chunk(b"tRNS", struct.pack(">3H", *wide[0, 0]))
    colors = RGB.copy()
    colors[:, 0] = 255
    yield Kind("16-bit PNG with a transparent color", deep_png(2, wide, key), colors)


def channels():
    eight = np.rint(255 * np.dstack([COLORS, RAMP, RAMP])).astype("u1")
    notes = ("the first three of 5 channels",)
    options = {"planarconfig": 1}
    yield Kind("five channels", tiff(eight, **options), RGB, notes)
    apart = tiff(eight.transpose(2, 0, 1), planarconfig=2)
    yield Kind("five channels in planes", apart, RGB, notes)
    yield Kind("five channels, RGB first", tiff(eight, photometric="rgb", **options), RGB, notes)
    deep = scaled(200, 3000, "u2", np.dstack([COLORS, RAMP, RAMP]))
    stored = np.rint(255 * scaled(200, 3000, "f8", COLORS) / 65535)
    both = ("values from 200 to 3,000 stretched to black and white", *notes)
    yield Kind("five channels of 16 bits", tiff(deep, **options), RGB, both, stored)
    data = tiff(eight[:, :, :2], extrasamples=["unspecified"], **options)
    yield Kind("two channels", data, RGB[:, :, 0], ("the first of 2 channels",))
    data = tiff(eight[:, :, :3], **options)
    notes = ("its three channels as red, green and blue",)
    yield Kind("three channels other than RGB", data, RGB, notes)
    data = tiff(np.stack([eight[:, :, 0]] * 4))
    yield Kind("four pages", data, RGB[:, :, 0], ("the first of 4 pages",))
    zeros = np.dstack([np.rint(255 * COLORS), np.zeros_like(RAMP)]).astype("u1")
    file = io.BytesIO(tiff(zeros, photometric="rgb", extrasamples=["unspecified"]))
    notes = ("the first three of 4 channels",)
    yield Kind("RGB and a fourth of unknown meaning", file.getvalue(), RGB, notes)


def transparency():
    rgb = RGB.astype("u1")
    zeros = np.dstack([rgb, np.zeros(RAMP.shape, "u1")])
    bitmap = bmp_with_alpha(zeros)
    yield Kind("BMP whose alpha is zero everywhere", bitmap, RGB)
    some = np.dstack([rgb, (255 * ALPHA).astype("u1")])
    yield Kind("BMP with alpha", bmp_with_alpha(some), over_white(RGB, ALPHA))
    yield Kind("PNG with alpha", encode(Image.fromarray(some), "PNG"), over_white(RGB, ALPHA))
    indexed = Image.fromarray(np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype("u1") % 4)
    indexed.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    data = encode(indexed, "PNG", transparency=bytes([255, 128, 0, 255]))
    table = np.array([[255, 0, 0], [127, 255, 127], [255, 255, 255], [9, 9, 9]])
    yield Kind("palette with transparency bytes", data, table[np.asarray(indexed)])


def bmp_with_alpha(values):
    """Build a BMP of version 4 with an alpha mask and, as usual, rows from the bottom up."""
    height, width = values.shape[:2]
    body = values[::-1, :, [2, 1, 0, 3]].astype("u1").tobytes()
    head = b"BM" + struct.pack("<IHHI", 122 + len(body), 0, 0, 122)
    head += struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(body), 0, 0, 0, 0)
    head += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return head + body


def bmp_with_profile(values, profile):
    """Build a BMP of version 5 with a color profile after its pixels."""
    height, width = values.shape[:2]
    body = values[::-1, :, ::-1].astype("u1").tobytes()
    head = b"BM" + struct.pack("<IHHI", 138 + len(body) + len(profile), 0, 0, 138)
    head += struct.pack("<IiiHHIIiiII", 124, width, height, 1, 24, 0, len(body), 0, 0, 0, 0)
    head += bytes(16) + struct.pack("<I", 0x4D424544) + bytes(48)
    head += struct.pack("<IIII", 4, 124 + len(body), len(profile), 0)
    return head + body + profile


def cmyk():
    inks = np.dstack([np.zeros(RAMP.shape), RAMP, 1 - RAMP, np.full(RAMP.shape, 0.25)])
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


def profiles():
    """Yield images with a profile that exchanges red and blue, in every format with profiles."""
    profile = matrix_profile(**EXCHANGED_PRIMARIES, curve=icc_curve(2.2))
    image = Image.new("RGB", (COLUMNS, ROWS), (255, 0, 0))
    colors = np.full((ROWS, COLUMNS, 3), (0, 0, 255))
    for file_format in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        data = encode(image, file_format, icc_profile=profile)
        yield Kind(f"profile, {file_format}", data, colors, tolerance=35)
    data = bmp_with_profile(np.asarray(image), profile)
    yield Kind("profile, BMP", data, colors, tolerance=35)
    deep = np.full((ROWS, COLUMNS, 3), (65535, 0, 0), "u2")
    data = tiff(deep, photometric="rgb", iccprofile=profile)
    yield Kind("profile, TIFF of 16 bits", data, colors, tolerance=35)
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))
    yield Kind("profile, PNG of 16 bits", deep_png(2, deep, chunk), colors, tolerance=35)
    large = profile.ljust(3 * 2**20, b"\0")
    data = encode(image, "PNG", icc_profile=large)
    yield Kind("profile of a printing press, 3 MB", data, colors, tolerance=35)
    wide = matrix_profile(
        red=(0.51512, 0.2412, -0.00105),
        green=(0.29198, 0.69225, 0.04189),
        blue=(0.1571, 0.06657, 0.78407),
    )
    # 200, 100, 50 in Display P3 are 213.9, 91.9, 27.6 in sRGB (by the matrices of both).
    image = Image.new("RGB", (COLUMNS, ROWS), (200, 100, 50))
    colors = np.full((ROWS, COLUMNS, 3), display_p3_as_srgb((200, 100, 50)))
    for file_format in ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"):
        options = {"quality": 95} if file_format != "PNG" else {}
        data = encode(image, file_format, icc_profile=wide, **options)
        yield Kind(f"Display P3, {file_format}", data, colors, tolerance=6)


def display_p3_as_srgb(color):
    """Convert a color by the matrices of both spaces to XYZ (D50), with exponent 2.2."""
    p3 = np.array([[0.51512, 0.29198, 0.1571], [0.2412, 0.69225, 0.06657]])
    p3 = np.vstack([p3, [-0.00105, 0.04189, 0.78407]])
    srgb = np.array([SRGB_PRIMARIES[name] for name in ("red", "green", "blue")]).T
    light = np.linalg.solve(srgb, p3 @ (np.array(color) / 255) ** 2.2)
    levels = np.linspace(0, 1, 4096)
    return np.rint(255 * np.interp(light, [srgb_light(level) for level in levels], levels))


def phones():
    image = Image.fromarray(QUARTERS.repeat(2, axis=0).repeat(2, axis=1))
    colors = np.asarray(image)
    jpeg = encode(image, "JPEG", quality=95, subsampling=0)
    film = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(500_000)
    yield Kind("motion photo", jpeg + film, colors, tolerance=6)
    other = Image.new("RGB", (64, 64))
    several = encode(image, "MPO", save_all=True, append_images=[other], quality=95, subsampling=0)
    yield Kind("MPO", several, colors, tolerance=6)
    depth = [
        jpeg_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000))
        for _ in range(160)
    ]
    portrait = with_jpeg_segments(jpeg, *depth)
    yield Kind("portrait with a depth map of 10 MB", portrait, colors, tolerance=6)
    for name in ("HEIF", "AVIF"):
        data = encode(image, name, quality=95)
        yield Kind(name, data, colors, tolerance=12)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)
    for name in ("HEIF", "AVIF"):
        data = encode(turned, name, quality=95, exif=exif.tobytes())
        yield Kind(f"{name}, turned", data, colors, tolerance=12)
    several = encode(image, "HEIF", save_all=True, append_images=[other, other], quality=95)
    yield Kind("HEIC with several images", several, colors, tolerance=12)


def intact_pixels():
    """Yield files with all pixels, but with wrong, huge or missing metadata."""
    image = Image.fromarray(RGB.astype("u1"))
    plain = encode(image, "PNG")
    start, end = plain[:33], plain[33:]
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 80_000_000, 1))
    yield Kind("PNG with a text of 80 MB", start + text + end, RGB)
    long = png_chunk(b"tEXt", b"Comment\0" + b"x" * 9_000_000)
    yield Kind("PNG with a text of 9 MB", start + long + end, RGB)
    broken = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0nonsense")
    yield Kind("PNG with a broken text", start + broken + end, RGB)
    wrong = png_chunk(b"tIME", b"1234567")[:-4] + b"\0\0\0\0"
    yield Kind("PNG with a wrong checksum of its date", start + wrong + end, RGB)
    large = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(20_000_000)))
    yield Kind("PNG with a profile of 20 MB", start + large + end, RGB)
    cut = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2000))[:9])
    yield Kind("PNG with a profile cut off", start + cut + end, RGB)
    yield Kind("PNG without its end", plain[:-12], RGB)
    yield Kind("PNG without its last checksum and end", plain[:-16], RGB)
    jpeg = encode(image, "JPEG", quality=95, subsampling=0)
    yield Kind("JPEG without its end", jpeg[:-2], RGB, tolerance=8)
    progressive = encode(image, "JPEG", quality=95, subsampling=0, progressive=True)
    yield Kind(
        "progressive JPEG without its end",
        progressive[:-2],
        RGB,
        ("cut off: fine details are missing",),
        tolerance=8,
    )
    comments = jpeg_segment(0xFE, b"x" * 65_000) * 250
    yield Kind("JPEG with 16 MB of comments", jpeg[:2] + comments + jpeg[2:], RGB, tolerance=8)
    webp = encode(image, "WEBP", lossless=True, xmp=b"x" * 1000)
    yield Kind("WebP with truncated metadata", webp[:-500], RGB)
    yield Kind("GIF without its end", encode(image.quantize(64), "GIF")[:-1], RGB, tolerance=40)
    bitmap = encode(image, "BMP")
    lies = bitmap[:2] + bytes(4) + bitmap[6:34] + bytes(4) + bitmap[38:]
    yield Kind("BMP without its length", lies, RGB)
    values = RGB.astype("u1")
    many = [
        (50838, "I", 70_000, tuple(range(70_000)), True),
        (700, "B", 4_000_000, bytes(4_000_000)),
    ]
    data = tiff(values, photometric="rgb", extratags=[(*tag[:4], True) for tag in many])
    yield Kind("TIFF with an unknown tag of 70,000 values", data, RGB)


KINDS = [
    kind
    for group in (
        *(deep_grays, white_is_zero, deep_colors, channels, transparency),
        *(cmyk, profiles, phones, intact_pixels),
    )
    for kind in group()
]


def assert_colors(found, expected, tolerance):
    expected = expected if expected.ndim == 3 else stack(expected, expected, expected)
    wrong = np.abs(found.astype(int) - expected) > tolerance
    # Lossy formats blur edges.
    fraction = 0 if tolerance <= 2 else 0.12
    assert wrong.any(axis=2).mean() <= fraction, (found[24, ::9], expected[24, ::9])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_is_decoded_to_its_colors_and_notes(kind):
    assert_colors(np.asarray(decode(kind.data)), kind.colors, kind.tolerance)
    image = read_image(kind.data)
    assert image.notes() == kind.notes
    assert image.stretchable == (kind.as_stored is not None)
    if kind.as_stored is not None:
        plain = decode(kind.data, as_stored=True)
        assert_colors(np.asarray(plain), kind.as_stored, 1)
        assert "as black and white" in image.notes(as_stored=True)[0].replace(
            "white and black", "black and white"
        )
        np.testing.assert_array_equal(image.pixels(as_stored=True), resize(plain))
    for fit in ("stretch", "crop"):
        np.testing.assert_array_equal(image.pixels(fit), resize(decode(kind.data), fit))


def test_kinds_have_different_names():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names) >= 100


def test_decoded_pixels_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        read_image(KINDS[0].data).pixels()[0] = 0


# --- truncated files --------------------------------------------------------------------------


def interlaced_png(image):
    """Encode an interlaced PNG (Adam7), which Pillow does not write."""
    pixels = np.asarray(image)
    body = b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2))
    for top, left, down, across in (*passes, (0, 1, 2, 2), (1, 0, 2, 1)):
        for row in pixels[top::down, left::across]:
            body += b"\0" + row.tobytes()
    return png(image.width, image.height, zlib.compress(body, 0), interlace=1)


NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (200, 96, 3), dtype=np.uint8))
TRUNCATED = {
    "JPEG": encode(NOISE, "JPEG", quality=90),
    "PNG": encode(NOISE, "PNG"),
    "BMP": encode(NOISE, "BMP"),
    "GIF": encode(NOISE, "GIF", interlace=0),
    "TIFF": tiff(np.asarray(NOISE), photometric="rgb", rowsperstrip=8),
    "TIFF, deflated": tiff(
        np.asarray(NOISE), photometric="rgb", rowsperstrip=8, compression="zlib"
    ),
    "TIFF of 16 bits": tiff(
        np.asarray(NOISE).astype("u2") * 257, photometric="rgb", rowsperstrip=8
    ),
    "PNG of 16 bits": deep_png(2, np.asarray(NOISE).astype("u2") * 257),
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_missing_rows_are_gray_and_noted_if_most_rows_are_present(kind):
    data = TRUNCATED[kind]
    whole = np.asarray(decode(data)).astype(int)
    cut = data[: len(data) * 3 // 4]
    found = np.asarray(decode(cut)).astype(int)
    right = (found == whole).all(axis=(1, 2))
    gray = (found == 128).all(axis=(1, 2))
    assert 0.6 < right.mean() < 0.85
    # A JPEG's blocks are 16 rows high, and their colors reach into the next ones.
    assert (~right & ~gray).sum() <= (18 if kind == "JPEG" else 1)
    (note,) = read_image(cut).notes()
    percent = int(note.removeprefix("cut off: ").partition("%")[0])
    assert percent == pytest.approx(100 * gray.mean(), abs=1)
    with pytest.raises(ImageFileError, match=r"Only \d+% of the|is cut off or damaged"):
        decode(data[: len(data) // 3])


@pytest.mark.parametrize(
    "data",
    [interlaced_png(NOISE), encode(NOISE, "GIF", interlace=1)],
    ids=["PNG", "GIF"],
)
def test_truncated_interlaced_images_lack_details(data):
    whole = np.asarray(decode(data)).astype(int)
    np.testing.assert_array_equal(whole[::2], np.asarray(decode(data))[::2])
    cut = data[: len(data) * 3 // 4]
    found = np.asarray(decode(cut)).astype(int)
    assert (found[::2] == whole[::2]).mean() > 0.98
    assert (found[-1] == found[-2]).all()
    assert read_image(cut).notes() == ("cut off: fine details are missing",)


def test_truncated_progressive_jpegs_lack_details():
    image = Image.fromarray(QUARTERS.repeat(4, axis=0).repeat(4, axis=1))
    data = encode(image, "JPEG", progressive=True, quality=90)
    cut = data[: len(data) * 3 // 4]
    assert read_image(cut).notes() == ("cut off: fine details are missing",)
    assert np.abs(np.asarray(decode(cut)).astype(int) - np.asarray(image)).mean() < 12


def test_missing_rows_are_gray_after_rotation():
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encode(NOISE, "JPEG", exif=exif)
    found = np.asarray(decode(data[: len(data) * 3 // 4]))
    assert (found[:30] == 128).all()
    assert np.ptp(found[-100:]) > 100


# --- unsupported files ------------------------------------------------------------------------

UNSUPPORTED = {
    "PDF": (b"%PDF-1.7\n" + bytes(99), "The file is a PDF, not an image. Choose"),
    "video of a phone": (
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(99),
        "The file is a video or a sound file, not an image. Choose",
    ),
    "video": (b"\x1aE\xdf\xa3" + bytes(99), "The file is a video, not an image"),
    "slides": (b"PK\x03\x04" + bytes(99), "an archive or an office document, not an image"),
    "web page": (b"<!doctype html><p>", "The file is a web page, not an image"),
    "SVG": (b'<?xml version="1.0"?><svg>', "an SVG, which cannot be shown here. Save"),
    "DICOM": (bytes(128) + b"DICM" + bytes(9), "a DICOM, which cannot be shown here"),
    "Photoshop": (b"8BPS\0\x01" + bytes(99), "a Photoshop file, which cannot be shown"),
    "JPEG XL": (b"\xff\x0a" + bytes(99), "a JPEG XL, which cannot be shown here"),
    "raw, Canon": (
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99),
        "a camera's raw file, which cannot be shown here. Save",
    ),
    "raw, Fujifilm": (b"FUJIFILMCCD-RAW " + bytes(99), "a camera's raw file"),
    "raw, DNG": (
        tiff(np.zeros((9, 9), "u1"), extratags=[(50706, "B", 4, (1, 4, 0, 0), True)]),
        "a camera's raw file, which cannot be shown here. Save",
    ),
    "broken HEIC": (
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
        "The HEIC is cut off or damaged. Upload",
    ),
    "complex numbers": (tiff(np.zeros((9, 9), "c8")), "it has samples of 64 bits"),
    "fax": (tiff_of_bytes(b"x" * 99, 1, compression=4), "it is compressed as a fax"),
    "Zstandard": (tiff_of_bytes(b"x" * 99, 8, compression=50000), "compressed with Zstandard"),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_errors_for_unsupported_files_state_the_reason_and_advice(kind):
    data, words = UNSUPPORTED[kind]
    with pytest.raises(ImageFileError) as caught:
        decode(data)
    assert words in str(caught.value)
    assert_problem_and_advice(caught.value)
