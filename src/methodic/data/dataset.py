"""A data set: rows of inputs and a target, what the columns mean, what was noticed on loading."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic import files
from methodic.data.builtin import builtin, builtin_names
from methodic.data.cells import tidy
from methodic.data.conform import are_numbers, conform, conform_target
from methodic.data.frames import as_frame, as_series
from methodic.data.schema import Schema, infer
from methodic.data.sources import read
from methodic.errors import InputError, unknown
from methodic.plan import Reading

if TYPE_CHECKING:
    import polars as pl

MINIMUM_ROWS = 20
"""Fewer rows than this can't be split into three parts that mean anything."""

_TARGET_NAMES = ("target", "label", "class", "y", "outcome")


@dataclass(frozen=True, eq=False)
class DataSet:
    """Rows with their schema.

    Args:
        name: a file's stem, a built-in name, or "data".
        source: where to read the rows again: an absolute path or a built-in name; None for data
            that live in memory, or whose targets do.
        frame: the schema's input columns, its roles and its targets, in this order; nulls where
            inputs are missing.
        schema: what the columns mean.
        test: the user's own test rows, with the same columns.
        notes: what was done to the data on loading, in words.
        reading: how the rows were read; ``test`` is like ``source``, for the test rows.
        about: a line on what the data are, where known.
    """

    name: str
    source: str | None
    frame: pl.DataFrame
    schema: Schema
    test: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading)
    about: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all values, column names and kinds; the order of rows and columns counts.

        It depends on the values alone: the same table as CSV and as Parquet, or integers of another
        width, have the same one.
        """
        parts = _contents(self.frame)
        if self.test is not None:
            parts += [b"test", *_contents(self.test)]
        return files.fingerprint(*parts)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Column → a hash of its values; of the user's own test rows as "test: column"."""
        parts = _columns(self.frame, "")
        if self.test is not None:
            parts |= _columns(self.test, "test: ")
        return parts

    def describe(self) -> list[tuple[str, str]]:
        """The facts to show before anything runs: (what, value)."""
        kinds = [
            f"{len(names):,} {kind}"
            for kind in ("numeric", "categorical", "array")
            if (names := self.schema.named(kind))
        ]
        inputs = self.frame.drop(*self.schema.targets, *self.schema.roles)
        missing = sum(column.null_count() for column in inputs)
        facts = [("data", f"{self.name}: {self.about}" if self.about else self.name)]
        rows = f"{self.frame.height:,}"
        if self.test is not None:
            rows += f", and {self.test.height:,} test rows of your own"
        facts += [("rows", rows), ("columns", ", ".join(kinds))]
        if missing:
            share = missing / (inputs.height * inputs.width)
            facts.append(("missing", f"{missing:,} cells ({share:.2%})"))
        facts.append(("target", f"{self.schema.target} ({self.schema.task})"))
        facts.append(("values" if self.schema.task == "regression" else "classes", self._answers()))
        facts += [("left out", f"{each.name}: {each.why}") for each in self.schema.dropped]
        return facts + [("note", note) for note in self.notes]

    def _answers(self) -> str:
        import polars as pl

        target = self.frame[self.schema.target]
        if self.schema.task == "regression":
            low, middle, high = (
                float(target.quantile(q, "linear") or 0.0) for q in (0.0, 0.5, 1.0)
            )
            return f"{low:g} to {high:g}, median {middle:g}"
        counted = target.alias("class").value_counts()
        counts = dict(counted.select(pl.col("class"), pl.col("count")).iter_rows())
        shown = [f"{name} {counts[name]:,}" for name in self.schema.classes[:12]]
        more = len(self.schema.classes) - len(shown)
        return ", ".join(shown) + (f", and {more:,} more" if more > 0 else "")


def load(
    source: Any,
    target: Any = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    test: Any = None,
    split: str | float | None = None,
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    schema: Path | str | None = None,
    memory: int | None = None,
    skip_broken: bool = False,
    name: str | None = None,
) -> DataSet:
    """Read data and find out what they are.

    Args:
        source: a built-in name, the path of a CSV or Parquet file, a polars or pandas frame, or
            rows × columns as a NumPy array, a tensor or lists (columns x0, x1, …; three or more
            dimensions: one array column x).
        target: the name of the target column, a tuple of several, or one value per row. None: the
            built-in set's own, or the only column called target, label, class, y or outcome.
        task: "binary", "multiclass", "classification" or "regression"; None infers it.
        drop: columns not to use.
        test: the user's own test rows: a path, a frame, or (inputs, targets).
        split: the share of the test rows (0.2 or "20%"), or a column whose cells say train,
            validation or test.
        weight: a column of numbers above 0: how much each row counts.
        group: a column; rows with the same value stay on one side of every split.
        time: a column of dates or numbers; test rows are the latest, validation rows before them.
        schema: a schema.yaml that says what the columns mean, in place of inferring it.
        memory: bytes that the rows may take; data that need more are streamed.
        skip_broken: leave out images that can't be read, and say so.
        name: what to call the data set.

    Raises:
        InputError: the data can't be used as they are; says what to change.

    Example:
        >>> data = load("iris")
        >>> data.schema.task, data.frame.shape
        ('multiclass', (150, 5))
    """
    reading = Reading(
        task=task,
        drop=tuple(drop),
        split=None if split is None else str(split),
        weight=weight,
        group=group,
        time=time,
        schema_file=None if schema is None else str(Path(schema).resolve()),
        memory=memory,
        skip_broken=skip_broken,
    )
    frame, known_target, given_name, where, about = _read(source)
    title = given_name or "data"
    frame, targets = _with_target(frame, target, known_target, title)
    for each in drop:
        if each in targets:
            raise InputError(
                f"{title}: '{each}' is the target, so it can't be left out",
                advice="Choose another --target, or take it out of --drop.",
            )
        if each not in frame.columns:
            raise unknown("column", each, frame.columns, f"{title}: drop")
    found = infer(frame, targets, reading, title)
    notes: list[str] = []
    ready = _ready(frame, found, title, notes)
    if ready.height < MINIMUM_ROWS:
        raise InputError(
            f"{title}: too few rows to compare training methods",
            found=f"{ready.height} rows with a target",
            accepted=f"at least {MINIMUM_ROWS}",
        )
    test_rows, test_where = _read_test(test, found, frame.columns, notes)
    stem = given_name and (given_name if about else Path(given_name).stem)
    return DataSet(
        name=name or stem or "data",
        source=where if _named(target) else None,
        frame=ready,
        schema=found,
        test=test_rows,
        notes=tuple(notes),
        reading=reading.model_copy(update={"targets": targets, "test": test_where}),
        about=about,
    )


def read_as(source: Any, reading: Reading, name: str | None = None) -> DataSet:
    """`load` with arguments that are one value, such as a plan's."""
    return load(
        source,
        reading.targets or None,
        task=reading.task,
        drop=reading.drop,
        test=reading.test,
        split=reading.split,
        weight=reading.weight,
        group=reading.group,
        time=reading.time,
        schema=reading.schema_file,
        memory=reading.memory,
        skip_broken=reading.skip_broken,
        name=name,
    )


def _read(
    source: Any, text: Sequence[str] = ()
) -> tuple[pl.DataFrame, str | None, str | None, str | None, str]:
    """Table, target column, name for messages, where to read it again, what it is about."""
    if isinstance(source, str) and source in builtin_names():
        frame, target, about = builtin(source)
        return frame, target, source, source, about
    if isinstance(source, str | Path):
        return read(source, text=text), None, str(source), str(Path(source).resolve()), ""
    return as_frame(source), None, None, None, ""


def _with_target(
    frame: pl.DataFrame, target: Any, known: str | None, title: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table with its target columns, and their names."""
    if target is None:
        target = known or _guess_target(frame.columns, title)
    if _named(target):
        names = (target,) if isinstance(target, str) else tuple(target)
        for name in names:
            if name not in frame.columns:
                raise unknown("column", name, frame.columns, f"{title}: target")
        return frame, names
    own = getattr(target, "name", None)
    likely = [own] if isinstance(own, str) and own else []
    name = next(each for each in [*likely, "target", "y", "_target"] if each not in frame.columns)
    return _attach(frame, target, name, title), (name,)


def _named(target: Any) -> bool:
    """Whether a target is told by name: one, or a tuple of several."""
    if isinstance(target, tuple):
        return all(isinstance(each, str) for each in target)
    return target is None or isinstance(target, str)


def _attach(frame: pl.DataFrame, target: Any, name: str, title: str) -> pl.DataFrame:
    column = as_series(target, name)
    if len(column) != frame.height:
        raise InputError(
            f"{title}: inputs and target have different lengths",
            found=f"{frame.height:,} rows of inputs, {len(column):,} targets",
            accepted="one target per row",
        )
    return frame.with_columns(column)


def _guess_target(columns: Sequence[str], title: str) -> str:
    likely = [each for each in columns if each.strip().casefold() in _TARGET_NAMES]
    if len(likely) == 1:
        return likely[0]
    shown = likely or list(columns)
    raise InputError(
        f"{title}: {'several columns' if likely else 'no column'} could be the target",
        found=", ".join(shown[:30]) + (f", … ({len(shown)} in all)" if len(shown) > 30 else ""),
        accepted="the name of one column",
        advice="Say which column to predict: --target COLUMN.",
    )


def _ready(frame: pl.DataFrame, schema: Schema, title: str, notes: list[str]) -> pl.DataFrame:
    """The rows that have all targets, in the schema's columns and kinds."""
    import polars as pl

    inputs = conform(frame, schema, title).drop(*schema.targets, strict=False)
    answers = [conform_target(frame[name], schema, title).alias(name) for name in schema.targets]
    known = pl.Series([True] * frame.height)
    for answer in answers:
        without = answer.null_count()
        if without:
            rows = "1 row has" if without == 1 else f"{without:,} rows have"
            notes.append(f"{title}: {rows} no value in '{answer.name}' and can't be used")
        known = known & answer.is_not_null()
    roles = [frame[name] for name in schema.roles if name in frame.columns]
    return inputs.with_columns(*roles, *answers).filter(known)


def _read_test(
    test: Any, schema: Schema, columns: Sequence[str], notes: list[str]
) -> tuple[pl.DataFrame | None, str | None]:
    """The user's test rows, checked against the schema."""
    if test is None:
        return None, None
    title, where = "test data", None
    if isinstance(test, tuple):
        if len(test) != 2:
            raise InputError("test data in memory are a pair", accepted="(inputs, targets)")
        frame = _attach(as_frame(test[0]), test[1], schema.target, title)
    else:
        text = schema.named("categorical") + ([] if _numeric(schema) else [schema.target])
        frame, _, name, where, _ = _read(test, text)
        title = name or title
    if schema.target not in frame.columns:
        raise InputError(
            f"{title}: the target '{schema.target}' is missing",
            found=", ".join(frame.columns[:30]),
            accepted="the columns of the training data, the target included",
        )
    extra = [each for each in frame.columns if each not in columns]
    ready = _ready(frame, schema, title, notes)
    if extra:
        notes.append(f"{title}: columns without use here: {', '.join(extra[:20])}")
    if ready.height == 0:
        raise InputError(f"{title}: no row has a target", accepted="at least one row")
    return ready, where


def _numeric(schema: Schema) -> bool:
    return schema.task == "regression" or are_numbers(schema.classes)


def _columns(frame: pl.DataFrame, prefix: str) -> dict[str, str]:
    tidied = (tidy(column, text=True) for column in frame)
    return {prefix + column.name: files.fingerprint(*_digest(column)) for column in tidied}


def _contents(frame: pl.DataFrame) -> list[bytes]:
    """Name, kind and a digest of the values of each column, free of the storage's details."""
    parts: list[bytes] = [str(frame.height).encode()]
    for column in frame:
        column = tidy(column, text=True)
        parts += [column.name.encode(), *_digest(column)]
    return parts


def _digest(column: pl.Series) -> tuple[bytes, bytes]:
    import numpy as np
    import polars as pl

    digest = hashlib.sha256(column.is_null().to_numpy().astype(np.uint8).tobytes())
    if column.dtype == pl.String:
        filled = column.fill_null("")
        digest.update(filled.str.len_bytes().to_numpy().astype("<u4").tobytes())
        digest.update((filled.str.join("").item() if len(filled) else "").encode())
        return b"text", digest.digest()
    if isinstance(column.dtype, pl.Array):
        values = column.to_numpy()
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return f"array {column.dtype.shape}".encode(), digest.digest()
    # Whole numbers that a missing value once turned into floats are the same values.
    values = column.fill_null(0).cast(pl.Float64).to_numpy()
    digest.update((values + 0.0).astype("<f8").tobytes())  # + 0.0: there is one zero
    return b"number", digest.digest()
