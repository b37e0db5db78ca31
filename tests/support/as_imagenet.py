"""The app, taking the weights file that it is given for the one that Keras distributes.

``FULL_FILE`` may hold the MD5 and the size, with a space between, of a file that passes for Keras'
full one: the one without dense layers that was given is then what convolutions are from.
"""

import os
import runpy
from dataclasses import replace
from pathlib import Path

from vgg_viz.model import weights
from vgg_viz.serving import background_files


def taken_for_imagenets(path: Path) -> weights.StoredWeights:
    """The weights in a file, under ImageNet's name."""
    found = opened(path)
    return weights.StoredWeights(found.path, weights.IMAGENET_LABEL, found.fingerprint)


def take_for_the_full_file(md5: str, size: str) -> None:
    """Take a file with that MD5 and size for Keras' own with all layers."""
    full = replace(weights.FULL, md5=md5, size=int(size))
    weights.FULL = background_files.FULL = full
    weights.KERAS_FILES = weights.NOTOP, full


# Once, though the script runs for every click.
if weights.open_weights.__name__ == "open_weights":
    opened, weights.open_weights = weights.open_weights, taken_for_imagenets
    if "FULL_FILE" in os.environ:
        take_for_the_full_file(*os.environ["FULL_FILE"].split())
runpy.run_path(str(Path(__file__).parents[2] / "streamlit_app.py"))
