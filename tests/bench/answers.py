"""The answer and its evidence, beside Keras' own dense layers, which hold 494 MB in memory."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    middle,
    timed,
)
from tests.support import REPOSITORY
from tests.support.truth import CheapDense
from tests.support.weights_files import write_full_weights
from vgg_viz.interpretability.class_evidence import class_activation_maps, evidence
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import SLAB_ROWS, DenseWeights, open_dense, slab_count
from vgg_viz.model.network import import_keras
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, UntrainedWeights

CLASS = 285
ANSWER_SECONDS, EVIDENCE_SECONDS = 0.05, 0.3
ANONYMOUS_BYTES = 60 * 10**6
POLLING_SECONDS = 0.001
STATUS = Path("/proc/self/status")


def rows(effort: Effort) -> Iterator[Row]:
    """Measure everything here, with a file in the system's page cache."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.h5"
        write_full_weights(path, UntrainedWeights(), CheapDense(7))
        yield attempt("Memory of the answer and its evidence", lambda: memory(path))
        dense, maps = dense_of(path), last_maps()
        head = keras_head(dense)
        yield attempt("Answer", lambda: answer(dense, maps, head, effort))
        yield attempt("Taking away", lambda: taking_away(dense, maps, head, effort))
        yield attempt("Grad-CAM", lambda: grad_cam(dense, maps, head, effort))


def answer(dense: DenseWeights, maps: np.ndarray, head: Any, effort: Effort) -> Row:
    """From the last conv layer's maps to the logits."""
    batch = np.moveaxis(maps, 0, -1)[None]
    return limited(
        "block5_conv4's maps to the answer, beside Keras' dense layers in memory",
        lambda: head(batch).numpy(),
        lambda: evidence.predict(dense, maps),
        effort,
        ANSWER_SECONDS,
    )


def taking_away(dense: DenseWeights, maps: np.ndarray, head: Any, effort: Effort) -> Row:
    """The evidence of all 196 places, beside Keras' dense layers run once with all 196 pictures."""
    batch = np.repeat(np.moveaxis(maps, 0, -1)[None], 196, axis=0)
    for index in range(196):
        batch[index, index // 14, index % 14] = 0
    return limited(
        "evidence by taking away each of 196 places, beside one batch of Keras' dense layers",
        lambda: head(batch).numpy(),
        lambda: evidence.logit_drop_by_position(dense, maps),
        effort,
        EVIDENCE_SECONDS,
    )


def grad_cam(dense: DenseWeights, maps: np.ndarray, head: Any, effort: Effort) -> Row:
    """Grad-CAM once the answer is there, beside TensorFlow's gradients."""
    import tensorflow as tf

    source = tf.constant(np.moveaxis(maps, 0, -1)[None])
    found = evidence.predict(dense, maps)

    def tape() -> np.ndarray:
        with tf.GradientTape() as noted:
            noted.watch(source)
            logit = head(source)[0, CLASS]
        gradients = np.moveaxis(noted.gradient(logit, source).numpy()[0], -1, 0)
        return class_activation_maps.grad_cam(maps, gradients)

    return limited(
        "evidence by Grad-CAM, beside TensorFlow's gradients",
        tape,
        lambda: class_activation_maps.grad_cam(
            maps, evidence.logit_gradient(dense, maps, found, CLASS).values
        ),
        effort,
        EVIDENCE_SECONDS,
    )


def limited(
    what: str,
    keras: Callable[[], object],
    ours: Callable[[], object],
    effort: Effort,
    most: float,
) -> Row:
    """The row of something that is to take at most so many seconds, beside Keras' way."""
    for way in (keras, ours):
        way()  # the first time builds, and brings pages from the disk
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
    """What answer, all evidence and the maps that count take at most of memory of their own."""
    if not STATUS.exists():
        raise NotRun("only Linux tells how much of a process' memory is anonymous")
    command = [sys.executable, "-m", "tests.bench.answers", path]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken = int(ran.stdout)
    what = "anonymous memory that the answer, all evidence and the maps that count take at most"
    return bounded(what, taken, ANONYMOUS_BYTES, f"{taken / 1e6:.0f} MB", "60 MB")


def measure_memory(path: Path) -> int:
    """The bytes of anonymous memory that everything takes at most, in this process."""
    dense, maps = dense_of(path), last_maps()
    with watching_memory() as taken:
        found = evidence.predict(dense, maps)
        kept = [
            evidence.logit_drop_by_position(dense, maps),
            evidence.logit_drop_by_map(dense, maps),
            evidence.logit_gradient(dense, maps, found, CLASS).values,
        ]
    return max(taken) if kept else 0


@contextmanager
def watching_memory() -> Iterator[list[int]]:
    """See now and then how much more anonymous memory this process has than now, in bytes."""
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
    """The memory of this process that no file stands behind."""
    lines = STATUS.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def dense_of(path: Path) -> DenseWeights:
    """The dense layers in that file, taken for Keras' own."""
    return open_dense(StoredWeights(path, IMAGENET_LABEL))


def last_maps() -> np.ndarray:
    """Maps as of the last conv layer: half of their values are zero."""
    random = np.random.default_rng(1)
    return np.maximum(random.standard_normal((512, 14, 14), np.float32), 0)


def keras_head(dense: DenseWeights) -> Any:
    """Keras' own layers from the last conv layer's maps to the logits, compiled."""
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
