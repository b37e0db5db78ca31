"""Image files of the page: samples to choose, and pictures of what ImageNet's weights compute.

``assets/CREDITS.md`` names their sources.

This module holds names and files only, so that the page can offer the samples before the image
decoders are imported.
"""

from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True)
class PictureFile:
    """An image file that every viewer can choose."""

    path: Path
    title: str  # on the page
    alt: str  # description for screen readers
    name: str  # in links


SAMPLES = tuple(
    PictureFile(ASSETS / file, title, alt, Path(file).stem)
    for file, title, alt in (
        ("cat.jpg", "Cat", "A ginger tabby cat's face, looking past the camera"),
        ("raccoon.jpg", "Raccoon", "A raccoon lying on a branch among long green leaves"),
        (
            "astronaut.jpg",
            "Astronaut",
            "Eileen Collins in an orange space suit before a flag and a model of the space shuttle",
        ),
        (
            "coffee.jpg",
            "Coffee",
            "An espresso in a red cup on a red saucer, with a spoon, on a wooden table",
        ),
        ("hopper.jpg", "Grace Hopper", "Grace Hopper in US Navy uniform and cap before a flag"),
        ("retina.jpg", "Retina", "The back of an eye: an orange disc with branching blood vessels"),
        ("bricks.jpg", "Bricks", "Long gray bricks in upright rows, with pale joints"),
        (
            "test-pattern.png",
            "Test pattern",
            "Stripes of several widths and directions, a disc of all hues, checks, edges, gray "
            "ramps",
        ),
    )
)


@dataclass(frozen=True)
class ImageNetPicture:
    """A picture drawn with ImageNet's weights: a layer's filters, or its maps of the cat."""

    layer: str
    count: int  # first filters, or maps with the highest mean
    caption: str
    of_filters: bool = False

    @property
    def path(self) -> Path:
        """File of the picture, which ``tests.support.imagenet_pictures`` draws."""
        return ASSETS / "imagenet" / f"{self.layer}.webp"


# Of blocks 1 to 3, whose weights the project has as reference data.
IMAGENET_PICTURES = (
    ImageNetPicture("block1_conv1", 48, "48 of 64 filters", of_filters=True),
    ImageNetPicture("block2_conv2", 12, "12 of 128 maps of the cat"),
    ImageNetPicture("block3_conv4", 12, "12 of 256 maps of the cat"),
)


def sample(name: str) -> PictureFile:
    """Return the sample image with this name, or raise a KeyError."""
    return {one.name: one for one in SAMPLES}[name]
