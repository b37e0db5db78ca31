"""Limits on image files, and the error for a file that is rejected.

Decoding takes less than ``MAX_MEMORY``, whatever the file's header says and however many files
arrive at once. Every other limit follows from it, or bounds the time that decoding takes.
"""

import math

# Also in .streamlit/config.toml, and in words in the style sheet; a test compares them.
MAX_MEGABYTES = 20
MAX_BYTES = MAX_MEGABYTES * 2**20
MAX_MEMORY = 260 * 10**6
# Maximum number of pixels of each format that can be decoded within MAX_MEMORY.
PIXEL_LIMITS = {
    "JPEG": 150_000_000,  # decoded at a reduced scale: never in memory as a whole
    "PNG": 40_000_000,  # 4 bytes a pixel, a copy at half the scale, and 20 MB of file
    "GIF": 40_000_000,  # as for PNG, with 1 byte a pixel
    "progressive JPEG": 25_000_000,  # see MAX_COEFFICIENT_BYTES
    "HEIF": 25_000_000,  # libheif's planes of 1.5 bytes a pixel, its RGB, Pillow's copy
    "WEBP": 12_500_000,  # two canvases of libwebp, the frame, Pillow's copy: 16 bytes a pixel
    "AVIF": 12_500_000,  # two frames of libavif, the bytes passed on, Pillow's copy
    "BMP": 12_500_000,  # Pillow decodes run lengths in a Python loop: one second
    "TIFF": 12_500_000,  # a strip or tile as large as the image, the image, and its rotated copy
}
# libjpeg holds the coefficients of a progressive JPEG until the last scan: 2 bytes a sample, which
# is 8 bytes a pixel for CMYK at full resolution and 3 for a camera's usual 4:2:0.
MAX_COEFFICIENT_BYTES = 8 * PIXEL_LIMITS["progressive JPEG"]
# Samples of a TIFF of more than 8 bits: four channels of 16 bits at the pixel limit.
MAX_SAMPLE_BYTES = 8 * PIXEL_LIMITS["TIFF"]
# The most that JPEG and GIF can store. Pillow adds a pointer to every row: an image of
# 1 x 50,000,000 took 600 MB.
MAX_SIDE = 65_535
# Photographs have about ten scans; libjpeg passes over the whole image for each.
MAX_SCANS = 100
# An ICC profile of 16 MB takes 255 segments, the depth map of a phone's portrait 100.
MAX_SEGMENTS = 500
# Strips and tiles of a TIFF; Pillow needs 300 bytes for each strip.
MAX_TAG_VALUES = 65_536
# Reads of one file, or its chunks: each small one costs a Python object.
MAX_READS = 500_000
# The largest profiles of printing presses have 3 MB.
MAX_PROFILE_BYTES = 4 * 2**20
# The most that a JPEG segment can hold; the orientation stands at its beginning.
MAX_EXIF_BYTES = 65_536

NAMES = {name: name for name in ("JPEG", "progressive JPEG", "PNG", "GIF", "BMP", "TIFF", "AVIF")}
NAMES |= {"WEBP": "WebP", "HEIF": "HEIC"}

CHOOSE_ANOTHER = "Choose a JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF file."
SAVE_AS_JPEG = "Save or export it as a JPEG, and choose that file."


class ImageFileError(ValueError):
    """Raised when a file cannot be shown as an image; the message tells the viewer what to do."""


def rejection(problem: str, advice: str = CHOOSE_ANOTHER) -> ImageFileError:
    """Return the error for a rejected file; its message states the problem and gives advice."""
    return ImageFileError(f"{problem}. {advice}")


def damaged(problem: str = "The image is cut off or damaged") -> ImageFileError:
    """Return the error for a damaged file, of which too little can be decoded."""
    return rejection(problem, "Upload it again, or choose another image.")


def too_many_pixels(pixels: int, kind: str) -> ImageFileError:
    """Return the error for an image with more pixels than ``PIXEL_LIMITS[kind]``."""
    limit, article = PIXEL_LIMITS[kind] / 10**6, "an" if kind == "AVIF" else "a"
    problem = f"The image has {tenths(pixels / 10**6)} megapixels, but {article} {NAMES[kind]} file"
    return rejection(f"{problem} may have {limit:g}", "Choose a smaller image.")


def tenths(amount: float) -> str:
    """Format a number, rounded up to tenths; so it never looks equal to a limit that it exceeds."""
    return f"{math.ceil(amount * 10) / 10:,.1f}"
