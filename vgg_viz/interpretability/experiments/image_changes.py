"""Changes of an image: RGB pixels, uint8 ``(height, width, 3)``, in and out.

What a change reveals beyond the border gets ImageNet's mean color, which preprocessing turns into
zero, as the network's own padding. Values are rounded and limited to 0 to 255.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
from PIL import Image, ImageFilter

from vgg_viz.image_io.images import digest, png
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.experiments.changes import ChosenChange, Place
from vgg_viz.interpretability.map_statistics import luma
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.preprocessing import MEAN_COLOR

FILL_BLUR = 16  # standard deviation in pixels
ORDER = 4  # of the Butterworth filters: steep, with little ringing
SEED = 19
SIDE = VGG19.input_side


@lru_cache(maxsize=16)
def changed(picture: InputImage, chosen: ChosenChange) -> InputImage:
    """Return a picture with a change, which its title names; the picture itself for no change."""
    pixels = change_pixels(picture.pixels, chosen)
    if pixels is picture.pixels:
        return picture
    return with_pixels(picture, pixels, chosen.phrase)


def with_pixels(picture: InputImage, pixels: np.ndarray, phrase: str) -> InputImage:
    """Return a picture with other pixels, whose title ends with a phrase that says what changed."""
    title, alt = (f"{text}, {phrase}" for text in (picture.title, picture.alt))
    return replace(picture, title=title, alt=alt, png=png(pixels), digest=digest(pixels))


def change_pixels(pixels: np.ndarray, chosen: ChosenChange) -> np.ndarray:
    """Apply a change to pixels, RGB uint8 ``(224, 224, 3)``; with an amount of 0, return them."""
    if not chosen.amount:
        return pixels
    places = (chosen.place,) if chosen.place else ()
    result = globals()[chosen.name](pixels, chosen.amount, *places)
    return np.ascontiguousarray(result)


def shift_x(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Shift an image by whole pixels to the right, or to the left if negative."""
    return placed(Image.fromarray(pixels), amount, 0)


def shift_y(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Shift an image by whole pixels down, or up if negative."""
    return placed(Image.fromarray(pixels), 0, amount)


def rotate(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Rotate an image around its center by degrees clockwise."""
    image = Image.fromarray(pixels)
    return np.asarray(image.rotate(-amount, Image.Resampling.BICUBIC, fillcolor=MEAN_COLOR))


def scale(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Enlarge an image around its center by percent; reduce it if negative."""
    side = max(1, round(SIDE * (100 + amount) / 100))
    resized = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    margin = int((SIDE - side) / 2)
    return placed(resized, margin, margin)


def placed(image: Image.Image, left: int, top: int) -> np.ndarray:
    """Put an image on the mean color, and crop what lies outside the network's input."""
    canvas = Image.new("RGB", (SIDE, SIDE), MEAN_COLOR)
    canvas.paste(image, (left, top))
    return np.asarray(canvas)


def mirror(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Exchange left and right."""
    return pixels[:, ::-1] if amount else pixels


def brightness(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Add percent of white to all pixels; darken them if negative."""
    return to_pixels(pixels + 255 * amount / 100)


def contrast(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Move all pixels away from the image's mean color by percent, or toward it if negative."""
    return blend(pixels.mean(axis=(0, 1)), pixels, 1 + amount / 100)


def grayscale(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Move each pixel's color toward its brightness by percent."""
    return blend(pixels, luma(pixels)[:, :, None], amount / 100)


def keep_channel(channel: int, pixels: np.ndarray, amount: int) -> np.ndarray:
    """Move the other two channels toward the mean color by percent."""
    changed = blend(pixels, np.array(MEAN_COLOR), amount / 100)
    changed[:, :, channel] = pixels[:, :, channel]
    return changed


red, green, blue = (partial(keep_channel, channel) for channel in range(3))


def blur(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Blur an image with a Gaussian of this standard deviation in pixels (Pillow's)."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(amount)))


def noise(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Add Gaussian noise of this standard deviation in gray levels, with a fixed seed."""
    return to_pixels(pixels + amount * np.random.default_rng(SEED).standard_normal(pixels.shape))


def jpeg(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Store an image as JPEG of quality 100 minus ``amount``, and read it again."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=100 - amount)
    return np.asarray(Image.open(file))


def cover(pixels: np.ndarray, amount: int, place: Place) -> np.ndarray:
    """Cover a square of this side in pixels; at the border, what lies within the image."""
    starts = (place.row - amount // 2, place.column - amount // 2)
    rows, columns = (slice(max(start, 0), max(start + amount, 0)) for start in starts)
    covered = pixels.copy()
    if place.fill == "blur":
        covered[rows, columns] = blur(pixels, FILL_BLUR)[rows, columns]
    elif place.fill == "nearest":
        covered[rows, columns] = nearest_outside(pixels, rows, columns)
    else:
        covered[rows, columns] = MEAN_COLOR
    return covered


def nearest_outside(pixels: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Return for each pixel of a rectangle the color of the nearest pixel around it.

    That pixel lies straight above, below, left or right; where the image ends, there is none.
    """
    height, width, _ = pixels.shape
    inside = np.mgrid[rows, columns][:, : height - rows.start, : width - columns.start]
    (row, column), around = inside, ((rows.start - 1, rows.stop), (columns.start - 1, columns.stop))
    candidates = [*((there, column) for there in around[0]), *((row, at) for at in around[1])]
    distances, colors = [], []
    for there, at in candidates:
        exists = (there >= 0) & (there < height) & (at >= 0) & (at < width)
        distance = np.abs(there - row) + np.abs(at - column)
        distances.append(np.where(exists, distance, height + width))
        colors.append(pixels[np.clip(there, 0, height - 1), np.clip(at, 0, width - 1)])
    nearest = np.argmin(distances, axis=0)
    return np.take_along_axis(np.stack(colors), nearest[None, :, :, None], axis=0)[0]


def shuffle(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Cut an image into ``amount`` × ``amount`` square tiles and put them in a random order.

    Where the image's side is no multiple, a margin at the right and bottom stays as it is.
    """
    if amount < 2:
        return pixels
    side = len(pixels) // amount
    whole, shuffled = side * amount, pixels.copy()
    tiles = pixels[:whole, :whole].reshape(amount, side, amount, side, 3).swapaxes(1, 2)
    order = np.random.default_rng(SEED).permutation(amount**2)
    mixed = tiles.reshape(-1, side, side, 3)[order].reshape(tiles.shape)
    shuffled[:whole, :whole] = mixed.swapaxes(1, 2).reshape(whole, whole, 3)
    return shuffled


def low_pass(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Remove the highest spatial frequencies, so many cycles per image below the Nyquist limit."""
    cutoff = len(pixels) / 2 - amount
    return _filtered(pixels, lambda frequency: 1 / (1 + (frequency / cutoff) ** (2 * ORDER)))


def high_pass(pixels: np.ndarray, amount: int) -> np.ndarray:
    """Remove the spatial frequencies below so many cycles per image, except the mean color."""

    def gain(frequency: np.ndarray) -> np.ndarray:
        passed = 1 - 1 / (1 + (frequency / amount) ** (2 * ORDER))
        return np.where(frequency == 0, 1, passed)

    return _filtered(pixels, gain)


def _filtered(pixels: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Multiply an image's spectrum by a gain, a function of the frequency in cycles per image."""
    height, width, _ = pixels.shape
    cycles = [np.fft.fftfreq(side) * side for side in (height, width)]
    frequency = np.hypot(cycles[0][:, None], cycles[1])[:, :, None]
    spectrum = np.fft.fft2(pixels.astype(np.float64), axes=(0, 1))
    return to_pixels(np.fft.ifft2(spectrum * gain(frequency), axes=(0, 1)).real)


def blend(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Move from the first to the second by a share; beyond the second if above 1."""
    return to_pixels(first + share * (second.astype(np.float64) - first))


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Round values and limit them to 0 to 255, as uint8."""
    return np.rint(values).clip(0, 255).astype(np.uint8)
