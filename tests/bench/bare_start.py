"""The least that a first grid needs: ``python -m tests.bench.bare_start WEIGHTS.h5``.

Prints the seconds from before ``import tensorflow`` to the end of one pass through Keras' own
VGG19 with the weights of that file; the interpreter is up by then, as a waiting server's is.
"""

import sys
import time


def seconds(path: str) -> float:
    """Import, build, load, one pass; call it once, in a fresh process."""
    start = time.perf_counter()
    import tensorflow as tf

    model = tf.keras.applications.VGG19(include_top=False, weights=None, input_shape=(224, 224, 3))
    model.load_weights(path)
    model.predict_on_batch(tf.zeros((1, 224, 224, 3)).numpy())
    return time.perf_counter() - start


if __name__ == "__main__":
    print(seconds(sys.argv[1]))
