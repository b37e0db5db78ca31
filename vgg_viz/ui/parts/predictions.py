"""Predictions of a network for one image, and the evidence for the predicted classes."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from vgg_viz.export.number_format import signed
from vgg_viz.export.scripts import Run, script_weights
from vgg_viz.fields import EVIDENCE
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence import LogitGradient, Prediction
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, Side
from vgg_viz.interpretability.class_evidence.own_head import OwnHead
from vgg_viz.model.class_names import ClassNames
from vgg_viz.model.own_networks.head import Output
from vgg_viz.option import resolve
from vgg_viz.serving.background_files import AnyHead
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.widgets.class_list import ClassTarget
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid
from vgg_viz.ui.widgets.text_blocks import caption

Value = TypeVar("Value")


@dataclass(frozen=True)
class Predictions:
    """Prediction of a network for one image and its evidence, computed on first use and cached."""

    maps: LayerMaps  # feature maps of the last conv layer
    dense: AnyHead  # dense layers, or an own network's head
    names: ClassNames  # names of the classes
    heading: str = ""  # of this half of a comparison
    number: int = 0  # of this half, from 0
    other: "Predictions | None" = None  # other half of a comparison

    @property
    def output(self) -> Output:
        """Function that turns logits into probabilities."""
        return self.dense.head.output if isinstance(self.dense, OwnHead) else "softmax"

    @property
    def on_one_scale(self) -> "list[Predictions]":
        """This half of a comparison, and the other if their evidence is on one color scale.

        Evidence in two networks, or with two preprocessings, may differ by orders of magnitude.
        """
        other = self.other
        alike = other and other.maps.network.identity == self.maps.network.identity
        return [self, other] if other and alike else [self]

    @property
    def key(self) -> tuple[object, ...]:
        """Cache key of the prediction: image, network and dense layers."""
        return (*self.maps.key, self.dense.identity)

    def prediction(self) -> Prediction:
        """Return the logits and probabilities of all classes."""
        return self.cached("logits", evidence.predict)

    def logit_drop_by_position(self) -> np.ndarray:
        """Return each logit's drop by ablation of a position, float32 (14, 14, classes)."""
        return self.cached("positions", evidence.logit_drop_by_position)

    def logit_drop_by_map(self) -> np.ndarray:
        """Return each logit's drop by ablation of one last map, float32 (512, 1000)."""
        return self.cached("maps", evidence.logit_drop_by_map)

    def gradient(self, class_index: int) -> LogitGradient:
        """Return the gradient of one class's logit with respect to the last conv layer's maps."""
        prediction = self.prediction()
        return self.cached(
            ("gradient", class_index),
            lambda dense, maps: evidence.logit_gradient(dense, maps, prediction, class_index),
        )

    def evidence(self, method: str, class_index: int) -> np.ndarray:
        """Return the evidence for a class at each of 14 × 14 positions, float32 (14, 14)."""
        function = EVIDENCE_METHODS[method].function
        if not function:  # ablation needs no gradient
            return self.logit_drop_by_position()[:, :, class_index]
        gradients = self.gradient(class_index).values
        return resolve(function)(self.maps.values(), gradients)

    def map_effects(self, target: ClassTarget) -> np.ndarray:
        """Return the drop of the target's logit or difference of logits, by map, float32 (512,)."""
        drops = self.logit_drop_by_map()
        effects: np.ndarray = drops[:, target.chosen]
        return effects if target.against is None else effects - drops[:, target.against]

    def evidence_grid(self, methods: Sequence[str], target: ClassTarget) -> Grid:
        """Return the evidence as heatmap overlays on the image, one tile per class and method.

        With a second class, both tiles share a color scale, and a third shows their difference. The
        difference has its own scale, since it may be much smaller. Two images share their scales.
        Each method has its own units.
        """
        values = np.concatenate([self.evidence_tiles(method, target) for method in methods])
        largest = np.concatenate([self.largest_evidence(method, target) for method in methods])
        is_single, columns = len(methods) == 1, len(values) // len(methods)
        classes = self.class_titles(target)
        labels = [EVIDENCE[method].label for method in methods for _ in classes]
        numbers, one_scale = range(1, len(values) + 1), is_single and target.against is None
        return Grid(
            values,
            classes if is_single else labels,
            numbers,
            ("evidence", *(one.key for one in self.on_one_scale), *methods, *target.classes),
            self.evidence_caption(methods, target),
            name=methods[0],
            heading=labels[0],
            # The tiles of a single class are laid out near-square.
            columns=columns if is_single or target.against is not None else 0,
            axes={"tile": numbers},
            figures={"class": [*target.classes, None][:columns], "class_name": classes},
            value_range=ValueRange(-float(largest[0]), float(largest[0])),
            appearance=Appearance("layer" if one_scale else "pair", DIVERGING),
            rectified=False,
            pair=(-largest, largest),
            photograph=self.maps.picture.pixels,
            scale_words=self.scale_words(methods, target),
        )

    def largest_evidence(self, method: str, target: ClassTarget) -> np.ndarray:
        """Return the end of each tile's color scale, which the classes and two images share."""
        halves = [one.evidence_tiles(method, target) for one in self.on_one_scale]
        largest: np.ndarray = np.max([np.abs(tiles).max(axis=(1, 2)) for tiles in halves], axis=0)
        largest[: len(target.classes)] = largest[: len(target.classes)].max()
        return largest

    def evidence_tiles(self, method: str, target: ClassTarget) -> np.ndarray:
        """Return the evidence for each class, and the difference of two, float32 (n, 14, 14)."""
        tiles = [self.evidence(method, index) for index in target.classes]
        return np.stack([*tiles, tiles[0] - tiles[1]] if len(tiles) > 1 else tiles)

    def scale_words(self, methods: Sequence[str], target: ClassTarget) -> str:
        """Return what shares a color scale in a grid of evidence, for its caption."""
        words = "each method on its own scale" if len(methods) > 1 else "one scale"
        two_classes, two_images = target.against is not None, len(self.on_one_scale) > 1
        shared = ["both classes"] * two_classes + ["both images"] * two_images
        if shared:
            words += f" for {' and '.join(shared)}"
        if two_classes:
            words += ", their difference on another"
        if self.other and not two_images:
            words += ", not that of the other half"
        return f"{words}, zero in the middle"

    def evidence_run(self, method: str, target: ClassTarget) -> Run:
        """Return the parameters of a Keras script that reproduces the evidence by one method."""
        weights = script_weights(self.maps.network.weights, with_head=True)
        arguments = {"weights": weights, "method": method, "classes": target.classes}
        return Run("class_evidence", method, self.maps.script_input | arguments)

    def important_maps(self, target: ClassTarget, side: Side, count: int) -> list[int]:
        """Return the last conv layer's most important maps for a class, or those against it."""
        effects = self.map_effects(target)
        signed_effects = effects if side == "for" else -effects
        order = np.argsort(-signed_effects, kind="stable")[:count]
        return [int(index) + 1 for index in order if signed_effects[index] > 0]

    def important_maps_grid(
        self, target: ClassTarget, side: Side, numbers: Sequence[int], columns: int = 0
    ) -> Grid:
        """Return a grid of important maps, each titled with the logit's drop when it is ablated."""
        effects = self.map_effects(target)
        shown = f"{len(numbers)} of {self.maps.layer.filters} maps"
        logit = " minus that of ".join(self.names.name(index) for index in target.classes)
        return replace(
            self.maps.grid(numbers),
            titles=[f"{number} · {signed(float(effects[number - 1]))}" for number in numbers],
            key=("important_maps", *self.key, tuple(numbers), *target.classes, side),
            caption=self.caption(
                f"{shown}: number, and how much the logit of {logit} drops without it"
            ),
            columns=columns,
            figures={"logit_drop": effects[np.array(numbers) - 1]},
        )

    def peaks(self, numbers: Sequence[int]) -> Mapping[int, Position]:
        """Return the maximum's row and column, from 0, of each of these last maps."""
        values = self.maps.values()
        width = values.shape[2]
        return {number: divmod(int(values[number - 1].argmax()), width) for number in numbers}

    def class_titles(self, target: ClassTarget) -> list[str]:
        """Return the names of the target's class, or of both classes and their difference."""
        difference = ["Difference"] * (target.against is not None)
        return [*map(self.names.name, target.classes), *difference]

    def column_headings(self, methods: Sequence[str], target: ClassTarget) -> list[str]:
        """Return the column headings of the evidence grid: both classes and *Difference*."""
        is_table = len(methods) > 1 and target.against is not None
        return self.class_titles(target) if is_table else []

    def evidence_caption(self, methods: Sequence[str], target: ClassTarget) -> str:
        """Return the caption of a grid that shows the evidence by these methods."""
        labels = ", ".join(EVIDENCE[method].label for method in methods)
        evidence_for = f"Evidence for {self.label(target)}, before the {self.output}"
        return self.caption(f"{evidence_for} · {labels} · red: for, blue: against")

    def label(self, target: ClassTarget) -> str:
        """Return the name of the target's class, or "A rather than B" if it has a second class."""
        return " rather than ".join(self.names.name(index) for index in target.classes)

    def caption(self, text: str) -> str:
        """Return the caption of a grid: what it shows (``text``), then network and image."""
        maps = self.maps
        return caption(
            f"{text} · {maps.layer.title} · {maps.subject}",
            " · ".join([maps.network.label, maps.picture.title, text]),
        )

    def cached(self, name: Hashable, compute: Callable[[AnyHead, np.ndarray], Value]) -> Value:
        """Return a cached result of the dense layers or head and the maps, or compute it."""
        return self.maps.results.cached_dense(
            (name, *self.key), self.dense, lambda dense: compute(dense, self.maps.values())
        )
