"""Prediction and class evidence, compared with Keras' dense layers, which take 494 MB."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.measure import (
    Effort,
    NotRun,
    Row,
    attempt,
    bounded,
    duration,
    durations,
    interleaved,
    job,
    middle,
    timed,
)
from tests.bench.pictures import cat
from tests.support import REPOSITORY
from tests.support.truth import CheapDense
from tests.support.weights_files import write_full_weights
from vgg_viz.interpretability.class_evidence import class_activation_maps, evidence
from vgg_viz.interpretability.class_evidence.deletion import deletion_curves, random_ranking
from vgg_viz.interpretability.experiments.adversarial import adversarial_example
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import SLAB_ROWS, DenseWeights, open_dense, slab_count
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, UntrainedWeights

CLASS = 285
PREDICTION_SECONDS, EVIDENCE_SECONDS = 0.05, 0.3
DELETION_SECONDS, ADVERSARIAL_SECONDS = 0.2, 8.0
EPSILON = 4  # gray levels
ANONYMOUS_BYTES = 60 * 10**6
POLLING_SECONDS = 0.001
STATUS = Path("/proc/self/status")


def rows(effort: Effort) -> Iterator[Row]:
    """Measure prediction and evidence, with the weights file in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.h5"
        write_full_weights(path, UntrainedWeights(), CheapDense(7))
        yield attempt("Memory of the prediction and its evidence", lambda: memory(path))
        dense, maps = dense_of(path), last_maps()
        head = keras_head(dense)
        yield attempt("Prediction", lambda: prediction(dense, maps, head, effort))
        yield attempt("Ablation", lambda: ablation(dense, maps, head, effort))
        yield attempt("Grad-CAM", lambda: grad_cam(dense, maps, head, effort))
        yield attempt("Deletion curves", lambda: deletion(dense, maps, effort))
        yield attempt("Adversarial example", lambda: adversarial(dense, effort))


def prediction(dense: DenseWeights, maps: np.ndarray, head: Any, effort: Effort) -> Row:
    """Measure the time from the last conv layer's maps to the logits."""
    batch = np.moveaxis(maps, 0, -1)[None]
    return limited(
        "block5_conv4's maps to the prediction; baseline: Keras' dense layers in memory",
        lambda: head(batch).numpy(),
        lambda: evidence.predict(dense, maps),
        effort,
        PREDICTION_SECONDS,
    )


def ablation(dense: DenseWeights, maps: np.ndarray, head: Any, effort: Effort) -> Row:
    """Measure the ablation of all 196 positions; baseline: one batch of 196 in Keras."""
    batch = np.repeat(np.moveaxis(maps, 0, -1)[None], 196, axis=0)
    for index in range(196):
        batch[index, index // 14, index % 14] = 0
    return limited(
        "ablation of each of 196 positions; baseline: one batch of Keras' dense layers",
        lambda: head(batch).numpy(),
        lambda: evidence.logit_drop_by_position(dense, maps),
        effort,
        EVIDENCE_SECONDS,
    )


def grad_cam(dense: DenseWeights, maps: np.ndarray, head: Any, effort: Effort) -> Row:
    """Measure Grad-CAM after the prediction; baseline: TensorFlow's gradients."""
    import tensorflow as tf

    source = tf.constant(np.moveaxis(maps, 0, -1)[None])
    prediction = evidence.predict(dense, maps)

    def with_tape() -> np.ndarray:
        with tf.GradientTape() as tape:
            tape.watch(source)
            logit = head(source)[0, CLASS]
        gradients = np.moveaxis(tape.gradient(logit, source).numpy()[0], -1, 0)
        return class_activation_maps.grad_cam(maps, gradients)

    return limited(
        "Grad-CAM; baseline: TensorFlow's gradients",
        with_tape,
        lambda: class_activation_maps.grad_cam(
            maps, evidence.logit_gradient(dense, maps, prediction, CLASS).values
        ),
        effort,
        EVIDENCE_SECONDS,
    )


def deletion(dense: DenseWeights, maps: np.ndarray, effort: Effort) -> Row:
    """Measure the deletion curve of one method."""
    ranking = random_ranking(maps.shape[1:])
    clock = timed(lambda: deletion_curves(dense, maps, [ranking], CLASS))
    clock()
    seconds = [clock() for _ in range(effort.passes)]
    bound = DELETION_SECONDS
    what = "deletion curve of one method, 197 points"
    return bounded(what, middle(seconds), bound, durations(seconds), duration(bound))


def adversarial(dense: DenseWeights, effort: Effort) -> Row:
    """Measure an adversarial example, once, since it takes ten passes to the pixels and back."""
    network = Network(UntrainedWeights())
    example = partial(adversarial_example, network, dense, cat(), CLASS, EPSILON)
    return job("adversarial example in 10 steps", example, ADVERSARIAL_SECONDS, effort)


def limited(
    what: str, keras: Callable[[], object], ours: Callable[[], object], effort: Effort, most: float
) -> Row:
    """Return the row of a time bound of ``most`` seconds, with Keras as the baseline."""
    for run in (keras, ours):
        run()  # the first run builds, and reads pages from disk
    seconds = interleaved(effort.passes, {"keras": timed(keras), "ours": timed(ours)})
    return Row(
        what,
        ours=durations(seconds["ours"]),
        target=f"at most {duration(most)}",
        baseline=durations(seconds["keras"]),
        ratio=f"{middle(seconds['ours']) / middle(seconds['keras']):.2f} times",
        met=middle(seconds["ours"]) <= most,
    )


def memory(path: Path) -> Row:
    """Measure the peak memory of prediction, evidence and most important maps."""
    if not STATUS.exists():
        raise NotRun("only Linux reports anonymous memory")
    command = [sys.executable, "-m", "tests.bench.predicting", path]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken = int(ran.stdout)
    what = "peak anonymous memory of prediction, evidence and most important maps"
    return bounded(what, taken, ANONYMOUS_BYTES, f"{taken / 1e6:.0f} MB", "60 MB")


def measure_memory(path: Path) -> int:
    """Measure the peak anonymous memory in this process, in bytes."""
    dense, maps = dense_of(path), last_maps()
    with watching_memory() as taken:
        prediction = evidence.predict(dense, maps)
        results = [
            evidence.logit_drop_by_position(dense, maps),
            evidence.logit_drop_by_map(dense, maps),
            evidence.logit_gradient(dense, maps, prediction, CLASS).values,
        ]
    return max(taken) if results else 0


@contextmanager
def watching_memory() -> Iterator[list[int]]:
    """Sample how much anonymous memory this process gains within the context, in bytes."""
    before, taken, done = anonymous_bytes(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(POLLING_SECONDS):
            taken.append(anonymous_bytes() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield taken
    done.set()
    watcher.join()


def anonymous_bytes() -> int:
    """Return this process's memory without mapped files, in bytes."""
    lines = STATUS.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def dense_of(path: Path) -> DenseWeights:
    """Open the dense layers in a file, labeled as ImageNet's."""
    return open_dense(StoredWeights(path, IMAGENET_LABEL))


def last_maps() -> np.ndarray:
    """Return random maps of the last conv layer's shape, half of whose values are zero."""
    random = np.random.default_rng(1)
    return np.maximum(random.standard_normal((512, 14, 14), np.float32), 0)


def keras_head(dense: DenseWeights) -> Any:
    """Compile Keras' layers from the last conv layer's maps to the logits."""
    keras = import_keras()
    import tensorflow as tf

    layers = keras.layers
    parts = [keras.Input((14, 14, 512)), layers.MaxPooling2D(2), layers.Flatten()]
    for layer in VGG19.dense_layers:
        last = layer is VGG19.dense_layers[-1]
        parts.append(
            layers.Dense(layer.units, None if last else "relu", kernel_initializer="zeros")
        )
    model = keras.Sequential(parts)
    for layer, part in zip(VGG19.dense_layers, model.layers[-3:], strict=True):
        kernel = np.empty(layer.matrix_shape, np.float32)
        for index in range(slab_count(layer)):
            kernel[index * SLAB_ROWS : (index + 1) * SLAB_ROWS] = dense.slab(layer, index)
        part.set_weights([kernel, dense.bias(layer)])
    return tf.function(lambda batch: model(batch, training=False))


if __name__ == "__main__":
    print(measure_memory(Path(sys.argv[1])))
