"""A data set: rows of inputs and a target, what the columns mean, what was noticed on loading."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from methodic.data import contents
from methodic.data.images import columns
from methodic.data.predicted.strangers import Strangers
from methodic.data.predicted.targets import described
from methodic.data.schemas.remarks import remarks
from methodic.data.schemas.schema import Kind, Schema
from methodic.data.splits import rule
from methodic.files import fingerprint
from methodic.plan import Reading

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.large import Large


@dataclass(frozen=True, eq=False)
class DataSet:
    """Rows with their schema.

    Args:
        name: a file's stem, a built-in name, or "data".
        source: where to read the rows again: an absolute path or a built-in name; None for data
            that live in memory, or whose targets or rows without a target do.
        frame: the schema's input columns, its roles and its targets, in this order; nulls where
            inputs are missing.
        schema: what the columns mean.
        test: the user's own test rows, with the same columns.
        notes: what was done to the data on loading, in words.
        reading: how the rows were read; ``test`` is like ``source``, for the test rows.
        about: a line on what the data are, where known.
        strangers: classes that only the user's test rows had, which are left out of ``test``.
        large: how to read all rows, of which ``frame`` and ``test`` are samples; None where they
            are all there are.
        unlabelled: rows without a target, which may train and are never scored: the schema's
            inputs, and its group and time; None where there are none.
    """

    name: str
    source: str | None
    frame: pl.DataFrame
    schema: Schema
    test: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading)
    about: str = ""
    strangers: Strangers = ()
    large: Large | None = None
    unlabelled: pl.DataFrame | None = None

    @property
    def heights(self) -> tuple[int, int]:
        """How many rows there are, and test rows of the user's own."""
        test = 0 if self.test is None else self.test.height
        if self.large is None:
            return self.frame.height, test
        return self.large.rows, test if self.large.test is None else self.large.test.rows

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all values, column names and kinds; the order of rows and columns counts.

        It depends on the values alone: the same table as CSV and as Parquet, or integers of another
        width, have the same one.
        """
        if self.large is not None:
            return fingerprint(str(self.heights), *map(str, self.digests.items()))
        parts = contents.parts(self.frame)
        if self.test is not None:
            parts += [b"test", *contents.parts(self.test)]
        if self.unlabelled is not None:
            parts += [b"unlabelled", *contents.parts(self.unlabelled)]
        return fingerprint(*parts)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Column → a hash of its values; of the user's own test rows as "test: column".

        Those of rows without a target are called "unlabelled: column".
        """
        if self.large is not None:
            return self.large.all_digests()
        parts = contents.digests(self.frame, "")
        if self.test is not None:
            parts |= contents.digests(self.test, "test: ")
        if self.unlabelled is not None:
            parts |= contents.digests(self.unlabelled, "unlabelled: ")
        return parts

    def describe(self) -> list[tuple[str, str]]:
        """The facts to show before anything runs: (what, value)."""
        kinds = [
            f"{len(names):,} {kind}"
            for kind in get_args(Kind)
            if (names := self.schema.named(kind))
        ]
        inputs = self.frame.drop(*self.schema.targets, *self.schema.roles)
        missing = sum(column.null_count() for column in inputs)
        facts = [("data", f"{self.name}: {self.about}" if self.about else self.name)]
        rows = f"{self.heights[0]:,}"
        if self.unlabelled is not None:
            rows += f", and {self.unlabelled.height:,} without a target"
        if self.test is not None:
            rows += f", and {self.heights[1]:,} test rows of your own"
        facts += [("rows", rows), ("columns", ", ".join(kinds))]
        if missing:
            share = missing / (inputs.height * inputs.width)
            facts.append(("missing", f"{missing:,} cells ({share:.2%})"))
        facts += [
            ("images", columns.policy(each)) for each in self.schema.columns if each.kind == "image"
        ]
        facts += described(self.frame, self.schema)
        reading = self.reading
        if reading.split or self.schema.time or self.schema.group or reading.labels:
            facts.append(("split", rule(self)))
        if reading.teacher:
            facts.append(("teacher", reading.teacher))
        facts += remarks(self.schema)
        return facts + [("note", note) for note in self.notes]
