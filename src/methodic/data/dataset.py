"""A data set: rows of inputs and a target, what the columns mean, what was noticed on loading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from methodic.data import contents, document, said
from methodic.data.conform import are_numbers, conform, conform_target
from methodic.data.frames import as_frame
from methodic.data.images import columns
from methodic.data.large import sampled
from methodic.data.opening import as_ordered, opened
from methodic.data.remarks import remarks
from methodic.data.schema import Kind, Schema, infer
from methodic.data.sources import title as called
from methodic.data.splits import rule
from methodic.data.splits.given import check as check_split
from methodic.data.strangers import Strangers, without_strangers
from methodic.data.targets import described, given_targets
from methodic.data.weights import counting
from methodic.errors import InputError, unknown
from methodic.files import fingerprint
from methodic.plan import Reading

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.large import Large

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
        strangers: classes that only the user's test rows had, which are left out of ``test``.
        large: how to read all rows, of which ``frame`` and ``test`` are samples; None where they
            are all there are.
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
        return fingerprint(*parts)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Column → a hash of its values; of the user's own test rows as "test: column"."""
        if self.large is not None:
            return self.large.all_digests()
        parts = contents.digests(self.frame, "")
        if self.test is not None:
            parts |= contents.digests(self.test, "test: ")
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
        if self.reading.split or self.schema.time or self.schema.group:
            facts.append(("split", rule(self)))
        facts += remarks(self.schema)
        return facts + [("note", note) for note in self.notes]


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
        source: a built-in name, the path of a table, a folder of images (one folder in it for each
            class, maybe in train/ and test/), a polars or pandas frame, or rows × columns as a
            NumPy array, a tensor or lists (columns x0, x1, …; three or more dimensions: one array
            column x, which holds images if it is bytes [N, H, W], [N, H, W, C] or [N, C, H, W]).
        target: the name of the target column, a tuple of several, or in memory a value (or several)
            for each row. Several are numbers, or each yes and no. None: the built-in set's own, or
            the only column called target, label, class, y or outcome.
        task: "binary", "multiclass", "multilabel", "classification" or "regression"; None infers
            it. "multilabel" reads cells such as "red;large" as sets of labels.
        drop: columns not to use.
        test: the user's own test rows: a path, a frame, or (inputs, targets).
        split: the share of the test rows (0.2 or "20%"), or a column whose cells say train,
            validation or test.
        weight: a column of numbers above 0: how much each row counts.
        group: a column; rows with the same value stay on one side of every split.
        time: a column of dates or numbers; test rows are the latest, validation rows before them.
        schema: a schema.yaml that says what the columns mean, in place of inferring it.
        memory: bytes that the rows may take; data that need more are streamed. None: half of what
            is free.
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
    doc = said.NOTHING if schema is None else document.read(Path(schema))
    names = (target,) if isinstance(target, str) else target
    if _named(target):
        reading = reading.model_copy(update={"targets": names or ()})
    reading = doc.joined(reading)
    if _named(target):
        target = reading.targets or None
    table = sampled(
        source, test, reading, lambda some: _with_target(some.frame, target, some.target, "data")[1]
    ) or opened(source, doc.texts())
    frame, title, notes = table.frame, table.name or "data", list(table.notes)
    said.check_names(doc, frame, title)
    reading = as_ordered(reading, table, test, title)
    frame, targets = _with_target(frame, target, table.target, title)
    check_split(reading.split, frame.columns, title, test is not None)
    for each in drop:
        if each in targets:
            raise InputError(
                f"{title}: '{each}' is the target, so it can't be left out",
                advice="Choose another --target, or take it out of --drop.",
            )
        if each not in frame.columns:
            raise unknown("column", each, frame.columns, f"{title}: drop")
    kinds = said.kinds(doc, frame, targets, reading)
    found = infer(frame, targets, reading, title, kinds)

    def usable(some: pl.DataFrame, schema: Schema) -> pl.DataFrame:
        return _ready(some, schema, title, [], skip_broken)

    def testable(some: pl.DataFrame, schema: Schema) -> pl.DataFrame:
        return usable(without_strangers(some, schema, title, [])[0], schema)

    try:
        ready = _ready(frame, found, title, notes, skip_broken)
    except InputError as error:
        raise said.explain(error, doc, frame, found, title) from None
    if ready.height < MINIMUM_ROWS:
        raise InputError(
            f"{title}: too few rows to compare training methods",
            found=f"{ready.height} rows with a target",
            accepted=f"at least {MINIMUM_ROWS}",
        )
    own_test = str(Path(test).resolve()) if isinstance(test, str | Path) else None
    if table.test is not None:
        test = table.test
    test_rows, test_where, strangers = _read_test(test, found, frame.columns, notes, skip_broken)
    stem = table.name and (table.name if table.about else called(table.where or ""))
    return DataSet(
        name=name or stem or "data",
        source=table.where if _named(target) else None,
        frame=ready,
        schema=found,
        test=test_rows,
        notes=tuple(notes),
        reading=reading.model_copy(
            update={
                "targets": targets,
                "test": test_where or own_test,
                "memory": reading.memory if table.large is None else table.large.limit,
            }
        ),
        about=table.about,
        strangers=strangers,
        large=table.large and table.large.known(found, usable, testable),
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
    given = given_targets(target, frame.columns)
    return _attach(frame, given, title), tuple(column.name for column in given)


def _named(target: Any) -> bool:
    """Whether a target is told by name: one, or a tuple of several."""
    if isinstance(target, tuple):
        return all(isinstance(each, str) for each in target)
    return target is None or isinstance(target, str)


def _attach(frame: pl.DataFrame, given: Sequence[pl.Series], title: str) -> pl.DataFrame:
    if len(given[0]) != frame.height:
        raise InputError(
            f"{title}: inputs and target have different lengths",
            found=f"{frame.height:,} rows of inputs, {len(given[0]):,} targets",
            accepted="one target per row",
        )
    return frame.with_columns(given)


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


def _ready(
    frame: pl.DataFrame, schema: Schema, title: str, notes: list[str], skip_broken: bool
) -> pl.DataFrame:
    """The rows that have all targets, in the schema's columns and kinds."""
    import polars as pl

    frame = columns.decoded(frame, schema, title, notes, skip_broken)
    inputs = conform(frame, schema, title).drop(*schema.targets, strict=False)
    answers = [conform_target(frame[name], schema, title).alias(name) for name in schema.targets]
    known = pl.repeat(value=True, n=frame.height, eager=True)
    for answer in answers:
        without = answer.null_count()
        if without:
            rows = "1 row has" if without == 1 else f"{without:,} rows have"
            notes.append(f"{title}: {rows} no value in '{answer.name}' and can't be used")
        known = known & answer.is_not_null()
    roles = {name: frame[name] for name in schema.roles if name in frame.columns}
    counted = counting(frame, schema, title, notes)
    if counted is not None:
        roles[counted[0].name], known = counted[0], known & counted[1]
    return inputs.with_columns(*roles.values(), *answers).filter(known)


def _read_test(
    test: Any, schema: Schema, known: Sequence[str], notes: list[str], skip_broken: bool
) -> tuple[pl.DataFrame | None, str | None, Strangers]:
    """The user's test rows, checked against the schema; where they are; what can't be scored."""
    if test is None:
        return None, None, ()
    title, where = "test data", None
    if isinstance(test, tuple):
        if len(test) != 2:
            raise InputError("test data in memory are a pair", accepted="(inputs, targets)")
        frame = as_frame(test[0])
        given = given_targets(test[1], frame.columns, schema.targets)
        frame = _attach(frame.drop(*schema.targets, strict=False), given, title)
    else:
        text = schema.named("categorical") + schema.named("text")
        text += [] if _numeric(schema) else [*schema.targets]
        table = opened(test, text)
        frame, where = table.frame, table.where
        title = table.name or title
    lacking = next((each for each in schema.targets if each not in frame.columns), None)
    if lacking is not None:
        raise InputError(
            f"{title}: the target '{lacking}' is missing",
            found=", ".join(frame.columns[:30]),
            accepted="the columns of the training data, the target included",
        )
    extra = [each for each in frame.columns if each not in known]
    frame, strangers = without_strangers(frame, schema, title, notes)
    ready = _ready(frame, schema, title, notes, skip_broken)
    if extra:
        notes.append(f"{title}: columns without use here: {', '.join(extra[:20])}")
    if ready.height == 0:
        raise InputError(f"{title}: no row has a target", accepted="at least one row")
    return ready, where, strangers


def _numeric(schema: Schema) -> bool:
    return schema.task == "regression" or are_numbers(schema.classes)
