"""From a table to tensors and back: fitted on training rows, saved with the model.

In two halves. Vocabularies (texts → numbers) are plain data, applied on the host. What is numeric
(scaling, missing values) is a module that travels and exports with the network.

Shapes: N rows, Dn numeric and Dc categorical columns, K indicators, C classes (1 for regression).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from methodic.data.cells import first, row_name
from methodic.data.conform import class_codes, conform, conform_target
from methodic.data.numeric import BUFFERS, NumericEncoder, fit_numeric
from methodic.data.schema import Schema
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Encoders", "NumericEncoder"]

FORMAT = 1


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _Facts:
    """The JSON half of `Encoders`."""

    format: int
    schema: Schema
    vocabularies: dict[str, tuple[str, ...]]
    missing: tuple[str, ...]  # categorical columns in which missing is a category
    target_center: float
    target_scale: float
    array_center: float
    array_scale: float


@dataclass
class Encoders:
    """Everything that turns rows into tensors and outputs into answers.

    Made by `fit` or `from_state`.
    """

    facts: _Facts
    numeric: NumericEncoder | None
    class_counts: Tensor
    """Training rows of each class, int64 [C]; empty for regression."""

    @classmethod
    def fit(cls, frame: pl.DataFrame, schema: Schema) -> Encoders:
        """Learn medians, vocabularies and the like from the training rows, and from no others.

        Args:
            frame: training rows only, the target included.
            schema: what the columns mean.
        """
        rows = conform(frame, schema, "training rows")
        vocabularies, missing = {}, []
        for name in schema.named("categorical"):
            vocabularies[name] = tuple(rows[name].drop_nulls().unique().sort().to_list())
            if rows[name].null_count():
                missing.append(name)
        arrays = schema.named("array")
        answer = conform_target(rows[schema.target], schema, "training rows")
        counts = torch.zeros(0, dtype=torch.int64)
        if schema.task == "regression":
            target = _moments(answer.drop_nulls().to_numpy())
        else:
            target = (0.0, 1.0)
            codes = class_codes(answer, schema).drop_nulls().to_numpy()
            counts = torch.from_numpy(np.bincount(codes, minlength=len(schema.classes)))
        array = _moments(rows[arrays[0]].to_numpy()) if arrays else (0.0, 1.0)
        facts = _Facts(FORMAT, schema, vocabularies, tuple(missing), *target, *array)
        names = schema.named("numeric")
        return cls(facts, fit_numeric(rows.select(names)) if names else None, counts)

    @property
    def schema(self) -> Schema:
        """What the columns mean."""
        return self.facts.schema

    @property
    def width(self) -> int:
        """Encoded numeric columns, indicators included."""
        return 0 if self.numeric is None else self.numeric.width

    @property
    def columns(self) -> int:
        """Categorical columns."""
        return len(self.facts.vocabularies)

    @property
    def cardinality(self) -> int:
        """Rows of the one embedding table that serves all categorical columns; 0 without any."""
        return sum(self._sizes())

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many of these rows each column has: for the unseen, its categories, maybe missing."""
        return tuple(self._sizes())

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape of a cell of the array column; () without one."""
        return next((c.shape for c in self.schema.columns if c.kind == "array"), ())

    def prepare(self, frame: pl.DataFrame, where: str = "data") -> pl.DataFrame:
        """The needed columns in training's order and kinds; errors: see `conform`."""
        return conform(frame, self.schema, where)

    def inputs(self, frame: pl.DataFrame, where: str = "data") -> dict[str, Tensor]:
        """The host's half of the encoding.

        Returns:
            "numeric": raw float32 [N, Dn], NaN where missing; "categorical": int64 [N, Dc], codes
            into one table of ``cardinality`` rows; "array": raw float32 [N, …]. What the data
            don't have is absent.
        """
        import polars as pl

        rows = self.prepare(frame, where)
        found: dict[str, Tensor] = {}
        names = self.schema.named("numeric")
        if names:
            # Missing becomes NaN; what float32 can't hold becomes infinite, and then 3 or −3.
            numbers = rows.select(pl.col(names).cast(pl.Float32).fill_null(float("nan")))
            found["numeric"] = torch.from_numpy(numbers.to_numpy(order="c", writable=True))
        if self.columns:
            starts = [0, *accumulate(self._sizes())]
            codes = np.empty((rows.height, self.columns), dtype=np.int64)
            for i, name in enumerate(self.facts.vocabularies):
                codes[:, i] = self._codes(rows[name]) + starts[i]
            found["categorical"] = torch.from_numpy(codes)
        for name in self.schema.named("array"):
            cells = rows[name].to_numpy().reshape(rows.height, *self.array_shape)
            found["array"] = torch.from_numpy(cells.astype(np.float32))
        return found

    def encode(self, frame: pl.DataFrame, where: str = "data") -> dict[str, Tensor]:
        """`inputs`, with numbers through the `NumericEncoder` and arrays standardised.

        Each row is encoded by itself, so neither order nor batches change it.
        """
        found = self.inputs(frame, where)
        with torch.no_grad():
            if self.numeric is not None:
                found["numeric"] = self.numeric(found["numeric"])
            if "array" in found:
                found["array"] = (found["array"] - self.facts.array_center) / self.facts.array_scale
        return found

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Categorical column → rows whose category training didn't have; only where there are any.

        A missing value counts where the column had none in training.
        """
        rows = self.prepare(frame)
        counts = {n: int((self._codes(rows[n]) == 0).sum()) for n in self.facts.vocabularies}
        return {name: count for name, count in counts.items() if count}

    def target(self, frame: pl.DataFrame, where: str = "data") -> Tensor:
        """The target as networks learn it: classes int64 [N], or standardised float32 [N, 1]."""
        truth = self.truth(frame, where)
        if self.schema.task != "regression":
            return torch.from_numpy(truth)
        scaled = (truth - self.facts.target_center) / self.facts.target_scale
        return torch.from_numpy(scaled.astype(np.float32)[:, None])

    def truth(self, frame: pl.DataFrame, where: str = "data") -> np.ndarray[Any, np.dtype[Any]]:
        """The target as it is scored: classes int64 [N], or numbers in its own units float64 [N].

        Raises:
            InputError: no such column; a value is missing, no number, or an unknown class.
        """
        name = self.schema.target
        if name not in frame.columns:
            raise InputError(
                f"{where}: the target '{name}' is missing", found=", ".join(frame.columns[:30])
            )
        answer = conform_target(frame[name], self.schema, where)
        bad = first(answer.is_null())
        if bad is not None:
            raise InputError(
                f"{where}: the target '{name}' has no value in {row_name(bad)}",
                advice="Leave such rows out.",
            )
        if self.schema.task != "regression":
            return class_codes(answer, self.schema).to_numpy(writable=True)
        return answer.to_numpy().astype(np.float64)

    def predictions(self, outputs: Tensor) -> Tensor:
        """What the network's outputs mean.

        Args:
            outputs: logits [..., N, C], or standardised numbers [..., N, 1].

        Returns:
            Probabilities, float32 [..., N, C]; or values in the target's units, float64
            [..., N, 1].
        """
        if self.schema.task == "regression":
            return outputs.double() * self.facts.target_scale + self.facts.target_center
        return torch.softmax(outputs.double(), dim=-1).float()

    def labels(self, probabilities: Tensor) -> list[str]:
        """The name of the likeliest class of each row of ``probabilities``, [N, C]."""
        return [self.schema.classes[i] for i in probabilities.argmax(dim=-1).tolist()]

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Everything learnt, as JSON-able values and tensors by name."""
        tensors = {"class_counts": self.class_counts}
        if self.numeric is not None:
            tensors |= {f"numeric.{name}": t for name, t in self.numeric.state_dict().items()}
        return TypeAdapter(_Facts).dump_python(self.facts, mode="json"), tensors

    @classmethod
    def from_state(cls, json: Any, tensors: Mapping[str, Tensor]) -> Encoders:
        """What `state` returned, checked.

        Raises:
            InputError: parts are missing, unknown or don't fit each other.
        """
        if isinstance(json, dict) and json.get("format", FORMAT) != FORMAT:
            raise InputError(
                "the encoders were saved in another format",
                found=json["format"],
                accepted=FORMAT,
                advice="Use the version of Methodic that saved them.",
            )
        try:
            facts = TypeAdapter(_Facts).validate_python(json)
        except ValidationError as error:
            place = error.errors()[0]
            raise _damaged(f"{'.'.join(map(str, place['loc']))}: {place['msg']}") from None
        _check_facts(facts)
        _check_tensors(facts.schema, tensors)
        numeric = None
        if facts.schema.named("numeric"):
            numeric = NumericEncoder(*(tensors[f"numeric.{name}"] for name in BUFFERS))
        return cls(facts, numeric, tensors["class_counts"])

    def _sizes(self) -> list[int]:
        """Rows of the table that each categorical column takes: unseen, categories, missing."""
        return [
            1 + len(words) + (name in self.facts.missing)
            for name, words in self.facts.vocabularies.items()
        ]

    def _codes(self, column: pl.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The codes of a column, before its offset: 0 unseen, 1 … the categories, then missing."""
        import polars as pl

        words = self.facts.vocabularies[column.name]
        known = column.cast(pl.Enum(list(words)), strict=False).to_physical().cast(pl.Int64) + 1
        codes = known.fill_null(0).to_numpy(writable=True)
        if column.name in self.facts.missing:
            codes[column.is_null().to_numpy()] = 1 + len(words)
        return codes


def _moments(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Mean and standard deviation in float64; 1 in place of a deviation of 0."""
    deviation = float(values.std(dtype=np.float64))
    return float(values.mean(dtype=np.float64)), deviation if deviation > 0 else 1.0


def _damaged(what: str) -> InputError:
    return InputError(
        "the encoders of this model are damaged",
        found=what,
        advice="Restore the model from a copy, or train it again.",
    )


def _check_facts(facts: _Facts) -> None:
    schema = facts.schema
    if list(facts.vocabularies) != schema.named("categorical"):
        raise _damaged(f"vocabularies for {', '.join(facts.vocabularies) or 'no column'}")
    for name, words in facts.vocabularies.items():
        if len(set(words)) != len(words):
            raise _damaged(f"the vocabulary of '{name}' has a word twice")
    if not set(facts.missing) <= set(facts.vocabularies):
        raise _damaged("missing values of a column that isn't categorical")
    numbers = (facts.target_center, facts.target_scale, facts.array_center, facts.array_scale)
    if not np.isfinite(numbers).all() or min(facts.target_scale, facts.array_scale) <= 0:
        raise _damaged(f"scales {numbers}")


def _check_tensors(schema: Schema, tensors: Mapping[str, Tensor]) -> None:
    n = len(schema.named("numeric"))
    expected = {"class_counts": ((len(schema.classes),), torch.int64)}
    for name in BUFFERS if n else ():
        expected[f"numeric.{name}"] = ((n,), torch.bool if name == "indicator" else torch.float32)
    _same_names(sorted(expected), sorted(tensors))
    for name, (shape, kind) in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != kind:
            raise _damaged(f"{name}: {tensor.dtype} {tuple(tensor.shape)}, not {kind} {shape}")
        if not torch.isfinite(tensor.double()).all():
            raise _damaged(f"{name}: not finite")
    if n and not bool((tensors["numeric.scale"] > 0).all()):
        raise _damaged("numeric.scale: not above 0")


def _same_names(expected: Sequence[str], found: Sequence[str]) -> None:
    if expected != found:
        raise _damaged(f"tensors {', '.join(found) or 'none'}; not {', '.join(expected)}")
