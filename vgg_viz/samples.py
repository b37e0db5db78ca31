"""Sample images that the page offers; ``assets/CREDITS.md`` names their sources.

This module holds names and files only, so that the page can offer the samples before the image
decoders are imported.
"""

from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True)
class Sample:
    """A sample image, by its name in links and its title on the page."""

    name: str
    title: str
    alt: str  # description for screen readers
    credit: str  # author and license
    suffix: str = "jpg"  # of its file in assets


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "cat",
        "Cat",
        "A ginger tabby cat's face, looking past the camera",
        "Stefan van der Walt, CC0",
    ),
    Sample(
        "raccoon",
        "Raccoon",
        "A raccoon lying on a branch among long green leaves",
        "Pixnio, public domain",
    ),
    Sample(
        "astronaut",
        "Astronaut",
        "Eileen Collins in an orange space suit before a flag and a model of the space shuttle",
        "NASA, public domain",
    ),
    Sample(
        "coffee",
        "Coffee",
        "An espresso in a red cup on a red saucer, with a spoon, on a wooden table",
        "Rachel Michetti, CC0",
    ),
    Sample(
        "hopper",
        "Grace Hopper",
        "Grace Hopper in US Navy uniform and cap before a flag",
        "US Navy, public domain",
    ),
    Sample(
        "retina",
        "Retina",
        "The back of an eye: an orange disc with branching blood vessels",
        "Mikael Häggström, CC0",
    ),
    Sample(
        "bricks",
        "Bricks",
        "Long gray bricks in upright rows, with pale joints",
        "CC0Textures, CC0",
    ),
    Sample(
        "test-pattern",
        "Test pattern",
        "Stripes of several widths and directions, a disc of all hues, checks, edges, gray ramps",
        "Drawn for this page, CC0",
        suffix="png",
    ),
)


def sample(name: str) -> Sample:
    """Return the sample image with this name, or raise a KeyError."""
    return {one.name: one for one in SAMPLES}[name]


def sample_bytes(name: str) -> bytes:
    """Return the content of a sample's image file, by the sample's name."""
    return (ASSETS / f"{name}.{sample(name).suffix}").read_bytes()


def thumbnail_bytes(name: str) -> bytes:
    """Return the content of a sample's thumbnail, a square JPEG file, by the sample's name."""
    return (ASSETS / "thumbnails" / f"{sample(name).name}.jpg").read_bytes()
