"""Filters: the numbers that a network learns, drawn as tiles of 3 x 3."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import Layer
from vgg_viz.links import PAGE_CHANNELS, PAGE_FILTERS
from vgg_viz.reproduction import FiltersRun
from vgg_viz.serving.results import Work
from vgg_viz.ui.page import lecture
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import controls
from vgg_viz.ui.widgets import export_menu as exporting
from vgg_viz.ui.widgets import grid as mosaics

LARGEST_TILE = 88  # pixels: nine numbers do not need more, and eight rows fit a screen


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then a page of filters: a row a filter, a column a channel."""
    with st.sidebar:
        layer = controls.layer()
        filter_count = controls.count("Number of filters", "filters", layer.filters)
        channel_count = controls.count("Number of channels", "channels", layer.channels)
        appearance = controls.appearance()
        choice = controls.network()
    lecture.heading(f"Filters of {layer.name}", layer)
    lecture.prose(
        f"**{layer.filters} filters**, each with one 3 × 3 kernel for each of the "
        f"**{layer.channels} channels** of its input: {layer.filters * layer.channels:,} kernels. "
        f"A row is a filter, a column a channel; the title says *filter-channel*. **Click a "
        f"kernel** to see what its filter makes of a picture."
    )
    left, right = st.columns(2)
    with left:
        rows = controls.page("Filters", "filter_page", PAGE_FILTERS, filter_count)
    with right:
        columns = controls.page("Channels", "channel_page", PAGE_CHANNELS, channel_count)
    work = Work(choice, notice, st.empty())
    if layer.channels == 3:
        show_first_layer(work, layer, rows, columns, appearance)
    else:
        show_kernels(work, layer, rows, columns, appearance)


def show_kernels(
    work: Work, layer: Layer, rows: range, columns: range, appearance: controls.Appearance
) -> None:
    """Show these filters and channels of a layer as one mosaic."""
    weights = work.weights()
    with work.holding():
        shown = work.kernels(weights, layer.name, rows, columns)
        span = work.filters_span(weights, layer.name)
    tiles = mosaics.Tiles(
        shown.reshape(-1, *shown.shape[2:]),
        [f"{row + 1}-{column + 1}" for row in rows for column in columns],
        [row + 1 for row in rows for _ in columns],
        span,
        ("kernels", weights.label, layer.name, rows, columns),
        rectified=False,
    )
    shares = (
        f"{len(rows)} of {layer.filters} filters and {len(columns)} of {layer.channels} channels"
    )
    caption = lecture.caption(
        f"{layer.title} · {weights.label} · {shares} shown", f"{weights.label} · {shares}"
    )
    frame = mosaics.Frame(
        "kernels", selection.open_map("kernels", layer), len(columns), largest_tile=LARGEST_TILE
    )
    mosaics.show(work, tiles, appearance, caption, frame)
    numbers = [[index + 1 for index in indices] for indices in (rows, columns)]
    axes = dict(zip(("filter", "channel"), numbers, strict=True))
    exhibit = mosaics.Exhibit("filters", tiles, appearance, caption, len(columns), axes=axes)
    exporting.offer(
        "kernels",
        f"Filters of {layer.name}",
        lambda: [exhibit],
        lambda: [FiltersRun("filters", work.script_network(), layer.name, *numbers)],
    )


def show_first_layer(
    work: Work, layer: Layer, rows: range, columns: range, appearance: controls.Appearance
) -> None:
    """Show the first layer's kernels and, beside them, its filters as colours."""
    weights = work.weights()
    left, right = st.columns([2, 3], gap="large")
    with left:
        lecture.prose(
            "**Kernels.** Channels 1, 2 and 3 are blue, green and red: the order of VGG19's input."
        )
        show_kernels(work, layer, rows, columns, appearance)
    colours = work.filter_colours(weights, layer.name)
    caption = lecture.caption(
        f"{layer.title} · {weights.label} · all {layer.filters} filters, each on its own scale",
        f"{weights.label} · all {layer.filters} filters",
    )
    frame = mosaics.Frame(
        "filter-colours", selection.open_map("filter-colours", layer), largest_tile=LARGEST_TILE
    )
    titles = [str(number) for number in range(1, layer.filters + 1)]
    with right:
        lecture.prose(
            "**As colours.** This layer looks at the picture itself, so a filter can be drawn in "
            "the colours it answers to; grey is no weight."
        )
        mosaics.show_colours(colours, titles, caption, frame)
