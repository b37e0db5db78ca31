"""Formatting of numbers as text for readers."""

import math

MOST_DECIMALS = 12


def figure(value: float, digits: int = 4) -> str:
    """Format a number with ``digits`` significant digits, thousands separators and no exponent.

    >>> figure(-4240.2), figure(0.0001234567), figure(130.0)
    ('−4,240', '0.0001235', '130')
    """
    if not math.isfinite(value):
        return str(value).replace("-", "−")
    rounded = round(float(f"{value:.{digits}g}"), MOST_DECIMALS) + 0.0  # no "-0"
    decimals = digits - 1 - math.floor(math.log10(abs(rounded))) if rounded else 0
    text = f"{rounded:,.{min(max(decimals, 0), MOST_DECIMALS)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def signed(value: float, digits: int = 4) -> str:
    """Format a number like `figure`, with a plus or minus sign.

    >>> signed(1.5), signed(-1.5)
    ('+1.5', '−1.5')
    """
    text = figure(value, digits)
    return text if text.startswith("−") else f"+{text}"
