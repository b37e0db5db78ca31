"""The app, taking the weights file that it is given for the one that Keras distributes."""

import runpy
from pathlib import Path

from vgg_viz import weights


def taken_for_imagenets(path: Path) -> weights.StoredWeights:
    """The weights in a file, under ImageNet's name."""
    found = opened(path)
    return weights.StoredWeights(found.path, weights.IMAGENET_LABEL, found.seal)


if weights.open_weights.__name__ == "open_weights":
    opened, weights.open_weights = weights.open_weights, taken_for_imagenets
runpy.run_path(str(Path(__file__).parents[2] / "streamlit_app.py"))
