"""Image files to the network's input: orientation, truncated files, limits and samples."""

import importlib.util
import io
import warnings
import zlib
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFile, ImageOps

from tests.image_io.test_hostile import fault_of
from tests.image_io.test_image_formats import tiff
from tests.support import image_files as build
from tests.support import slow
from tests.support.hostile import with_jpeg_size
from tests.support.image_files import QUARTERS, deep_png, encode, noise, plain, png, turned
from tests.support.photographs import decode, load_image, notes_of, sample_bytes
from vgg_viz import samples
from vgg_viz.image_io import decoding, file_formats, limits
from vgg_viz.image_io.images import ImageFileError, digest, read_image, resize


def colors(data):
    return np.asarray(decode(data)).astype(int)


def rejected(data):
    """Return the message for a file that is rejected."""
    with pytest.raises(ImageFileError) as caught:
        read_image(data)
    assert not fault_of(str(caught.value))
    return str(caught.value)


def assert_shows_quarters(found, *, expected=QUARTERS, tolerance=6):
    """Compare the center of each quarter, away from the edges that JPEG blurs."""
    height, width = len(found) // 2, len(found[0]) // 2
    assert height / width == len(QUARTERS) / len(QUARTERS[0])
    for row, column in np.ndindex(2, 2):
        top, left = row * height, column * width
        middle = found[top + height // 3 : top + 2 * height // 3]
        middle = middle[:, left + width // 3 : left + 2 * width // 3]
        assert np.abs(middle - expected[row * 32, column * 48].astype(int)).max() <= tolerance


# --- orientation ------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", build.STORED)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_images_of_every_exif_orientation_become_upright(file_format, orientation):
    image, exif = turned(orientation)
    tolerance = 12 if file_format in ("HEIF", "AVIF") else 6
    data = encode(image, file_format, exif=exif.tobytes())
    assert_shows_quarters(colors(data), tolerance=tolerance)


# --- rejected files ---------------------------------------------------------------------------


def test_the_error_for_other_files_names_all_supported_formats():
    message = rejected(b"Dear diary")
    assert all(limits.NAMES[name] in message for name in decoding.FORMATS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n",
            "a Git LFS pointer to another file, not an image. Choose that file: run git lfs pull",
        ),
        (b"[InternetShortcut]\nURL=https://example.org\n", "a shortcut, not an image. Choose a"),
        (b"<?xml version='1.0'?><Error/>", "not an image, or its beginning is damaged. Choose a"),
    ],
)
def test_what_stands_for_an_image_is_named(data, message):
    assert message in rejected(data)


def test_empty_and_large_files_are_rejected_before_they_are_opened(monkeypatch):
    whole = encode(plain(), "PNG")
    np.testing.assert_array_equal(colors(whole.ljust(limits.MAX_BYTES, b"\0")), np.asarray(plain()))
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    assert "empty" in rejected(b"")
    assert "has 20.1 MB. Choose a file of at most 20 MB" in rejected(bytes(limits.MAX_BYTES + 1))


@pytest.mark.parametrize("strict", [False, True], ids=["warnings", "warnings as errors"])
@pytest.mark.parametrize(
    ("width", "height", "number"),
    [(60_000, 60_000, "3,600.0"), (12_000, 10_000, "120.0"), (40_000_001, 1, "40.1")],
)
def test_too_many_pixels_are_rejected_before_decoding(monkeypatch, width, height, number, strict):
    for kind in (Image.Image, ImageFile.ImageFile):
        monkeypatch.setattr(kind, "load", lambda _: pytest.fail("decoded"))
    data = png(width, height, zlib.compress(bytes(4)))
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "ignore", Image.DecompressionBombWarning)
        message = rejected(data)
    assert f"has {number} megapixels, but a PNG file may have 40. Choose" in message


def test_jpegs_are_rejected_if_pillow_reads_another_size(monkeypatch):
    jpeg = file_formats.minimal_jpeg(encode(plain(), "JPEG"))
    monkeypatch.setattr(file_formats, "minimal_jpeg", lambda _: jpeg._replace(size=(8, 8)))
    assert "damaged" in rejected(jpeg.content)


def test_a_memory_error_becomes_an_error_for_the_viewer(monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    assert "memory" in rejected(encode(noise(), "PNG"))


@pytest.mark.filterwarnings("error")
def test_the_largest_and_the_smallest_ranges_are_stretched_without_a_warning():
    for largest in (3.3e38, 1e-310):  # beyond 3.4e38 there is no measurement
        steps = np.repeat([0, largest / 2, largest, np.nan], 56)
        shown = colors(tiff(np.tile(steps, (224, 1))))[0, ::56, 0]
        assert shown.tolist() == pytest.approx([0, 127, 255, 0], abs=1)


# --- truncated files --------------------------------------------------------------------------

NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (200, 96, 3), dtype=np.uint8))
DEEP = np.asarray(NOISE).astype("u2") * 257
# Pillow writes the directory after the pixels of a compressed TIFF; so tifffile writes these.
TRUNCATED = {
    "JPEG": encode(NOISE, "JPEG", quality=90),
    "JPEG of CMYK": encode(NOISE.convert("CMYK"), "JPEG", quality=90),
    "PNG": encode(NOISE, "PNG"),
    "BMP": encode(NOISE, "BMP"),
    "GIF": encode(NOISE, "GIF", interlace=0),
    "TIFF": tiff(np.asarray(NOISE), photometric="rgb", rowsperstrip=8),
    "TIFF, deflated": tiff(
        np.asarray(NOISE), photometric="rgb", rowsperstrip=8, compression="zlib"
    ),
    "TIFF of 16 bits": tiff(DEEP, photometric="rgb", rowsperstrip=8),
    "TIFF of 16 bits, deflated": tiff(DEEP, photometric="rgb", compression="zlib"),
    "PNG of 16 bits": deep_png(2, DEEP),
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_missing_rows_are_gray_and_noted_if_most_rows_are_present(kind):
    data = TRUNCATED[kind]
    whole = colors(data)
    for length in range(len(data) * 11 // 20, len(data) * 9 // 10, len(data) // 9):
        found = colors(data[:length])
        right = (found == whole).all(axis=(1, 2))
        gray = (found == 128).all(axis=(1, 2))
        assert right.mean() == pytest.approx(length / len(data), abs=0.15)
        # A JPEG's blocks are 16 rows high, and their colors reach into the next ones.
        assert (~right & ~gray).sum() <= (18 if "JPEG" in kind else 1)
        (note,) = notes_of(data[:length])
        percent = int(note.removeprefix("cut off: ").partition("%")[0])
        assert percent == pytest.approx(100 * gray.mean(), abs=1)
    with pytest.raises(ImageFileError, match=r"Only \d+% of the|is cut off or damaged"):
        decode(data[: len(data) // 3])


OPTIONS = ({}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0})
JPEGS = list(product(("RGB", "L", "CMYK"), OPTIONS))
SOME = JPEGS[::3]  # every mode and every option


@pytest.mark.parametrize(
    ("mode", "options"), [*SOME, *slow(*(one for one in JPEGS if one not in SOME))]
)
def test_jpegs_whose_header_says_more_than_they_hold_are_noted_or_rejected(mode, options):
    data = encode(NOISE.convert(mode), "JPEG", quality=90, **options)
    for height in (256, 384):
        (note,) = notes_of(with_jpeg_size(data, 96, height))
        percent = int(note.removeprefix("cut off: ").partition("%")[0])
        # Blocks are 16 rows high, and one more may hold what libjpeg reads of the last bits.
        assert height - 240 <= percent / 100 * height <= height - 198
    assert "Only 1% of the JPEG" in rejected(with_jpeg_size(data, 3_000, 3_000))
    # Rows that are gray in the photograph itself are not missing.
    values = np.array(NOISE.convert(mode))
    values[100:] = 128 if mode != "CMYK" else 127
    assert notes_of(encode(Image.fromarray(values, mode), "JPEG", quality=90, **options)) == ()


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_missing_rows_do_not_count_for_contrast_stretching(kind):
    values = 1_000 + np.random.default_rng(1).integers(0, 400, (200, 96), np.uint16)
    data = tiff(values, rowsperstrip=8) if kind == "TIFF" else deep_png(0, values)
    notes = notes_of(data[: len(data) * 3 // 4])
    assert notes[0] == "values from 1,000 to 1,399 stretched to black and white"
    assert notes[1].startswith("cut off")


def interlaced_png(image):
    """Encode an interlaced PNG (Adam7), which Pillow does not write."""
    pixels, body = np.asarray(image), b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2))
    for top, left, down, across in (*passes, (0, 1, 2, 2), (1, 0, 2, 1)):
        for row in pixels[top::down, left::across]:
            body += b"\0" + row.tobytes()
    return png(image.width, image.height, zlib.compress(body, 0), interlace=1)


@pytest.mark.parametrize(
    "data", [interlaced_png(NOISE), encode(NOISE, "GIF", interlace=1)], ids=["PNG", "GIF"]
)
def test_truncated_interlaced_images_lack_details(data):
    whole = colors(data)
    cut = data[: len(data) * 3 // 4]
    found = colors(cut)
    assert (found[::2] == whole[::2]).mean() > 0.98
    assert (found[-1] == found[-2]).all()
    assert notes_of(cut) == ("cut off: fine details are missing",)


def test_truncated_progressive_jpegs_lack_details_or_are_rejected():
    data = encode(Image.fromarray(QUARTERS), "JPEG", progressive=True, quality=90)
    cut = data[: len(data) * 3 // 4]
    assert notes_of(cut) == ("cut off: fine details are missing",)
    assert np.abs(colors(cut) - QUARTERS).mean() < 12
    assert "before all of its color channels" in rejected(data[: data.index(b"\xff\xda") + 50])


def test_missing_rows_are_gray_after_rotation():
    data = encode(NOISE, "JPEG", exif=build.exif_bytes((0x0112, 3, 1, 3)))
    found = colors(data[: len(data) * 3 // 4])
    assert (found[:30] == 128).all()
    assert np.ptp(found[-100:]) > 100


# --- large images -----------------------------------------------------------------------------


@pytest.fixture
def small_scale(monkeypatch):
    """Reduce images of the quarters' size."""
    monkeypatch.setattr(decoding, "FULL_SCALE_PIXELS", 64 * 96 - 1)


def test_large_jpegs_are_never_in_memory_at_full_scale(monkeypatch, small_scale):
    monkeypatch.setattr(Image.Image, "resize", lambda *_: pytest.fail("full scale"))
    found = colors(encode(Image.fromarray(QUARTERS), "JPEG"))
    assert found.shape == (32, 48, 3)
    assert_shows_quarters(found)


def test_large_images_are_rotated_and_keep_their_profile(small_scale):
    image, exif = turned(6)
    for file_format in ("JPEG", "PNG", "TIFF", "WEBP"):
        found = colors(encode(image, file_format, exif=exif, icc_profile=build.EXCHANGED))
        assert found.shape == (32, 48, 3), file_format
        assert_shows_quarters(found, expected=QUARTERS[:, :, ::-1], tolerance=40)


def test_large_images_of_16_bits_and_truncated_ones_are_reduced(small_scale):
    deep = deep_png(2, QUARTERS.astype("u2") * 257)
    assert colors(deep).shape == (16, 24, 3)  # two copies are in memory
    assert_shows_quarters(colors(deep))
    cut = TRUNCATED["PNG"][: len(TRUNCATED["PNG"]) * 3 // 4]
    assert (colors(cut)[80:] == 128).all()


# --- the network's input ----------------------------------------------------------------------


def as_keras(file):
    """Load an image as Keras does (keras/src/utils/image_utils.py, load_img)."""
    return np.asarray(Image.open(file).convert("RGB").resize((224, 224), Image.Resampling.NEAREST))


SIZES = ((224, 224), (1, 1), (1, 300), (223, 225), (1000, 10))


@pytest.mark.parametrize("by_keras", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_stretch_equals_keras(by_keras):
    load = as_keras
    if by_keras:
        import keras

        def load(file):
            return np.asarray(keras.utils.load_img(file, target_size=(224, 224)))

    files = [sample_bytes(sample.name) for sample in samples.SAMPLES]
    files += [encode(noise(*size), "PNG") for size in SIZES]
    for data in files:
        np.testing.assert_array_equal(load_image(data), load(io.BytesIO(data)))


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
    image = plain((200, 100, 50), size)
    before = image.tobytes()
    for pixels in (resize(image, fit), load_image(encode(image, "PNG"), fit)):
        assert (pixels.shape, pixels.dtype) == ((224, 224, 3), np.uint8)
        assert pixels.flags.c_contiguous
        assert (pixels == (200, 100, 50)).all()
        pixels[:] = 0
    assert image.tobytes() == before


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
    data = sample_bytes(sample.name)
    image = Image.open(io.BytesIO(data))
    assert len(data) <= 100_000
    assert max(image.size) <= 640
    assert min(image.size) >= 224
    assert not {"exif", "icc_profile", "xmp", "comment", "progressive"} & image.info.keys()
    assert np.ptp(decode(data)) > 100
    credits = (samples.ASSETS / "CREDITS.md").read_text(encoding="utf-8")
    row = next(line for line in credits.splitlines() if f"`{sample.path.name}`" in line)
    assert "CC0" in row or "public domain" in row
    assert all((sample.title, sample.alt))
    stored = decode((samples.ASSETS / "thumbnails" / f"{sample.name}.jpg").read_bytes())
    computed = ImageOps.fit(decode(data), stored.size)
    # JPEG loses details.
    assert np.abs(np.asarray(stored).astype(int) - computed).mean() < 6


def test_every_photograph_in_assets_is_a_sample():
    photographs = {path.name for path in samples.ASSETS.glob("*.jpg")}
    assert photographs == {sample.path.name for sample in samples.SAMPLES[:-1]}
    assert len(photographs) >= 6
    assert len({sample.name for sample in samples.SAMPLES}) == len(samples.SAMPLES)
    with pytest.raises(KeyError, match="dog"):
        sample_bytes("dog")


def test_the_test_pattern_equals_its_scripts_drawing():
    path = samples.ASSETS / "draw_test_pattern.py"
    specification = importlib.util.spec_from_file_location("draw_test_pattern", path)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    drawn = np.asarray(script.draw()).astype(int)
    # One level of tolerance, since sines differ in the last bit between machines.
    assert np.abs(drawn - colors(sample_bytes("test-pattern"))).max() <= 1
