"""Image files of all formats against independent oracles: Keras, arithmetic, drawn images."""

import importlib.util
import io
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFile

from tests.support.hostile import STORED
from vgg_viz import samples
from vgg_viz.image_io import decoding, images
from vgg_viz.image_io.images import ImageFileError, decode, digest, load_image, resize

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# The four corners differ, so that every rotation and flip shows.
CORNERS = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8).repeat(16, axis=0).repeat(24, axis=1)


def encode(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def noise(height=40, width=60):
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def colors(data):
    return np.asarray(decode(data)).astype(int)


def assert_shows_corners(found, *, expected=CORNERS, tolerance=6):
    """Compare the center of each quarter, away from the edges that JPEG blurs."""
    height, width = len(found) // 2, len(found[0]) // 2
    assert height / width == len(CORNERS) / len(CORNERS[0])
    for row, column in np.ndindex(2, 2):
        top, left = row * height, column * width
        middle = found[top + height // 3 : top + 2 * height // 3]
        middle = middle[:, left + width // 3 : left + 2 * width // 3]
        assert np.abs(middle - expected[row * 16, column * 24].astype(int)).max() <= tolerance


def png_chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width, height, bit_depth, color_type, rows, *chunks):
    """Build a PNG file by hand, independently of Pillow's writer."""
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", body), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# --- file formats -----------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_are_decoded_exactly(file_format):
    image = noise()
    np.testing.assert_array_equal(colors(encode(image, file_format)), np.asarray(image))


def test_lossless_webp_is_decoded_exactly():
    image = noise()
    np.testing.assert_array_equal(colors(encode(image, "WEBP", lossless=True)), np.asarray(image))


@pytest.mark.parametrize("file_format", ["JPEG", "MPO", "GIF"])
def test_lossy_formats_are_decoded_closely(file_format):
    found = colors(encode(Image.fromarray(CORNERS), file_format))
    assert found.shape == CORNERS.shape
    assert_shows_corners(found)


@pytest.mark.parametrize("file_format", ["PPM", "ICO", "EPS", "PCX", "JPEG2000"])
def test_unsupported_image_formats_are_rejected_by_name(file_format):
    with pytest.raises(ImageFileError, match=r"cannot be shown here\. Save or export"):
        decode(encode(noise(), file_format))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_of_every_exif_orientation_become_upright(file_format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](CORNERS)))
    found = colors(encode(stored, file_format, exif=exif))
    assert found.shape == CORNERS.shape
    assert_shows_corners(found)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"nonsense", b"MM\0*\0\0", b"II*\0\xff\xff\xff\x7f"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_prevent_decoding(file_format, exif):
    data = encode(Image.fromarray(CORNERS), file_format, exif=b"Exif\0\0" + exif)
    assert_shows_corners(colors(data))


def test_animation_shows_its_first_frame():
    frames = [Image.new("RGB", (20, 10), color) for color in (RED, GREEN, BLUE)]
    for file_format in ("GIF", "WEBP", "PNG"):
        data = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
        assert np.abs(colors(data) - RED).max() <= 2, file_format


def test_multi_page_tiff_shows_its_first_page():
    pages = [Image.new("RGB", (20, 10), BLUE), Image.new("RGB", (30, 30), RED)]
    found = colors(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert found.shape == (10, 20, 3)
    assert (found == BLUE).all()


# --- colors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk(file_format):
    # All but red absorbed: cyan 0, magenta and yellow full. Pillow's JPEGs are Adobe-inverted.
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), file_format)
    assert np.abs(colors(data) - RED).max() <= 3
    data = encode(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), file_format)
    assert np.abs(colors(data) - WHITE).max() <= 3


def test_palette():
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 1])
    assert colors(encode(image, "PNG")).tolist() == [[list(RED), list(BLUE)]]


@pytest.mark.parametrize(
    "transparency", [1, bytes([255, 0])], ids=["one entry", "an alpha value an entry"]
)
def test_transparent_palette_entry_becomes_white(transparency):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 1])
    data = encode(image, "PNG", transparency=transparency)
    assert colors(data).tolist() == [[list(RED), list(WHITE)]]


def test_transparent_gif_becomes_white():
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 1])
    found = colors(encode(image, "GIF", transparency=1))
    assert found.tolist() == [[list(RED), list(WHITE)]]


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_half_transparent_color_is_half_white(file_format):
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    options = {"lossless": True} if file_format == "WEBP" else {}
    expected = (255, 127, 127)
    assert np.abs(colors(encode(image, file_format, **options)) - expected).max() <= 1


def test_fully_transparent_color_is_white():
    assert (colors(encode(Image.new("RGBA", (4, 4), (9, 99, 9, 0)), "PNG")) == 255).all()


def test_gray_with_alpha():
    image = Image.new("LA", (2, 1))
    image.putdata([(100, 255), (100, 0)])
    assert colors(encode(image, "PNG")).tolist() == [[[100] * 3, [255] * 3]]


def test_color_key_of_a_png_becomes_white():
    key = png_chunk(b"tRNS", struct.pack(">HHH", 0, 0, 255))
    data = png(2, 1, 8, 2, [bytes([*RED, *BLUE])], key)
    assert colors(data).tolist() == [[list(RED), list(WHITE)]]


def test_one_bit():
    image = Image.new("1", (2, 1))
    image.putdata([0, 255])
    for file_format in ("PNG", "TIFF", "BMP"):
        assert colors(encode(image, file_format)).tolist() == [[[0] * 3, [255] * 3]]


def test_eight_bit_gray():
    ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
    found = colors(encode(Image.fromarray(ramp), "PNG"))
    np.testing.assert_array_equal(found, np.repeat(ramp[:, :, np.newaxis], 3, axis=2))


def test_sixteen_bit_gray_png_is_scaled_and_not_clipped():
    values = [0, 257, 12_850, 32_896, 65_535]
    data = png(5, 1, 16, 0, [struct.pack(">5H", *values)])
    assert colors(data)[0, :, 0].tolist() == [0, 1, 50, 128, 255]


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_sixteen_bit_gray_tiff_is_scaled_in_either_byte_order(mode):
    kind = "<u2" if mode == "I;16" else ">u2"
    values = np.array([[0, 257, 12_850, 32_896, 65_535]], kind)
    image = Image.frombytes(mode, (5, 1), values.tobytes())
    assert colors(encode(image, "TIFF"))[0, :, 0].tolist() == [0, 1, 50, 128, 255]


def test_sixteen_bit_color_png():
    data = png(1, 1, 16, 2, [struct.pack(">3H", 65_535, 32_896, 257)])
    assert np.abs(colors(data)[0, 0] - [255, 128, 1]).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.2, 1.0], [0, 51, 255]),
        ([0.0, 51.0, 200.0], [0, 51, 200]),
        ([0.0, 12_850.0, 60_000.0], [0, 50, 233]),
        ([0.0, 20_000.0, 100_000.0], [0, 51, 255]),
        ([-2.0, -1.0, 3.0], [0, 51, 255]),
        ([np.nan, np.inf, 0.2], [0, 0, 51]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
    ],
)
def test_floating_point_tiff(values, expected):
    data = encode(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert np.abs(colors(data)[0, :, 0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 51, 255], [0, 51, 255]),
        ([0, 12_850, 65_535], [0, 50, 255]),
        ([0, 20_000_000, 100_000_000], [0, 51, 255]),
    ],
)
def test_thirty_two_bit_tiff(values, expected):
    data = encode(Image.fromarray(np.array([values], np.int32)), "TIFF")
    assert colors(data)[0, :, 0].tolist() == expected


def test_ycbcr_and_lab_tiff():
    for mode in ("YCbCr", "LAB"):
        data = encode(Image.new("RGB", (16, 16), RED).convert(mode), "TIFF")
        assert np.abs(colors(data) - RED).max() <= 6, mode


# --- color profiles --------------------------------------------------------------------------


def icc_number(value):
    return struct.pack(">i", round(value * 65536))


def icc_xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(map(icc_number, values))


def icc_curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def icc_table(curve):
    levels = (np.array([curve(level / 1023) for level in range(1024)]) * 65535).round()
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + levels.astype(">u2").tobytes()


def icc_profile(color_space, device, connection, tags):
    """Build an ICC profile (version 2) by hand."""
    white = (0.9642, 1.0, 0.8249)
    text = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0x\0\0\0", b"wtpt": icc_xyz(white)} | tags
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    kinds = device + color_space + connection
    header = struct.pack(">I4xI", start + len(body), 0x02400000) + kinds + bytes(12) + b"acsp"
    header += bytes(28) + b"".join(map(icc_number, white))
    return header.ljust(128, b"\0") + table + body


def matrix_profile(*, red, green, blue, curve=None):
    """Build an RGB profile from the XYZ of its primaries and one tone curve."""
    tags = {b"rXYZ": icc_xyz(red), b"gXYZ": icc_xyz(green), b"bXYZ": icc_xyz(blue)}
    curve = curve or icc_curve(2.2)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return icc_profile(b"RGB ", b"mntr", b"XYZ ", tags)


def gray_profile(gamma):
    return icc_profile(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": icc_curve(gamma)})


def cyan_only_profile():
    """Build a CMYK profile in which cyan ink is black and the other inks are invisible."""
    ramp = bytes(range(256))
    identity = b"".join(icc_number(value) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    nodes = bytes([255, 128, 128]) * 8 + bytes([0, 128, 128]) * 8
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + nodes + ramp * 3
    return icc_profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": table})


SRGB_PRIMARIES = {
    "red": (0.4360, 0.2225, 0.0139),
    "green": (0.3851, 0.7169, 0.0971),
    "blue": (0.1431, 0.0606, 0.7141),
}
EXCHANGED_PRIMARIES = SRGB_PRIMARIES | {
    "red": SRGB_PRIMARIES["blue"],
    "blue": SRGB_PRIMARIES["red"],
}


def srgb_light(value):
    """Convert an sRGB value to linear light, both from 0 to 1 (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def test_profile_with_red_and_blue_exchanged_is_applied():
    image = Image.new("RGB", (8, 8), (255, 10, 0))
    for file_format in ("PNG", "JPEG", "TIFF", "WEBP"):
        data = encode(image, file_format, icc_profile=matrix_profile(**EXCHANGED_PRIMARIES))
        found = colors(data)[4, 4]
        assert found[2] > 245, file_format
        assert found[0] < 40, file_format


def test_profile_is_applied_to_palette_and_transparent_images():
    profile = matrix_profile(**EXCHANGED_PRIMARIES)
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (*RED, 0))
    for picture in (image, image.convert("P")):
        found = colors(encode(picture, "PNG", icc_profile=profile))
        assert np.abs(found[0] - [BLUE, WHITE]).max() <= 20


def test_linear_profile_is_converted_by_the_srgb_curve():
    profile = matrix_profile(**SRGB_PRIMARIES, curve=icc_curve(1.0))
    found = colors(encode(Image.new("RGB", (4, 4), (55, 55, 55)), "PNG", icc_profile=profile))
    expected = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
    assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize("source", ["Pillow's", "written by hand"])
def test_srgb_profile_changes_no_value(source):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if source == "written by hand":
        # Many cameras' profiles round a primary differently, which would change some values by 1.
        primaries = SRGB_PRIMARIES | {"red": (0.4362, 0.2225, 0.0139)}
        profile = matrix_profile(**primaries, curve=icc_table(srgb_light))
    image = noise(300, 400)
    found = colors(encode(image, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(found, np.asarray(image))


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_profile(mode):
    image = Image.new("L", (4, 4), 55).convert(mode)
    found = colors(encode(image, "PNG", icc_profile=gray_profile(1.0)))
    expected = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
    assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_profile(file_format):
    profile = cyan_only_profile()
    for inks, expected in [((0, 255, 255, 0), 255), ((255, 0, 0, 0), 0)]:
        image = Image.new("CMYK", (16, 16), inks)
        found = colors(encode(image, file_format, icc_profile=profile))
        assert np.abs(found - expected).max() <= 3


@pytest.mark.parametrize("broken", [b"nonsense", bytes(200), None], ids=["text", "zeros", "cut"])
def test_broken_profile_is_ignored(broken):
    profile = matrix_profile(**SRGB_PRIMARIES)[:300] if broken is None else broken
    image = noise()
    found = colors(encode(image, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(found, np.asarray(image))


@pytest.mark.parametrize(
    ("image", "profile"),
    [
        (Image.new("CMYK", (16, 16), (0, 255, 255, 0)), matrix_profile(**EXCHANGED_PRIMARIES)),
        (Image.new("RGB", (16, 16), RED), cyan_only_profile()),
        (Image.new("RGB", (16, 16), RED), gray_profile(1.0)),
    ],
    ids=["RGB profile of a CMYK image", "CMYK of RGB", "gray of RGB"],
)
def test_profile_of_another_color_space_is_ignored(image, profile):
    assert np.abs(colors(encode(image, "JPEG", icc_profile=profile)) - RED).max() <= 3


# --- rejected files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"Dear diary, today I renamed a text file to .jpg\n" * 20,
        b"<!DOCTYPE html><html><body>not found</body></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>',
        b"%PDF-1.7\n",
        b"\0" * 4096,
        b"\xff",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"RIFF\0\0\0\0WEBP",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_files_that_are_not_images_are_rejected_with_advice(content):
    with pytest.raises(ImageFileError) as caught:
        decode(content)
    assert_problem_and_advice(caught.value)


ADVICE = ("Choose ", "Upload ", "Save ", "Export ")


def assert_problem_and_advice(error):
    """Assert that the message is two short sentences, the second with advice."""
    problem, advice = str(error).removesuffix(".").split(". ")
    assert len(problem.split()) <= 25
    assert len(advice.split()) <= 25
    assert advice.startswith(ADVICE)
    assert "\n" not in str(error)


def test_the_error_for_other_files_names_all_supported_formats():
    with pytest.raises(ImageFileError) as caught:
        decode(b"Dear diary")
    for name in ("JPEG", "PNG", "WebP", "AVIF", "HEIC", "GIF", "BMP", "TIFF"):
        assert name in str(caught.value)


def test_an_empty_file_is_rejected():
    with pytest.raises(ImageFileError, match="empty") as caught:
        decode(b"")
    assert_problem_and_advice(caught.value)


def test_files_that_are_too_large_are_rejected_before_they_are_opened(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(ImageFileError, match=r"20\.1 MB.* at most 20 MB") as caught:
        decode(b"\xff\xd8" + bytes(images.MAX_BYTES))
    assert_problem_and_advice(caught.value)


def test_a_file_of_exactly_the_maximum_size_is_accepted():
    data = encode(Image.fromarray(CORNERS), "PNG")
    padded = data + bytes(images.MAX_BYTES - len(data))
    np.testing.assert_array_equal(colors(padded), CORNERS)


@pytest.mark.parametrize("strict", [False, True], ids=["warnings", "warnings as errors"])
@pytest.mark.parametrize(
    ("width", "height", "number"),
    [
        (60_000, 60_000, "3,600.0"),
        (12_000, 10_000, "120.0"),
        (7_072, 7_072, "50.1"),
        (40_000_001, 1, "40.1"),
    ],
)
def test_too_many_pixels_are_rejected_before_decoding(monkeypatch, width, height, number, strict):
    for kind in (Image.Image, ImageFile.ImageFile):
        monkeypatch.setattr(kind, "load", lambda _: pytest.fail("decoded"))
    data = png(width, height, 8, 2, [b"\0\0\0"])
    assert len(data) < 200
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "ignore", Image.DecompressionBombWarning)
        with pytest.raises(
            ImageFileError, match=f"has {number} megapixels, but a PNG file may have 40"
        ) as caught:
            decode(data)
    assert_problem_and_advice(caught.value)


def test_a_memory_error_becomes_an_error_for_the_viewer(monkeypatch):
    def fail(_):
        raise MemoryError

    data = encode(noise(), "PNG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ImageFileError, match="memory") as caught:
        decode(data)
    assert_problem_and_advice(caught.value)


STRIPS = {"format": "TIFF", "tiffinfo": {278: 4}}
TRUNCATED = {
    "JPEG": {},
    "progressive": {"format": "JPEG", "progressive": True},
    "PNG": {},
    "WEBP": {},
    "GIF": {"interlace": 0},
    "BMP": {},
    "TIFF": {},
    "deflated TIFF": STRIPS | {"compression": "tiff_adobe_deflate"},
    "TIFF in LZW": STRIPS | {"compression": "tiff_lzw"},
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_truncated_files_show_their_rows_or_are_rejected(kind):
    options = dict(TRUNCATED[kind])
    data = encode(noise(), options.pop("format", kind), **options)
    whole = colors(data)
    rejected, shown = 0, 0
    for length in range(1, len(data), max(1, len(data) // 60)):
        try:
            found = colors(data[:length])
        except ImageFileError as error:
            assert_problem_and_advice(error)
            rejected += 1
        else:
            shown += 1
            assert_rows_or_gray(found, whole, kind)
    assert rejected >= 10
    assert rejected + shown >= 60
    # No decoder returns part of a WebP, and libtiff writes the directory after the pixels.
    hopeless = kind in ("WEBP", "deflated TIFF", "TIFF in LZW")
    assert shown == 0 if hopeless else shown >= 10


def assert_rows_or_gray(found, whole, kind):
    """Assert that each row equals the complete image's or is gray; for progressive, the mean."""
    if kind == "progressive":
        assert np.abs(found.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 5
        return
    right = np.abs(found - whole).max(axis=(1, 2)) == 0
    gray = (found == 128).all(axis=(1, 2))
    # The last rows may be incomplete; a JPEG's blocks are 16 rows high.
    assert (~right & ~gray).sum() <= (18 if kind == "JPEG" else 1)
    assert (~gray).mean() > 0.48


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", TRUNCATED)
def test_damaged_files_are_decoded_or_rejected_with_advice(kind):
    options = dict(TRUNCATED[kind])
    data = encode(noise(12, 18), options.pop("format", kind), **options)
    generator = np.random.default_rng(11)
    for _ in range(150):
        damaged = bytearray(data)
        for offset in generator.integers(0, len(data), 3):
            damaged[min(offset, offset % 200)] = generator.integers(256)
        try:
            assert decode(bytes(damaged)).mode == "RGB"
        except ImageFileError as error:
            assert_problem_and_advice(error)


# --- large images -----------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_large_images_are_decoded_at_half_scale(monkeypatch, file_format):
    monkeypatch.setattr(decoding, "FULL_SCALE_PIXELS", 32 * 48 - 1)
    found = colors(encode(Image.fromarray(CORNERS), file_format))
    assert found.shape == (16, 24, 3)
    assert_shows_corners(found)


def test_large_jpegs_are_never_in_memory_at_full_scale(monkeypatch):
    monkeypatch.setattr(decoding, "FULL_SCALE_PIXELS", 32 * 48 - 1)
    monkeypatch.setattr(Image.Image, "resize", lambda *_: pytest.fail("full scale"))
    assert decode(encode(Image.fromarray(CORNERS), "JPEG")).size == (24, 16)


def test_large_images_are_rotated_and_keep_their_profile(monkeypatch):
    monkeypatch.setattr(decoding, "FULL_SCALE_PIXELS", 32 * 48 - 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](CORNERS)))
    for file_format in ("JPEG", "PNG", "TIFF", "WEBP"):
        profile = matrix_profile(**EXCHANGED_PRIMARIES)
        found = colors(encode(stored, file_format, exif=exif, icc_profile=profile))
        assert found.shape == (16, 24, 3), file_format
        assert_shows_corners(found, expected=CORNERS[:, :, ::-1], tolerance=40)


def test_twelve_megapixel_camera_stays_at_full_scale():
    assert decoding.FULL_SCALE_PIXELS >= 4032 * 3024


# --- the network's input ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras_load_img():
    import keras

    return keras.utils.load_img


@pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda sample: sample.name)
def test_stretch_equals_keras(keras_load_img, sample):
    expected = np.asarray(keras_load_img(samples.ASSETS / sample.file_name, target_size=(224, 224)))
    found = load_image(samples.sample_bytes(sample.name))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [(224, 224), (1, 1), (1, 300), (223, 225), (1000, 10)])
def test_stretch_equals_keras_at_unusual_sizes(keras_load_img, size):
    data = encode(noise(*size), "PNG")
    expected = np.asarray(keras_load_img(io.BytesIO(data), target_size=(224, 224)))
    np.testing.assert_array_equal(load_image(data), expected)


@pytest.mark.parametrize("size", [(900, 300), (300, 900)])
def test_crop_keeps_the_center_and_the_aspect_ratio(size):
    image = Image.new("RGB", size, "white")
    middle = (size[0] / 2, size[1] / 2)
    ImageDraw.Draw(image).circle(middle, 75, fill="black")
    dark = resize(image, "crop")[:, :, 0] < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    for extent in (rows, columns):
        assert extent[-1] - extent[0] + 1 == pytest.approx(224 * 150 / 300, abs=2)
        assert (extent[-1] + extent[0]) / 2 == pytest.approx(111.5, abs=1)


def test_crop_averages_fine_stripes_and_stretch_does_not():
    stripes = np.zeros((896, 896, 3), np.uint8)
    stripes[:, ::2] = 255
    image = Image.fromarray(stripes)
    assert set(np.unique(resize(image, "stretch"))) <= {0, 255}
    assert np.abs(resize(image, "crop")[8:-8, 8:-8].astype(int) - 127.5).max() <= 3


@pytest.mark.parametrize("fit", ["stretch", "crop"])
@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (224, 224), (3, 500)])
def test_resized_images_are_inputs_of_the_network(size, fit):
    image = Image.new("RGB", size, (200, 100, 50))
    before = image.tobytes()
    pixels = resize(image, fit)
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == (200, 100, 50)).all()
    pixels[:] = 0
    assert image.tobytes() == before


def test_images_of_extreme_sizes_are_loaded():
    for size in [(1, 1), (1, 20_000), (20_000, 1)]:
        data = encode(Image.new("RGB", size, RED), "PNG")
        for fit in ("stretch", "crop"):
            assert (load_image(data, fit) == RED).all()


def test_resize_rejects_unknown_fits_and_modes():
    with pytest.raises(ValueError, match=r"stretch.*crop.*got 'squash'"):
        resize(noise(), "squash")
    with pytest.raises(ValueError, match="expected an image of mode 'RGB', got 'L'"):
        resize(Image.new("L", (5, 5)))


def test_digest_depends_on_pixels_shape_and_type():
    pixels = resize(noise())
    other = pixels.copy()
    other[100, 100, 1] ^= 1
    found = [digest(pixels), digest(other), digest(pixels.reshape(224, 3, 224))]
    found += [digest(pixels.view(np.int8)), digest(pixels[:, ::-1])]
    assert len(set(found)) == len(found)
    assert digest(np.asfortranarray(pixels)) == digest(pixels)
    assert all(len(name) == 32 and int(name, 16) for name in found)


# --- the samples ------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda sample: sample.name)
def test_samples_are_small_described_and_credited(sample):
    data = samples.sample_bytes(sample.name)
    image = Image.open(io.BytesIO(data))
    assert len(data) <= 100_000
    assert max(image.size) <= 640
    assert min(image.size) >= 224
    assert not {"exif", "icc_profile", "xmp", "comment", "progressive"} & image.info.keys()
    assert np.ptp(decode(data)) > 100
    credits = (samples.ASSETS / "CREDITS.md").read_text(encoding="utf-8")
    row = next(line for line in credits.splitlines() if f"`{sample.file_name}`" in line)
    assert "CC0" in row or "public domain" in row
    assert all((sample.title, sample.alt, sample.credit))


def test_every_photograph_in_assets_is_a_sample():
    photographs = {path.name for path in samples.ASSETS.glob("*.jpg")}
    assert photographs == {sample.file_name for sample in samples.SAMPLES[:-1]}
    assert len(photographs) >= 6
    assert len({sample.name for sample in samples.SAMPLES}) == len(samples.SAMPLES)


def test_an_unknown_sample_is_an_error():
    with pytest.raises(KeyError, match=r"cat.*got 'dog'"):
        samples.sample_bytes("dog")


def test_the_test_pattern_equals_its_scripts_drawing():
    path = samples.ASSETS / "draw_test_pattern.py"
    specification = importlib.util.spec_from_file_location("draw_test_pattern", path)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    drawn = np.asarray(script.draw()).astype(int)
    # One level of tolerance, since sines differ in the last bit between machines.
    assert np.abs(drawn - colors(samples.sample_bytes("test-pattern"))).max() <= 1


def test_thumbnails_are_the_central_square_as_a_small_jpeg():
    image = Image.new("RGB", (600, 200), RED)
    image.paste(BLUE, (200, 0, 400, 200))
    for picture in (image, encode(image, "PNG")):
        data = images.thumbnail(picture, side=64)
        small = Image.open(io.BytesIO(data))
        assert (small.format, small.size) == ("JPEG", (64, 64))
        assert np.abs(np.asarray(small)[4:-4, 4:-4].astype(int) - BLUE).max() <= 6
        assert len(data) < 4_000
    with pytest.raises(ImageFileError):
        images.thumbnail(b"not an image")


def test_importing_loads_no_heavy_library():
    code = "import sys, vgg_viz.image_io.images; print(*sys.modules)"
    root = Path(images.__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert not loaded & {"tensorflow", "keras", "streamlit", "PIL.ImageCms", "matplotlib"}


@pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda sample: sample.name)
def test_stored_thumbnails_show_their_samples(sample):
    stored = colors(samples.thumbnail_bytes(sample.name))
    computed = colors(images.thumbnail(samples.sample_bytes(sample.name)))
    # JPEG encoders differ slightly between versions.
    assert np.abs(stored - computed).mean() < 2
