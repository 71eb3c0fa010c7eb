"""What is to be learnt of a target: numbers or classes, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methodic.data.columns.cells import texts, tidy
from methodic.errors import InputError
from methodic.plan import Task

if TYPE_CHECKING:
    import polars as pl

FEW = 20
"""A target of whole numbers with at most so many different ones, each seen twice, means classes."""


def answers_of(column: pl.Series, task: str | None, *, names: bool) -> tuple[pl.Series, bool]:
    """The cells of a target by their meaning; or as names, which are as they stand.

    Args:
        column: the target, null where missing.
        task: as the user states it.
        names: its texts are names; but texts that regression can learn are numbers.

    Returns:
        The cells, null where missing, and whether they are such names.
    """
    import polars as pl

    cells = tidy(column)
    written = isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum)
    if not names or not written or task == "regression":
        return cells, False
    if task is None and cells.dtype.is_numeric():
        counts = cells.drop_nulls().alias("value").value_counts()
        if not _few(counts):
            return cells, False
    return column.cast(pl.String), True


def task_of(
    answer: pl.Series, task: str | None, where: str, *, plain: bool = False
) -> tuple[Task, tuple[str, ...]]:
    """The task, and the names of the classes in order.

    Args:
        answer: the known answers.
        task: as the user states it.
        where: the table's name, for messages.
        plain: they are names as they stand.

    Raises:
        InputError: they can't be predicted, or don't fit the task.
    """
    import polars as pl

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
    counts = answer.alias("value").value_counts()
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
    return _classes(answer, counts, task, title, plain=plain)


def _few(counts: pl.DataFrame) -> bool:
    """Whether these numbers, with their counts, look like classes."""
    values = counts.to_series(0)
    whole = values.dtype.is_integer() or bool((values == values.floor()).all())
    repeated = int(counts["count"].min()) >= 2  # type: ignore[arg-type]
    return repeated and len(values) <= (FEW if whole else 2)


def _classes(
    answer: pl.Series, counts: pl.DataFrame, task: str | None, title: str, *, plain: bool
) -> tuple[Task, tuple[str, ...]]:
    """The task and the names of its classes, by the answers' different values and their counts."""
    import polars as pl

    words = counts.to_series(0) if plain else texts(counts.to_series(0))
    spelt = pl.DataFrame([words.alias("class"), counts["count"]])
    rows = dict(spelt.group_by("class").sum().iter_rows())
    names = sorted(rows)
    by_value = pl.Series(names, dtype=pl.String).cast(pl.Float64, strict=False)
    if by_value.is_finite().fill_null(False).all():
        names.sort(key=float)
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
