"""Diagram of a picture and the network's layers, an SVG in the colors of Streamlit's theme."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from html import escape
from itertools import groupby

import streamlit as st

from vgg_viz.image_io.input_image import InputImage
from vgg_viz.model.architecture import KERNEL_SIDE, KINDS, POOL_SIDE, Architecture, Layer, LayerKind
from vgg_viz.ui.widgets import components

HEIGHT = 330
MIDDLE = 150
MARGIN = 34
BAR_GAP = 5
GROUP_GAP = 26
INPUT_WIDTH = 96  # of the picture, drawn as a plane that the viewer sees from the side
SLANT = 0.16  # how much that plane rises to the right, a share of its width

PAINTED = "diagram-painted"

COLORS: dict[LayerKind, str] = {  # the input is a picture
    "conv": "--st-primary-color",
    "pool": "--st-orange-color",
    "flatten": "--st-gray-color",
    "dense": "--st-violet-color",
}
LEGEND: dict[LayerKind, str] = {
    "conv": f"{KINDS['conv']} {KERNEL_SIDE} × {KERNEL_SIDE}, ReLU",
    "pool": f"{KINDS['pool']} {POOL_SIDE} × {POOL_SIDE}",
    "dense": KINDS["dense"],
}

STYLES = """
.diagram { overflow-x: auto; container-type: inline-size; }
svg { display: block; min-width: 620px; width: 100%; height: auto; font-family: var(--st-font); }
@media print { svg { min-width: 0; } }
text { fill: var(--st-text-color); font-size: 14px; text-anchor: middle; }
text.small { font-size: 13px; opacity: 0.85; }
text.on { fill: var(--st-background-color); font-size: 12.5px; font-weight: 600; }
text.head { font-weight: 650; font-size: 15.5px; }
text.key { text-anchor: start; }
[role="button"] { cursor: pointer; outline: none; }
[role="button"]:is(:hover, :focus-visible) rect { stroke: var(--st-text-color); stroke-width: 2.5; }
[data-input] rect { fill: none; stroke: var(--st-border-color); vector-effect: non-scaling-stroke; }
line { stroke: var(--st-border-color); stroke-width: 1.5; }
/* The drawing shrinks with its column, but not its letters. */
@container (max-width: 760px) {
  text { font-size: 16px; }
  text.small { font-size: 15px; opacity: 1; }
  text.on { font-size: 15px; }
  text.head { font-size: 18px; }
}
"""


def svg(architecture: Architecture) -> str:
    """Draw a diagram of the network from left to right, one bar per layer; return the SVG as HTML.

    A bar's height grows with the size of the layer's feature maps, its width with their number. The
    layers of a block stand together, with the shape of their output below. The input is a picture,
    which the component's script draws.
    """
    parts: list[str] = []
    left = float(MARGIN)
    for title, layers in groups(architecture):
        start = left
        for layer in layers:
            parts.extend(bar(layer, left))
            left += bar_size(layer)[0] + BAR_GAP
        middle = (start + left - BAR_GAP) / 2
        parts.append(text(middle, 26, title, "head"))
        for line, label in enumerate(size_labels(layers)):
            parts.append(text(middle, 280 + 17 * line, label, "small"))
        left += GROUP_GAP
    width = left - GROUP_GAP + MARGIN
    axis = f'<line x1="{MARGIN}" x2="{width - MARGIN:.0f}" y1="{MIDDLE}" y2="{MIDDLE}"/>'
    name = f"{architecture.name}: {len(architecture.conv_layers)} convolutions in five blocks"
    return (
        f'<div class="diagram"><svg viewBox="0 0 {width:.0f} {HEIGHT}" role="group" '
        f'aria-label="{escape(name)}, then three dense layers">{axis}{"".join(parts)}'
        f"{legend()}</svg></div>"
    )


def groups(architecture: Architecture) -> Iterator[tuple[str, list[Layer]]]:
    """Yield the diagram's groups of layers: the input, the five blocks and the dense layers."""

    def group(layer: Layer) -> tuple[int, str]:
        if layer.block:
            return layer.block, f"Block {layer.block}"
        return (0, "Input") if layer.kind == "input" else (99, "Dense layers")

    for (_, title), layers in groupby(architecture.layers, key=group):
        yield title, list(layers)


def bar_size(layer: Layer) -> tuple[float, float]:
    """Return the width and height of a layer's bar in the diagram, in units of the SVG."""
    if len(layer.output_shape) == 1:
        return 24, 8 * math.log2(layer.output_shape[0]) if layer.kind == "dense" else 110
    side, _, channels = layer.output_shape
    width = {"pool": 9.0, "input": INPUT_WIDTH}.get(layer.kind, 4.2 * math.log2(channels))
    return width, 12.2 * math.sqrt(side)


def bar(layer: Layer, left: float) -> Iterator[str]:
    """Yield the SVG of one layer's bar."""
    width, height = bar_size(layer)
    top = MIDDLE - height / 2
    if layer.kind == "input":
        yield input_plane(left, top, width, height)
        return
    color = COLORS[layer.kind]
    shape = " × ".join(map(str, layer.output_shape))
    title = escape(f"{layer.name}: output {shape}, {layer.parameters:,} parameters")
    button = (
        f'<g role="button" tabindex="0" data-layer="{layer.conv_number}" '
        f'aria-label="{layer.name[-1]}: open {escape(layer.name)}">'
        if layer.kind == "conv"
        else "<g>"
    )
    yield (
        f'{button}<title>{title}</title><rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="3" style="fill:var({color})"/>'
    )
    if layer.kind == "conv":
        yield text(left + width / 2, MIDDLE + 4, layer.name[-1], "on")
    yield "</g>"


def input_plane(left: float, top: float, width: float, height: float) -> str:
    """Return the SVG of the network's input, into which the component's script puts the picture."""
    slant = SLANT * width
    plane = f"matrix(1 {-SLANT} 0 1 {left:.1f} {top + slant / 2:.1f})"
    size = f'width="{width:.0f}" height="{height:.0f}"'
    return (
        '<g role="button" tabindex="0" data-input aria-label="Input: choose a picture">'
        f'<title></title><g transform="{plane}"><image {size} preserveAspectRatio="none"/>'
        f"<rect {size}/></g></g>"
    )


def size_labels(layers: list[Layer]) -> list[str]:
    """Return the lines below a group: a block's output shape, or the dense layers' units."""
    first = layers[0]
    if first.block:
        height, width, channels = first.output_shape
        return [f"{height} × {width}", f"{channels} maps"]
    if first.kind == "input":
        return ["224 × 224", "RGB"]
    units = [f"{layer.output_shape[0]:,}" for layer in layers]
    return [" → ".join(units[:2]), "→ " + " → ".join(units[2:])]


def legend() -> str:
    """Return the SVG of the diagram's legend, which names the colors of the kinds of layers."""
    parts, left = [], MARGIN - 6
    for kind, label in LEGEND.items():
        parts.append(
            f'<rect x="{left}" y="{HEIGHT - 14}" width="12" height="12" rx="2" '
            f'style="fill:var({COLORS[kind]})"/>' + text(left + 18, HEIGHT - 3, label, "key")
        )
        left += 40 + 7 * len(label)
    return "".join(parts)


def text(x: float, y: float, content: str, style: str) -> str:
    """Return the SVG of one line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(content)}</text>'


@lru_cache(maxsize=1)
def registered(architecture: Architecture) -> Callable[..., Mapping[str, object]]:
    """Return the diagram as a Streamlit component, which is registered once."""
    return st.components.v2.component(
        "vgg_viz.diagram", html=svg(architecture), css=STYLES, js=components.script("diagram")
    )


def show(
    architecture: Architecture,
    picture: InputImage,
    on_pick: Callable[[], None],
    *,
    is_awaited: bool = True,
) -> bool:
    """Show the network and its input; return whether the viewer's browser has painted them.

    Where that is not awaited, return True at once.
    """
    is_awaited = is_awaited and not st.session_state.get(PAINTED)
    header = {
        "digest": picture.digest,
        "title": f"{picture.title}: choose another picture",
        "awaited": is_awaited,  # the script then reports that it has painted, for another run
    }
    state = registered(architecture)(
        key="diagram",
        data=components.pack(header, picture.png),
        on_picked_change=on_pick,
        on_painted_change=note_painted,
    )
    # The component's state is lost with the view, hence the note in the session.
    if state.get("painted"):
        note_painted()
    return not is_awaited or bool(st.session_state.get(PAINTED))


def note_painted() -> None:
    """Remember that the viewer's browser has painted the diagram (widget callback)."""
    st.session_state[PAINTED] = True
