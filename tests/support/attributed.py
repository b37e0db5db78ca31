"""What the array of an `AttributionRun` has to have, by what its question finds."""

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import reach
from vgg_viz.model.architecture import VGG19

FAR = 300  # further than any field reaches beyond a border


def array_of(run, found):
    """The array of a run, for what its question finds."""
    values = around(found, run.question)[np.array(run.numbers) - 1]
    if run.as_colors:
        colors = np.moveaxis(values[::-1], 0, -1)
        return np.rint(127.5 + 127.5 * colors / np.abs(colors).max()).astype(np.uint8)[None]
    return values.sum(axis=0, keepdims=True) if run.summed else values


def around(found, question):
    """What a value comes from, with zeros beyond the border, as far as it would see there."""
    side = VGG19.layer(question.back_to).output_shape[0] + 2 * FAR
    framed = np.zeros((len(found.values), side, side), np.float32)
    rows, columns = (slice(FAR + start, FAR + stop) for start, stop in found.area)
    framed[:, rows, columns] = found.values
    rows, columns = (slice(FAR + start, FAR + stop) for start, stop in reach(question))
    return framed[:, rows, columns]
