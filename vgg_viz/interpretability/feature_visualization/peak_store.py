"""Peaks of the sample images on disk, so that a restart does not run the network on them again.

The peaks of all layers on one image are one NPZ file in the folder of the optimized images, see
`image_store`. Its name says the network, the image and the version of the computation.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vgg_viz.interpretability.feature_visualization.image_store import (
    network_digest,
    partial_file,
    store_of,
)
from vgg_viz.interpretability.feature_visualization.top_patches import PEAKS_PER_IMAGE, Peaks
from vgg_viz.model.architecture import Architecture
from vgg_viz.model.weights import Weights

PEAKS = "peaks"  # with .part, the file that is written; with .lock, its lock
VERSION = 1  # of `find_peaks`; files of other versions are not read


def read_peaks(
    weights: Weights, architecture: Architecture, digest: str
) -> tuple[Peaks, ...] | None:
    """Return an image's stored peaks, one entry per conv layer; None if missing or damaged."""
    path = peaks_path(weights, digest)
    if path is None:
        return None
    ends = np.cumsum([layer.filters for layer in architecture.conv_layers])
    try:
        with path.open("rb") as stored, np.load(stored) as file:
            values, positions = file["values"], file["positions"]
        if (values.dtype, positions.dtype) != (np.float32, np.int16):
            raise ValueError(f"expected float32 and int16, got {values.dtype}, {positions.dtype}")
        values = values.reshape(ends[-1], PEAKS_PER_IMAGE)
        positions = positions.reshape(ends[-1], PEAKS_PER_IMAGE, 2)
    except Exception:  # NumPy and zipfile raise a dozen kinds for damaged files
        return None
    return tuple(map(Peaks, np.split(values, ends[:-1]), np.split(positions, ends[:-1])))


def save_peaks(weights: Weights, digest: str, peaks: Sequence[Peaks]) -> None:
    """Save an image's peaks, one entry per conv layer; an OSError may say why it could not."""
    path = peaks_path(weights, digest)
    if path is None:
        return
    with partial_file(path.parent, PEAKS) as part:
        with part.open("wb") as file:
            np.savez(
                file,
                values=np.concatenate([each.values for each in peaks]),
                positions=np.concatenate([each.positions for each in peaks]),
            )
        part.replace(path)  # so that readers see complete files only


def peaks_path(weights: Weights, digest: str) -> Path | None:
    """Return the path of an image's peaks; None for a network whose results are not stored."""
    store = store_of(weights)
    if store is None:
        return None
    network = network_digest(weights.identity)
    return store.folder / f"{network[:16]}-peaks-{digest}-v{VERSION}.npz"
