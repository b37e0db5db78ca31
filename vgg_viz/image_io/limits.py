"""What a picture file may cost, and the words for one that costs more.

Memory is what is bounded: decoding takes less than ``MAX_MEMORY``, whatever the file says and
however many come at once. Every other number here follows from it, or bounds the time.
"""

import math

# Also in .streamlit/config.toml, and in words in the style sheet; a test holds them together.
MAX_MEGABYTES = 20
MAX_BYTES = MAX_MEGABYTES * 2**20
MAX_MEMORY = 260 * 10**6
# The most pixels that each format can have within that memory.
PIXEL_LIMITS = {
    "JPEG": 150_000_000,  # decoded at a fraction of the scale: never whole in memory
    "PNG": 40_000_000,  # whole, 4 bytes a pixel, its copy at half the scale, and 20 MB of file
    "GIF": 40_000_000,  # the same with 1 byte
    "progressive JPEG": 25_000_000,  # of any kind: see MAX_COEFFICIENT_BYTES
    "HEIF": 25_000_000,  # libheif's planes of 1.5 bytes a pixel, its RGB, Pillow's
    "WEBP": 12_500_000,  # two canvases of libwebp, the frame handed over, Pillow's: 16 bytes
    "AVIF": 12_500_000,  # two frames of libavif's, the bytes handed over, Pillow's
    "BMP": 12_500_000,  # run lengths are undone by a Python loop over the pixels: a second
    "TIFF": 12_500_000,  # a strip or tile as large as the picture, the picture, and it turned
}
MAX_PIXELS = max(PIXEL_LIMITS.values())
# libjpeg holds a progressive picture's coefficients until the last scan: 2 bytes a sample, which is
# 8 a pixel of four inks at full resolution and 3 a pixel of a camera's usual 4:2:0.
MAX_COEFFICIENT_BYTES = 8 * PIXEL_LIMITS["progressive JPEG"]
# The numbers of a TIFF of more than 8 bits: four bands of 16 bits at its limit of pixels.
MAX_SAMPLE_BYTES = 8 * PIXEL_LIMITS["TIFF"]
# What JPEG and GIF can store. Pillow adds a pointer to every row: 1 x 50,000,000 took 600 MB.
MAX_SIDE = 65_535
# Photographs have about ten scans; every one costs libjpeg a walk over the whole picture.
MAX_SCANS = 100
# An ICC profile of 16 MB takes 255 segments, the depth map of a telephone's portrait 100.
MAX_SEGMENTS = 500
# Strips and tiles of a TIFF; Pillow makes 300 bytes of each strip.
MAX_TAG_VALUES = 65_536
# Small blocks, chunks and runs each become Python objects.
MAX_READS = 500_000
# The largest profiles of printing presses have 3 MB.
MAX_PROFILE_BYTES = 4 * 2**20
# What a JPEG's segment can hold; the orientation stands at its beginning.
MAX_EXIF_BYTES = 65_536

WANTED = (
    f"please choose a JPEG of at most {MAX_PIXELS / 10**6:g} megapixels, a PNG or GIF of at most "
    f"{PIXEL_LIMITS['PNG'] / 10**6:g}, a progressive JPEG or HEIC of at "
    f"most {PIXEL_LIMITS['progressive JPEG'] / 10**6:g} or a WebP, AVIF, BMP or TIFF of at most "
    f"{PIXEL_LIMITS['TIFF'] / 10**6:g}, and of at most {MAX_MEGABYTES} MB."
)
# For files of which no other size would help.
ANOTHER = "please choose another JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF."


class ImageFileError(ValueError):
    """A file that cannot become a picture; the message is one sentence for the visitor."""


def refusal(problem: str, advice: str = WANTED) -> ImageFileError:
    """What is wrong with a file, and what to do."""
    return ImageFileError(f"{problem}: {advice}")


def cut_off(problem: str = "The picture is cut off or damaged") -> ImageFileError:
    """The refusal of a file of which too little is there."""
    return refusal(problem, "please send the file again, or choose another.")


def too_many_pixels(pixels: int) -> ImageFileError:
    """The refusal of a picture with more pixels than its format may have."""
    return refusal(f"The picture has {tenths(pixels / 10**6)} megapixels")


def tenths(amount: float) -> str:
    """Rounded up, so that what is just above a limit does not look equal to it."""
    return f"{math.ceil(amount * 10) / 10:,.1f}"
