"""Classes that only the user's own test rows have: nobody can have learnt them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methodic.data.columns.cells import texts, tidy
from methodic.data.columns.conform import are_numbers

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

Strangers = tuple[tuple[str, int], ...]
"""Classes that training doesn't know, and how many test rows had them."""

_MOST = 0.5  # of the test rows; more, and the column is another one, or is spelt otherwise


def without_strangers(
    frame: pl.DataFrame, schema: Schema, title: str, notes: list[str]
) -> tuple[pl.DataFrame, Strangers]:
    """The test rows whose class training knows; the others can't be scored.

    Where most rows would go, none does: such a target is refused by `conform_target`, as it is at
    prediction. Of labels and of numbers there are no strangers.

    Args:
        frame: the user's test rows, as read.
        schema: of the training rows.
        title: of the test rows, for the note.
        notes: gets a line, where rows are left out.
    """
    column = frame[schema.target]
    if schema.task not in ("binary", "multiclass") or column.dtype.is_nested():
        return frame, ()
    names = texts(tidy(column, text=not are_numbers(schema.classes)))
    strange = (names.is_not_null() & ~names.is_in(list(schema.classes))).fill_null(False)
    rows = int(strange.sum())
    if rows == 0 or rows > _MOST * frame.height:
        return frame, ()
    counted = names.filter(strange).alias("class").value_counts().sort("count", "class")
    found = tuple((name, count) for name, count in reversed(counted.rows()))
    shown = ", ".join(f"'{name}' ({count:,})" for name, count in found[:5])
    notes.append(
        f"{title}: {rows:,} of {frame.height:,} rows are left out, since training knows no row of "
        f"their class: {shown}{', …' if len(found) > 5 else ''}"
    )
    return frame.filter(~strange), found
