"""A trained model: encoders and networks; from raw rows to predictions.

Shapes: N rows, C outputs.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from methodic import build
from methodic.bundle.card import Card
from methodic.data.batches import Rows
from methodic.data.encoding.encoders import Encoders
from methodic.data.frames import as_frame
from methodic.data.predicted import answers
from methodic.data.weights import checked
from methodic.engine.evaluation import CHUNK, outputs
from methodic.engine.parts import Layout
from methodic.errors import InputError, shifted
from methodic.evidence.ensemble import mean
from methodic.metrics import get_metric
from methodic.models.inputs import Inputs
from methodic.models.own.module import asks_for, feed
from methodic.recipes.types import Recipe

if TYPE_CHECKING:
    import polars as pl

BLOCK = 32 * CHUNK
"""Rows encoded at a time: memory stays small, and as blocks end where chunks end, a row's numbers
are the same from one table as from its blocks."""

_BYTES = 2**28  # of encoded images at a time
_WHOLE = 32  # rows; measured: networks of 8 and more units a layer round alike from 16 on


@dataclass(frozen=True)
class Trained:
    """The tensors of one network: name → [1, …]."""

    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]


@dataclass(frozen=True)
class Bundle:
    """Trained networks, mostly one, with their encoders.

    Example:
        >>> bundle = load("runs/digits/model")          # doctest: +SKIP
        >>> bundle.predict_frame(frame)["prediction"]   # doctest: +SKIP
    """

    card: Card
    encoders: Encoders
    networks: tuple[Trained, ...]  # as in ``card.parts``
    module: nn.Module | None = None  # the user's own network with these weights, evaluating

    @property
    def block(self) -> int:
        """Rows that are encoded at a time: `BLOCK`, or fewer where each is an image."""
        if not self.encoders.array_shape:
            return BLOCK
        rows = min(BLOCK, _BYTES // (4 * math.prod(self.encoders.array_shape)))
        return rows // CHUNK * CHUNK or max(rows, _WHOLE)

    def predicted(self, frame: pl.DataFrame, where: str = "data") -> Tensor:
        """Probabilities [N, C] or numbers [N, 1] for raw rows: the networks' weighted mean.

        Args:
            frame: rows with the columns of the training data.
            where: their name, for messages.
        """
        parts = []
        for start in range(0, max(frame.height, 1), self.block):
            try:
                parts.append(self._predicted(frame.slice(start, self.block), where))
            except InputError as error:
                raise shifted(error, start) from None
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _predicted(self, frame: pl.DataFrame, where: str) -> Tensor:
        inputs = self.encoders.encode(frame, where)
        if self.module is not None:
            out = module_outputs(self.module, inputs, outputs_of(self.encoders))
            return _finite(self.encoders.predictions(out), where)
        with _one_thread("array" not in inputs or len(_rows(inputs)) > CHUNK) as threads:
            each = [
                self.encoders.predictions(self._outputs(part.recipe, trained, inputs, threads))
                for part, trained in zip(self.card.parts, self.networks, strict=True)
            ]
        if len(each) == 1:
            return _finite(each[0], where)
        weights = np.array([part.weight for part in self.card.parts])
        found = torch.from_numpy(mean(np.stack([one.numpy() for one in each]), weights))
        return _finite(found, where)

    def _outputs(
        self, recipe: Recipe, trained: Trained, inputs: Mapping[str, Tensor], threads: int
    ) -> Tensor:
        """Outputs of one network for encoded rows, by so many threads: [N, C]."""
        model = build.network(recipe, inputs_of(self.encoders), outputs_of(self.encoders))
        layout = Layout(model.parameters())
        rows, count = _rows(_filled(inputs)), len(_rows(inputs))
        flat = layout.flatten(trained.parameters)

        def chunk(start: int) -> Tensor:
            part = rows.part(start, start + CHUNK)
            return outputs(model, layout, flat, trained.buffers, part, {})[0]

        starts = range(0, count, CHUNK)
        if threads == 1 or len(starts) < 2:
            made = [chunk(start) for start in starts]
        else:
            with ThreadPoolExecutor(threads, initializer=_alone) as pool:
                made = list(pool.map(chunk, starts))
        return torch.cat([torch.empty(0, model.outputs), *made])[:count]

    def predict_frame(self, source: Any, where: str = "data") -> pl.DataFrame:
        """Predictions for raw rows (a frame or an array), columns in any order.

        Returns:
            "prediction": a class or a number, and for classification a column "p_<class>" for each
            class. Labels stand in one cell, with ";" in between, and each has its "p_<label>".
            Several targets have a column each, called by their names.
        """
        import polars as pl

        predicted = self.predicted(as_frame(source), where)
        classes = self.encoders.schema.classes
        if not classes:
            targets = self.encoders.schema.targets
            names = targets if len(targets) > 1 else ("prediction",)
            return pl.DataFrame({n: predicted[:, t].numpy() for t, n in enumerate(names)})
        columns: dict[str, Any] = {"prediction": self.encoders.labels(predicted)}
        for i, name in enumerate(classes):
            columns[f"p_{name}"] = predicted[:, i].numpy()
        return pl.DataFrame(columns)

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Column → rows whose category wasn't in the training rows."""
        return self.encoders.unseen(frame)

    def evaluate(
        self, frame: pl.DataFrame, metrics: Sequence[str], where: str = "data"
    ) -> dict[str, float]:
        """Metric → score on raw rows that have their targets; by their weights, if they have any.

        Args:
            frame: rows with the columns of the training data, and the targets.
            metrics: their names.
            where: the rows' name, for messages.

        Raises:
            InputError: no target column, or a metric that doesn't fit the task.
        """
        schema = self.encoders.schema
        lacking = next((each for each in schema.targets if each not in frame.columns), None)
        if lacking is not None:
            raise InputError(
                f"{where}: there is no column '{lacking}', which holds the truth",
                found=", ".join(frame.columns),
            )
        chosen = [get_metric(name, schema.task) for name in metrics]
        truth = self.encoders.truth(frame, where)
        predicted, weights = self.predicted(frame, where).numpy(), self._weights(frame, where)
        return {metric.name: metric.score(truth, predicted, weights) for metric in chosen}

    def _weights(
        self, frame: pl.DataFrame, where: str
    ) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        schema = self.encoders.schema
        name = schema.weight
        if name is None or name not in frame.columns:
            return None
        return checked(frame[name], where, notation=schema.notation(name)).to_numpy()


def _finite(predicted: Tensor, where: str) -> Tensor:
    """The same predictions, if all of them are numbers."""
    fine = torch.isfinite(predicted).all(1)
    if not bool(fine.all()):
        raise InputError(
            f"{where}: the answer to row {int((~fine).int().argmax()) + 1:,} is no number",
            advice="Its cells may lie far from all that training saw, or the model is damaged.",
        )
    return predicted


@contextlib.contextmanager
def _one_thread(wanted: bool) -> Iterator[int]:
    """One thread for each product of matrices; how many may work side by side.

    Small products wait for each other more than they compute once they are parted, and where
    another process wants a core, two threads were twenty times slower than one.
    """
    threads = torch.get_num_threads()
    if not wanted or threads == 1:
        yield 1
        return
    try:
        torch.set_num_threads(1)
        yield threads
    finally:
        torch.set_num_threads(threads)


def _alone() -> None:
    torch.set_num_threads(1)  # a new thread starts with as many as there are processors


def _rows(inputs: Mapping[str, Tensor]) -> Rows:
    """Rows need a target of the right length to be rows; only the inputs count here."""
    count = next(iter(inputs.values())).shape[0]
    return Rows(inputs, torch.zeros(count, dtype=torch.int64))


def _filled(inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Rows of a table, the last repeated up to whole vectors.

    Products of matrices with a few rows take other kernels, which round differently; so a row's
    numbers don't depend on its company. (Those with few columns do, too: layers of fewer than 8
    units agree to rounding.) With arrays such as images it would cost too much.
    """
    if "array" in inputs:
        return inputs
    return {
        name: torch.cat([rows, rows[-1:].expand(-len(rows) % _WHOLE, -1)])
        for name, rows in inputs.items()
    }


def module_outputs(module: nn.Module, inputs: Mapping[str, Tensor], outputs: int) -> Tensor:
    """What a user's module returns for encoded rows, without gradients: [N, C]."""
    names, rows = asks_for(module), _rows(inputs)
    parts = [torch.empty(0, outputs)]
    with torch.no_grad():
        for start in range(0, len(rows), CHUNK):
            batch = rows.part(start, start + CHUNK).everything(1)
            args, kwargs = feed(names, {name: value[0] for name, value in batch.inputs.items()})
            parts.append(module(*args, **kwargs).reshape(-1, outputs))
    return torch.cat(parts)


def inputs_of(encoders: Encoders) -> Inputs:
    """What enters a network behind these encoders."""
    shape = encoders.array_shape
    return Inputs(
        numeric=encoders.width,
        categorical=encoders.columns,
        codes=encoders.cardinality,
        array=math.prod(shape) if shape else 0,
        shape=tuple(shape),
        sizes=encoders.sizes,
        scaling=encoders.scaling,
    )


def outputs_of(encoders: Encoders) -> int:
    """C: classes, labels, or numbers."""
    return answers.outputs(encoders.schema)
