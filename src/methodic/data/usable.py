"""Rows as they were read → those that can be used, in the columns and kinds of a schema."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from methodic.data import unlabelled as others
from methodic.data.columns.conform import conform, conform_target
from methodic.data.images import columns
from methodic.data.tally import Seen, Tally
from methodic.data.weights import counting

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema


def ready(
    frame: pl.DataFrame,
    schema: Schema,
    title: str,
    notes: list[str],
    skip_broken: bool,
    *,
    keep: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The rows of a table that have all targets, in the schema's columns and kinds.

    Args:
        frame: as it was read.
        schema: what the columns mean.
        title: the table's name.
        notes: gets what was done to the rows.
        skip_broken: leave out images that can't be read.
        keep: return the rows without a target, too, as `unlabelled.aside` leaves them.
    """
    tally = Tally()
    rows, blank = parted(frame, schema, title, tally, skip_broken, keep=keep)
    notes += tally.notes()
    if not keep or not blank.height:
        return rows, None
    return rows, others.aside(blank, schema, title, notes)


def parted(
    frame: pl.DataFrame,
    schema: Schema,
    title: str,
    tally: Tally,
    skip_broken: bool,
    *,
    keep: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of a piece of a table, the rows that have all targets, and those that lack one.

    Args:
        frame, schema, title, skip_broken: see `ready`.
        tally: counts what was done to the rows.
        keep: rows without a target are used, too.
    """
    import polars as pl

    frame = columns.readable(frame, schema, title, tally, skip_broken)
    inputs = conform(frame, schema, title).drop(*schema.targets, strict=False)
    answers = [conform_target(frame[name], schema, title).alias(name) for name in schema.targets]
    known = pl.repeat(value=True, n=frame.height, eager=True)
    for answer in answers:
        said = partial(_said, title=title, name=answer.name, kept=keep)
        tally.add(f"target {answer.name}", said, frame.height, answer.null_count())
        known = known & answer.is_not_null()
    roles = {name: frame[name] for name in schema.roles if name in frame.columns}
    counted = counting(frame, schema, title, tally)
    fine = pl.repeat(value=True, n=frame.height, eager=True)
    if counted is not None:
        roles[counted[0].name], fine = counted
    rows = inputs.with_columns(*roles.values(), *answers)
    return rows.filter(known & fine), rows.filter(~known & fine)


def _said(seen: Seen, title: str, name: str, kept: bool) -> Iterator[str]:
    """What becomes of rows without a value in a target."""
    if not seen.count:
        return
    rows = "1 row has" if seen.count == 1 else f"{seen.count:,} rows have"
    which = "it" if seen.count == 1 else "them"
    use = f"methods that learn without targets use {which}, no score does"
    yield (
        f"{title}: {rows} no value in '{name}': {use}"
        if kept
        else f"{title}: {rows} no value in '{name}' and can't be used"
    )
