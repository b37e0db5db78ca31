"""Network fine-tuned by the code of ``docs/own-networks.md``, on crops of the sample images.

``python -m tests.support.fine_tuned FOLDER`` writes ``base.h5``, the network from which it starts:
ImageNet's weights in blocks 1 to 3, random ones in blocks 4 and 5; and ``my_model.keras``.
"""

import contextlib
import re
import sys
from pathlib import Path
from unittest.mock import patch

import keras
from PIL import Image

from tests.support import REPOSITORY
from tests.support.thin import Changed
from tests.support.weights_files import ReferenceWeights, write_keras_weights
from vgg_viz.samples import sample

CLASSES = ("bricks", "cat", "coffee", "raccoon", "retina")
CROPS = 12  # per class
SIDE, CROPPED = 320, 272


def write_base(path: Path) -> None:
    """Write the weights from which the fine-tuning starts."""
    # Random layers without normalization keep the size of ImageNet's activations, with which a
    # head would learn nothing in a few steps.
    smaller = {"block4_conv1": lambda kernel, bias: (kernel / 100, bias)}
    write_keras_weights(path, Changed(ReferenceWeights(), smaller))


def write_photos(folder: Path) -> None:
    """Write a folder of crops for each class, as the code expects them."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        image = Image.open(sample(name).path).convert("RGB").resize((SIDE, SIDE))
        for number in range(CROPS):
            left, top = 12 * (number % 4), 16 * (number // 4)
            crop = image.crop((left, top, left + CROPPED, top + CROPPED))
            crop.save(folder / name / f"{number}.png")


def fine_tuning_code() -> str:
    """Return the code of the document's first example."""
    text = (REPOSITORY / "docs/own-networks.md").read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.S)[0]


def fine_tune(folder: Path) -> Path:
    """Run the document's code in a folder, with ``base.h5`` in place of ImageNet's weights."""
    base, original = folder / "base.h5", keras.applications.VGG19
    write_base(base)
    write_photos(folder / "photos")

    def vgg19(**settings: object) -> keras.Model:
        model = original(weights=None, **settings)
        model.load_weights(base, by_name=True)
        return model

    keras.utils.set_random_seed(25)
    with contextlib.chdir(folder), patch.object(keras.applications, "VGG19", vgg19):
        exec(fine_tuning_code(), {})
    return folder / "my_model.keras"


if __name__ == "__main__":
    fine_tune(Path(sys.argv[1]).resolve())
