"""Draw ``test-pattern.png``: gratings, checks, edges, a hue disc and a gray ramp on 4 x 4 cells.

Run as ``python assets/draw_test_pattern.py``; the same picture comes out every time.

    +-----------+-----------+-----------+-----------+
    |  gratings of one period in four orientations  |
    +-----------+-----------+-----------+-----------+
    |  gratings of one orientation in four periods  |
    +-----------+-----------+-----------+-----------+
    |       hue disc        |  checks   |   edges   |
    +                       +-----------+-----------+
    |                       |       gray ramps      |
    +-----------+-----------+-----------+-----------+
"""

from pathlib import Path

import numpy as np
from PIL import Image

CELL = 112
ORIENTATIONS = (0, 45, 90, 135)
PERIODS = (48, 24, 12, 6)
MIDDLE_PERIOD = 16
CHECK_SIDE = 14
RAMP_STEPS = 8


def draw() -> Image.Image:
    """Draw the test pattern, RGB, 448 x 448 pixels."""
    gray = np.vstack(
        [
            np.hstack([grating(MIDDLE_PERIOD, degrees) for degrees in ORIENTATIONS]),
            np.hstack([grating(period, 0) for period in PERIODS]),
            np.hstack([np.zeros((2 * CELL, 2 * CELL)), lower_right()]),
        ]
    )
    color = np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    color[2 * CELL :, : 2 * CELL] = hue_disc(2 * CELL)
    return Image.fromarray(np.rint(color * 255).astype(np.uint8))


def lower_right() -> np.ndarray:
    """Draw checks and edges above the gray ramps, values 0 to 1."""
    return np.vstack([np.hstack([checks(), edges()]), ramps()])


def grating(period: float, degrees: float) -> np.ndarray:
    """Draw a sine grating, upright at 0 degrees and turning clockwise, values 0 to 1."""
    y, x = np.mgrid[:CELL, :CELL]
    angle = np.deg2rad(degrees)
    across = x * np.cos(angle) + y * np.sin(angle)
    return (1 + np.sin(2 * np.pi * across / period)) / 2


def checks() -> np.ndarray:
    """Black and white squares."""
    y, x = np.mgrid[:CELL, :CELL] // CHECK_SIDE
    return ((x + y) % 2).astype(float)


def edges() -> np.ndarray:
    """Draw a black square and a white disc on gray: straight and curved edges of both signs."""
    y, x = np.mgrid[:CELL, :CELL] / CELL
    picture = np.full((CELL, CELL), 0.5)
    picture[(np.abs(x - 0.36) < 0.26) & (np.abs(y - 0.36) < 0.26)] = 0
    picture[np.hypot(x - 0.62, y - 0.62) < 0.28] = 1
    return picture


def ramps() -> np.ndarray:
    """Draw a smooth ramp from black to white above one of eight steps from white to black."""
    smooth = np.linspace(0, 1, 2 * CELL)
    steps = np.floor(smooth[::-1] * RAMP_STEPS).clip(max=RAMP_STEPS - 1) / (RAMP_STEPS - 1)
    half = CELL // 2
    return np.vstack([np.tile(smooth, (half, 1)), np.tile(steps, (CELL - half, 1))])


def hue_disc(side: int) -> np.ndarray:
    """All hues around a disc on gray, pale in the middle, full at the rim; RGB, values 0 to 1."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius = np.hypot(x, y) / (0.46 * side)
    hue = np.arctan2(-y, x) / (2 * np.pi) * 6
    phases = (hue[:, :, np.newaxis] + np.array([0, 4, 2])) % 6
    pure = np.clip(np.abs(phases - 3) - 1, 0, 1)
    disc = 1 - radius[:, :, np.newaxis] * (1 - pure)
    return np.where(radius[:, :, np.newaxis] <= 1, disc, 0.5)


if __name__ == "__main__":
    draw().save(Path(__file__).with_name("test-pattern.png"), optimize=True)
