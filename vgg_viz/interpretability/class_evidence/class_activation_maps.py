"""Class activation maps (CAMs), one function per method of `evidence_methods`, which cites papers.

Each function takes a conv layer's maps and the gradient of a class's logit with respect to these
maps, both float32 ``(maps, height, width)``. It returns a float32 array ``(height, width)``.
"""

import numpy as np


def grad_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Compute Grad-CAM: the sum of a layer's maps, each weighted by the mean of its gradient.

    The paper's final ReLU is left out, so that evidence against the class stays negative.

    >>> maps = np.array([[[1, 2]], [[0, 1]]], np.float32)
    >>> gradients = np.array([[[1, 3]], [[-1, 1]]], np.float32)
    >>> grad_cam(maps, gradients).tolist()
    [[2.0, 4.0]]
    """
    return np.tensordot(gradients.mean(axis=(1, 2)), maps, 1)


def hires_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Compute HiResCAM: activation × gradient, summed over a layer's maps."""
    return (maps * gradients).sum(axis=0)


def layer_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Compute LayerCAM: activation × positive part of the gradient, summed over a layer's maps."""
    return (maps * np.maximum(gradients, 0)).sum(axis=0)
