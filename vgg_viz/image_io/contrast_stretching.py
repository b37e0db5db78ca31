"""Numbers of any type as 8-bit colors: which of them is black and which is white.

Eight bits have a black and a white. Other numbers need not: a camera's 12 bits in a file of 16, a
scanner's 1,000 to 1,400, the -1,000 to 3,000 of a CT and the temperatures of a thermal camera are
all as right as 0 to 65,535. So where a picture uses a small part of what its type can hold, it is
stretched to what it holds, as microscopists' viewers do; what was done is said in words.
"""

from dataclasses import dataclass

import numpy as np

from vgg_viz.image_io.tiff import Samples

# Grays that use less than half of their type are measurements; colors may be a night's photograph,
# unless they fill no more than 14 of 16 bits.
_SMALL_PART = {1: 0.5, 3: 0.26}
# The darkest and the brightest pixels, which do not decide where they are far from all others.
_FEW = 0.0025
_FAR = 0.25
# Of how many numbers the distribution is found.
_ENOUGH = 2_000_000
# What values whose type says nothing may be meant to reach.
_WHITES = (1.0, 255.0, 65535.0)


@dataclass(frozen=True)
class Tones:
    """Which value becomes black and which white."""

    black: float
    white: float

    @property
    def width(self) -> float:
        """The distance from black to white."""
        return self.white - self.black


@dataclass(frozen=True)
class Scales:
    """The two ways to show numbers: as they are stored, and stretched where that is another."""

    stored: Tones
    stretched: Tones | None
    given: bool  # whether black and white as stored are those of the type
    inverted: bool

    def note(self, *, as_stored: bool) -> str | None:
        """What a visitor must know of the tones; nothing where they are those of the type."""
        ends = "white and black" if self.inverted else "black and white"
        if self.stretched and not as_stored:
            tones, what = self.stretched, f"stretched to {ends}"
        elif self.stretched or not self.given:
            tones, what = self.stored, f"as {ends}"
        else:
            return None
        return f"values from {_number(tones.black)} to {_number(tones.white)} {what}"


def scales(samples: Samples) -> Scales:
    """Black and white for a picture's numbers; what is infinite or transparent does not count."""
    least, most, usual_least, usual_most = _extent(samples)
    if samples.white is not None:
        stored, given = Tones(0.0, samples.white), True
    else:
        white = next((level for level in _WHITES if most <= level), most)
        stored = Tones(min(0.0, least), white)
        given = least >= 0 and white in _WHITES
    if samples.white is not None and samples.white <= 255:
        return Scales(stored, None, given, samples.inverted)
    # White may be what few hot pixels made it: the part that is used is measured without them.
    stretched = Tones(usual_least, usual_most)
    part = _SMALL_PART[samples.values.shape[2]]
    small = 0 < stretched.width <= part * stored.width
    free = not given and stretched != stored and stretched.width > 0
    return Scales(stored, stretched if small or free else None, given, samples.inverted)


def _extent(samples: Samples) -> tuple[float, float, float, float]:
    """The least and the largest value, and the same without a few that are far from all others."""
    least, most = np.inf, -np.inf
    for row in range(len(samples.values)):
        known = _known(samples, slice(row, row + 1))
        if known.size:
            least, most = min(least, float(known.min())), max(most, float(known.max()))
    if least > most:
        return 0.0, 0.0, 0.0, 0.0
    step = max(1, round((samples.values.size / _ENOUGH) ** 0.5))
    known = _known(samples, slice(None, None, step))
    few = int(_FEW * known.size)
    known = np.partition(known, (few, known.size - 1 - few)) if known.size else known
    low, high = (float(known[few]), float(known[-1 - few])) if known.size else (least, most)
    if high <= low:
        return least, most, least, most
    far = _FAR * (high - low)
    usual_least = low if low - least > far else least
    return least, most, usual_least, high if most - high > far else most


def _known(samples: Samples, part: slice) -> np.ndarray:
    """The values of some rows (and columns, where they are every so many) that can be seen."""
    columns = slice(None, None, part.step)
    known = samples.values[part, columns]
    if samples.alpha is not None:
        known = known[samples.alpha[part, columns] > 0]
    known = known.ravel()
    return known[np.isfinite(known)] if known.dtype.kind == "f" else known


def eight_bits(samples: Samples, tones: Tones) -> np.ndarray:
    """Numbers as colors over white, uint8 (height, width, 1 or 3); what is no number is black."""
    shown = np.empty(samples.values.shape, np.uint8)
    floats = samples.values.dtype.kind == "f"
    # What has 16 bits is exact enough in floats of 32.
    exact = np.dtype(np.float32 if samples.values.itemsize <= 2 else np.float64)
    black, factor = exact.type(tones.black), exact.type(1 / (tones.width or 1.0))
    for row, values in enumerate(samples.values):
        # A row at a time: floats for all would take several times the picture's memory.
        known = np.where(np.isfinite(values), values, black) if floats else values
        light: np.ndarray = np.clip((known.astype(exact) - black) * factor, 0, 1)
        if samples.inverted:
            light = 1 - light
        if samples.alpha is not None:
            light = _on_white(light, samples.alpha[row], samples)
        shown[row] = np.rint(light * 255)
    return shown


def _on_white(light: np.ndarray, alpha: np.ndarray, samples: Samples) -> np.ndarray:
    """A row's light (0 to 1) over white, as its alpha says."""
    share = np.clip(alpha[:, np.newaxis] / samples.alpha_white, 0, 1)
    over: np.ndarray = np.clip(light * (1 if samples.premultiplied else share) + 1 - share, 0, 1)
    return over


def _number(value: float) -> str:
    """A value for people: 1,000, 0.25 or 3.2e+09; with a minus sign."""
    plain = f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"
    return plain.replace("-", "\N{MINUS SIGN}")
