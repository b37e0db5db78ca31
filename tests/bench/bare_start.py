"""Lower bound of the time to a first grid: ``python -m tests.bench.bare_start WEIGHTS.h5``.

Prints the seconds from ``import tensorflow`` to the end of one forward pass through Keras' VGG19
with these weights. They exclude the start of Python, which a waiting server has behind it too.
"""

import sys
import time


def seconds(path: str) -> float:
    """Measure import, model, weights and one forward pass; call it once per process."""
    start = time.perf_counter()
    import tensorflow as tf

    model = tf.keras.applications.VGG19(include_top=False, weights=None, input_shape=(224, 224, 3))
    model.load_weights(path)
    model.predict_on_batch(tf.zeros((1, 224, 224, 3)).numpy())
    return time.perf_counter() - start


if __name__ == "__main__":
    print(seconds(sys.argv[1]))
