"""The columns to predict: as they are given in memory, and as they are shown before a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from methodic.data.frames import as_array, as_frame, as_series
from methodic.data.predicted import labels
from methodic.errors import InputError, unknown

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

_SHOWN = 12


_TARGET_NAMES = ("target", "label", "class", "y", "outcome")


def given_targets(target: Any, taken: Sequence[str], names: Sequence[str] = ()) -> list[pl.Series]:
    """Targets in memory as columns.

    Args:
        target: a value for each row, or several: rows × targets, as a frame, an array or lists.
        taken: names of the inputs, which they can't have.
        names: of the targets, where they are known; else a series' own name or "target", and a
            frame's own names or y0, y1, ….

    Raises:
        InputError: it is neither; another number of columns than names.
    """
    if not hasattr(target, "__len__") or getattr(target, "shape", None) == ():
        raise InputError(
            "the target is neither a column's name nor a value for each row",
            found=repr(target)[:80],
            accepted="a name, a tuple of names, or as many values as there are rows",
        )
    wide = _wide(target)
    if wide is None:
        own = getattr(target, "name", None)
        likely = [own] if isinstance(own, str) and own else []
        free = [each for each in [*likely, "target", "y", "_target"] if each not in taken]
        return [as_series(target, names[0] if names else free[0])]
    if names and len(names) != wide.width:
        raise InputError(
            "the targets of the test rows don't fit those of the training rows",
            found=f"{wide.width} columns",
            accepted=f"{len(names)}: {', '.join(names[:20])}",
        )
    if names:
        return [column.alias(name) for name, column in zip(names, wide, strict=True)]
    twice = next((name for name in wide.columns if name in taken), None)
    if twice is not None:
        raise InputError(
            f"the column '{twice}' is among the inputs and among the targets",
            advice="Take it out of one of the two, or rename it.",
        )
    return list(wide)


def _wide(target: Any) -> pl.DataFrame | None:
    """Rows × several targets as a frame; None for a value per row."""
    if hasattr(target, "columns"):  # a frame of polars or pandas
        frame = as_frame(target)
        return frame if frame.width > 1 else None
    if hasattr(target, "to_list") or not len(target):  # a series, or nothing
        return None
    array = as_array(target)
    if array.ndim != 2 or array.shape[1] < 2:
        return None
    frame = as_frame(target)
    return frame.rename({name: f"y{i}" for i, name in enumerate(frame.columns)})


def described(frame: pl.DataFrame, schema: Schema) -> Iterator[tuple[str, str]]:
    """What is predicted and how it is spread, and what weighs the rows: (what, value)."""
    yield "target" if not schema.others else "targets", f"{_named(schema)} ({schema.task})"
    if schema.task == "multilabel":
        matrix = labels.matrix([frame[name] for name in schema.targets], schema)
        sums = (int(column.sum()) for column in matrix)
        yield "labels", _counted(dict(zip(schema.classes, sums, strict=True)), schema.classes)
    elif schema.task != "regression":
        counted = frame[schema.target].alias("class").value_counts()
        yield "classes", _counted(dict(counted.iter_rows()), schema.classes)
    else:
        for name in schema.targets[:_SHOWN]:
            yield f"values of {name}" if schema.others else "values", _spread(frame[name])
    if schema.weight is not None:
        yield "weights", f"{schema.weight}: {_spread(frame[schema.weight])}"


def _named(schema: Schema) -> str:
    shown = ", ".join(schema.targets[:_SHOWN])
    more = len(schema.targets) - _SHOWN
    return shown + (f", and {more:,} more" if more > 0 else "")


def _spread(column: pl.Series) -> str:
    low, middle, high = (float(column.quantile(q, "linear") or 0.0) for q in (0.0, 0.5, 1.0))
    return f"{low:g} to {high:g}, median {middle:g}"


def _counted(counts: dict[str, int], names: Sequence[str]) -> str:
    shown = [f"{name} {counts.get(name, 0):,}" for name in names[:_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f", and {more:,} more" if more > 0 else "")


def with_target(
    frame: pl.DataFrame, target: Any, known: str | None, title: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table with its target columns, and their names."""
    if target is None:
        target = known or _guess_target(frame.columns, title)
    if named(target):
        names = (target,) if isinstance(target, str) else tuple(target)
        for name in names:
            if name not in frame.columns:
                raise unknown("column", name, frame.columns, f"{title}: target")
        return frame, names
    given = given_targets(target, frame.columns)
    return attach(frame, given, title), tuple(column.name for column in given)


def named(target: Any) -> bool:
    """Whether a target is told by name: one, or a tuple of several."""
    if isinstance(target, tuple):
        return all(isinstance(each, str) for each in target)
    return target is None or isinstance(target, str)


def attach(frame: pl.DataFrame, given: Sequence[pl.Series], title: str) -> pl.DataFrame:
    """The table with columns of as many rows beside its own."""
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
