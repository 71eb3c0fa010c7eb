"""Several columns to predict, or sets of labels: what they mean.

Several columns of numbers are predicted as numbers. Several columns of yes and no are labels of
their own, any number of which may hold for a row; so are the labels of one column whose cells are
lists, or texts such as "red;large".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from methodic.data.columns.cells import first, row_name, texts, tidy
from methodic.errors import InputError
from methodic.plan import Task

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

SEPARATOR = ";"
"""Between the labels of a cell. A cell of it alone is a row without any label."""

YES = ("true", "yes", "y", "t", "1", "1.0")
NO = ("false", "no", "n", "f", "0", "0.0")
MOST_LABELS = 10_000

_MULTILABEL = ("multilabel", "classification")


def several(
    frame: pl.DataFrame, targets: Sequence[str], task: str | None, where: str
) -> tuple[Task, tuple[str, ...]] | None:
    """The task and the labels, where there are several targets or sets of labels.

    Args:
        frame: the training table.
        targets: columns of it.
        task: as the user states it.
        where: the table's name, for messages.

    Returns:
        "multilabel" with the names of the labels, or "regression" without; None for one target
        of numbers or classes.

    Raises:
        InputError: the columns don't fit each other or the task, or one is constant.
    """
    if len(targets) == 1:
        return _one(frame[targets[0]], task, where)
    columns = [frame[name] for name in targets]
    twice = sorted({name for name in targets if targets.count(name) > 1})
    if twice:
        raise InputError(f"{where}: the target '{twice[0]}' is named twice")
    for column in columns:
        if tidy(column).null_count() == len(column):
            raise InputError(
                f"{where}: the target '{column.name}' has no values", found="missing in every row"
            )
    answers = [_yes_no(column) for column in columns]
    if task in (None, *_MULTILABEL) and all(answer is not None for answer in answers):
        _vary(answers, where)
        return "multilabel", tuple(targets)
    if task in (*_MULTILABEL, "binary", "multiclass"):
        raise _not_labels(columns, answers, task, where)
    for column in columns:
        if not _is_number(tidy(column)):
            raise InputError(
                f"{where}: several targets must all be numbers, or all yes and no",
                found=f"'{column.name}' holds {tidy(column).dtype}",
                accepted="columns of numbers (regression), or of 0 and 1, yes and no, true and "
                "false (multilabel)",
                advice="Predict a column of classes by itself: one --target.",
            )
    _vary([tidy(column) for column in columns], where)
    return "regression", ()


def _one(column: pl.Series, task: str | None, where: str) -> tuple[Task, tuple[str, ...]] | None:
    """The labels of one column of sets."""
    import polars as pl

    listed = isinstance(column.dtype, pl.List)
    if task != "multilabel" and not (listed and task in (None, "classification")):
        return None
    title = f"{where}: the target '{column.name}'"
    sets = _sets(column, where).drop_nulls().list.unique()
    counts = sets.explode().drop_nulls().alias("label").value_counts()
    names = counts.to_series(0).sort().to_list()
    if len(names) < 2:
        raise InputError(
            f"{title} has {len(names)} label{'' if len(names) == 1 else 's'}, and a multilabel "
            "task needs two or more",
            found=", ".join(names) or "only empty cells",
            accepted=f"lists, or texts such as 'red{SEPARATOR}large'",
            advice="Separate the labels of a cell by ';'. For one class in each row leave --task "
            "out; for a column of each label name them all with --target.",
        )
    if len(names) > MOST_LABELS:
        raise InputError(f"{title} has {len(names):,} labels", accepted=f"up to {MOST_LABELS:,}")
    everywhere = [name for name, n in counts.iter_rows() if n == len(sets)]
    if everywhere:
        raise InputError(
            f"{title}: the label '{everywhere[0]}' is in every row: there is nothing to predict",
            advice="Take it out of the cells.",
        )
    return "multilabel", tuple(names)


def answers(series: pl.Series, schema: Schema, where: str) -> pl.Series:
    """A target column of a multilabel task in its plain form; missing values stay null.

    Returns:
        of a column of yes and no: 1 and 0, Int8; of a column of sets: texts, the known labels in
        the schema's order with `SEPARATOR` in between.

    Raises:
        InputError: a cell that is neither yes nor no, or a label that training doesn't know.
    """
    import polars as pl

    if schema.others:
        found = _yes_no(series)
        if found is not None:
            return found
        cells = _spelt(series, where)
        known = cells.str.to_lowercase().is_in([*YES, *NO])
        bad = first(cells.is_not_null() & ~known)
        assert bad is not None, "some cell isn't yes or no"
        raise InputError(
            f"{where}: the label '{series.name}' is neither yes nor no in {row_name(bad)}",
            found=f"'{cells[bad]}'",
            accepted="1 or 0, yes or no, true or false; an empty cell where it isn't known",
        )
    sets = _sets(series, where)
    frame = pl.DataFrame({"row": range(len(sets)), "label": sets}).explode("label")
    strange = frame.filter(
        pl.col("label").is_not_null() & ~pl.col("label").is_in(list(schema.classes))
    )
    if len(strange):
        raise InputError(
            f"{where}: the target '{schema.target}' has a label that training doesn't know, in "
            f"{row_name(int(strange['row'][0]))}",
            found=f"'{strange['label'][0]}'",
            accepted=", ".join(schema.classes[:20]) + (", …" if len(schema.classes) > 20 else ""),
        )
    order = pl.Enum(list(schema.classes))
    ordered = sets.list.eval(pl.element().cast(order).unique().sort().cast(pl.String))
    joined = ordered.list.join(SEPARATOR).to_frame("cell")
    # An empty cell would be a missing one.
    none = pl.when(pl.col("cell") == "").then(pl.lit(SEPARATOR)).otherwise(pl.col("cell"))
    return joined.select(none).to_series().alias(series.name)


def matrix(columns: Sequence[pl.Series], schema: Schema) -> pl.DataFrame:
    """What `answers` made, as one column of 0 and 1 (Int8) for each label; nulls where missing."""
    import polars as pl

    if schema.others:
        return pl.DataFrame([column.alias(f"label {i}") for i, column in enumerate(columns)])
    (column,) = columns
    sets = column.str.split(SEPARATOR)
    has = [
        sets.list.contains(name).cast(pl.Int8).alias(f"label {i}")
        for i, name in enumerate(schema.classes)
    ]
    return pl.DataFrame(has)


def _sets(column: pl.Series, where: str) -> pl.Series:
    """The labels of each row as a list of texts; null where missing."""
    import polars as pl

    if isinstance(column.dtype, pl.List | pl.Array):
        lists = column.arr.to_list() if isinstance(column.dtype, pl.Array) else column
        inner = lists.dtype.inner  # type: ignore[attr-defined]
        if not (inner == pl.String or inner.is_integer() or inner in (pl.Boolean, pl.Null)):
            raise InputError(
                f"{where}: the target '{column.name}' holds lists of {inner}",
                accepted="lists of texts or whole numbers: the labels of a row",
            )
        found = lists.cast(pl.List(pl.String))
        inside = found.list.eval(pl.element().str.contains(SEPARATOR, literal=True)).list.any()
        bad = first(inside)
        if bad is not None:
            raise InputError(
                f"{where}: a label of the target '{column.name}' contains '{SEPARATOR}', which "
                f"separates labels, in {row_name(bad)}",
                advice="Write another sign in its place.",
            )
    else:
        cells = _spelt(column, where)
        found = cells.str.split(SEPARATOR)
    found = found.list.eval(pl.element().str.strip_chars())
    return found.list.eval(pl.element().filter(pl.element().is_not_null() & (pl.element() != "")))


def _yes_no(column: pl.Series) -> pl.Series | None:
    """A column of yes and no as 1 and 0, nulls where missing; None where it is no such column."""
    import polars as pl

    column = tidy(column, text=column.dtype == pl.String)
    if column.dtype in (pl.Boolean, pl.Null):
        return column.cast(pl.Int8)
    if column.dtype.is_numeric():
        known = column.drop_nulls()
        return column.cast(pl.Int8) if ((known == 0) | (known == 1)).all() else None
    if column.dtype != pl.String:
        return None
    words = column.str.to_lowercase()
    yes = words.is_in(list(YES))
    if not (yes | words.is_in(list(NO))).drop_nulls().all():
        return None
    return yes.cast(pl.Int8).alias(column.name)


def _spelt(column: pl.Series, where: str) -> pl.Series:
    """The cells as texts; lists and bytes are none."""
    import polars as pl

    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise InputError(
            f"{where}: the target '{column.name}' holds values that name no label",
            found=str(column.dtype),
            accepted="texts, numbers or truth values",
        )
    return texts(tidy(column, text=True))


def _is_number(column: pl.Series) -> bool:
    import polars as pl

    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _vary(columns: Sequence[pl.Series | None], where: str) -> None:
    """Refuse a target that is the same in all rows."""
    for column in columns:
        assert column is not None
        known = column.drop_nulls()
        if known.n_unique() == 1:
            raise InputError(
                f"{where}: the target '{column.name}' is constant: there is nothing to predict",
                found=f"{known[0]} in all {len(known):,} rows",
                advice="Leave it out of the targets.",
            )


def _not_labels(
    columns: Sequence[pl.Series],
    answers: Sequence[pl.Series | None],
    task: str | None,
    where: str,
) -> InputError:
    if task in ("binary", "multiclass"):
        return InputError(
            f"{where}: {len(columns)} targets, and a {task} task has one",
            advice="Name one --target, or leave --task out.",
        )
    at = next(i for i, answer in enumerate(answers) if answer is None)
    cells = _spelt(columns[at], where)
    bad = first(cells.is_not_null() & ~cells.str.to_lowercase().is_in([*YES, *NO]))
    return InputError(
        f"{where}: several targets of a {task} task are labels, and '{columns[at].name}' is more "
        "than yes or no",
        found="" if bad is None else f"'{cells[bad]}' in {row_name(bad)}",
        accepted="columns of 0 and 1, yes and no, true and false",
        advice="Predict a column of several classes by itself: one --target.",
    )
