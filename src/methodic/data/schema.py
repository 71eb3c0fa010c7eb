"""What the columns of a table mean: kinds, target, task, classes, and what was left out.

A schema is inferred once from the training table, travels with the model, and says what a later
table has to look like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from methodic.data.cells import texts, tidy
from methodic.errors import InputError, unknown
from methodic.plan import Reading, Task

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["numeric", "categorical", "array", "date", "text", "image"]

TASKS = ("binary", "multiclass", "classification", "regression")
FEW = 20
"""A target of whole numbers with at most so many different ones, each seen twice, means classes."""
ASKED = "asked for"
"""Why a column is left out that the user named."""
NEARLY_ALL = 0.9
"""A text column with this share of different values names rows; it doesn't describe them."""

_ROW_NAMES = re.compile(r"(^|_)(id|uuid|index|rowid|row)$|^unnamed[_: ]*\d*$", re.IGNORECASE)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One input column; ``shape`` is that of a cell, for arrays."""

    name: str
    kind: Kind
    shape: tuple[int, ...] = ()


class Dropped(_Frozen):
    """A column that is not used, and why."""

    name: str
    why: str


class Schema(_Frozen):
    """The input columns in order, the target, and the task.

    ``classes`` holds the class names in the order of their indices; empty for regression. Further
    columns to predict are ``others``. ``weight``, ``group``, ``time`` and ``part`` name columns
    that say something about rows: how much each counts, which belong together, when it was, and
    whether it is for training, validation or test.
    """

    columns: tuple[Column, ...]
    target: str
    task: Task
    classes: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()
    others: tuple[str, ...] = ()
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    part: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """All columns to predict."""
        return (self.target, *self.others)

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that say something about rows and are no inputs, each once."""
        named = (self.weight, self.group, self.time, self.part)
        return tuple(dict.fromkeys(each for each in named if each is not None))

    def named(self, kind: Kind) -> list[str]:
        """The names of the columns of one kind."""
        return [column.name for column in self.columns if column.kind == kind]


def infer(
    frame: pl.DataFrame,
    targets: str | Sequence[str],
    reading: Reading | None = None,
    where: str = "data",
) -> Schema:
    """Read the schema off a table.

    Texts and truth values are categorical, numbers (also written as text) numeric, polars Arrays
    numeric arrays. Left out, and recorded in ``dropped``: columns without any value or with one
    only, texts of which nearly all differ (`NEARLY_ALL`), row numbers (whole numbers, all
    different, in a column called id, index, row or the like), dates, nested types, and ``drop``.

    The task: texts and truth values are classes. Whole numbers are classes when there are at most
    `FEW` different ones and each occurs twice or more, or when there are two; any other numbers
    mean regression.

    Args:
        frame: the training table; rows without a target are not looked at.
        targets: the column of ``frame`` to predict, or several.
        reading: what the user said: a task, which overrules the inference, columns to leave out,
            and columns that say something about rows.
        where: the table's name, for messages.

    Raises:
        InputError: no such column or task; the target is constant, doesn't fit the task, or has a
            class of one row; no input column is left.
    """
    reading = reading or Reading()
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    for name in targets:
        if name not in frame.columns:
            raise unknown("column", name, frame.columns, where)
    target, others = targets[0], targets[1:]
    named = {"weight": reading.weight, "group": reading.group, "time": reading.time}
    for role, name in named.items():
        if name is not None and name not in frame.columns:
            raise unknown("column", name, frame.columns, f"{where}: {role}")
    part = reading.split if reading.split in frame.columns else None
    kept = {*targets, *named.values(), part}
    frame = frame.filter(frame[target].is_not_null())
    answer = tidy(frame[target])
    frame = frame.filter(answer.is_not_null())
    chosen, classes = _task(answer.drop_nulls(), reading.task, where)
    columns: list[Column] = []
    dropped: list[Dropped] = []
    for name in frame.columns:
        if name in kept:
            continue
        found = Dropped(name=name, why=ASKED) if name in reading.drop else _column(frame[name])
        if isinstance(found, Column) and found.kind == "array":
            taken = [column.name for column in columns if column.kind == "array"]
            if taken:
                found = Dropped(name=name, why=f"one array column is used, and '{taken[0]}' is it")
        (columns if isinstance(found, Column) else dropped).append(found)  # type: ignore[arg-type]
    if not columns:
        reasons = "; ".join(f"'{each.name}': {each.why}" for each in dropped)
        raise InputError(
            f"{where}: no input column is left beside the target '{target}'",
            found=reasons or "no other column",
            accepted="at least one column of numbers or categories that vary",
        )
    return Schema(
        columns=tuple(columns),
        target=target,
        task=chosen,
        classes=classes,
        dropped=tuple(dropped),
        others=others,
        part=part,
        **named,
    )


def _column(series: pl.Series) -> Column | Dropped:
    """The kind of one input column, or why it is not used."""
    import polars as pl

    name, series = series.name, tidy(series)

    def no(why: str) -> Dropped:
        return Dropped(name=name, why=why)

    known = len(series) - series.null_count()
    if known == 0:
        return no("all values are missing")
    if isinstance(series.dtype, pl.Array):
        base: pl.DataType = series.dtype
        while isinstance(base, pl.Array):
            base = base.inner  # type: ignore[assignment]
        if not (base.is_numeric() or base == pl.Boolean):
            return no(f"an array of {base}, not of numbers")
        return Column(name=name, kind="array", shape=tuple(series.dtype.shape))
    if series.dtype.is_temporal():
        return no("dates and times are not used yet")
    if not (series.dtype.is_numeric() or series.dtype in (pl.String, pl.Boolean)):
        return no(f"values of type {series.dtype} are not used")
    different = series.drop_nulls().n_unique()
    if different == 1 and known == len(series):
        return no(f"all values are the same ({series[0]})")
    if series.dtype == pl.String:
        if different == known > 1:
            return no("every value is different: it names the rows")
        if different > NEARLY_ALL * known and known >= FEW:
            return no(f"{different:,} of {known:,} values are different: it names the rows")
        return Column(name=name, kind="categorical")
    if series.dtype == pl.Boolean:
        return Column(name=name, kind="categorical")
    if series.dtype.is_integer() and different == known >= FEW and _ROW_NAMES.search(name):
        return no("whole numbers, all different, under such a name: it numbers the rows")
    if different > 1 and series.cast(pl.Float32, strict=False).drop_nulls().n_unique() == 1:
        return no("the values differ only after the seventh digit; subtract their mean first")
    return Column(name=name, kind="numeric")


def _task(answer: pl.Series, task: str | None, where: str) -> tuple[Task, tuple[str, ...]]:
    """The task, and the names of the classes in order."""
    import polars as pl

    if task is not None and task not in TASKS:
        raise unknown("task", task, TASKS)
    title = f"{where}: the target '{answer.name}'"
    if len(answer) == 0:
        raise InputError(f"{title} has no values", found="missing in every row")
    numeric = answer.dtype.is_numeric()
    if not numeric and answer.dtype not in (pl.String, pl.Boolean):
        raise InputError(
            f"{title} is of a type that can't be predicted",
            found=str(answer.dtype),
            accepted="numbers, texts or truth values",
            advice="Choose another column with --target COLUMN.",
        )
    counts = answer.value_counts()
    if len(counts) == 1:
        raise InputError(
            f"{title} is constant: there is nothing to predict",
            found=f"{answer[0]} in all {len(answer):,} rows",
            accepted="at least two different values",
            advice="Choose another column with --target COLUMN.",
        )
    if task == "regression" and not numeric:
        raise InputError(
            f"{title} holds texts, and regression needs numbers",
            found=answer[0],
            advice="Leave --task out, or write --task classification.",
        )
    if task == "regression" or (task is None and numeric and not _few(counts)):
        return "regression", ()
    return _classes(answer, task, title)


def _few(counts: pl.DataFrame) -> bool:
    """Whether these numbers, with their counts, look like classes."""
    values = counts.to_series(0)
    whole = values.dtype.is_integer() or bool((values == values.floor()).all())
    repeated = int(counts["count"].min()) >= 2  # type: ignore[arg-type]
    return repeated and len(values) <= (FEW if whole else 2)


def _classes(answer: pl.Series, task: str | None, title: str) -> tuple[Task, tuple[str, ...]]:
    import polars as pl

    counts = texts(answer).alias("class").value_counts()
    rows = dict(zip(counts["class"], counts["count"], strict=True))
    by_value = counts["class"].cast(pl.Float64, strict=False)
    names = sorted(rows) if by_value.null_count() else sorted(rows, key=float)
    if task == "binary" and len(names) != 2:
        raise InputError(
            f"{title} has {len(names):,} classes, and binary means two",
            found=", ".join(names[:10]) + (", …" if len(names) > 10 else ""),
            advice="Write --task multiclass, or leave --task out.",
        )
    single = [name for name in names if rows[name] == 1]
    if single:
        shown = ", ".join(f"'{name}'" for name in single[:5]) + (", …" if len(single) > 5 else "")
        number = answer.dtype.is_numeric()
        raise InputError(
            f"{title} has {_count(single)} of a single row, which can't be both learnt and tested",
            found=shown,
            accepted="at least two rows of each class",
            advice="Leave the row out, join the class to another"
            + (", or write --task regression." if number else ", or choose another --target."),
        )
    return ("binary" if len(names) == 2 and task != "multiclass" else "multiclass"), tuple(names)


def _count(single: list[str]) -> str:
    return "a class" if len(single) == 1 else f"{len(single):,} classes"
