"""Rows without a target: those among the others, and those of a source of their own.

They have the inputs of the schema, and its groups and times, so that splits can keep apart what
their rules keep apart. Methods that learn without targets train on them; no score sees them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.data.builtin import builtin_names
from methodic.data.columns.cells import tidy
from methodic.data.columns.conform import conform
from methodic.data.images import columns, folders, idx
from methodic.data.images.reading import FILE, rows_of
from methodic.data.large.survey import fits
from methodic.data.opening import opened
from methodic.data.room import usual
from methodic.data.sizes import readable
from methodic.data.splits.given import for_training
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

_OPTION = "--unlabelled"
_SHOWN = 20


def aside(rows: pl.DataFrame, schema: Schema, title: str, notes: list[str]) -> pl.DataFrame | None:
    """Of rows that have no target those that can train without one.

    Args:
        rows: conformed, with their roles.
        schema: what the columns mean.
        title: of the table.
        notes: gets told of rows that can't: validation or test rows by the user's word, and those
            without a time where rows are divided by it.

    Returns:
        The columns of inputs, group and time; None where there are no such rows.
    """
    if schema.part is not None and schema.part in rows.columns:
        why = f"'{schema.part}' says that they aren't for training"
        rows = _left(rows, for_training(rows[schema.part]), f"{title}: {why}", notes)
    if schema.time is not None and schema.time in rows.columns:
        why = f"'{schema.time}' doesn't say when they were"
        rows = _left(rows, tidy(rows[schema.time]).is_not_null(), f"{title}: {why}", notes)
    names = [column.name for column in schema.columns]
    names += [name for name in rows.columns if name in (schema.group, schema.time)]
    return rows.select(names) if rows.height else None


def _left(rows: pl.DataFrame, fine: pl.Series, why: str, notes: list[str]) -> pl.DataFrame:
    gone = int((~fine).sum())
    if gone:
        notes.append(f"{why}: rows without a target that are left out: {gone:,}")
    return rows.filter(fine)


def read(
    source: Any,
    schema: Schema,
    known: Sequence[str],
    notes: list[str],
    memory: int | None = None,
    skip_broken: bool = False,
) -> tuple[pl.DataFrame, str | None]:
    """Rows of a source of their own, in the form of the training rows.

    Args:
        source: a built-in name, the path of a table, images (a folder, in which folders mean
            nothing, or files), or rows in memory.
        schema: of the training rows.
        known: columns of the training table.
        notes: gets what was done to them.
        memory: bytes that rows may take; None: half of what is free.
        skip_broken: leave out images that can't be read.

    Returns:
        The rows, and where to read them again; None in memory.

    Raises:
        InputError: they can't be read, are none, or don't have the training data's columns.
    """
    where: str | None
    if isinstance(source, str | Path) and str(source) not in builtin_names():
        title, where = str(source), str(Path(source).resolve())
        frame = _opened(source, schema, usual() if memory is None else memory, notes)
    else:
        table = opened(source)
        frame, where, title = table.frame, table.where, table.name or "rows without a target"
    if frame.height == 0:
        raise InputError(f"{title}: there are no rows", accepted="at least one row")
    _check_columns(frame, schema, title)
    _remark(frame, schema, known, title, notes)
    frame = columns.decoded(frame, schema, title, notes, skip_broken)
    inputs = conform(frame, schema, title).drop(*schema.targets, strict=False)
    roles = [column for column in frame if column.name in (schema.group, schema.time)]
    found = aside(inputs.with_columns(roles), schema, title, notes)
    if found is None:
        raise InputError(
            f"{title}: no row can train", found=notes[-1], accepted="rows that have a time"
        )
    return found, where


def _opened(source: str | Path, schema: Schema, limit: int, notes: list[str]) -> pl.DataFrame:
    """A file's or folder's rows as they are."""
    path, images = Path(source), schema.named("image")
    if path.is_dir() or folders.is_image(path.name) or (idx.is_idx(path) and path.is_file()):
        if not images:
            raise InputError(
                f"{source}: {_OPTION} names images, and the training data have none",
                accepted="a table with the columns "
                + ", ".join(f"'{column.name}'" for column in schema.columns[:_SHOWN]),
            )
        frame = rows_of(path, images[0])
        size = math.prod(next(each.shape for each in schema.columns if each.name == images[0]))
        if frame.height * size > limit:
            raise _too_large(source, frame.height * size, limit)
        if FILE in frame.columns:
            if any(os.sep in name for name in frame[FILE]):
                notes.append(f"{source}: all images train without a class, whatever their folders")
            frame = frame.drop(FILE)
        return frame
    if not fits(path, limit):
        raise _too_large(source, None, limit)
    texts = schema.texts()
    texts += [] if schema.group is None else [schema.group]  # groups are compared by their names
    return opened(source, texts).frame


def _too_large(source: str | Path, need: int | None, limit: int) -> InputError:
    return InputError(
        f"{source}: rows without a target must fit into memory, and these don't",
        found=None if need is None else readable(need),
        accepted=f"what takes less than {readable(limit)}",
        advice="Give a part of them, or more --memory.",
    )


def _check_columns(frame: pl.DataFrame, schema: Schema, title: str) -> None:
    """Refuse a table that has none of the inputs, or no times where these matter."""
    names = [column.name for column in schema.columns]
    if not set(names) & set(frame.columns):
        raise InputError(
            f"{title}: {_OPTION} names rows without any of the input columns",
            found=", ".join(frame.columns[:_SHOWN]),
            accepted=", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else ""),
        )
    if schema.time is not None and schema.time not in frame.columns:
        raise InputError(
            f"{title}: the column '{schema.time}' is missing, which tells what is later than the "
            "rows that are scored: such rows mustn't train",
            found=", ".join(frame.columns[:_SHOWN]),
            advice="Add it, or leave --time out.",
        )


def _remark(
    frame: pl.DataFrame, schema: Schema, known: Sequence[str], title: str, notes: list[str]
) -> None:
    """Say which columns have no use here."""
    targets = [name for name in schema.targets if name in frame.columns]
    if targets:
        named = ", ".join(f"'{name}'" for name in targets[:_SHOWN])
        notes.append(f"{title}: {named} isn't read: its rows train without a target")
    if schema.group is not None and schema.group not in frame.columns:
        notes.append(f"{title}: no column '{schema.group}', so each row is a group by itself")
    extra = [name for name in frame.columns if name not in known]
    if extra:
        notes.append(f"{title}: columns without use here: {', '.join(extra[:_SHOWN])}")


def stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Tables in the kinds of one schema, one below the other; what one lacks is missing there.

    Numbers may be whole in one and not in another, categories texts or a list of words.
    """
    import polars as pl

    kinds: dict[str, list[pl.DataType]] = {}
    for frame in frames:
        for name, kind in frame.schema.items():
            kinds.setdefault(name, []).append(kind)
    common = {n: _common(each) for n, each in kinds.items() if any(k != each[0] for k in each)}
    alike = [
        frame.with_columns(pl.col(n).cast(k) for n, k in common.items() if n in frame.columns)
        for frame in frames
    ]
    return pl.concat(alike, how="diagonal")


def _common(kinds: Sequence[pl.DataType]) -> pl.DataType:
    import polars as pl

    first = kinds[0]
    if isinstance(first, pl.Array):
        return pl.Array(pl.Float64, first.shape)
    if all(kind.is_temporal() for kind in kinds):
        return pl.Datetime("us")
    return pl.Float64() if all(kind.is_numeric() for kind in kinds) else pl.String()
