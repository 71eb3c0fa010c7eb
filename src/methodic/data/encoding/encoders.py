"""From a table to tensors and back: fitted on training rows, saved with the model.

In two halves. Vocabularies (texts → numbers) are plain data, applied on the host. What is numeric
(scaling, missing values) is a module that travels and exports with the network.

Shapes: N rows, Dn numeric and Dc categorical columns, K indicators, C classes (1 for regression).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from methodic.data.columns.conform import conform
from methodic.data.encoding import categories, dates
from methodic.data.encoding.arrays import cells, channel_moments, moments
from methodic.data.encoding.categories import Categories
from methodic.data.encoding.facts import Facts, check_facts, check_tensors, damaged
from methodic.data.encoding.features import Features
from methodic.data.encoding.numeric import BUFFERS, NumericEncoder
from methodic.data.parallel import in_threads
from methodic.data.predicted import answers
from methodic.data.schemas.schema import Schema
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Encoders", "NumericEncoder"]

FORMAT = 1
_BLOCK = 16_384  # rows that are encoded at once: what is computed on the way stays small


@dataclass
class Encoders:
    """Everything that turns rows into tensors and outputs into answers.

    Made by `fit` or `from_state`.
    """

    facts: Facts
    numeric: NumericEncoder | None
    class_counts: Tensor
    """Training rows of each class, int64 [C]; of each label those without and with it, [2, C];
    empty for regression."""

    @classmethod
    def fit(cls, frame: pl.DataFrame, schema: Schema) -> Encoders:
        """Learn medians, vocabularies and the like from the training rows, and from no others.

        Args:
            frame: training rows only, the target included; of rows without one the inputs count.
            schema: what the columns mean.
        """
        rows = conform(frame, schema, "training rows")
        named = schema.named("categorical")
        words = dict(zip(named, in_threads(categories.fit, rows.select(named)), strict=True))
        calendars = {name: dates.fit(rows[name]) for name in schema.named("date")}
        arrays = schema.named("array")
        truth = answers.truth(rows.drop_nulls(list(schema.targets)), schema, "training rows")
        (target, *more), counts = answers.scales(truth, schema), answers.counts(truth, schema)
        array = moments(rows[arrays[0]].to_numpy()) if arrays else (0.0, 1.0)
        images = schema.named("image")
        channels = channel_moments(rows[images[0]].to_numpy()) if images else ()
        facts = Facts(
            FORMAT,
            schema,
            {name: each.words for name, each in words.items()},
            tuple(name for name, each in words.items() if each.missing),
            *target,
            *array,
            channels,
            tuple(more),
            {name: each.buckets for name, each in words.items() if each.buckets},
            tuple(name for name, each in words.items() if each.pooled),
            calendars,
        )
        features = Features(schema, calendars)
        return cls(facts, features.fit(rows) if features.width else None, counts)

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
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many of these rows each column has: for the unseen, its categories, maybe missing."""
        return tuple(each.size for each in self.categories.values())

    @cached_property
    def categories(self) -> dict[str, Categories]:
        """Categorical column → what its codes mean."""
        facts = self.facts
        return {
            name: Categories(
                words, facts.hashed.get(name, 0), name in facts.pooled, name in facts.missing
            )
            for name, words in facts.vocabularies.items()
        }

    @property
    def features(self) -> Features:
        """The raw numbers of a row, made of numeric columns, dates and texts."""
        return Features(self.schema, self.facts.calendars)

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape of a cell of the array or image column; () without one."""
        return next((c.shape for c in self.schema.columns if c.kind in ("array", "image")), ())

    @property
    def scaling(self) -> tuple[tuple[float, float], ...]:
        """Of images, each channel's (mean, deviation) on training rows, pixels from 0 to 1.

        Networks standardise by them, behind the augmentations; () where there are no images.
        """
        return self.facts.channels

    def prepare(self, frame: pl.DataFrame, where: str = "data") -> pl.DataFrame:
        """The needed columns in training's order and kinds; errors: see `conform`."""
        return conform(frame, self.schema, where)

    def inputs(self, frame: pl.DataFrame, where: str = "data") -> dict[str, Tensor]:
        """The host's half of the encoding.

        Returns:
            "numeric": raw float32 [N, Dn], NaN where missing, less `NumericEncoder.offset`;
            "categorical": int64 [N, Dc], codes into one table of ``cardinality`` rows; "array": raw
            float32 [N, …], or images as uint8 [N, C, H, W]. What the data don't have is absent.
        """
        return self._inputs(self.prepare(frame, where), raw=True)

    def _inputs(self, rows: pl.DataFrame, *, raw: bool) -> dict[str, Tensor]:
        """The inputs of conformed rows, numbers ``raw`` or encoded."""
        found: dict[str, Tensor] = {}
        if self.numeric is not None:
            found["numeric"] = self.features.tensor(rows, self.numeric, raw=raw)
        if self.columns:
            codes = np.empty((rows.height, self.columns), dtype=np.int64)
            parts = [each.looked_up(rows[name]) for name, each in self.categories.items()]
            starts = accumulate(self.sizes[:-1], initial=0)
            columns = [(t + s, places) for (t, places), s in zip(parts, starts, strict=True)]

            def look_up(start: int) -> None:
                for i, (table, places) in enumerate(columns):
                    codes[start : start + _BLOCK, i] = table[places[start : start + _BLOCK]]

            in_threads(look_up, range(0, rows.height, _BLOCK))
            found["categorical"] = torch.from_numpy(codes)
        for name in self.schema.named("array"):
            values = cells(rows[name], self.array_shape)
            found["array"] = torch.from_numpy(values.astype(np.float32))
        for name in self.schema.named("image"):
            found["array"] = torch.from_numpy(cells(rows[name], self.array_shape))
        return found

    def encode(self, frame: pl.DataFrame, where: str = "data") -> dict[str, Tensor]:
        """`inputs`, with numbers through the `NumericEncoder` and arrays standardised.

        Images stay bytes: batches turn them into numbers from 0 to 1, networks standardise them.

        Each row is encoded by itself, so neither order nor batches change it.
        """
        return self._standardised(self._inputs(self.prepare(frame, where), raw=False))

    def encoded(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What `encode` makes of rows, from their raw `inputs`, which stay as they are.

        What needs no encoding is shared with them.
        """
        found = dict(inputs)
        if self.numeric is not None:
            raw = found["numeric"]
            out = torch.empty(len(raw), self.numeric.width)
            for start in range(0, len(raw), _BLOCK):
                out[start : start + _BLOCK] = self.numeric(raw[start : start + _BLOCK])
            found["numeric"] = out
        return self._standardised(found)

    def _standardised(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        if "array" in found and not self.scaling:
            found["array"] = (found["array"] - self.facts.array_center) / self.facts.array_scale
        return found

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Categorical column → rows whose category training didn't have; only where there are any.

        A missing value counts where the column had none in training. Columns with so many
        categories that rare ones have no code of their own can't tell, and aren't counted.
        """
        known = {name: each for name, each in self.categories.items() if not each.pooled}
        if not known:
            return {}
        # The others cost more: images would be decoded for nothing.
        columns = tuple(column for column in self.schema.columns if column.name in known)
        rows = conform(frame, self.schema.model_copy(update={"columns": columns}))
        counts = {name: int((each.codes(rows[name]) == 0).sum()) for name, each in known.items()}
        return {name: count for name, count in counts.items() if count}

    def target(self, frame: pl.DataFrame, where: str = "data") -> Tensor:
        """The targets as networks learn them; see `answers.target`."""
        return answers.target(self.truth(frame, where), self.schema, self._scales)

    def truth(self, frame: pl.DataFrame, where: str = "data") -> np.ndarray[Any, np.dtype[Any]]:
        """The targets as they are scored; see `answers.truth`, also for the errors."""
        return answers.truth(frame, self.schema, where)

    def standardised(self, numbers: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
        """Numbers in the targets' units [N, T] as networks learn them, float32 [N, T]."""
        return answers.target(numbers, self.schema, self._scales)

    def predictions(self, outputs: Tensor) -> Tensor:
        """What the network's outputs [..., N, C] mean; see `answers.predictions`."""
        return answers.predictions(outputs, self.schema, self._scales)

    @property
    def _scales(self) -> tuple[answers.Scale, ...]:
        """Center and scale of each target."""
        facts = self.facts
        return ((facts.target_center, facts.target_scale), *facts.more_targets)

    def labels(self, probabilities: Tensor) -> list[str]:
        """The likeliest class, or all likely labels, of each row of ``probabilities`` [N, C]."""
        return answers.names(probabilities, self.schema)

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Everything learnt, as JSON-able values and tensors by name."""
        tensors = {"class_counts": self.class_counts}
        if self.numeric is not None:
            tensors |= {f"numeric.{name}": t for name, t in self.numeric.state_dict().items()}
        return TypeAdapter(Facts).dump_python(self.facts, mode="json"), tensors

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
            facts = TypeAdapter(Facts).validate_python(json)
        except ValidationError as error:
            place = error.errors()[0]
            raise damaged(f"{'.'.join(map(str, place['loc']))}: {place['msg']}") from None
        check_facts(facts)
        check_tensors(facts, tensors)
        numeric = None
        if Features(facts.schema, facts.calendars).width:
            numeric = NumericEncoder(*(tensors[f"numeric.{name}"] for name in BUFFERS))
        return cls(facts, numeric, tensors["class_counts"])
