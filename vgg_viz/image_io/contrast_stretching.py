"""Contrast stretching: conversion of samples of any type to 8 bits.

The type of a sample does not tell which value is white. A camera stores 12 bits in a file of 16, a
scanner 1,000 to 1,400, a CT -1,000 to 3,000, and a thermal camera stores temperatures. If an image
uses only a small part of its type's range, that part is stretched from black to white, as viewers
for microscopy do, and the caption says so.
"""

from dataclasses import dataclass

import numpy as np

from vgg_viz.image_io.tiff import Samples

# Largest fraction of the type's range that is stretched, by number of channels. Gray images that
# use less than half of it are measurements; color images may be photographs taken at night, unless
# they use at most 14 of 16 bits.
_MAX_FRACTION = {1: 0.5, 3: 0.26}
# Fraction of pixels at either end that count as outliers if they are far from all others.
_OUTLIERS = 0.0025
# Their distance, as a fraction of the range of all others.
_OUTLIER_DISTANCE = 0.25
# Number of samples to estimate the distribution from.
_SAMPLE_SIZE = 2_000_000
# Usual white points of types that do not define one.
_WHITE_POINTS = (1.0, 255.0, 65535.0)


@dataclass(frozen=True)
class ValueRange:
    """Black and white points: the values that become 0 and 255."""

    black: float
    white: float

    @property
    def width(self) -> float:
        """Difference of white and black point."""
        return self.white - self.black


@dataclass(frozen=True)
class Contrast:
    """Value ranges to show samples with.

    stored: the range without stretching.
    stretched: the range with stretching, or ``None`` if it changes nothing.
    defined_by_type: whether the stored range follows from the samples' type.
    inverted: whether small values are white.
    """

    stored: ValueRange
    stretched: ValueRange | None
    defined_by_type: bool
    inverted: bool

    def note(self, *, as_stored: bool) -> str | None:
        """Return a note on the range for the caption, or ``None`` if it follows from the type."""
        ends = "white and black" if self.inverted else "black and white"
        if self.stretched and not as_stored:
            value_range, how = self.stretched, f"stretched to {ends}"
        elif self.stretched or not self.defined_by_type:
            value_range, how = self.stored, f"as {ends}"
        else:
            return None
        black, white = _number(value_range.black), _number(value_range.white)
        return f"values from {black} to {white} {how}"


def contrast_of(samples: Samples) -> Contrast:
    """Choose black and white points for samples; infinite and transparent ones do not count."""
    smallest, largest, lower, upper = _extrema(samples)
    if samples.white is not None:
        stored, defined = ValueRange(0.0, samples.white), True
    else:
        white = next((point for point in _WHITE_POINTS if largest <= point), largest)
        stored = ValueRange(min(0.0, smallest), white)
        defined = smallest >= 0 and white in _WHITE_POINTS
    if samples.white is not None and samples.white <= 255:
        return Contrast(stored, None, defined, samples.inverted)
    # Without outliers, since a few hot pixels may have set the white point.
    stretched = ValueRange(lower, upper)
    fraction = _MAX_FRACTION[samples.values.shape[2]]
    small = 0 < stretched.width <= fraction * stored.width
    undefined = not defined and stretched != stored and stretched.width > 0
    return Contrast(stored, stretched if small or undefined else None, defined, samples.inverted)


def _extrema(samples: Samples) -> tuple[float, float, float, float]:
    """Return the smallest and the largest value, then both without outliers."""
    smallest, largest = np.inf, -np.inf
    for row in range(len(samples.values)):
        visible = _visible_values(samples, slice(row, row + 1))
        if visible.size:
            smallest = min(smallest, float(visible.min()))
            largest = max(largest, float(visible.max()))
    if smallest > largest:
        return 0.0, 0.0, 0.0, 0.0
    step = max(1, round((samples.values.size / _SAMPLE_SIZE) ** 0.5))
    visible = _visible_values(samples, slice(None, None, step))
    if not visible.size:
        return smallest, largest, smallest, largest
    count = int(_OUTLIERS * visible.size)
    ordered = np.partition(visible, (count, visible.size - 1 - count))
    lower, upper = float(ordered[count]), float(ordered[-1 - count])
    distance = _OUTLIER_DISTANCE * (upper - lower)
    if upper <= lower:
        return smallest, largest, smallest, largest
    if lower - smallest <= distance:
        lower = smallest
    return smallest, largest, lower, upper if largest - upper > distance else largest


def _visible_values(samples: Samples, rows: slice) -> np.ndarray:
    """Return the finite, not transparent values of some rows; their step applies to columns too."""
    columns = slice(None, None, rows.step)
    values = samples.values[rows, columns]
    if samples.alpha is not None:
        values = values[samples.alpha[rows, columns] > 0]
    values = values.ravel()
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def eight_bits(samples: Samples, value_range: ValueRange) -> np.ndarray:
    """Convert samples to uint8 ``(height, width, 1 or 3)``, over white; NaN becomes black."""
    pixels = np.empty(samples.values.shape, np.uint8)
    is_float = samples.values.dtype.kind == "f"
    # float32 is precise enough for 16 bits.
    precision = np.dtype(np.float32 if samples.values.itemsize <= 2 else np.float64)
    black = precision.type(value_range.black)
    factor = precision.type(1 / (value_range.width or 1.0))
    for row, values in enumerate(samples.values):
        # Row by row, since floats for all rows would take several times the image's memory.
        finite = np.where(np.isfinite(values), values, black) if is_float else values
        light: np.ndarray = np.clip((finite.astype(precision) - black) * factor, 0, 1)
        if samples.inverted:
            light = 1 - light
        if samples.alpha is not None:
            light = _over_white(light, samples.alpha[row], samples)
        pixels[row] = np.rint(light * 255)
    return pixels


def _over_white(light: np.ndarray, alpha: np.ndarray, samples: Samples) -> np.ndarray:
    """Composite a row of values (0 to 1) over white."""
    opacity = np.clip(alpha[:, np.newaxis] / samples.alpha_white, 0, 1)
    color = light if samples.premultiplied else light * opacity
    composite: np.ndarray = np.clip(color + 1 - opacity, 0, 1)
    return composite


def _number(value: float) -> str:
    """Format a value for a caption: 1,000, 0.25 or 3.2e+09, with a minus sign (U+2212)."""
    plain = f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"
    return plain.replace("-", "\N{MINUS SIGN}")
