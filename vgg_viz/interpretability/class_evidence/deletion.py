"""Deletion curves: how fast a logit falls when positions are ablated one after the other.

Petsiuk, Das and Saenko, "RISE" (2018), https://arxiv.org/abs/1806.07421: the faster it falls, the
better an evidence method has ranked the positions. Here positions of the last conv layer's maps are
ablated, not pixels, so every point is a run of the rest of the network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.model.dense_layers import DenseWeights

SEED = 19


def deletion_curves(
    dense: DenseWeights | Any, maps: np.ndarray, rankings: Sequence[np.ndarray], class_index: int
) -> np.ndarray:
    """Compute a class's logit without 0, 1, … and all positions, ``(rankings, positions + 1)``.

    The position with the largest value of a ranking, ``(14, 14)``, is ablated first. Maps are
    float32 ``(512, 14, 14)``. All rankings share one pass over the dense layers.
    """
    counts = np.arange(rankings[0].size + 1)[:, None]
    orders = np.stack([np.argsort(-ranking.ravel(), kind="stable") for ranking in rankings])
    ranks = np.argsort(orders, axis=1)
    kept = (ranks[:, None] >= counts).reshape(-1, *rankings[0].shape)
    logits = evidence.logits_of_kept(dense, maps, kept)[:, class_index]
    return logits.reshape(len(rankings), -1)


def random_ranking(shape: tuple[int, int]) -> np.ndarray:
    """Return a random ranking of positions, always the same."""
    return np.random.default_rng(SEED).random(shape)
