"""The pictures that come with the page: ``assets/CREDITS.md`` says where they are from.

Names and files only, so that the page can offer them before anything that decodes is imported.
"""

from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True)
class Sample:
    """A picture that comes with the page; ``assets/CREDITS.md`` says where it is from."""

    name: str
    title: str
    alt: str
    credit: str
    file_name: str


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "cat",
        "Cat",
        "A ginger tabby cat's face, looking past the camera",
        "Stefan van der Walt, CC0",
        "cat.jpg",
    ),
    Sample(
        "raccoon",
        "Raccoon",
        "A raccoon lying on a branch among long green leaves",
        "Pixnio, public domain",
        "raccoon.jpg",
    ),
    Sample(
        "astronaut",
        "Astronaut",
        "Eileen Collins in an orange space suit before a flag and a model of the space shuttle",
        "NASA, public domain",
        "astronaut.jpg",
    ),
    Sample(
        "coffee",
        "Coffee",
        "An espresso in a red cup on a red saucer, with a spoon, on a wooden table",
        "Rachel Michetti, CC0",
        "coffee.jpg",
    ),
    Sample(
        "hopper",
        "Grace Hopper",
        "Grace Hopper in US Navy uniform and cap before a flag",
        "US Navy, public domain",
        "hopper.jpg",
    ),
    Sample(
        "retina",
        "Retina",
        "The back of an eye: an orange disc with branching blood vessels",
        "Mikael Häggström, CC0",
        "retina.jpg",
    ),
    Sample(
        "bricks",
        "Bricks",
        "Long gray bricks in upright rows, with pale joints",
        "CC0Textures, CC0",
        "bricks.jpg",
    ),
    Sample(
        "test-pattern",
        "Test pattern",
        "Stripes of several widths and directions, a disc of all hues, checks, edges, gray ramps",
        "Drawn for this page, CC0",
        "test-pattern.png",
    ),
)


def sample(name: str) -> Sample:
    """The sample of that name.

    Raises:
        KeyError: there is none.
    """
    for candidate in SAMPLES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"expected one of {[candidate.name for candidate in SAMPLES]}, got {name!r}")


def sample_bytes(name: str) -> bytes:
    """The file of the sample of that name.

    Raises:
        KeyError: there is none.
    """
    return (ASSETS / sample(name).file_name).read_bytes()


def thumbnail_bytes(name: str) -> bytes:
    """The sample of that name as a small square JPEG, as `images.thumbnail` made it.

    Raises:
        KeyError: there is none.
    """
    return (ASSETS / "thumbnails" / f"{sample(name).name}.jpg").read_bytes()
