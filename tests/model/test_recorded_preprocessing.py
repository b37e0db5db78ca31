"""Preprocessing that models record as layers or operations, recognized in their configuration."""

import json

import numpy as np
import pytest

from vgg_viz.model.network import import_keras
from vgg_viz.model.own_networks.configuration import CannotFollow, follow
from vgg_viz.model.own_networks.recorded_preprocessing import input_side, recorded_preprocessing

MEAN = np.array([103.939, 116.779, 123.68], np.float32)


def layers():
    return import_keras().layers


def applications():
    return import_keras().applications


# Functions of a model's input, and the preprocessing that they compute.
RECORDED = {
    "vgg19": (lambda x: applications().vgg19.preprocess_input(x), "caffe"),
    "reversed, minus": (lambda x: x[..., ::-1] - MEAN, "caffe"),
    "minus, reversed": (lambda x: (x - MEAN[::-1].copy())[..., ::-1], "caffe"),
    "mobilenet": (lambda x: applications().mobilenet.preprocess_input(x), "signed"),
    "rescaled to -1": (lambda x: layers().Rescaling(1 / 127.5, offset=-1)(x), "signed"),
    "normalized": (
        lambda x: layers().Normalization(mean=[127.5] * 3, variance=[127.5**2] * 3)(x),
        "signed",
    ),
    "divided": (lambda x: x / 255, "rgb"),
    "times": (lambda x: (1 / 255) * x, "rgb"),
    "rescaled": (lambda x: layers().Rescaling(1 / 255)(layers().Resizing(8, 8)(x)), "rgb"),
    "augmented": (lambda x: layers().RandomFlip()(layers().RandomZoom(0.1)(x)) / 255, "rgb"),
    "nothing": (lambda x: layers().Dropout(0.1)(x), None),
    "torch": (lambda x: applications().densenet.preprocess_input(x), None),
    "reversed": (lambda x: x[..., ::-1] / 255, None),
    "negative": (lambda x: 1 - x / 255, None),
    "inverse": (lambda x: 255 / x, None),
    "lambda": (lambda x: layers().Lambda(lambda pixels: pixels / 255)(x), None),
    "concatenated": (lambda x: layers().Concatenate()([x[..., :1], x[..., 1:]]) / 255, None),
}


@pytest.mark.parametrize(("function", "expected"), RECORDED.values(), ids=RECORDED)
def test_preprocessing_is_recognized_in_the_configuration(function, expected):
    keras = import_keras()
    inputs = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(2, 3, name="first")(function(inputs))
    first = follow(json.loads(keras.Model(inputs, conv).to_json()))
    assert first.name == "first"
    assert recorded_preprocessing(first) == expected
    assert input_side(first) in (8, None)


def in_old_keras(*layers):
    """Return the configuration of a functional model as tf.keras 2 writes it."""
    names = ["input", *(layer["name"] for layer in layers)]
    records = [{"class_name": "InputLayer", "config": {}, "name": "input", "inbound_nodes": []}]
    for before, layer in zip(names, layers, strict=False):
        arguments = layer.pop("arguments", {})
        records.append(layer | {"inbound_nodes": [[[before, 0, 0, arguments]]]})
    settings = {"layers": records, "input_layers": [["input", 0, 0]]}
    return {"class_name": "Functional", "config": settings | {"output_layers": [[names[-1], 0, 0]]}}


def operation(function, **arguments):
    return {
        "class_name": "TFOpLambda",
        "config": {"name": f"tf.{function}", "function": function},
        "name": f"tf.{function}",
        "arguments": arguments,
    }


def test_operations_of_tf_keras_are_recognized():
    conv = {"class_name": "Conv2D", "config": {"name": "first"}, "name": "first"}
    spec = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
    reverse = operation("__operators__.getitem", slice_spec=spec)
    add = operation("nn.bias_add", bias=(-MEAN).tolist(), data_format="NHWC")
    divide = operation("math.truediv", y=127.5, name=None)
    subtract = operation("math.subtract", y=1.0, name=None)
    for operations, expected in (((reverse, add), "caffe"), ((divide, subtract), "signed")):
        first = follow(in_old_keras(*operations, conv))
        assert recorded_preprocessing(first) == expected


def test_models_without_one_input_and_output_cannot_be_followed():
    keras = import_keras()
    inputs = [keras.Input((8,)), keras.Input((8,))]
    dense = keras.layers.Dense(8, name="shared")
    two_inputs = keras.Model(inputs, keras.layers.Add()(inputs))
    two_outputs = keras.Model(inputs[0], [dense(inputs[0]), inputs[0] + 1])
    shared = keras.Model(inputs[0], dense(dense(inputs[0])))
    for model, message in (
        (two_inputs, "^a model with 2 inputs$"),
        (two_outputs, "^a model with 2 outputs$"),
        (shared, "^the layer shared, which is used 2 times$"),
    ):
        with pytest.raises(CannotFollow, match=message):
            follow(json.loads(model.to_json()))
