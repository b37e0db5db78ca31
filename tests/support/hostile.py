"""Hostile and unusual image files, as attackers and unlucky viewers upload them.

`corpus()` serves tests of the decoder and of the page. It is generated without external files and
is identical every time.
"""

import base64
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
from pillow_heif import register_heif_opener

register_heif_opener()  # for writing

MAX_BYTES = 20 * 2**20
SIDE = 224
RED, GREEN, BLUE, WHITE, BLACK = (
    *((255, 0, 0), (0, 255, 0), (0, 0, 255)),
    *((255, 255, 255), (0, 0, 0)),
)
# Four quarters of different colors, so that every rotation and flip shows.
QUARTERS = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8).repeat(16, axis=0).repeat(16, axis=1)
EXTENSIONS = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
    "HEIF": "heic",
}
STORED = {  # stored form of an upright image by EXIF orientation (EXIF 2.3, 4.6.4 A)
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, 1),
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, -1),
}
# File names that a browser may send; the page must neither use nor repeat them unescaped.
FILE_NAMES = (
    "",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\config\\sam",
    "/dev/null",
    "<script>alert(1)</script>.png",
    '"><img src=x onerror=alert(1)>.jpg',
    "a\nb\r\nSet-Cookie: x=1.png",
    "nul\0byte.png",
    "bell\a\x1b[31mred\x1b[0m.gif",
    "\u202egnp.exe",
    "\u200b\ufeff.jpg",
    "a" * 5_000 + ".png",
    "CON.jpg",
    "%00%2e%2e%2f.png",
    "{{7*7}}${7*7}.png",
    "'; DROP TABLE pictures; --.bmp",
    "[link](javascript:alert(1)).webp",
    ":material/home: $x^2$ **bold**.tif",
    "\U0001f431\u0301\u0336.jpeg",
    "\udcff\ud800.png",
    ".htaccess",
    "image",
    " .png ",
    "photo.jpg.exe",
)


# A gray HEIC of 24 megapixels, which takes pillow-heif ten seconds: deflated, in base 85.
LARGE_HEIC = (
    "c-"
    "muNV30{GsVvAy%}izhg51nBLl8SRGck>UfiWUCwIq=N0u(b+a*CjAhJwuG5(YG&l$nzcHpIn&fe{FSfUyQbGcbs0"
    "014&H%)B%(7bGeQ<fJk|c^PHNh9D+iL1sxVT*-~hf}#Q-"
    "y)&~QIUh(@0hKv3GJ}LBfE8`|!0_kqj~@&S{LBeJ9TE<VJdFSUgA_1>R4{|kmR(E^i9ks`Cq_mznFS1+IvAYU??o"
    "?pvSjBDjtm0@pfEFtU{Fi~YGHF>JW$vy1hhyvIX|Z;FFB_ID9X#g)&LX|$t*5Nh59alfk9vokReczS&<16VdmiA0"
    "8-+a1-"
    "Y;Q1cnJqBNH<VP`N>FN+K})#8fmG*9bVYRd3S{S?)L2s^sNmI5pKOWM$A&uc=yisRb+af2=i^&^3Ah^%6A^KZo!F"
    "8W_vWpshd?V+90gV64am>Kn?mi3XmZKz%a}Xb?|<2dHmmv;+0cET@4xD`?=(t_JFxxq=2}E~9~&OKD){HX4|DV2H"
    "T$Jq^tKK?5_N(!k75)Hjonb!a$Kl=?;rQr}2P>KiFdeIpgAZ=@sjjf|wek-"
    "kI1<3q#9Q0g1$JtSg$)W|_?WaOxkBg{zeAz|cbjE@>QYUHSq!_vrT0P<6w)B"
)


@dataclass(frozen=True, eq=False)
class Hostile:
    """A file and its expected outcome.

    `pixels`, uint8 ``(224, 224, 3)``, is the expected image if it is known without decoding the
    file. It holds to within `tolerance`, except near edges.
    """

    name: str
    file_name: str
    data: bytes
    outcome: Literal["image", "rejected", "either"]
    pixels: np.ndarray | None = None
    tolerance: int = 2


def corpus() -> list[Hostile]:
    """Return all files in a fixed order, with unique names."""
    return list(_corpus())


@lru_cache(maxsize=1)
def _corpus() -> tuple[Hostile, ...]:
    groups = (formats, modes, sixteen_bits_and_more, animations, transparency, orientations)
    groups += (exif_nonsense, profiles, shapes, limits, bombs, jpeg_tricks, tiff_tricks, other_lies)
    groups += (truncated, flipped, polyglots, other_kinds, strange_names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns when it writes such files
        return tuple(file for group in groups for file in group())


def solid(color):
    return np.full((SIDE, SIDE, 3), color, np.uint8)


def scaled_quarters():
    return QUARTERS.repeat(7, axis=0).repeat(7, axis=1)


def accepted(name, data, color=None, *, extension="png", tolerance=2):
    pixels = None if color is None else solid(color)
    return Hostile(name, f"{name}.{extension}", data, "image", pixels, tolerance)


def rejected(name, data, *, extension="png"):
    return Hostile(name, f"{name}.{extension}", data, "rejected")


def either(name, data, color=None, *, extension="png", tolerance=2):
    pixels = None if color is None else solid(color)
    return Hostile(name, f"{name}.{extension}", data, "either", pixels, tolerance)


def encode(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def plain(color=RED, size=(40, 30), mode="RGB"):
    return Image.new(mode, size, color)


def quarters():
    return Image.fromarray(QUARTERS)


def noise(width=60, height=40):
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


# --- hand-made files --------------------------------------------------------------------------


def png_chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width, height, body, *chunks, bits=8, color_type=2, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlace)
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", body), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def solid_png(width, height, pixel, *chunks, **options):
    """Compress row by row, so that huge images need little memory here."""
    packer = zlib.compressobj(1)
    row = b"\0" + pixel * width
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(width, height, body, *chunks, **options)


def jpeg_segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def with_jpeg_segments(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def with_jpeg_size(data, width, height):
    """Replace the size in a JPEG's frame header."""
    kinds = (0xC0, 0xC2)
    place = next(
        data.index(bytes([0xFF, kind, 0])) for kind in kinds if bytes([0xFF, kind, 0]) in data
    )
    return data[: place + 5] + struct.pack(">HH", height, width) + data[place + 9 :]


def icc_segments(size):
    """Split a meaningless profile into as many segments as it needs."""
    starts = range(0, size, 65_000)
    return [
        jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(starts)]) + bytes(65_000))
        for number, _ in enumerate(starts, start=1)
    ]


def lossless_jpeg(width, height):
    """Build a gray JPEG in which every pixel equals its prediction, one bit (T.81, annex H)."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"
    parts = [jpeg_segment(0xC3, frame), jpeg_segment(0xC4, b"\0\x01" + bytes(16))]
    parts += [jpeg_segment(0xDA, b"\x01\x01\0\x01\0\0"), bytes((width * height + 7) // 8)]
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def flat_jpeg(width, height):
    """Build a sequential JPEG of three full channels in which every block repeats the previous."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\x01\x11\0\x02\x11\0\x03\x11\0"
    parts = [jpeg_segment(0xDB, b"\0" + bytes([1] * 64)), jpeg_segment(0xC0, frame)]
    # The only codes, "0" each, mean no difference and the end of the block.
    parts += [jpeg_segment(0xC4, kind + b"\x01" + bytes(16)) for kind in (b"\0", b"\x10")]
    parts += [jpeg_segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\x3f\0")]
    blocks = 3 * -(-width // 8) * -(-height // 8)
    return b"\xff\xd8" + b"".join(parts) + bytes(blocks // 4 + 1) + b"\xff\xd9"


def scans_jpeg(width, height, scans):
    """Build a progressive JPEG of three channels whose many scans change nothing."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\x01\x11\0\x02\x11\0\x03\x11\0"
    parts = [jpeg_segment(0xDB, b"\0" + bytes([1] * 64)), jpeg_segment(0xC2, frame)]
    # The only DC code "0" means no difference; the only AC code "0", 32767 unchanged blocks.
    parts += [jpeg_segment(0xC4, b"\0\x01" + bytes(15) + b"\0")]
    parts += [jpeg_segment(0xC4, b"\x10\x01" + bytes(15) + b"\xe0")]
    blocks = -(-width // 8) * -(-height // 8)
    first = jpeg_segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\0\0") + bytes(-(-3 * blocks // 8))
    runs = -(-blocks // (2**14))
    scan = jpeg_segment(0xDA, b"\x01\x01\0\x01\x3f\0") + bytes(2 * runs)
    return b"\xff\xd8" + b"".join(parts) + first + scan * scans + b"\xff\xd9"


def tiff(tags, *blocks, order="<", start=None):
    """Build a TIFF of one directory; tags are (tag, type, count, value), blocks start at byte 8."""
    body = b"".join(blocks)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HL", 42, start or 8 + len(body))
    entries = b"".join(struct.pack(f"{order}HHLL", *tag) for tag in sorted(tags))
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def gray_tiff_tags(width, height, *, compression=1, offset=8, length=None, **others):
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: offset, 277: 1}
    tags |= {278: height, 279: width * height if length is None else length}
    tags |= {int(tag.removeprefix("tag")): value for tag, value in others.items()}
    return [(tag, 4, 1, value) for tag, value in tags.items() if value is not None]


def bmp(width, height, body, *, bits=24, compression=0, colors=0, palette=b"", header=40):
    offset = 14 + header + len(palette)
    head = b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    head += struct.pack(
        "<IiiHHIIiiII", header, width, height, 1, bits, compression, 0, 0, 0, colors, 0
    )
    return head + bytes(header - 40) + palette + body


def gif(width, height, *blocks, frame=None):
    """Build a GIF with a frame of 4 x 4 red pixels and a logical screen of any size."""
    small = encode(plain(size=(4, 4)).quantize(2), "GIF")
    screen = b"GIF89a" + struct.pack("<HH", width, height) + small[10:13]
    table = small[13 : 13 + 3 * 2 ** ((small[10] & 7) + 1)]
    image = small[small.index(b",", 13 + len(table)) :]
    left, top, wide, high = frame or (0, 0, 4, 4)
    image = image[:1] + struct.pack("<HHHH", left, top, wide, high) + image[9:]
    return screen + table + b"".join(blocks) + image


def with_container_size(data, size):
    """Replace the size in the header (box "ispe") of an AVIF or HEIC."""
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", *size) + data[place + 8 :]


def riff(*chunks):
    body = b"".join(
        kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for kind, part in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def icc_profile(*, space=b"RGB ", tags=(), size=None):
    """Build a profile's header and tag table, which may be false."""
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", size or start + len(body), 0x04200000) + b"mntr" + space + b"XYZ "
    return (header + bytes(12) + b"acsp").ljust(128, b"\0") + table + body


def icc_numbers(*values):
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def exchanged_profile():
    """Return an sRGB profile with red and blue exchanged."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(2.2 * 256))
    tags = [
        (b"rXYZ", icc_numbers(0.1431, 0.0606, 0.7141)),
        (b"gXYZ", icc_numbers(0.3851, 0.7169, 0.0971)),
    ]
    tags += [
        (b"bXYZ", icc_numbers(0.4360, 0.2225, 0.0139)),
        (b"wtpt", icc_numbers(0.9642, 1, 0.8249)),
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return icc_profile(tags=tags)


def elements_profile(elements):
    """Build a pipeline ("mpet") whose many elements all share the same few bytes."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH", 3, 3)
    matrix += struct.pack(">12f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    place = 16 + 8 * elements
    table = struct.pack(">II", place, len(matrix)) * elements
    content = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, elements) + table + matrix
    return icc_profile(tags=[(b"D2B0", content), (b"wtpt", icc_numbers(0.9642, 1, 0.8249))])


def exif_bytes(entries, *, order="<", following=0):
    """Build EXIF data from raw (tag, type, count, value) entries."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HL", 42, 8)
    body = b"".join(struct.pack(f"{order}HHLL", *entry) for entry in entries)
    return (
        head + struct.pack(f"{order}H", len(entries)) + body + struct.pack(f"{order}L", following)
    )


def with_exif(file_format, exif, image=None, **options):
    return encode(image or plain(), file_format, exif=b"Exif\0\0" + exif, **options)


# --- unusual, but valid -----------------------------------------------------------------------


def formats():
    for file_format, extension in EXTENSIONS.items():
        tolerance = 2 if file_format in ("PNG", "BMP", "TIFF") else 6
        data = encode(plain(), file_format)
        yield accepted(f"plain-{extension}", data, RED, extension=extension, tolerance=tolerance)
        wrong = "svg" if file_format == "GIF" else "gif"
        yield accepted(
            f"{extension}-called-{wrong}", data, RED, extension=wrong, tolerance=tolerance
        )
    yield accepted("jpeg-called-exe", encode(plain(), "JPEG"), RED, extension="exe", tolerance=6)
    yield accepted(
        "png-interlaced",
        png(2, 1, zlib.compress(b"\0" + bytes(RED) * 1 + b"\0" + bytes(RED)), interlace=1),
        RED,
    )
    yield accepted("jpeg-progressive", encode(plain(), "JPEG", progressive=True), RED, tolerance=4)
    yield accepted(
        "jpeg-restarts", encode(plain(), "JPEG", restart_marker_blocks=1), RED, tolerance=4
    )
    yield accepted("jpeg-444", encode(plain(), "JPEG", subsampling=0), RED, tolerance=4)
    yield accepted(
        "jpeg-quality-1",
        encode(plain((128, 128, 128)), "JPEG", quality=1),
        (128,) * 3,
        tolerance=12,
    )
    yield accepted("webp-lossless", encode(plain(), "WEBP", lossless=True), RED)
    for compression in ("packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"):
        data = encode(plain(), "TIFF", compression=compression)
        yield accepted(f"tiff-{compression}", data, RED, extension="tif")
    yield accepted("tiff-jpeg", encode(plain(), "TIFF", compression="jpeg"), RED, tolerance=8)
    for compression in ("group3", "group4"):
        data = encode(Image.new("1", (40, 30), 1), "TIFF", compression=compression)
        yield rejected(f"tiff-{compression}", data, extension="tif")
    line = b"\xff" * 300_000  # every line is an error, which libtiff prints
    tags = gray_tiff_tags(60, 65_000, compression=4, length=len(line), tag258=1)
    yield rejected("tiff-fax-of-65000-errors", tiff(tags, line), extension="tif")


def modes():
    for mode, color, expected in (
        ("1", 1, WHITE),
        ("L", 77, (77,) * 3),
        ("LA", (77, 255), (77,) * 3),
        ("RGB", GREEN, GREEN),
        ("RGBA", (*GREEN, 255), GREEN),
        ("I;16", 77 * 257, (77,) * 3),
    ):
        yield accepted(f"png-mode-{mode}", encode(plain(color, mode=mode), "PNG"), expected)
    for mode, color, expected in (
        ("1", 1, WHITE),
        ("L", 77, (77,) * 3),
        ("LA", (77, 255), (77,) * 3),
        ("RGB", GREEN, GREEN),
        ("RGBA", (*GREEN, 255), GREEN),
        ("RGBX", (*GREEN, 9), GREEN),
        ("CMYK", (0, 255, 255, 0), RED),
        ("I;16", 77 * 257, (77,) * 3),
        ("I;16B", 77 * 257, (77,) * 3),
        ("I", 77, (77,) * 3),
        ("F", 0.5, (128,) * 3),
    ):
        data = encode(plain(color, mode=mode), "TIFF")
        yield accepted(f"tiff-mode-{mode}", data, expected, extension="tif")
    for mode in ("YCbCr", "LAB"):
        data = encode(plain().convert(mode), "TIFF")
        yield accepted(f"tiff-mode-{mode}", data, RED, extension="tif", tolerance=6)
    palette = plain().quantize(2)
    yield accepted("png-mode-P", encode(palette, "PNG"), RED)
    yield accepted("tiff-mode-P", encode(palette, "TIFF"), RED, extension="tif")
    yield accepted("tiff-mode-PA", encode(palette.convert("PA"), "TIFF"), RED, extension="tif")
    yield accepted("bmp-mode-P", encode(palette, "BMP"), RED, extension="bmp")
    yield accepted("gif-mode-L", encode(plain(77, mode="L"), "GIF"), (77,) * 3, extension="gif")
    yield accepted("jpeg-mode-L", encode(plain(77, mode="L"), "JPEG"), (77,) * 3, extension="jpg")
    cmyk = plain((0, 255, 255, 0), mode="CMYK")
    yield accepted("jpeg-mode-CMYK", encode(cmyk, "JPEG"), RED, extension="jpg", tolerance=4)
    for mode, color in (("1", 1), ("L", 255), ("RGBA", (*WHITE, 255))):
        yield accepted(f"bmp-mode-{mode}", encode(plain(color, mode=mode), "BMP"), WHITE)


def sixteen_bits_and_more():
    for bits in (1, 2, 4):
        data = solid_png(16, 4, b"", bits=bits, color_type=0)
        row = b"\0" + b"\xff" * (16 * bits // 8)
        data = png(16, 4, zlib.compress(row * 4), bits=bits, color_type=0)
        yield accepted(f"png-gray-{bits}-bit", data, WHITE)
    data = solid_png(3, 3, struct.pack(">3H", 65_535, 32_896, 257), bits=16)
    yield accepted("png-rgb-16-bit", data, (255, 128, 1))
    data = solid_png(3, 3, struct.pack(">4H", 65_535, 32_896, 257, 65_535), bits=16, color_type=6)
    yield accepted("png-rgba-16-bit", data, (255, 128, 1))
    data = solid_png(3, 3, struct.pack(">2H", 32_896, 65_535), bits=16, color_type=4)
    yield accepted("png-la-16-bit", data, (128,) * 3)
    for name, value, expected in (
        ("nan", np.nan, 0),
        ("infinity", np.inf, 0),
        ("minus-infinity", -np.inf, 0),
        ("largest", np.finfo(np.float32).max, 255),
        ("denormal", 1e-45, 0),
    ):
        data = encode(Image.fromarray(np.full((5, 5), value, np.float32)), "TIFF")
        yield accepted(f"tiff-float-{name}", data, (expected,) * 3, extension="tif")
    least = np.full((5, 5), -(2**31), np.int32)
    yield accepted("tiff-int-least", encode(Image.fromarray(least), "TIFF"), BLACK, extension="tif")


def animations():
    frames = [plain(color) for color in (RED, GREEN, BLUE)]
    for file_format in ("GIF", "WEBP", "PNG", "TIFF", "MPO"):
        data = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
        extension = EXTENSIONS.get(file_format, "jpg")
        yield accepted(f"animated-{file_format}", data, RED, extension=extension, tolerance=6)
    pages = [plain(BLUE), plain(RED, (300, 7)), plain(77, mode="L")]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    yield accepted("tiff-pages-of-many-kinds", data, BLUE, extension="tif")
    many = [Image.new("L", (4, 4), level % 256) for level in range(500)]
    data = encode(plain(0, (4, 4), "L"), "GIF", save_all=True, append_images=many, duration=1)
    yield accepted("gif-of-500-frames", data, BLACK, extension="gif")
    yield either(
        "apng-without-frames", solid_png(3, 3, bytes(RED), png_chunk(b"acTL", bytes(8))), RED
    )
    control = struct.pack(">IIIIIHHBB", 0, 9_999, 9_999, 0, 0, 1, 1, 0, 0)
    chunks = (png_chunk(b"acTL", struct.pack(">II", 1, 0)), png_chunk(b"fcTL", control))
    # only the still image before the animation counts
    yield accepted("apng-frame-larger-than-the-picture", solid_png(3, 3, bytes(RED), *chunks), RED)


def transparency():
    half = plain((255, 0, 0, 128), mode="RGBA")
    for file_format in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if file_format == "WEBP" else {}
        data = encode(half, file_format, **options)
        yield accepted(f"half-transparent-{file_format}", data, (255, 127, 127))
        data = encode(plain((0, 0, 0, 0), mode="RGBA"), file_format, **options)
        yield accepted(f"transparent-{file_format}", data, WHITE)
    data = encode(plain().quantize(2), "GIF", transparency=0)
    yield accepted("transparent-gif", data, WHITE, extension="gif")
    key = png_chunk(b"tRNS", struct.pack(">HHH", *RED))
    yield accepted("png-color-key", solid_png(4, 4, bytes(RED), key), WHITE)
    yield either("png-color-key-cut", solid_png(4, 4, bytes(RED), png_chunk(b"tRNS", b"\0")))
    table = png_chunk(b"PLTE", bytes(RED))
    missing = solid_png(4, 4, b"\xc8", table, color_type=3)
    yield either("png-index-outside-the-palette", missing)
    yield either("png-without-palette", solid_png(4, 4, b"\0", color_type=3))
    long = png_chunk(b"PLTE", bytes(RED) * 5_000)
    yield either("png-palette-of-5000", solid_png(4, 4, b"\0", long, color_type=3), RED)
    alphas = png_chunk(b"tRNS", bytes(300))
    yield either("png-300-alpha-values", solid_png(4, 4, b"\0", table, alphas, color_type=3))


def orientations():
    for orientation, stored in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(np.ascontiguousarray(stored(QUARTERS)))
        for file_format in ("JPEG", "PNG", "WEBP", "TIFF"):
            data = encode(image, file_format, exif=exif)
            name = f"orientation-{orientation}-{file_format}"
            yield Hostile(name, f"{name}.jpg", data, "image", scaled_quarters(), 8)


def exif_nonsense():
    for value in (0, 9, 255, 65_535):
        exif = exif_bytes([(0x0112, 3, 1, value)])
        yield accepted(f"orientation-{value}", with_exif("JPEG", exif), RED, tolerance=4)
    kinds = {"text": (2, 2, 0x36), "rational": (5, 1, 26), "float": (11, 1, 0x40C00000)}
    kinds |= {"many": (3, 2, 0x00060006), "undefined": (7, 4, 0x06060606), "unknown": (99, 1, 6)}
    kinds |= {"missing": (3, 500, 60_000), "huge-count": (3, 2**31, 8)}
    for name, entry in kinds.items():
        exif = exif_bytes([(0x0112, *entry)]) + struct.pack("<LL", 6, 0)
        yield accepted(f"orientation-as-{name}", with_exif("JPEG", exif), RED, tolerance=4)
    loop = exif_bytes([(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)], following=8)
    for file_format in ("JPEG", "PNG", "WEBP"):
        data = with_exif(file_format, loop)
        yield accepted(f"exif-in-a-circle-{file_format}", data, RED, tolerance=4)
        nonsense = with_exif(file_format, b"MM\0*" + bytes(range(256)))
        yield accepted(f"exif-nonsense-{file_format}", nonsense, RED, tolerance=4)
    # A valid orientation counts, whatever stands next to it.
    broken = exif_bytes([(0x0112, 3, 1, 6), (0x8769, 4, 1, 8), (0x9286, 7, 2**30, 4)])
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](QUARTERS)))
    name, data = "orientation-beside-nonsense", with_exif("JPEG", broken, stored)
    yield Hostile(name, f"{name}.jpg", data, "image", scaled_quarters(), 8)
    many = exif_bytes([(tag, 3, 1, 6) for tag in range(0x1000, 0xFFFF)])
    yield either("exif-of-61439-tags", with_exif("PNG", many), RED)
    big = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 500_000)
    big += struct.pack("<HHQQ", 0x0112, 3, 1, 6) * 500_000
    yield either("exif-of-500000-tags", with_exif("PNG", big))
    segment = jpeg_segment(0xE1, b"Exif\0\0" + bytes(6))
    data = with_jpeg_segments(encode(plain(), "JPEG"), segment * 60_000)
    yield rejected("exif-in-60000-segments", data, extension="jpg")
    xmp = b'<x:xmpmeta tiff:Orientation="' + b"9" * 100_000 + b'"><!ENTITY a "&a;&a;">'
    yield either(
        "xmp-nonsense",
        with_jpeg_segments(
            encode(plain(), "JPEG"),
            jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp[:60_000]),
        ),
        RED,
        tolerance=4,
    )


def profiles():
    image = plain(RED)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield accepted("profile-srgb", encode(image, "PNG", icc_profile=srgb), RED)
    for file_format in ("JPEG", "PNG", "TIFF", "WEBP"):
        data = encode(image, file_format, icc_profile=exchanged_profile())
        yield accepted(f"profile-red-and-blue-exchanged-{file_format}", data, BLUE, tolerance=40)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, profile in {
        "nonsense": b"nonsense",
        "zeros": bytes(200),
        "cut": srgb[:300],
        "of-lab": lab,
        "lying-about-its-size": icc_profile(tags=[(b"wtpt", icc_numbers(1, 1, 1))], size=2**31),
        "of-gray": icc_profile(space=b"GRAY"),
        "of-cmyk": icc_profile(space=b"CMYK"),
        "without-tags": icc_profile(),
        "tags-beyond-its-end": icc_profile()[:128] + struct.pack(">I", 2**32 - 1) + bytes(64),
        "of-a-hundred-thousand-elements": elements_profile(100_000),
    }.items():
        for file_format in ("PNG", "TIFF"):
            data = encode(image, file_format, icc_profile=profile)
            yield accepted(f"profile-{name}-{file_format}", data, RED)
    huge = encode(image, "JPEG", icc_profile=srgb.ljust(10 * 2**20, b"\0"))
    yield accepted("profile-of-10-megabytes", huge, RED, extension="jpg", tolerance=4)
    large = encode(image, "JPEG", icc_profile=srgb.ljust(5 * 2**20, b"\0"))
    yield accepted("profile-of-5-megabytes", large, RED, extension="jpg", tolerance=4)
    bomb = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50 * 2**20), 1))
    yield either("profile-bomb", solid_png(4, 4, bytes(RED), bomb), RED)


def shapes():
    for width, height in ((1, 1), (2, 2), (1, 20_000), (20_000, 1), (1, 65_535), (65_535, 1)):
        data = encode(plain(size=(width, height)), "PNG")
        yield accepted(f"png-{width}-by-{height}", data, RED)
    for file_format in ("JPEG", "GIF", "BMP", "TIFF"):
        for size in ((1, 1), (1, 20_000), (20_000, 1)):
            data = encode(plain(size=size), file_format)
            name = f"{file_format}-{size[0]}-by-{size[1]}"
            yield accepted(name, data, RED, extension=EXTENSIONS[file_format], tolerance=4)
    yield accepted("webp-16383-by-1", encode(plain(size=(16_383, 1)), "WEBP", lossless=True), RED)
    for width, height in ((65_536, 1), (1, 65_536)):
        yield rejected(f"png-{width}-by-{height}", encode(plain(size=(width, height)), "PNG"))
    tall = zlib.compress(bytes(2 * 49_000_000), 1)
    yield rejected("png-1-by-49-million", png(1, 49_000_000, tall, color_type=0))
    for width, height in ((0, 10), (10, 0), (0, 0), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1)):
        yield rejected(f"png-says-{width}-by-{height}", png(width, height, zlib.compress(b"")))


def limits():
    """Yield images at and just above each format's pixel limit, and large photographs."""
    yield accepted("png-at-the-limit", solid_png(8_000, 5_000, b"\x4d" * 3), (77,) * 3)
    yield rejected("png-above-the-limit", solid_png(8_000, 5_001, b"\x4d", color_type=0))
    yield accepted(
        "png-of-transparent-12-megapixels",
        solid_png(4_032, 3_024, b"\x4d" * 4, color_type=6),
        (201,) * 3,
    )
    exif = exif_bytes([(0x0112, 3, 1, 6)])
    for name, size, options in (
        ("jpeg-at-the-limit", (8_000, 6_250), {}),
        ("jpeg-48-megapixel-phone", (8_064, 6_048), {"exif": b"Exif\0\0" + exif}),
        ("jpeg-24-megapixel-camera", (6_000, 4_000), {"icc_profile": exchanged_profile()}),
        ("jpeg-progressive-24-megapixels", (6_000, 4_000), {"progressive": True, "subsampling": 0}),
        ("jpeg-12-megapixels-with-profile", (4_032, 3_024), {"icc_profile": exchanged_profile()}),
    ):
        data = encode(plain(77, size, "L").convert("RGB"), "JPEG", **options)
        yield accepted(name, data, (77,) * 3, extension="jpg", tolerance=4)
    cmyk = encode(
        plain((0, 0, 0, 178), (5_000, 5_000), "CMYK"), "JPEG", progressive=True, subsampling=0
    )
    heavy = with_jpeg_segments(
        cmyk, *[jpeg_segment(0xE1, b"Exif\0\0" + bytes(60_000))] * 60, *icc_segments(4_600_000)
    )
    yield accepted("jpeg-progressive-cmyk-and-8-megabytes-more", heavy, (77,) * 3, tolerance=4)
    wide = zlib.compress("\U0001f431".encode() + b"x" * 1_000_000, 1)
    chunks = [png_chunk(b"iTXt", b"%d\0\x01\0\0\0" % number + wide) for number in range(4)]
    chunks.append(png_chunk(b"eXIf", exif.ljust(18_500_000, b"\1")))
    heavy = solid_png(8_000, 5_000, b"\x4d" * 3 + b"\xff", *chunks, color_type=6)
    yield accepted("png-at-the-limit-and-19-megabytes-more", heavy, (77,) * 3)
    yield accepted("jpeg-progressive-cmyk-at-the-limit", cmyk, (77,) * 3, tolerance=4)
    gray = plain(77, (3_000, 3_000), "L")
    data = with_jpeg_size(encode(gray, "JPEG"), 15_000, 10_001)
    yield rejected("jpeg-above-the-limit", data, extension="jpg")
    for name, size in (("at-the-limit", (15_000, 10_000)), ("50-megapixel-phone", (8_160, 6_144))):
        data = flat_jpeg(*size)
        yield accepted(f"jpeg-in-color-{name}", data, (128,) * 3, extension="jpg", tolerance=4)
    data = scans_jpeg(5_000, 6_667, 1)
    yield rejected("jpeg-progressive-above-the-limit", data, extension="jpg")
    data = scans_jpeg(5_000, 6_666, 90)
    yield accepted("jpeg-progressive-33-megapixels", data, (128,) * 3, extension="jpg", tolerance=4)
    data = encode(plain(77, (8_160, 6_144), "L"), "JPEG", progressive=True)
    yield accepted("jpeg-progressive-50-megapixels-of-gray", data, (77,) * 3, tolerance=4)
    large = plain((77, 77, 77), (4_096, 3_051))
    yield accepted("webp-12-megapixels", encode(large, "WEBP", method=0), (77,) * 3, tolerance=4)
    data = encode(large.convert("RGBA"), "WEBP", lossless=True, method=0, exif=b"Exif\0\0" + exif)
    yield accepted("webp-12-megapixels-turned", data, (77,) * 3, tolerance=4)
    above = encode(plain(size=(5_000, 2_501)), "WEBP", method=0)
    yield rejected("webp-above-the-limit", above, extension="webp")
    for compression in ("tiff_lzw", "tiff_adobe_deflate"):
        for orientation in (1, 6) if compression == "tiff_lzw" else (6,):
            data = encode(
                large.resize((4_096, 3_050)),
                "TIFF",
                compression=compression,
                exif=b"Exif\0\0" + exif_bytes([(0x0112, 3, 1, orientation)]),
            )
            yield accepted(
                f"tiff-12-megapixels-{compression}-{orientation}", data, (77,) * 3, extension="tif"
            )
    yield from deep_limits()
    data = encode(plain((77, 77, 77), (4_096, 3_050)), "AVIF", quality=10, speed=10)
    yield accepted("avif-12-megapixels", data, (77,) * 3, extension="avif", tolerance=4)
    data = zlib.decompress(base64.b85decode(LARGE_HEIC))
    yield accepted("heic-24-megapixels", data, (77,) * 3, extension="heic", tolerance=4)
    for name, size in (("avif", (5_000, 2_501)), ("heic", (5_000, 5_001))):
        small = encode(plain(size=(64, 64)), {"heic": "HEIF"}.get(name, "AVIF"))
        yield rejected(f"{name}-above-the-limit", with_container_size(small, size), extension=name)
    lie = with_container_size(data, (64, 64))
    yield rejected("heic-larger-than-it-says", lie, extension="heic")
    float_gray = Image.fromarray(np.full((3_000, 4_096), 77, np.float32))
    data = encode(float_gray, "TIFF", compression="tiff_adobe_deflate")
    yield accepted("tiff-12-megapixels-of-floats", data, (77,) * 3, extension="tif")
    yield rejected(
        "tiff-above-the-limit", tiff(gray_tiff_tags(5_000, 2_501), bytes(64)), extension="tif"
    )
    yield accepted("bmp-12-megapixels", encode(plain(77, (4_000, 3_000), "L"), "BMP"), (77,) * 3)
    yield accepted("gif-12-megapixels", encode(plain(77, (4_000, 3_000), "L"), "GIF"), (77,) * 3)
    yield accepted("gif-at-the-limit", encode(plain(77, (8_000, 5_000), "L"), "GIF"), (77,) * 3)
    small = encode(plain(), "PNG")
    yield accepted("exactly-20-megabytes", small.ljust(MAX_BYTES, b"\0"), RED)
    yield rejected("one-byte-above-20-megabytes", small.ljust(MAX_BYTES + 1, b"\0"))


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
        "five-channels-in-planes": {"bits": 16, "channels": 5, "separate": True},
        "floats-of-64-bits": {"bits": 64, "kind": 3},
        "12-bits": {"bits": 12},
    }.items():
        data = deep_tiff(4_096, 3_050, **options)
        yield accepted(f"tiff-at-the-limit-{name}", data, BLACK, extension="tif")
    data = deep_tiff(4_096, 3_050, bits=32, channels=4, kind=3)
    yield rejected("tiff-of-too-many-numbers", data, extension="tif")
    many = gray_tiff_tags(16, 16, tag277=2**31, tag258=16)
    yield rejected("tiff-of-two-thousand-million-channels", tiff(many, bytes(64)), extension="tif")


def deep_tiff(width, height, *, bits, channels=1, kind=1, separate=False):
    """Build a deflated TIFF of one strip, or one a plane; with four channels, opaque black."""
    planes = channels if separate else 1
    row = bytes(width * bits * channels // planes // 8)
    if channels == 4 and not separate:
        row = (bytes(3 * bits // 8) + b"\xff" * (bits // 8)) * width
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    start = 8 + 8 * planes
    blocks = [struct.pack(f"<{planes}L", *[start] * planes)]
    blocks += [struct.pack(f"<{planes}L", *[len(body)] * planes), body]
    photometric = 2 if channels == 4 else 1
    tags = {258: bits, 262: photometric, 277: channels, 284: 2 if separate else 1, 339: kind}
    entries = gray_tiff_tags(
        *(width, height),
        compression=8,
        offset=8 if separate else start,
        length=8 + 4 * planes if separate else len(body),
        **{f"tag{tag}": value for tag, value in tags.items()},
    )
    entries = [
        (tag, type_, planes if tag in (273, 279) else count, value)
        for tag, type_, count, value in entries
    ]
    if channels == 4 and not separate:
        entries.append((338, 3, 1, 2))
    return tiff(entries, *blocks)


# --- attacks ----------------------------------------------------------------------------------


def bombs():
    for width, height in ((50_000, 50_000), (100_000, 100_000), (13_000, 12_000)):
        body = zlib.compress(bytes(2**20), 9)
        yield rejected(f"png-bomb-{width}-by-{height}", png(width, height, body))
    yield rejected(
        "jpeg-says-65535-by-65535", with_jpeg_size(encode(plain(), "JPEG"), 65_535, 65_535)
    )
    yield either("jpeg-says-48-megapixels", with_jpeg_size(encode(plain(), "JPEG"), 8_000, 6_000))
    text = zlib.compress(b"x" * 60_000_000, 1)
    yield either(
        "png-text-bomb", solid_png(4, 4, bytes(RED), png_chunk(b"zTXt", b"a\0\0" + text)), RED
    )
    wide = "\U0001f431".encode() + b"x" * 1_000_000
    chunks = [
        png_chunk(b"iTXt", b"%d\0\x01\0\0\0" % number + zlib.compress(wide, 1))
        for number in range(60)
    ]
    yield either("png-sixty-text-bombs", solid_png(4, 4, bytes(RED), *chunks), RED)
    late = solid_png(4, 4, bytes(RED)).replace(png_chunk(b"IEND", b""), b"".join(chunks))
    yield either("png-text-bombs-after-the-pixels", late + png_chunk(b"IEND", b""), RED)
    tiny = png_chunk(b"tEXt", b"") * 1_000_000
    yield either("png-of-a-million-chunks", solid_png(4, 4, bytes(RED), tiny), RED)
    empty = png_chunk(b"IDAT", b"") * 1_000_000
    yield either("png-of-a-million-empty-pixel-chunks", solid_png(4, 4, bytes(RED), empty))
    junk = b"prVt" + bytes(1)
    yield either(
        "png-of-private-chunks", solid_png(4, 4, bytes(RED), png_chunk(junk[:4], b"z") * 800_000)
    )
    yield rejected("gif-screen-65535-by-65535", gif(65_535, 65_535), extension="gif")
    yield rejected(
        "gif-frame-65535-by-65535", gif(4, 4, frame=(0, 0, 65_535, 65_535)), extension="gif"
    )
    yield either(
        "gif-frame-outside-the-screen", gif(4, 4, frame=(60_000, 0, 4, 4)), extension="gif"
    )
    yield either("gif-screen-7000-by-7000-frame-4-by-4", gif(7_000, 7_000), extension="gif")
    comment = b"!\xfe" + b"\x02ab" * 6_500_000 + b"\0"
    yield rejected("gif-comment-in-pieces", gif(4, 4, comment), extension="gif")
    extensions = b"!\xff\x01a\0" * 3_000_000
    yield rejected("gif-of-three-million-extensions", gif(4, 4, extensions), extension="gif")
    screen = riff((b"VP8X", b"\x02\0\0\0" + struct.pack("<I", 16_382)[:3] * 2))
    yield rejected("webp-says-16383-by-16383", screen, extension="webp")
    canvas = struct.pack("<I", 2**24 - 1)[:3] * 2
    yield rejected("webp-says-16777216-by-16777216", riff((b"VP8X", bytes(4) + canvas)))
    lossy = bytearray(encode(plain(), "WEBP"))
    place = lossy.index(b"\x9d\x01\x2a") + 3
    lossy[place : place + 4] = struct.pack("<HH", 16_383, 16_383)
    yield rejected("webp-lossy-header-lies", bytes(lossy), extension="webp")
    lossy[place : place + 4] = struct.pack("<HH", 3_500, 3_500)
    yield either("webp-says-12-megapixels", bytes(lossy), extension="webp")
    frames = riff(
        (b"VP8X", b"\x02\0\0\0" + bytes(6)), (b"ANIM", bytes(6)), *[(b"ANMF", bytes(16))] * 300_000
    )
    yield rejected("webp-of-300000-empty-frames", frames, extension="webp")
    runs = (b"\x01\x00" * 6_000_000) + b"\0\x01"
    gray = bytes(value for level in range(256) for value in (level, level, level, 0))
    for bits, compression in ((8, 1), (4, 2)):
        data = bmp(
            4_000, 3_000, runs, bits=bits, compression=compression, palette=gray[: 4 << bits]
        )
        yield either(f"bmp-of-six-million-runs-{bits}-bit", data, extension="bmp")
    data = bmp(4_000, 3_000, b"\xff\0" * 48_000, bits=8, compression=1, palette=gray)
    yield either("bmp-12-megapixels-in-runs", data, BLACK, extension="bmp")


def jpeg_tricks():
    for scans in (50, 200, 5_000, 100_000):
        expected = "image" if scans == 50 else "rejected"
        yield Hostile(
            f"jpeg-of-{scans}-scans",
            "scans.jpg",
            scans_jpeg(5_000, 5_000 if scans > 50 else 500, scans),
            expected,
        )
    yield either("jpeg-lossless", lossless_jpeg(64, 64), (128,) * 3, extension="jpg")
    yield rejected("jpeg-lossless-20-megapixels", lossless_jpeg(5_000, 4_000), extension="jpg")
    whole = encode(plain(size=(4_000, 4_000)), "JPEG")
    place = whole.index(b"\xff\xc0\0")
    frame = whole[place : place + 19]
    small = frame[:5] + struct.pack(">HH", 8, 8) + frame[9:]
    # libjpeg would write long rows into memory allocated for short ones
    yield rejected("jpeg-two-frames", whole[: place + 19] + small + whole[place + 19 :])
    hierarchy = b"\xff\xde" + small[2:]
    yield rejected("jpeg-hierarchical", whole[: place + 19] + hierarchy + whole[place + 19 :])
    hidden = jpeg_segment(0xFE, small)
    yield accepted(
        "jpeg-frame-in-a-comment", whole[:place] + hidden + whole[place:], RED, tolerance=4
    )
    few = whole[:place] + frame[:9] + b"\x01\x01\x11\0".join([b"", b""]) + whole[place + 19 :]
    yield either("jpeg-says-one-channel", few, extension="jpg")
    ordinary = encode(noise(), "JPEG")
    yield rejected(
        "jpeg-of-a-million-comments",
        with_jpeg_segments(ordinary, jpeg_segment(0xFE, b"ab") * 1_000_000),
    )
    yield accepted(
        "jpeg-of-200-comments",
        with_jpeg_segments(encode(plain(), "JPEG"), jpeg_segment(0xFE, bytes(9)) * 200),
        RED,
        tolerance=4,
    )
    yield either("jpeg-ten-megabytes-of-fill", ordinary[:2] + b"\xff" * 10_000_000 + ordinary[2:])
    yield either("jpeg-ten-megabytes-of-junk", ordinary[:2] + bytes(10_000_000) + ordinary[2:])
    start = ordinary.index(b"\xff\xda")
    yield either(
        "jpeg-of-restarts-only", ordinary[: start + 14] + b"\xff\xd0" * 5_000_000 + b"\xff\xd9"
    )
    for kind in (0xC5, 0xC6, 0xC9, 0xCA, 0xCB, 0xCF):
        data = ordinary.replace(b"\xff\xc0", bytes([0xFF, kind]), 1)
        yield either(f"jpeg-frame-kind-{kind:x}", data, extension="jpg")
    place = ordinary.index(b"\xff\xc0\0")
    for name, at, value in (("12-bit", 4, 12), ("no-channels", 9, 0), ("wide-sampling", 11, 0xFF)):
        damaged = bytearray(ordinary)
        damaged[place + at] = value
        yield rejected(f"jpeg-{name}", bytes(damaged), extension="jpg")
    mpo = bytearray(encode(plain(), "MPO", save_all=True, append_images=[plain(BLUE)]))
    index = mpo.index(b"MPF\0")
    mpo[index + 8 : index + 60] = b"\xff" * 52
    yield either("mpo-with-a-broken-index", bytes(mpo), RED, extension="jpg", tolerance=6)


def tiff_tricks():
    gray = bytes([77]) * 256
    yield accepted("tiff-by-hand", tiff(gray_tiff_tags(16, 16), gray), (77,) * 3, extension="tif")
    data = tiff(gray_tiff_tags(16, 16), gray, order=">")
    yield accepted("tiff-big-endian", data, (77,) * 3, extension="tif")
    tiles = {"offset": None, "length": None, "tag322": 16, "tag323": 16, "tag324": 8, "tag325": 256}
    tags = [tag for tag in gray_tiff_tags(16, 16, **tiles) if tag[0] not in (278, 279)]
    yield accepted("tiff-in-a-tile", tiff(tags, gray), (77,) * 3, extension="tif")
    huge = [
        (tag, kind, count, 65_520 if tag in (322, 323) else value)
        for tag, kind, count, value in tags
    ]
    yield either("tiff-giant-raw-tile", tiff(huge, gray), extension="tif")
    packed = zlib.compress(bytes(16_384**2), 1)
    giant = {322: 16_384, 323: 16_384, 259: 8, 325: len(packed)}
    data = tiff([(*tag[:3], giant.get(tag[0], tag[3])) for tag in tags], packed)
    yield rejected("tiff-tile-bomb", data, extension="tif")
    strip = tiff(
        gray_tiff_tags(16, 16, compression=8, length=len(packed), tag278=2**31 - 1), packed
    )
    yield either("tiff-strip-bomb", strip, extension="tif")
    itself = tiff(gray_tiff_tags(16, 16), gray)
    yield either(
        "tiff-next-directory-is-itself", itself[:-4] + struct.pack("<L", 8 + 256), (77,) * 3
    )
    yield rejected("tiff-directory-in-its-header", tiff(gray_tiff_tags(16, 16), gray, start=1))
    yield rejected("tiff-directory-beyond-the-end", tiff(gray_tiff_tags(16, 16), gray, start=2**31))
    strips = struct.pack("<L", 8) * 4_000_000
    tags = [(273, 4, 4_000_000, 8), (279, 4, 4_000_000, 8)]
    tags += [tag for tag in gray_tiff_tags(16, 16, tag278=1) if tag[0] not in (273, 279)]
    yield rejected("tiff-of-four-million-strips", tiff(tags, strips), extension="tif")
    rows = struct.pack("<L", 8) * 60_000
    tags = [(273, 4, 60_000, 8), (279, 4, 60_000, 8)]
    tags += [tag for tag in gray_tiff_tags(4, 60_000, tag278=1) if tag[0] not in (273, 279)]
    yield either("tiff-of-60000-strips", tiff(tags, rows), extension="tif")
    many = [(tag, 4, 1, 7) for tag in range(1_000, 65_500)] + gray_tiff_tags(16, 16)
    yield either("tiff-of-64500-tags", tiff(many, gray), extension="tif")
    for name, tag, value in (
        ("planes", "tag277", 2**31),
        ("five-planes", "tag277", 5),
        ("bits-per-sample", "tag258", 2**20),
        ("3-bit", "tag258", 3),
        ("rare-photometry", "tag262", 32_844),
        ("no-such-compression", "tag259", 12_345),
        ("old-jpeg", "tag259", 6),
        ("xz", "tag259", 34_925),
        ("zstandard", "tag259", 50_000),
        ("webp", "tag259", 50_001),
        ("sgi-logarithms", "tag259", 34_676),
        ("thunderscan", "tag259", 32_809),
        ("zero-rows-a-strip", "tag278", 0),
        ("separate-planes", "tag284", 2),
        ("reversed-bits", "tag266", 2),
        ("strip-beyond-the-end", "tag273", 2**31),
        ("width-zero", "tag256", 0),
    ):
        data = tiff(gray_tiff_tags(16, 16, **{tag: value}), gray)
        yield either(f"tiff-{name}", data, extension="tif")
    big = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**40) + bytes(100)
    yield rejected("tiff-big-with-a-trillion-tags", big, extension="tif")


def other_lies():
    for name, width, height, bits in (
        ("negative-width", -16, 16, 24),
        ("least-height", 16, -(2**31), 24),
        ("largest", 2**31 - 1, 2**31 - 1, 24),
        ("nothing", 0, 0, 24),
        ("of-7-bit", 16, 16, 7),
    ):
        yield rejected(f"bmp-{name}", bmp(width, height, bytes(1_024), bits=bits), extension="bmp")
    body = bytes(RED[::-1]) * 256
    yield accepted("bmp-upside-down", bmp(16, -16, body), RED, extension="bmp")
    yield accepted("bmp-longer-header", bmp(16, 16, body, header=108), RED, extension="bmp")
    for compression, kind in ((4, "jpeg"), (5, "png")):
        data = bmp(40, 30, encode(plain(), kind.upper()), compression=compression)
        yield rejected(f"bmp-around-a-{kind}", data, extension="bmp")
    data = bmp(16, 16, bytes(256), bits=8, colors=2**31 - 1)
    yield rejected("bmp-two-thousand-million-colors", data, extension="bmp")
    yield either("bmp-one-color", bmp(16, 16, b"\xff" * 256, bits=8, colors=1, palette=bytes(4)))
    whole = solid_png(4, 4, bytes(RED))
    yield rejected("png-wrong-checksum", whole[:29] + bytes(4) + whole[33:])
    yield rejected("png-filter-9", png(4, 4, zlib.compress(b"\x09" + bytes(12) * 4)))
    yield rejected("png-of-no-such-kind", png(4, 4, zlib.compress(bytes(60)), color_type=5))
    yield rejected("png-chunk-of-4-gigabytes", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR" + bytes(64))
    yield either("webp-without-frames", riff((b"VP8X", bytes(10))), extension="webp")
    yield rejected(
        "webp-chunk-longer-than-the-file",
        b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\x7f" + bytes(64),
    )
    whole = gif(4, 4)
    place = whole.rindex(struct.pack("<HHHH", 0, 0, 4, 4)) + 9
    data = whole[:place] + b"\xff" + whole[place + 1 :]
    yield rejected("gif-code-size-255", data, extension="gif")


def truncated():
    """Yield files of each format cut at every tenth; only those with most rows may be shown."""
    for file_format, extension in EXTENSIONS.items():
        data = encode(noise(), file_format)
        for tenth in range(1, 10):
            cut = data[: len(data) * tenth // 10]
            make = rejected if tenth < 5 or file_format in ("WEBP", "AVIF", "HEIF") else either
            yield make(f"{extension}-cut-at-{tenth}0-percent", cut, extension=extension)
    data = encode(noise(), "JPEG", progressive=True)
    yield either("jpeg-progressive-cut", data[: len(data) // 2], extension="jpg")


def flipped():
    """Yield files with single bits flipped, mostly near the beginning."""
    generator = np.random.default_rng(2014)
    for file_format, extension in EXTENSIONS.items():
        data = encode(noise(), file_format)
        for number in range(4):
            damaged = bytearray(data)
            for place in generator.integers(0, len(data), 6):
                damaged[min(place, place % 300)] ^= 1 << generator.integers(8)
            yield either(f"{extension}-flipped-{number}", bytes(damaged), extension=extension)


def polyglots():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("../../evil.py"), "import os")
    page = b"<script>alert(document.domain)</script>"
    jpeg = encode(plain(), "JPEG")
    yield accepted("png-and-zip", encode(plain(), "PNG") + archive.getvalue(), RED)
    yield accepted(
        "jpeg-and-html",
        with_jpeg_segments(jpeg, jpeg_segment(0xFE, page)),
        RED,
        extension="html",
        tolerance=4,
    )
    yield accepted(
        "jpeg-and-php", jpeg + b"<?php system($_GET['c']); ?>", RED, extension="php", tolerance=4
    )
    script = encode(plain().quantize(2), "GIF", comment=b"*/=1;alert(1);/*")
    yield accepted("gif-and-javascript", script, RED, extension="js")
    yield rejected("pdf-and-jpeg", b"%PDF-1.7\n1 0 obj\nstream\n" + jpeg, extension="pdf")
    yield rejected("postscript-and-jpeg", b"%!PS-Adobe-3.0 EPSF-3.0\n" + jpeg, extension="jpg")
    yield rejected(
        "svg-around-a-png",
        svg(b"<image href='data:image/png;base64,iVBORw0KGgo='/>"),
        extension="svg",
    )
    yield accepted(
        "bmp-and-shell", encode(plain(), "BMP") + b"\n#!/bin/sh\nrm -rf /\n", RED, extension="sh"
    )
    xmp = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + svg(page))
    yield accepted("png-and-svg", solid_png(4, 4, bytes(RED), xmp), RED, extension="svg")


def svg(content):
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + content + b"</svg>"


class Bomb:
    """Object that prints when it is unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


def other_kinds():
    """Yield files that are not images, and images of unsupported formats."""
    postscript = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\nshowpage\n"
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("zeros"), bytes(20_000_000), zipfile.ZIP_DEFLATED)
    entity = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    contents = {
        "empty.png": b"",
        "one-byte.jpg": b"\xff",
        "zeros.png": bytes(4_096),
        "twenty-megabytes-of-zeros.png": bytes(MAX_BYTES),
        "text.jpg": b"Dear diary, today I renamed a text file.\n" * 20,
        "utf16.txt": "\ufeffpicture".encode("utf-16"),
        "html.png": b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
        "svg.svg": svg(b"<script>alert(1)</script>"),
        "svg-entity.png": entity + svg(b"&a;"),
        "svg-compressed.svgz": gzip.compress(svg(b"<rect/>"), mtime=0),
        "postscript.eps": postscript,
        "postscript-binary.eps": b"\xc5\xd0\xd3\xc6"
        + struct.pack("<6IH", 32, 80, 0, 0, 0, 0, 65_535)
        + postscript,
        "pdf.pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
        "icon.ico": encode(plain(size=(16, 16)), "ICO"),
        "paintbrush.pcx": encode(plain(), "PCX"),
        "netpbm.ppm": encode(plain(), "PPM"),
        "targa.tga": encode(plain(), "TGA"),
        "jpeg2000.jp2": encode(plain(), "JPEG2000"),
        "dib.dib": encode(plain(), "DIB"),
        "photoshop.psd": b"8BPS\0\x01"
        + bytes(6)
        + struct.pack(">HIIHH", 3, 30, 40, 8, 3)
        + bytes(99),
        "fits.fits": b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2_800),
        "hdf5.h5": b"\x89HDF\r\n\x1a\n" + bytes(500),
        "pickle.png": pickle.dumps(Bomb(), protocol=4),
        "numpy.npy": b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n",
        "zip-bomb.png": archive.getvalue(),
        "gzip-bomb.png": gzip.compress(bytes(20_000_000), mtime=0),
        "iphone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "avif.avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + bytes(200),
        "video.mp4": b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(200),
        "metafile.wmf": b"\xd7\xcd\xc6\x9a" + bytes(60),
        "program.exe": b"MZ" + bytes(200),
        "program.elf": b"\x7fELF" + bytes(200),
        "only-a-jpeg-head.jpg": b"\xff\xd8\xff",
        "only-a-gif-head.gif": b"GIF89a",
        "only-a-bmp-head.bmp": b"BM",
        "only-a-tiff-head.tif": b"II*\0",
        "only-a-webp-head.webp": b"RIFF\0\0\0\0WEBP",
        "only-a-png-head.png": b"\x89PNG\r\n\x1a\n",
        "text-that-begins-like-a-tiff.txt": b"II and MM are the beginnings of a TIFF file.",
    }
    for file_name, data in contents.items():
        yield Hostile(f"kind-{file_name}", file_name, data, "rejected")


def strange_names():
    """Yield valid and invalid images under misleading file names."""
    valid, invalid = encode(plain(GREEN), "PNG"), b"<b>not an image</b>"
    for number, file_name in enumerate(FILE_NAMES):
        yield Hostile(f"strange-name-{number}", file_name, valid, "image", solid(GREEN))
        yield Hostile(f"strange-name-{number}-wrong", file_name, invalid, "rejected")
