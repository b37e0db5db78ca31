"""Layer-wise relevance propagation (LRP), with a different rule for each part of the network.

Each unit j passes its relevance R_j back to its inputs x_i. Input i receives R_j z_ij / Σ_i z_ij;
the rules differ in z_ij:

    blocks 1 to 3    LRP-γ    z_ij = x_i (w_ij + γ max(w_ij, 0)); the bias has the same factor
    blocks 4 and 5   LRP-ε    z_ij = x_i w_ij; ε = 0.25 rms of the layer joins the denominator
    pixels           zᴮ       z_ij = x_i w_ij - l_i max(w_ij, 0) - h_i min(w_ij, 0)

l and h are the network's inputs for pixels 0 and 255; all inputs are 0 beyond the border. Max
pooling passes relevance to the largest value. The denominators of LRP-γ and LRP-ε include the bias,
that of zᴮ does not; 0/0 is 0. The pass starts with the value as its unit's relevance, so the value
must be above 0. The inputs' relevance, the biases' share and the share that ε or 0/0 absorbs sum to
the value. `methods` cites Bach et al. 2015 and Montavon et al. 2019, who give these rules.
"""

from __future__ import annotations

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    NotPositiveError,
    Work,
    bias_term,
    channels_first,
    check_finite,
)
from vgg_viz.interpretability.receptive_field import Stage, conv_gradient, padded_input
from vgg_viz.model.network import Tensor, tf

LAST_GAMMA_BLOCK = 3
GAMMA = 0.25
EPSILON = 0.25  # as a share of the root mean square of the layer's values before ReLU


def lrp(attribution_pass: AttributionPass, pixels: np.ndarray) -> Work:
    """Attribute a value by LRP; a `NotPositiveError` means that it is not above 0."""
    yield attribution_pass.steps + 1
    # Passing back relevance divided by activation avoids 0/0 at inactive units.
    x = yield from attribution_pass.maps(attribution_pass.network.input(pixels))
    outputs = yield from attribution_pass.outputs(x)
    value, output, ratio = _start(attribution_pass, outputs[-1])
    outputs.append(output)
    stages = [*attribution_pass.between, attribution_pass.last]
    by_zb = attribution_pass.spec.back_to == "input"
    biases, absorbed = dict[str, float](), 0.0
    for stage in reversed(stages[by_zb:]):
        output = outputs.pop()
        if stage.is_conv:
            ratio, biases[stage.layer.name], lost = _pass_back(
                attribution_pass, stage, outputs[-1], output, ratio
            )
            absorbed += lost
        else:
            ratio = attribution_pass.layers.backward(stage, outputs[-1], output, ratio)
        yield None
    if by_zb:
        relevance, lost = _zb(attribution_pass, stages[0], x, ratio * outputs[-1], pixels)
        absorbed += lost
        yield None
    else:
        relevance = x * ratio
    values = channels_first(relevance)
    return Attribution(values, attribution_pass.area, value, biases, absorbed=absorbed)


def _start(attribution_pass: AttributionPass, x: Tensor) -> tuple[float, Tensor, Tensor]:
    """Compute the value, its layer's output there, and the ratio: 1 for its channel, else 0."""
    stage, index = attribution_pass.last, attribution_pass.spec.channel - 1
    kernel, bias = attribution_pass.layers.weights(stage.layer)
    before_relu = tf.nn.conv2d(padded_input(stage, x), kernel, 1, "VALID") + bias
    value = float(before_relu[0, 0, 0, index])
    check_finite(value)
    if value <= 0:
        raise NotPositiveError(f"expected a value above 0, got {value:g}; choose another method")
    return value, tf.nn.relu(before_relu), tf.one_hot([[[index]]], bias.shape[0])


def _pass_back(
    attribution_pass: AttributionPass,
    stage: Stage,
    x: Tensor,
    output: Tensor,
    ratio: Tensor,
) -> tuple[Tensor, float, float]:
    """Compute each input's ratio by LRP-γ or LRP-ε, the biases' relevance, and what ε absorbs."""
    kernel, bias = attribution_pass.layers.weights(stage.layer)
    padded = padded_input(stage, x)
    if stage.layer.block > LAST_GAMMA_BLOCK:
        before_relu = tf.nn.conv2d(padded, kernel, 1, "VALID") + bias
        mean_square = np.mean(np.square(before_relu.numpy(), dtype=np.float64))
        stabilizer = epsilon = EPSILON * float(np.sqrt(mean_square))
    else:
        # All inputs are at least 0, and so is this.
        more, more_bias = GAMMA * tf.nn.relu(kernel), GAMMA * tf.nn.relu(bias)
        stabilizer, epsilon = tf.nn.conv2d(padded, more, 1, "VALID") + more_bias, 0.0
        kernel, bias = kernel + more, bias + more_bias
    # The output of an active unit is its denominator without the stabilizer.
    ratio = ratio * tf.math.divide_no_nan(output, output + stabilizer)
    absorbed = epsilon * float(tf.reduce_sum(ratio))
    return conv_gradient(stage, kernel, ratio), bias_term(ratio, bias.numpy()), absorbed


def _zb(
    attribution_pass: AttributionPass,
    stage: Stage,
    x: Tensor,
    relevance: Tensor,
    pixels: np.ndarray,
) -> tuple[Tensor, float]:
    """Pass relevance back to the pixels by zᴮ; also return the relevance that 0/0 absorbs."""
    kernel, _ = attribution_pass.layers.weights(stage.layer)
    # x w - l max(w, 0) - h min(w, 0), but without cancellation: no summand is negative.
    kernels = tf.concat([tf.nn.relu(kernel), -tf.nn.relu(-kernel)], axis=2)
    levels = (np.full_like(pixels, level) for level in (0, 255))
    bounds = [attribution_pass.crop(attribution_pass.network.input(one)) for one in levels]
    distances = tf.concat([x - bound for bound in bounds], axis=3)
    denominator = tf.nn.conv2d(padded_input(stage, distances), kernels, 1, "VALID")
    ratio = tf.math.divide_no_nan(relevance, denominator)
    low, high = tf.split(distances * conv_gradient(stage, kernels, ratio), 2, axis=3)
    return low + high, float(tf.reduce_sum(tf.where(denominator == 0, relevance, 0)))
