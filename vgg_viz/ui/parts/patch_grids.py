"""The strongest patches: what each channel of a layer answers to most, in the pictures at hand."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import PatchesRun
from vgg_viz.interpretability.feature_visualization.top_patches import (
    MOST,
    Peaks,
    Spot,
    filled_up,
    patch,
    peaks_of,
    strongest,
)
from vgg_viz.links import OWN
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network
from vgg_viz.serving.results import Results
from vgg_viz.ui import state
from vgg_viz.ui.parts import available_images, comparison, inspector
from vgg_viz.ui.parts.available_images import AvailableImage
from vgg_viz.ui.parts.layer_maps import LayerMaps, script_network
from vgg_viz.ui.state import component_values, mode, selection
from vgg_viz.ui.widgets import chosen_channel, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.grid import Placement

GRIDS = ("patches", "patches-other")
NINES = ("nine", "nine-other")
HALF = 560  # CSS pixels: what two grids have beside each other
PANEL = 400  # CSS pixels
ABREAST = 3
HINT = (
    f"Click a tile to see its channel here: its {MOST} strongest patches, with value, picture and "
    "position."
)


@dataclass(frozen=True)
class Patches:
    """What the channels of a layer answer to most, over some pictures.

    ``found`` are the layer's peaks, one a picture.
    """

    network: Network
    layer: ConvLayer
    pictures: tuple[AvailableImage, ...]
    found: tuple[Peaks, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Whose patches these are."""
        digests = tuple(picture.digest for picture in self.pictures)
        return (self.network.identity, self.layer.name, digests)

    @cached_property
    def first(self) -> list[list[Spot]]:
        """Where each channel is strongest: one place, or none where it is silent."""
        return strongest(self.found)

    def of(self, results: Results, channel: int) -> list[Spot]:
        """The strongest places of one channel, from 1.

        Where the channel is silent on most pictures, from its own maps of the others.
        """
        found = [peaks_of(each, channel) for each in self.found]

        def map_of(index: int) -> np.ndarray:
            picture = self.pictures[index].open()
            return LayerMaps(results, self.network, picture, self.layer).map(channel)

        return strongest(filled_up(found, self.layer, map_of), MOST)[0]

    def grid(self, count: int) -> ColorGrid:
        """The first so many channels, a tile each."""
        spots = [each[0] if each else None for each in self.first[:count]]
        numbers = range(1, count + 1)
        titles = [str(number) for number in numbers]
        return self._tiles(spots, titles, numbers, "channel", self.caption(count))

    def nine(self, channel: int, spots: Sequence[Spot]) -> ColorGrid:
        """The strongest patches of one channel, a tile each; it is not silent on all pictures."""
        values = [figure(spot.value, 3) for spot in spots]
        # In a lecture's large letters a tile has room for one of the two.
        titles = [
            text_blocks.caption(f"{value} · {self.pictures[spot.picture].title}", value)
            for value, spot in zip(values, spots, strict=True)
        ]
        numbers = range(1, len(spots) + 1)
        made = self._tiles(spots, titles, numbers, "patch", self.nine_caption(channel, len(spots)))
        return replace(made, key=(made.key, channel), name="patches", columns=ABREAST)

    def _tiles(
        self,
        spots: Sequence[Spot | None],
        titles: Sequence[str],
        numbers: Sequence[int],
        axis: str,
        caption: str,
    ) -> ColorGrid:
        return ColorGrid(
            partial(self.cut_out, spots),
            titles,
            numbers,
            ("patches", *self.key, axis, len(spots)),
            caption,
            name="patches",
            axes={axis: numbers},
            tooltips=[self.told(spot) for spot in spots],
            figures={
                "value": [spot.value if spot else 0.0 for spot in spots],
                "picture": [self.pictures[spot.picture].title if spot else "" for spot in spots],
                "place_row": [spot.row + 1 if spot else 0 for spot in spots],
                "place_column": [spot.column + 1 if spot else 0 for spot in spots],
            },
            empty=[spot is None for spot in spots],
        )

    def cut_out(self, spots: Sequence[Spot | None]) -> Iterator[np.ndarray]:
        """What lies under these places, uint8 ``(side, side, 3)`` each; black for none."""
        opened: dict[int, np.ndarray] = {}
        for spot in spots:
            if spot is None:
                yield np.zeros((self.layer.receptive_field,) * 2 + (3,), np.uint8)
                continue
            if spot.picture not in opened:
                opened[spot.picture] = self.pictures[spot.picture].pixels
            yield patch(opened[spot.picture], self.layer, spot.row, spot.column)

    def told(self, spot: Spot | None) -> list[str]:
        """What is said of a tile."""
        if spot is None:
            return ["silent on all of these pictures"]
        title = self.pictures[spot.picture].title
        return [f"{figure(spot.value)} on {title}", f"row {spot.row + 1}, column {spot.column + 1}"]

    def caption(self, count: int) -> str:
        """What a reader must know of the grid."""
        silent = self.first.count([])
        asleep = f", {silent} silent on all of them" if silent else ""
        of = f"{count} of {self.layer.filters} channels"
        return text_blocks.caption(
            f"{self.layer.title} · {self.network.label} · {of} shown{asleep} · {self.origin}",
            f"{self.network.label} · {of} · {self.short_origin if is_alone() else self.shortest}",
        )

    def nine_caption(self, channel: int, count: int) -> str:
        """What a reader must know of one channel's patches."""
        of = f"Channel {channel} of {self.layer.name}"
        first = ", the first ones each of another picture" if count > 1 else ""
        return text_blocks.caption(
            f"{of} · {self.network.label} · {self.origin}{first}",
            f"S{self.short_origin[1:]}",
        )

    def positions(self, spots: Sequence[Spot]) -> str:
        """Where each of these places is."""
        of_each = [
            f"{self.pictures[spot.picture].title} {spot.row + 1}, {spot.column + 1}"
            for spot in spots
        ]
        return f"Row and column: {' · '.join(of_each)}"

    @property
    def origin(self) -> str:
        """Over what these are the strongest."""
        own = sum(picture.choice == OWN for picture in self.pictures)
        whose = f", {own} of them yours" if own else " of this page"
        return f"strongest of {len(self.pictures)} pictures{whose}, not of ImageNet"

    @property
    def short_origin(self) -> str:
        """The same in a lecture's line."""
        return f"{self.shortest}, not of ImageNet"

    @property
    def shortest(self) -> str:
        """The same where a lecture's line has less room."""
        return f"strongest of {len(self.pictures)} pictures"

    def script_run(self, name: str, channels: Sequence[int], each: int) -> PatchesRun:
        """How a script of one's own finds and cuts out the same."""
        return PatchesRun(
            name,
            script_network(self.network.weights),
            [picture.pixels for picture in self.pictures],
            self.layer.name,
            channels,
            each,
        )


def show(results: Results, sides: Sequence[Patches], count: int) -> None:
    """Show the strongest patch of each channel and those of the chosen one, of one network or two.

    Two stand side by side.
    """
    if len(sides) > 1:
        show_pair(results, sides, count)
    else:
        show_one(results, sides[0], count)


def read(results: Results, network: Network, layer: ConvLayer) -> Patches:
    """What the channels of a layer answer to most; the page says how far that is known."""
    pictures = available_images.all_pictures()
    found = available_images.look_through(results, network, pictures)
    return Patches(network, layer, pictures, tuple(one[layer.conv_number - 1] for one in found))


def show_one(results: Results, patches: Patches, count: int) -> None:
    """Show one network's patches and, beside them, those of the channel that was picked."""
    with st.container(key="maps-room"):
        # In a lecture there is only the grid, as large as can be, until a channel is chosen.
        alone = mode.in_lecture() and is_alone()
        left, panel = [st.container()] * 2 if alone else st.columns([3, 2], gap="medium")
    with left:
        show_grid(results, patches, count, GRIDS[0])
        offer(GRIDS[0], [patches], lambda: [patches.grid(count)], range(1, count + 1), 1)
    with panel:
        channel = chosen_channel.choose(patches.layer)
        show_nine(results, patches, channel, NINES[0])


def show_pair(results: Results, sides: Sequence[Patches], count: int) -> None:
    """Show the same channels of two networks side by side, and the chosen one's of both."""
    if sides[0].key == sides[1].key:
        comparison.note_identical("network")
    headings = [comparison.network_name(patches.network) for patches in sides]
    for name, patches, heading, column in zip(GRIDS, sides, headings, columns(), strict=True):
        with column:
            st.subheader(heading)
            show_grid(results, patches, count, name, HALF)
    offer(GRIDS[0], sides, lambda: both(sides, count), range(1, count + 1), 1)
    channel = chosen_channel.choose(sides[0].layer)
    for name, patches, column in zip(NINES, sides, columns(), strict=True):
        with column:
            show_nine(results, patches, channel, name)


def is_alone() -> bool:
    """Whether the grid of a lecture has the page for itself."""
    return selection.current() is None and state.value("compare") != "network"


def columns() -> Sequence[DeltaGenerator]:
    """Two places beside each other."""
    return st.columns(2, gap="medium")


def both(sides: Sequence[Patches], count: int) -> list[ColorGrid]:
    """Two networks' grids, under names of their own."""
    return [
        replace(patches.grid(count), name=name, heading=comparison.network_name(patches.network))
        for name, patches in zip(comparison.NAMES, sides, strict=True)
    ]


def show_grid(
    results: Results, patches: Patches, count: int, name: str, width: int = grid.PAGE_WIDTH
) -> None:
    """Show the strongest patch of each channel; a click chooses the channel."""
    place = Placement(name, inspector.pick_map(name, patches.layer), width=width)
    grid.show(results, patches.grid(count), place)


def show_nine(results: Results, patches: Patches, channel: int | None, name: str) -> None:
    """Show the strongest patches of a channel, or say how to choose one."""
    if channel is None:
        text_blocks.note(HINT)
        return
    spots = patches.of(results, channel)
    if not spots:
        st.info("Silent on all of these pictures.", icon=":material/volume_off:")
        return
    place = Placement(
        name,
        partial(open_patch, name, patches.pictures, spots),
        width=PANEL,
        largest_tile=PANEL // ABREAST,
        follows=False,
        tools=False,
    )
    grid.show(results, patches.nine(channel, spots), place)
    places = text_blocks.escape(patches.positions(spots))
    text_blocks.note(f"{places}. **Click a patch** to look into the map there.")
    offer(name, [patches], lambda: [patches.nine(channel, spots)], [channel], MOST)


def open_patch(name: str, pictures: Sequence[AvailableImage], spots: Sequence[Spot]) -> None:
    """A callback's work: look into the map of the clicked patch, at its place in its picture."""
    number = component_values.number(name, len(spots))
    if number is None:
        return
    spot = spots[number - 1]
    place = {selection.ROW: spot.row + 1, selection.COLUMN: spot.column + 1}
    state.change(pictures[spot.picture].choose() | place | {"view": "maps"})


def offer(
    name: str,
    sides: Sequence[Patches],
    grids: Callable[[], Sequence[ColorGrid]],
    channels: Sequence[int],
    each: int,
) -> None:
    """Show the way to the files of these grids; ``each`` is how many patches a channel has."""
    layer = sides[0].layer.name
    what = f"of channel {channels[0]} of {layer}" if each > 1 else f"of {layer}"
    names = comparison.NAMES if len(sides) > 1 else ["patches"]
    export_menu.offer(
        name,
        f"Strongest patches {what}",
        grids,
        lambda: [
            one.script_run(title, channels, each) for one, title in zip(sides, names, strict=True)
        ],
        own_picture=any(picture.choice == OWN for picture in sides[0].pictures),
    )
