"""Changes of an image, against plain loops, formulas and NumPy's Fourier transform."""

import io

import numpy as np
import pytest
from PIL import Image

from vgg_viz.image_io.images import digest, png
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.experiments.changes import (
    CHANGES,
    COVER,
    FILLS,
    NONE,
    ChosenChange,
    Place,
)
from vgg_viz.interpretability.experiments.image_changes import change_pixels, changed, with_pixels
from vgg_viz.model.network import network_input

SIDE = 224
MEAN_COLOR = np.array([124, 117, 104])  # ImageNet's, RGB
PIXELS = np.random.default_rng(4).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
PIXELS.flags.writeable = False
PICTURE = InputImage("Cat", "A cat", png(PIXELS), digest(PIXELS), "stretch")
CENTER = Place(112, 112, "mean")
ALL = [name for name in CHANGES if name != NONE]


def chosen(name: str, amount: int) -> ChosenChange:
    return ChosenChange(name, amount, CENTER if name == COVER else None)


def apply(name: str, amount: int) -> np.ndarray:
    return change_pixels(PIXELS, chosen(name, amount)).astype(int)


@pytest.mark.parametrize("name", ALL)
def test_every_change_keeps_the_picture_at_zero_and_names_itself_otherwise(name):
    assert changed(PICTURE, chosen(name, 0)) is PICTURE
    for amount in {CHANGES[name].amount.low, CHANGES[name].amount.usual, CHANGES[name].amount.high}:
        picture = changed(PICTURE, chosen(name, amount))
        assert picture.pixels.shape == PIXELS.shape
        assert picture.digest == digest(picture.pixels)
        assert amount == 0 or (picture.digest != PICTURE.digest and "Cat, " in picture.title)
        assert "{" not in picture.title
        assert "-" not in picture.title


def test_the_file_of_other_pixels_has_just_these():
    picture = with_pixels(PICTURE, PIXELS[::-1], "upside down")
    decoded = np.asarray(Image.open(io.BytesIO(picture.png)))
    np.testing.assert_array_equal(decoded, PIXELS[::-1])
    assert (picture.title, picture.digest) == ("Cat, upside down", digest(decoded))


def test_a_shift_moves_whole_pixels_and_reveals_what_preprocessing_turns_into_zero():
    for name, axis in (("shift_y", 0), ("shift_x", 1)):
        for amount in (5, -5):
            shifted = np.moveaxis(apply(name, amount), axis, 0)
            original = np.moveaxis(PIXELS, axis, 0)
            assert np.array_equal(shifted[5:-5], original[5 - amount : SIDE - 5 - amount])
            revealed = shifted[:5] if amount > 0 else shifted[-5:]
            assert np.abs(network_input(revealed.astype(np.uint8), "caffe")).max() < 0.5


def test_geometry_at_exact_amounts():
    assert np.array_equal(apply("rotate", 90), np.rot90(PIXELS, -1))
    assert np.array_equal(apply("rotate", -180), PIXELS[::-1, ::-1])
    assert np.array_equal(apply("mirror", 1), PIXELS[:, ::-1])
    halved = apply("scale", -50)
    small = np.asarray(Image.fromarray(PIXELS).resize((112, 112), Image.Resampling.BICUBIC))
    assert np.array_equal(halved[56:168, 56:168], small)
    assert (halved[:56] == MEAN_COLOR).all()
    large = np.asarray(Image.fromarray(PIXELS).resize((448, 448), Image.Resampling.BICUBIC))
    assert np.array_equal(apply("scale", 100), large[112:336, 112:336])


def test_photometry_by_hand():
    pixel = PIXELS[3, 4].astype(float)
    assert apply("brightness", 20)[3, 4].tolist() == np.minimum(np.rint(pixel + 51), 255).tolist()
    assert apply("brightness", -100).max() == 0
    gray = np.rint(pixel @ [0.299, 0.587, 0.114])
    assert apply("grayscale", 100)[3, 4].tolist() == [gray] * 3
    mean = PIXELS.reshape(-1, 3).mean(axis=0)
    assert apply("contrast", -50)[3, 4].tolist() == np.rint((pixel + mean) / 2).tolist()
    assert apply("contrast", -100).std(axis=(0, 1)).max() == 0
    only = apply("green", 100)
    assert np.array_equal(only[..., 1], PIXELS[..., 1])
    assert (only[..., [0, 2]] == MEAN_COLOR[[0, 2]]).all()
    noise = change_pixels(np.full((SIDE, SIDE, 3), 128, np.uint8), chosen("noise", 20))
    assert abs(noise.std() - 20) < 0.2
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", quality=30)
    assert np.array_equal(apply("jpeg", 70), np.asarray(Image.open(file)))


@pytest.mark.parametrize(("row", "column"), [(112, 112), (3, 220)])
def test_a_covered_square_takes_the_color_of_the_nearest_pixel_around_it(row, column):
    covered = change_pixels(PIXELS, ChosenChange(COVER, 9, Place(row, column, "nearest")))
    there = np.zeros((SIDE, SIDE), bool)
    there[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5] = True
    assert np.array_equal(covered[~there], PIXELS[~there])
    outside = np.argwhere(~there)
    for at, across in np.argwhere(there):
        distances = np.abs(outside - [at, across]).sum(axis=1)
        nearest = outside[distances == distances.min()]
        assert any((covered[at, across] == PIXELS[tuple(one)]).all() for one in nearest)


def test_the_other_fills_cover_the_same_square():
    for fill in FILLS:
        covered = change_pixels(PIXELS, ChosenChange(COVER, 8, Place(50, 60, fill)))
        rows, columns = np.nonzero((covered != PIXELS).any(axis=2))
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (46, 53, 56, 63)
    mean = change_pixels(PIXELS, ChosenChange(COVER, 8, Place(50, 60, "mean")))
    assert (mean[46:54, 56:64] == MEAN_COLOR).all()


def test_shuffled_tiles_are_the_same_tiles():
    def tiles(pixels: np.ndarray) -> list[bytes]:
        side = SIDE // 4
        cut = (slice(start, start + side) for start in range(0, SIDE, side))
        bands = list(cut)
        return [pixels[rows, columns].tobytes() for rows in bands for columns in bands]

    shuffled = tiles(change_pixels(PIXELS, chosen("shuffle", 4)))
    assert sorted(shuffled) == sorted(tiles(PIXELS))
    assert shuffled != tiles(PIXELS)


def wave(cycles: int) -> np.ndarray:
    """Return an image of vertical stripes, so many cycles per image."""
    values = 128 + 60 * np.cos(2 * np.pi * cycles * np.arange(SIDE) / SIDE)
    return np.broadcast_to(np.rint(values)[None, :, None], (SIDE, SIDE, 3)).astype(np.uint8)


def test_filters_keep_the_stripes_on_one_side_of_their_cutoff():
    for name, amount, kept, removed in (("low_pass", 92, 8, 60), ("high_pass", 20, 60, 8)):
        for cycles, share in ((kept, 1), (removed, 0)):
            spectrum = np.fft.rfft(change_pixels(wave(cycles), chosen(name, amount))[0, :, 0])
            assert abs(2 * np.abs(spectrum[cycles]) / SIDE - 60 * share) < 1
            assert abs(spectrum[0] / SIDE - 128) < 0.5


def test_phrases():
    assert ChosenChange("shift_x", -16).phrase == "shifted left by 16 pixels"
    assert changed(PICTURE, chosen("rotate", 30)).alt == "A cat, rotated clockwise by 30°"
