"""The array that the script of an attribution has to reproduce."""

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import padded_receptive_field
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.model.architecture import VGG19

FAR = 300  # more than any receptive field extends beyond the border


def array_of(run, spec, result):
    """Return the array of a run from the attributions of its value."""
    values = with_padding(result, spec)[np.array(run.arguments["maps"]) - 1]
    if spec.back_to != "input":
        return values
    if ATTRIBUTION_METHODS[spec.method].in_color:
        colors = np.moveaxis(values[::-1], 0, -1)
        return np.rint(127.5 + 127.5 * colors / np.abs(colors).max()).astype(np.uint8)[None]
    return values.sum(axis=0, keepdims=True)


def with_padding(result, spec):
    """Pad attributions to the whole receptive field: zero beyond the border."""
    side = VGG19.layer(spec.back_to).output_shape[0] + 2 * FAR
    framed = np.zeros((len(result.values), side, side), np.float32)
    rows, columns = (slice(FAR + start, FAR + stop) for start, stop in result.area)
    framed[:, rows, columns] = result.values
    rows, columns = (slice(FAR + start, FAR + stop) for start, stop in padded_receptive_field(spec))
    return framed[:, rows, columns]
