"""Classes that only the user's own test rows have: nobody can have learnt them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from methodic.data.columns.cells import row_name
from methodic.data.columns.conform import spelt
from methodic.data.tally import Seen, Tally
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

Strangers = tuple[tuple[str, int], ...]
"""Classes that training doesn't know, and how many test rows had them."""

_MOST = 0.5  # of the test rows; more, and the column is another one, or is spelt otherwise


def without_strangers(
    frame: pl.DataFrame, schema: Schema, title: str, tally: Tally
) -> tuple[pl.DataFrame, Strangers]:
    """The test rows whose class training knows; the others can't be scored.

    Where most rows of a table would go, the column is another one, or spelt otherwise, and is
    refused. Of labels and of numbers there are no strangers.

    Args:
        frame: the user's test rows, or some of them, as read.
        schema: of the training rows.
        title: of the test rows, for the note.
        tally: counts the rows that are left out; it refuses them when the whole table was seen.
    """
    column = frame[schema.target]
    if schema.task not in ("binary", "multiclass") or column.dtype.is_nested():
        return frame, ()
    names = spelt(column, schema)
    strange = (names.is_not_null() & ~names.is_in(list(schema.classes))).fill_null(False)
    counted = dict(names.filter(strange).alias("class").value_counts().iter_rows())
    tally.add(
        "strangers",
        lambda seen: _judged(seen, schema, title),
        frame.height,
        int(strange.sum()),
        kinds=counted,
        names=[row_name(tally.before + row) for row in strange.arg_true().head(1)],
    )
    return (frame.filter(~strange) if counted else frame), _listed(counted)


def _judged(seen: Seen, schema: Schema, title: str) -> Iterator[str]:
    """What it means that so many rows have classes which training doesn't know."""
    found = _listed(seen.kinds)
    shown = ", ".join(f"'{name}' ({count:,})" for name, count in found[:5])
    shown += ", …" if len(found) > 5 else ""
    if seen.count > _MOST * seen.rows:
        known = ", ".join(f"'{name}'" for name in schema.classes[:20])
        raise InputError(
            f"{title}: the target '{schema.target}' has a class that training doesn't know, in "
            f"{seen.names[0]}",
            found=f"{seen.count:,} of {seen.rows:,} rows have such a class: {shown}",
            accepted=known + (", …" if len(schema.classes) > 20 else ""),
        )
    if seen.count:
        yield (
            f"{title}: {seen.count:,} of {seen.rows:,} rows are left out, since training knows no "
            f"row of their class: {shown}"
        )


def _listed(counted: Mapping[str, int]) -> Strangers:
    """Classes with their rows, those with the most first."""
    pairs = sorted((count, name) for name, count in counted.items())
    return tuple((name, count) for count, name in reversed(pairs))
