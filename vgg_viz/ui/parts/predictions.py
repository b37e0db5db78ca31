"""What a network answers to a picture, and what in its last maps speaks for a class."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from vgg_viz.export.number_format import signed
from vgg_viz.export.scripts import EvidenceRun
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence import LogitGradient, Prediction
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, Side
from vgg_viz.links import EVIDENCE
from vgg_viz.model.class_names import ClassNames
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.option import resolve
from vgg_viz.serving.results import Span
from vgg_viz.ui.parts.layer_maps import LayerMaps, script_network
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid
from vgg_viz.ui.widgets.text_blocks import caption

Value = TypeVar("Value")


@dataclass(frozen=True)
class ClassTarget:
    """What evidence is wanted for: a class, and perhaps another one that it is compared with."""

    chosen: int
    against: int | None = None

    @property
    def classes(self) -> list[int]:
        """The classes' numbers, from 0."""
        return [self.chosen] if self.against is None else [self.chosen, self.against]


@dataclass(frozen=True)
class Predictions:
    """What a network answers to a picture; fetched when asked for, and never held.

    ``maps`` are those of the last conv layer.
    """

    maps: LayerMaps
    dense: DenseWeights
    names: ClassNames

    def for_export(self) -> "Predictions":
        """The same for what is made outside of runs."""
        return replace(self, maps=self.maps.for_export())

    @property
    def key(self) -> tuple[object, ...]:
        """Whose answers these are."""
        return (*self.maps.key, self.dense.identity)

    def answer(self) -> Prediction:
        """The logits of all classes."""
        return self._read("answer", lambda dense: evidence.predict(dense, self.maps.values()))

    def logit_drop_by_position(self) -> np.ndarray:
        """What the logits lose without each place, float32 ``(14, 14, 1000)``."""
        return self._read(
            "places", lambda dense: evidence.logit_drop_by_position(dense, self.maps.values())
        )

    def logit_drop_by_map(self) -> np.ndarray:
        """What the logits lose without each map, float32 ``(512, 1000)``."""
        return self._read(
            "maps", lambda dense: evidence.logit_drop_by_map(dense, self.maps.values())
        )

    def gradient(self, class_index: int) -> LogitGradient:
        """How the class's logit changes with the maps."""
        found = self.answer()
        return self._read(
            ("gradient", class_index),
            lambda dense: evidence.logit_gradient(dense, self.maps.values(), found, class_index),
        )

    def evidence(self, method: str, class_index: int) -> np.ndarray:
        """How much each place speaks for a class, float32 (14, 14)."""
        function = EVIDENCE_METHODS[method].function
        if not function:
            return self.logit_drop_by_position()[:, :, class_index]
        gradients = self.gradient(class_index).values
        evidence_map: np.ndarray = resolve(function)(self.maps.values(), gradients)
        return evidence_map

    def effects(self, subject: ClassTarget) -> np.ndarray:
        """How much each map speaks for a class, or for it rather than for another; (512,)."""
        lost = self.logit_drop_by_map()
        effects: np.ndarray = lost[:, subject.chosen]
        return effects if subject.against is None else effects - lost[:, subject.against]

    def evidence_by(self, method: str, subject: ClassTarget) -> Grid:
        """The evidence for a class over the photograph, on a scale around zero.

        Where there is another class, its evidence on the same scale, and the difference on one of
        its own: two classes may have much in common.
        """
        tiles = [self.evidence(method, index) for index in subject.classes]
        names = [self.names.name(index) for index in subject.classes]
        if subject.against is not None:
            tiles.append(tiles[0] - tiles[1])
            names.append("Difference")
        values = np.stack(tiles)
        largest = np.abs(values).max(axis=(1, 2))
        classes_largest = float(largest[: len(subject.classes)].max())
        largest[: len(subject.classes)] = classes_largest
        return Grid(
            values,
            names,
            range(1, len(tiles) + 1),
            ("evidence", *self.key, method, *subject.classes),
            self.evidence_words([method], subject),
            name=method,
            heading=EVIDENCE[method].label,
            columns=len(tiles),
            axes={"tile": range(1, len(tiles) + 1)},
            value_range=Span(-classes_largest, classes_largest),
            appearance=Appearance("layer" if subject.against is None else "pair", DIVERGING),
            rectified=False,
            pair=(-largest, largest),
            photograph=self.maps.picture.pixels,
        )

    def evidence_run(self, method: str, subject: ClassTarget) -> EvidenceRun:
        """How a script of one's own makes the same array."""
        return EvidenceRun(
            method,
            script_network(self.maps.network.weights),
            self.maps.preprocessing,
            self.maps.picture.pixels,
            method,
            subject.classes,
            difference=subject.against is not None,
        )

    def counting(self, subject: ClassTarget, side: Side, count: int) -> list[int]:
        """The numbers, from 1, of the maps that speak most for a class, or most against it."""
        effects = self.effects(subject)
        signs = effects if side == "for" else -effects
        order = np.argsort(-signs, kind="stable")[:count]
        return [int(index) + 1 for index in order if signs[index] > 0]

    def counting_grid(
        self, subject: ClassTarget, side: Side, numbers: Sequence[int], columns: int = 0
    ) -> Grid:
        """These maps as tiles, with what each of them does to the class."""
        effects = self.effects(subject)
        grid = self.maps.grid(numbers)
        of = f"{len(numbers)} of {self.maps.layer.filters} maps"
        words = f"{of}: number, and what is lost without it of the logit of {self.words(subject)}"
        return replace(
            grid,
            titles=[f"{number} · {signed(float(effects[number - 1]))}" for number in numbers],
            key=("important_maps", *self.key, tuple(numbers), *subject.classes, side),
            caption=self.caption(words),
            columns=columns,
        )

    def peaks(self, numbers: Sequence[int]) -> Mapping[int, Position]:
        """Where each of these maps is strongest, row and column from 0."""
        values = self.maps.values()
        found = {}
        for number in numbers:
            row, column = np.unravel_index(values[number - 1].argmax(), values.shape[1:])
            found[number] = (int(row), int(column))
        return found

    def evidence_grid(self, methods: Sequence[str], subject: ClassTarget) -> Grid:
        """The evidence by all of these methods in one grid, a row a method."""
        grids = [self.evidence_by(method, subject) for method in methods]
        if len(grids) == 1:
            return grids[0]
        # Each method has units of its own.
        largest = np.concatenate([grid.pair[1] for grid in grids if grid.pair])
        return replace(
            grids[0],
            source=np.concatenate([grid.values for grid in grids]),
            titles=[grid.heading for grid in grids for _ in grid.titles],
            numbers=range(1, sum(len(grid.titles) for grid in grids) + 1),
            key=tuple(grid.key for grid in grids),
            # Of one class alone, four methods are a square.
            columns=grids[0].columns if subject.against is not None else 0,
            appearance=Appearance("pair", DIVERGING),
            pair=(-largest, largest),
            caption=self.evidence_words(methods, subject),
        )

    def evidence_heads(self, methods: Sequence[str], subject: ClassTarget) -> list[str]:
        """What stands above the columns, where the rows are methods."""
        several = len(methods) > 1 and subject.against is not None
        return [*map(self.names.name, subject.classes), "Difference"] if several else []

    def evidence_words(self, methods: Sequence[str], subject: ClassTarget) -> str:
        """What a reader must know of the evidence by these methods."""
        by = ", ".join(EVIDENCE[method].label for method in methods)
        what = f"What speaks for {self.words(subject)}, before the softmax · {by}"
        return self.caption(f"{what} · blue: against, red: for")

    def words(self, subject: ClassTarget) -> str:
        """The class, or the class and the one that it is compared with."""
        return " rather than ".join(self.names.name(index) for index in subject.classes)

    def caption(self, what: str) -> str:
        """What a reader must know of a grid."""
        maps = self.maps
        return caption(
            f"{what} · {maps.layer.title} · {maps.subject}",
            " · ".join([maps.network.label, maps.picture.title, what]),
        )

    def _read(self, name: Hashable, compute: Callable[[DenseWeights], Value]) -> Value:
        return self.maps.results.read_through((name, *self.key), self.dense, compute)
