"""Networks that the page can show: VGG19 with ImageNet weights, and untrained."""

from collections.abc import Mapping
from typing import Literal

from vgg_viz.option import Option, by_name

NetworkChoice = Literal["imagenet", "untrained"]

NETWORKS: Mapping[NetworkChoice, Option] = by_name(
    Option("imagenet", "ImageNet"),
    Option("untrained", "Untrained"),
)
