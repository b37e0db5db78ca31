"""Keras' configuration of a model as a graph of layers, nested models flattened.

Read as data from JSON, of Keras 1 to 3: no layer is built, no function of a Lambda layer is run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from vgg_viz.model.file_guards import WeightsError


@dataclass(frozen=True, eq=False)
class ConfiguredLayer:
    """A layer or recorded operation of a model, and the layers that it gets its inputs from."""

    kind: str  # Keras' class, such as "Conv2D"
    name: str
    settings: Mapping[str, Any]
    # Of its arrays in Keras 3's layout and in the older one; see `saved_file.SavedLayer`.
    places: tuple[str, str]
    sources: tuple["ConfiguredLayer", ...] = field(repr=False, default=())
    arguments: tuple[Any, ...] = ()  # of a recorded operation; None for its sources

    @property
    def title(self) -> str:
        """Name and class for messages: "dense (Dense)"."""
        return f"{self.name} ({self.kind})"


class CannotFollow(WeightsError):
    """Raised for what is no chain of layers; completes "cannot follow …"."""


def follow(configuration: Mapping[str, Any]) -> ConfiguredLayer:
    """Return the last layer of a model; its ``sources`` lead back to the input."""
    start = ConfiguredLayer("InputLayer", "input", {}, ("", ""))
    return _last_layer(configuration, (start,), "layers", "")


def back_to_input(layer: ConfiguredLayer) -> list[ConfiguredLayer]:
    """Return a layer's ancestors in the order of computation, the layer itself last."""
    found: dict[int, ConfiguredLayer] = {}
    waiting = [(layer, False)]
    while waiting:
        here, is_done = waiting.pop()
        if is_done:
            found.setdefault(id(here), here)
        elif id(here) not in found:
            waiting += [(here, True), *((source, False) for source in here.sources)]
    return list(found.values())


def chain_from(
    layer: ConfiguredLayer, configured: Sequence[ConfiguredLayer]
) -> list[ConfiguredLayer]:
    """Return a layer and those after it up to the model's output, which form a chain.

    Raises a `CannotFollow` that names the layer at which they branch or join.
    """
    chain = [layer]
    while True:
        following = [later for later in configured if chain[-1] in later.sources]
        if not following:
            return chain
        if len(following) > 1:
            raise CannotFollow(f"the {len(following)} layers that follow {chain[-1].title}")
        if len(following[0].sources) > 1:
            raise CannotFollow(f"the layer {following[0].title}, which has several inputs")
        chain += following


def _last_layer(
    model: Mapping[str, Any], sources: tuple[ConfiguredLayer, ...], group: str, top: str
) -> ConfiguredLayer:
    """Return a model's last layer; ``group`` and ``top`` are the places of its layers' arrays."""
    settings = model["config"]
    # Keras before 2.2.3 saves a Sequential model as a list.
    layers = settings["layers"] if isinstance(settings, dict) else settings
    groups = [f"{group}/{name}" for name in _group_names(layers)]
    if "output_layers" in settings:
        return _functional(settings, sources, groups, top)
    for layer, place in zip(layers, groups, strict=True):
        sources = (_layer(layer, sources, place, top, ()),)
    return sources[0]


def _layer(
    layer: Mapping[str, Any],
    sources: tuple[ConfiguredLayer, ...],
    group: str,
    top: str,
    arguments: tuple[Any, ...],
) -> ConfiguredLayer:
    kind, settings = str(layer["class_name"]), layer["config"]
    name = str(layer.get("name") or _name(settings))
    if "layers" in settings or isinstance(settings, list):
        return _last_layer(layer, sources, f"{group}/layers", top or name)
    return ConfiguredLayer(
        kind, name, settings, (group, f"{top or name}/{name}"), sources, arguments
    )


def _name(settings: Any) -> str:
    """Return a layer's name; a Sequential model of Keras 1 has none."""
    return str(settings.get("name", "model")) if isinstance(settings, dict) else "model"


def _functional(
    settings: Mapping[str, Any],
    sources: tuple[ConfiguredLayer, ...],
    groups: Sequence[str],
    top: str,
) -> ConfiguredLayer:
    """Return the output layer of a functional model, resolved back to its input."""
    layers = {
        str(layer.get("name") or _name(layer["config"])): (layer, group)
        for layer, group in zip(settings["layers"], groups, strict=True)
    }

    @cache
    def resolve(name: str) -> ConfiguredLayer:
        layer, group = layers[name]
        calls = layer.get("inbound_nodes") or []
        if len(calls) > 1:
            raise CannotFollow(f"the layer {name}, which is used {len(calls)} times")
        names, arguments = _parse_call(calls[0]) if calls else ([], ())
        inputs = tuple(map(resolve, names)) if names else sources
        return _layer(layer, inputs, group, top, arguments)

    (name,) = _only(settings["output_layers"], "outputs")
    _only(settings["input_layers"], "inputs")
    return resolve(name)


def _only(ends: Any, kind: str) -> list[str]:
    """Return the one name of a model's inputs or outputs: ``["name", 0, 0]``, or a list of one."""
    if ends and isinstance(ends[0], str):
        return [ends[0]]
    if isinstance(ends, list) and len(ends) == 1:
        return [str(ends[0][0])]
    raise CannotFollow(f"a model with {len(ends)} {kind}")


def _parse_call(call: Any) -> tuple[list[str], tuple[Any, ...]]:
    """Return the names of the layers that a layer is called on, and its other arguments."""
    if isinstance(call, dict):  # Keras 3
        values = [*call.get("args", []), *call.get("kwargs", {}).values()]
        names = [name for value in values for name in _histories(value)]
        return names, tuple(None if any(_histories(value)) else value for value in values)
    tensors = [call] if call and isinstance(call[0], str) else call  # Keras 1 and 2
    arguments = [value for tensor in tensors if len(tensor) > 3 for value in tensor[3].values()]
    return [str(tensor[0]) for tensor in tensors], (None, *arguments)


def _histories(value: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs are in an argument."""
    if isinstance(value, list):
        for inner in value:
            yield from _histories(inner)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield str(value["config"]["keras_history"][0])


def _group_names(layers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the layers' groups in Keras 3's layout, such as ``conv2d_1``."""
    counts: dict[str, int] = {}
    for layer in layers:
        name = snake_case(str(layer["class_name"]))
        counts[name] = counts.get(name, -1) + 1
        yield f"{name}_{counts[name]}" if counts[name] else name


def snake_case(name: str) -> str:
    """Convert a class's name as Keras does.

    >>> snake_case("GlobalAveragePooling2D"), snake_case("Conv2D")
    ('global_average_pooling2d', 'conv2d')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
