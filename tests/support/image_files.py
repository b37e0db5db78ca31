"""Image files built by hand, byte by byte, or encoded by Pillow; and color profiles."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

register_heif_opener()  # for writing

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Four quarters of different colors, so that every rotation and flip shows.
QUARTERS = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8).repeat(32, axis=0).repeat(48, axis=1)
# Edges of the upright image that the first stored row and column are, by EXIF orientation (EXIF
# 2.3, 4.6.4 A). From 5 on, rows are stored as columns.
STORED = {1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left"}
STORED |= {5: "left top", 6: "right top", 7: "right bottom", 8: "left bottom"}


def encode(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def plain(color=RED, size=(40, 30), mode="RGB"):
    return Image.new(mode, size, color)


def photo(color, file_format="PNG"):
    return encode(plain(color, (300, 200)), file_format)


def noise(width=60, height=40):
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def turned(orientation):
    """Return the quarters as stored for an EXIF orientation, and that EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    edges = STORED[orientation]
    pixels = QUARTERS[:: -1 if "bottom" in edges else 1, :: -1 if "right" in edges else 1]
    pixels = pixels if orientation < 5 else pixels.transpose(1, 0, 2)
    return Image.fromarray(np.ascontiguousarray(pixels)), exif


# --- PNG --------------------------------------------------------------------------------------


def png_chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width, height, body, *chunks, bits=8, color_type=2, interlace=0):
    """Build a PNG of a deflated body; the chunks stand before it."""
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlace)
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", body), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def solid_png(width, height, pixel, *chunks, **options):
    """Compress row by row, so that huge images need little memory here."""
    packer = zlib.compressobj(1)
    row = b"\0" + pixel * width
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(width, height, body, *chunks, **options)


def deep_png(color_type, values, *chunks):
    """Build a PNG of 16 bits a channel."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    height, width = values.shape[:2]
    return png(width, height, zlib.compress(rows), *chunks, bits=16, color_type=color_type)


# --- JPEG -------------------------------------------------------------------------------------


def jpeg_segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def with_jpeg_segments(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def jpeg(width, height, *scans, kind=0xC0):
    """Build a JPEG of tables, a frame and scans; its only codes, "0" each, say: no change."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    last = b"\xe0" if kind == 0xC2 else b"\0"  # of a progressive JPEG: for 32767 blocks
    parts = [jpeg_segment(0xDB, b"\0" + bytes([1] * 64)), jpeg_segment(kind, frame)]
    parts += [jpeg_segment(0xC4, b"\0\x01" + bytes(16))]
    parts += [jpeg_segment(0xC4, b"\x10\x01" + bytes(15) + last), *scans]
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def flat_jpeg(width, height):
    """Build a sequential JPEG of three full channels in which every block repeats the previous."""
    blocks = 3 * -(-width // 8) * -(-height // 8)
    scan = jpeg_segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\x3f\0")
    return jpeg(width, height, scan, bytes(blocks // 4 + 1))


def scans_jpeg(width, height, scans):
    """Build a progressive JPEG of three channels whose many scans change nothing."""
    blocks = -(-width // 8) * -(-height // 8)
    first = jpeg_segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\0\0") + bytes(-(-3 * blocks // 8))
    scan = jpeg_segment(0xDA, b"\x01\x01\0\x01\x3f\0") + bytes(2 * -(-blocks // 2**14))
    return jpeg(width, height, first, scan * scans, kind=0xC2)


# --- TIFF, BMP, GIF, WebP ---------------------------------------------------------------------


def tiff(width, height, body, tags=None, *, order="<", start=None):
    """Build a TIFF of one gray strip, unless the tags say otherwise; a tag of ``None`` is left out.

    The body begins at byte 8. Several values of one tag follow the body.
    """
    found = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    found |= {279: len(body)} | (tags or {})
    found = {tag: value for tag, value in sorted(found.items()) if value is not None}
    lists, entries = b"", b""
    for tag, value in found.items():
        values = value if isinstance(value, list) else [value]
        place = values[0] if len(values) == 1 else 8 + len(body) + len(lists)
        entries += struct.pack(f"{order}HHLL", tag, 4, len(values), place)
        lists += struct.pack(f"{order}{len(values)}L", *values) if len(values) > 1 else b""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(
        f"{order}HL", 42, start or 8 + len(body + lists)
    )
    return head + body + lists + struct.pack(f"{order}H", len(found)) + entries + bytes(4)


def bmp(width, height, body, *, bits=24, compression=0, colors=0, palette=b"", header=b""):
    """Build a BMP; ``header`` is what newer versions have after the first 40 bytes."""
    offset = 54 + len(header) + len(palette)
    head = b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    numbers = (40 + len(header), width, height, 1, bits, compression, 0, 0, 0, colors, 0)
    return head + struct.pack("<IiiHHIIiiII", *numbers) + header + palette + body


def gif(width, height, *blocks, frame=(0, 0, 4, 4)):
    """Build a GIF with a frame of 4 x 4 red pixels and a logical screen of any size."""
    small = encode(plain(size=(4, 4)).quantize(2), "GIF")
    screen = b"GIF89a" + struct.pack("<HH", width, height) + small[10:13]
    table = small[13 : 13 + 3 * 2 ** ((small[10] & 7) + 1)]
    image = small[small.index(b",", 13 + len(table)) :]
    return screen + table + b"".join(blocks) + b"," + struct.pack("<4H", *frame) + image[9:]


def riff(*chunks):
    """Build a WebP of chunks, given as kind and content."""
    body = b"".join(
        kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for kind, part in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


# --- color profiles and EXIF ------------------------------------------------------------------


def icc_numbers(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc_curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def icc_profile(tags, *, space=b"RGB ", device=b"mntr", connection=b"XYZ ", size=None):
    """Build an ICC profile (version 2); ``size`` may be false."""
    white = (0.9642, 1.0, 0.8249)
    text = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": b"XYZ \0\0\0\0" + icc_numbers(*white)} | tags
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", size or start + len(body), 0x02400000)
    header += device + space + connection + bytes(12) + b"acsp" + bytes(28) + icc_numbers(*white)
    return header.ljust(128, b"\0") + table + body


SRGB_PRIMARIES = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def matrix_profile(red, green, blue, *, curve=None):
    """Build an RGB profile from the XYZ of its primaries and one tone curve."""
    primaries = zip((b"rXYZ", b"gXYZ", b"bXYZ"), (red, green, blue), strict=True)
    tags = {name: b"XYZ \0\0\0\0" + icc_numbers(*values) for name, values in primaries}
    curve = curve or icc_curve(2.2)
    return icc_profile(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


# sRGB with red and blue exchanged.
EXCHANGED = matrix_profile(*SRGB_PRIMARIES[::-1])


def exif_bytes(*entries, following=0):
    """Build EXIF data from raw (tag, type, count, value) entries."""
    body = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    head = b"Exif\0\0II" + struct.pack("<HLH", 42, 8, len(entries))
    return head + body + struct.pack("<L", following)
