"""Records of the changes of an image, such as rotation, and the change that a viewer has chosen.

To add a change, write its function in `image_changes`, and a record here. Controls, links and
captions follow from the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vgg_viz.option import Option, Options, Paper, by_name

NONE, COVER = "none", "cover"


class Amount(NamedTuple):
    """Range of the amount of a change; an amount of 0 leaves the image as it is."""

    low: int = 0
    high: int = 0
    usual: int = 0  # when the viewer chooses the change
    label: str = ""  # with the unit


NO_AMOUNT = Amount()


@dataclass(frozen=True)
class Change(Option):
    """Record of a change of an image, which the function of its name in `image_changes` makes.

    The function's arguments are RGB pixels, the amount and, for `COVER`, the square's `Place`.
    """

    amount: Amount = NO_AMOUNT
    # For titles; ``{}`` stands for the amount without its sign. The second is for a negative one.
    phrases: tuple[str, ...] = ()


class Place(NamedTuple):
    """Center of a covered square, in pixels from 0, and a name of `FILLS`."""

    row: int
    column: int
    fill: str


class ChosenChange(NamedTuple):
    """A change with its amount and, for a covered square, its place."""

    name: str
    amount: int
    place: Place | None = None

    @property
    def phrase(self) -> str:
        """The change in words, to follow an image's title; empty if the image stays as it is.

        >>> ChosenChange("rotate", -30).phrase
        'rotated counterclockwise by 30°'
        """
        phrases = CHANGES[self.name].phrases
        return phrases[self.amount < 0].format(abs(self.amount)) if self.amount else ""


FILLS: Options = by_name(
    Option("mean", "Mean color", "of ImageNet, which preprocessing turns into zero"),
    Option("blur", "Blur", "the image itself, blurred"),
    Option("nearest", "Nearest", "the color of the nearest pixel around the square"),
)
BAG_OF_FEATURES = Paper("Brendel and Bethge 2019", "https://arxiv.org/abs/1904.00760")

CHANGES: Mapping[str, Change] = by_name(
    Change(NONE, "None"),
    Change(
        "shift_x",
        "Shift sideways",
        amount=Amount(-112, 112, 16, "Pixels to the right"),
        phrases=("shifted right by {} pixels", "shifted left by {} pixels"),
    ),
    Change(
        "shift_y",
        "Shift up or down",
        amount=Amount(-112, 112, 16, "Pixels down"),
        phrases=("shifted down by {} pixels", "shifted up by {} pixels"),
    ),
    Change(
        "rotate",
        "Rotate",
        amount=Amount(-180, 180, 30, "Degrees clockwise"),
        phrases=("rotated clockwise by {}°", "rotated counterclockwise by {}°"),
    ),
    Change(
        "scale",
        "Scale",
        amount=Amount(-75, 200, 50, "Percent larger"),
        phrases=("enlarged by {}%", "reduced by {}%"),
    ),
    Change("mirror", "Mirror", amount=Amount(0, 1, 1), phrases=("mirrored",)),
    Change(
        "brightness",
        "Brightness",
        amount=Amount(-100, 100, 30, "Percent of white"),
        phrases=("brighter by {}%", "darker by {}%"),
    ),
    Change(
        "contrast",
        "Contrast",
        amount=Amount(-100, 200, -50, "Percent more contrast"),
        phrases=("with {}% more contrast", "with {}% less contrast"),
    ),
    Change(
        "grayscale",
        "Grayscale",
        amount=Amount(0, 100, 100, "Percent less color"),
        phrases=("with {}% less color",),
    ),
    *(
        Change(
            color,
            f"Only {color}",
            "the other two channels move to ImageNet's mean color",
            amount=Amount(0, 100, 100, "Percent less of the others"),
            phrases=(f"with {{}}% less of all but {color}",),
        )
        for color in ("red", "green", "blue")
    ),
    Change(
        "blur",
        "Blur",
        "with a Gaussian",
        amount=Amount(0, 16, 3, "Standard deviation in pixels"),
        phrases=("blurred by {} pixels",),
    ),
    Change(
        "noise",
        "Noise",
        "Gaussian, always the same",
        amount=Amount(0, 128, 32, "Standard deviation in gray levels"),
        phrases=("with noise of {} gray levels",),
    ),
    Change(
        "jpeg",
        "JPEG compression",
        amount=Amount(0, 99, 90, "100 minus the quality"),
        phrases=("with JPEG compression {}",),
    ),
    Change(
        COVER,
        "Cover a square",
        "where you click the image",
        amount=Amount(0, 112, 48, "Side in pixels"),
        phrases=("with a square of {} pixels covered",),
    ),
    Change(
        "shuffle",
        "Shuffle tiles",
        "always in the same random order",
        papers=(BAG_OF_FEATURES,),
        amount=Amount(0, 14, 4, "Tiles per side"),
        phrases=("shuffled in {} tiles per side",),
    ),
    Change(
        "low_pass",
        "Remove high frequencies",
        "the highest is 112 cycles per image",
        amount=Amount(0, 111, 100, "Cycles per image removed"),
        phrases=("without the highest {} frequencies",),
    ),
    Change(
        "high_pass",
        "Remove low frequencies",
        "the mean color stays",
        amount=Amount(0, 56, 8, "Cycles per image removed"),
        phrases=("without the lowest {} frequencies",),
    ),
)
