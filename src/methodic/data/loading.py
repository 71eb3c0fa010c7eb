"""Loading: any source, and what the user says about it, as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.data import unlabelled as others
from methodic.data.columns.conform import are_numbers
from methodic.data.dataset import DataSet
from methodic.data.frames import as_frame
from methodic.data.large import Large, sampled
from methodic.data.opening import as_ordered, opened
from methodic.data.predicted.strangers import Strangers, without_strangers
from methodic.data.predicted.targets import attach, given_targets, named, with_target
from methodic.data.schemas import document, said
from methodic.data.schemas.schema import Schema, infer
from methodic.data.sources import title as called
from methodic.data.splits.few import wanted
from methodic.data.splits.given import check as check_split
from methodic.data.tally import Tally
from methodic.data.usable import parted, ready
from methodic.errors import InputError, unknown
from methodic.plan import Reading

if TYPE_CHECKING:
    import polars as pl

MINIMUM_ROWS = 20
"""Fewer rows than this can't be split into three parts that mean anything."""


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
    unlabelled: Any = None,
    labels: str | int | None = None,
    teacher: Path | str | None = None,
    name: str | None = None,
) -> DataSet:
    """Read data and find out what they are.

    Rows without a target are kept apart: methods that learn without targets train on them.

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
        unlabelled: further rows without a target: like ``source``, with the same inputs; of a
            folder all images.
        labels: an experiment: so many rows (100 or "5%"), of those that aren't test rows, keep
            their targets, and the others train without.
        teacher: a run or a saved model, whose predictions for the training rows are soft targets
            (objective distillation).
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
        labels=None if labels is None else str(labels).strip(),
        teacher=None if teacher is None else str(Path(teacher).resolve()),
    )
    if reading.labels is not None:
        wanted(reading.labels, MINIMUM_ROWS)
    doc = said.NOTHING if schema is None else document.read(Path(schema))
    names = (target,) if isinstance(target, str) else target
    if named(target):
        reading = reading.model_copy(update={"targets": names or ()})
    reading = doc.joined(reading)
    if named(target):
        target = reading.targets or None
    # Groups are compared by their names, also with those of other files.
    texts = (*doc.texts(), *([] if reading.group is None else [reading.group]))
    table = sampled(
        source,
        test,
        reading,
        lambda some: with_target(some.frame, target, some.target, "data")[1],
        texts,
        doc.columns,
    ) or opened(source, texts)
    frame, title, notes = table.frame, table.name or "data", list(table.notes)
    if table.large is not None:
        _check_streamed(title, unlabelled, reading)
    said.check_names(doc, frame, title)
    reading = as_ordered(reading, table, test, title)
    frame, targets = with_target(frame, target, table.target, title)
    check_split(reading.split, frame.columns, title, test is not None)
    _check_drop(drop, targets, frame.columns, title)
    kinds = said.kinds(doc, frame, targets, reading)
    # What folders are called and what is given in memory are names; cells of a file are read.
    names = not named(target) or (table.ordered and targets == (table.target,))
    found = infer(frame, targets, reading, title, kinds, names=names)

    seen: list[str] = []
    try:
        rows, blank = ready(frame, found, title, seen, skip_broken, keep=table.large is None)
    except InputError as error:
        raise said.explain(error, doc, frame, found, title) from None
    notes += _of_the_sample(seen, table.large)
    _check_rows(rows.height, title)
    own_test = str(Path(test).resolve()) if isinstance(test, str | Path) else None
    if table.test is not None:
        test = table.test
    seen = []
    test_rows, test_where, strangers = _read_test(test, found, frame.columns, seen, skip_broken)
    notes += _of_the_sample(seen, table.large and table.large.test)
    more, more_where = None, None
    if unlabelled is not None:
        more, more_where = others.read(
            unlabelled, found, frame.columns, notes, reading.memory, skip_broken
        )
    without = [each for each in (blank, more) if each is not None]
    again = named(target) and (more is None or more_where is not None)
    stem = table.name and (table.name if table.about else called(table.where or ""))
    return DataSet(
        name=name or stem or "data",
        source=table.where if again else None,
        frame=rows,
        schema=found,
        test=test_rows,
        notes=tuple(notes),
        reading=reading.model_copy(
            update={
                "targets": targets,
                "test": test_where or own_test,
                "unlabelled": more_where,
                "memory": reading.memory if table.large is None else table.large.limit,
            }
        ),
        about=table.about,
        strangers=strangers,
        large=table.large and _known(table.large, found, title, skip_broken),
        unlabelled=others.stacked(without) if without else None,
    )


def _known(large: Large, schema: Schema, title: str, skip_broken: bool) -> Large:
    """All rows, now that it is known what their columns mean."""
    test = title if large.test is None else large.test.pieces.name

    def usable(some: pl.DataFrame, schema: Schema, tally: Tally) -> pl.DataFrame:
        return parted(some, schema, title, tally, skip_broken)[0]

    def testable(some: pl.DataFrame, schema: Schema, tally: Tally) -> pl.DataFrame:
        known = without_strangers(some, schema, test, tally)[0]
        return parted(known, schema, test, tally, skip_broken)[0]

    return large.known(schema, usable, testable)


def _of_the_sample(notes: Sequence[str], large: Large | None) -> Sequence[str]:
    """What was done to rows; of a sample it isn't yet what is done to all of them."""
    return notes if large is None else [f"in the sample: {note}" for note in notes]


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
        unlabelled=reading.unlabelled,
        labels=reading.labels,
        teacher=reading.teacher,
        name=name,
    )


def _check_drop(
    drop: Sequence[str], targets: Sequence[str], known: Sequence[str], title: str
) -> None:
    for each in drop:
        if each in targets:
            raise InputError(
                f"{title}: '{each}' is the target, so it can't be left out",
                advice="Choose another --target, or take it out of --drop.",
            )
        if each not in known:
            raise unknown("column", each, known, f"{title}: drop")


def _check_rows(count: int, title: str) -> None:
    if count < MINIMUM_ROWS:
        raise InputError(
            f"{title}: too few rows to compare training methods",
            found=f"{count} rows with a target",
            accepted=f"at least {MINIMUM_ROWS}",
        )


def _check_streamed(title: str, unlabelled: Any, reading: Reading) -> None:
    """Refuse what rows that are read piece by piece can't have."""
    asked = {
        "--unlabelled": unlabelled,
        "--labels": reading.labels,
        "--teacher": reading.teacher,
    }
    for option, given in asked.items():
        if given is not None:
            raise InputError(
                f"{title}: {option} is for rows that fit into memory, and these are read piece by "
                "piece",
                advice="Give the data more --memory, or a part of the rows.",
            )


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
        frame = attach(frame.drop(*schema.targets, strict=False), given, title)
    else:
        text = schema.texts()
        text += [] if _numeric(schema) else [*schema.targets]
        text += [] if schema.group is None else [schema.group]
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
    tally = Tally()
    frame, strangers = without_strangers(frame, schema, title, tally)
    notes += tally.notes()
    rows, _ = ready(frame, schema, title, notes, skip_broken)
    if extra:
        notes.append(f"{title}: columns without use here: {', '.join(extra[:20])}")
    if rows.height == 0:
        raise InputError(f"{title}: no row has a target", accepted="at least one row")
    return rows, where, strangers


def _numeric(schema: Schema) -> bool:
    return schema.task == "regression" or are_numbers(schema.classes)
