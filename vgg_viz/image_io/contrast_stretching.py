"""Contrast stretching: conversion of samples of any type to 8 bits.

The type of a sample does not tell which value is white. A camera stores 12 bits in a file of 16, a
scanner 1,000 to 1,400, a CT -1,000 to 3,000, and a thermal camera stores temperatures. If an image
uses only a small part of its type's range, that part is stretched from black to white, as viewers
for microscopy do, and the caption says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Largest fraction of the type's range that is stretched, by number of channels. Gray images that
# use less than half of it are measurements; color images may be photographs taken at night, unless
# they use at most 14 of 16 bits.
_MAX_FRACTION = {1: 0.5, 3: 0.26}
# Fraction of pixels at either end that count as outliers if they are far from all others.
_OUTLIERS = 0.0025
_OUTLIER_DISTANCE = 0.25  # as a fraction of the range of all others
_SAMPLE_SIZE = 2_000_000  # samples to estimate the distribution from
_WHITE_POINTS = (1.0, 255.0, 65535.0)  # usual ones of types that do not define one


@dataclass(frozen=True)
class Samples:
    """Samples of the visible channels in the file's own type."""

    values: np.ndarray  # (height, width, 1 or 3)
    white: float | None = None  # largest value of unsigned integers of at most 16 bits
    alpha: np.ndarray | None = None  # (height, width), from 0 (transparent) to `alpha_white`
    alpha_white: float = 1.0
    inverted: bool = False  # whether 0 is white
    premultiplied: bool = False  # whether the values are multiplied by alpha already
    no_data: tuple[float, ...] = ()  # integers for no measurement; of floats, NaN and infinity are

    def measured(self, values: np.ndarray) -> np.ndarray:
        """Return whether each value stands for a measurement."""
        measured: np.ndarray = np.isfinite(values)
        for value in self.no_data if values.dtype.kind != "f" else ():
            measured &= values != value
        return measured


class ValueRange(NamedTuple):
    """Black and white points: the values that become 0 and 255."""

    black: float
    white: float


@dataclass(frozen=True)
class Contrast:
    """Value ranges to show samples with: as stored, and stretched if that changes anything."""

    stored: ValueRange
    stretched: ValueRange | None
    defined_by_type: bool  # whether the stored range follows from the samples' type
    inverted: bool  # whether small values are white
    is_empty: bool = False  # whether no pixel holds data, so that all are black

    def note(self, *, as_stored: bool) -> str | None:
        """Return a note on the range for the caption, or ``None`` if it follows from the type."""
        if self.is_empty:
            return "no pixel holds data"
        if not self.stretched and self.defined_by_type:
            return None
        stretched = None if as_stored else self.stretched
        black, white = map(_number, stretched or self.stored)
        ends = "white and black" if self.inverted else "black and white"
        return f"values from {black} to {white} {'stretched to' if stretched else 'as'} {ends}"


def contrast_of(samples: Samples, present: np.ndarray | None) -> Contrast:
    """Choose black and white points; missing rows, no-data and transparent pixels do not count."""
    rows = np.arange(len(samples.values)) if present is None else np.flatnonzero(present)
    smallest, largest, lower, upper = _extrema(samples, rows)
    is_empty = samples.alpha is None and smallest > largest
    if smallest > largest:
        smallest = largest = 0.0
    if samples.white is not None:
        stored, defined = ValueRange(0.0, samples.white), True
    else:
        white = next((point for point in _WHITE_POINTS if largest <= point), largest)
        stored = ValueRange(min(0.0, smallest), white)
        defined = smallest >= 0 and white in _WHITE_POINTS
    # Without outliers, since a few hot pixels may have set the white point.
    stretched = ValueRange(lower, upper)
    fraction = _MAX_FRACTION[samples.values.shape[2]]
    small = upper - lower <= fraction * (stored.white - stored.black)
    changes = upper > lower and (small or not defined) and stretched != stored
    if samples.white == 255:  # 8 bits are shown as they are
        changes = False
    stretched_range = stretched if changes else None
    return Contrast(stored, stretched_range, defined, samples.inverted, is_empty)


def _extrema(samples: Samples, rows: np.ndarray) -> tuple[float, float, float, float]:
    """Return the smallest and the largest value in some rows, then both without outliers.

    Infinity and minus infinity mean that there is none.
    """
    smallest, largest = np.inf, -np.inf
    for row in rows:  # row by row, to save memory
        visible = _visible_values(samples, [row])
        if visible.size:
            smallest = min(smallest, float(visible.min()))
            largest = max(largest, float(visible.max()))
    if smallest > largest:
        return np.inf, -np.inf, 0.0, 0.0
    lower, upper = smallest, largest
    step = max(1, round((samples.values.size / _SAMPLE_SIZE) ** 0.5))
    visible = _visible_values(samples, list(rows[::step]), step)
    if count := int(_OUTLIERS * visible.size):
        ordered = np.partition(visible, (count, visible.size - 1 - count))
        low, high = float(ordered[count]), float(ordered[-1 - count])
        distance = _OUTLIER_DISTANCE * (high - low)
        if distance > 0:
            lower = low if low - smallest > distance else smallest
            upper = high if largest - high > distance else largest
    return smallest, largest, lower, upper


def _visible_values(samples: Samples, rows: Sequence[int], step: int = 1) -> np.ndarray:
    """Return the measured, not transparent values in some rows and every ``step``-th column."""
    values = samples.values[rows, ::step]
    if samples.alpha is not None:
        values = values[samples.alpha[rows, ::step] > 0]
    return values[samples.measured(values)]


def eight_bits(samples: Samples, value_range: ValueRange) -> np.ndarray:
    """Convert samples to uint8 ``(height, width, 1 or 3)``, over white; no data becomes black."""
    pixels = np.empty(samples.values.shape, np.uint8)
    # float32 is precise enough for 16 bits.
    precision = np.dtype(np.float32 if samples.values.itemsize <= 2 else np.float64)
    black = precision.type(value_range.black)
    span = precision.type(value_range.white - value_range.black or 1.0)
    for row, values in enumerate(samples.values):  # row by row, to save memory
        measured = samples.measured(values)
        light = np.where(measured, values, black).astype(precision)
        light = np.clip((light - black) / span, 0, 1)
        if samples.inverted:
            light = 1 - light
        light[~measured] = 0
        if samples.alpha is not None:
            alpha = np.nan_to_num(samples.alpha[row])[:, np.newaxis]
            opacity = np.clip(alpha / samples.alpha_white, 0, 1)
            color = light if samples.premultiplied else light * opacity
            light = np.clip(color + 1 - opacity, 0, 1)
        pixels[row] = np.rint(light * 255)
    return pixels


def _number(value: float) -> str:
    """Format a value for a caption: 1,000, 0.25 or 3.2e+09, with a minus sign (U+2212)."""
    plain = f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"
    return plain.replace("-", "\N{MINUS SIGN}")
