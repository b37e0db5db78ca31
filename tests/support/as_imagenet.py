"""The app, with a given weights file treated as Keras' ImageNet weights.

``FULL_FILE`` may hold the MD5 and size, separated by a space, of a file to treat as Keras' full
weights file. The convolutions then come from the given file.
"""

import os
import runpy
from dataclasses import replace
from pathlib import Path

from vgg_viz.model import weights
from vgg_viz.serving import background_files


def open_as_imagenet(path: Path) -> weights.StoredWeights:
    """Open a weights file and label it as ImageNet's."""
    found = opened(path)
    return weights.StoredWeights(found.path, weights.IMAGENET_LABEL, found.fingerprint)


def treat_as_full_file(md5: str, size: str) -> None:
    """Treat a file with that MD5 and size as Keras' full weights file."""
    full = replace(weights.FULL, md5=md5, size=int(size))
    weights.FULL = background_files.FULL = full
    weights.KERAS_FILES = weights.NOTOP, full


# The script runs again for every click; patch once.
if weights.open_weights.__name__ == "open_weights":
    opened, weights.open_weights = weights.open_weights, open_as_imagenet
    if "FULL_FILE" in os.environ:
        treat_as_full_file(*os.environ["FULL_FILE"].split())
runpy.run_path(str(Path(__file__).parents[2] / "streamlit_app.py"))
