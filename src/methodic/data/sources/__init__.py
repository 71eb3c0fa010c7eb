"""Where data come from: tables in files of many kinds, and scikit-learn's bundled sets by name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.data.builtin import builtin, builtin_names
from methodic.data.columns.cells import MISSING
from methodic.data.sources.places import ACCEPTED, Place, files, is_pattern, kind, title
from methodic.data.sources.tidying import tidied
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ACCEPTED", "MISSING", "builtin", "builtin_names", "is_pattern", "read", "title"]


def read(
    path: str | Path, *, text: Collection[str] = (), notes: list[str] | None = None
) -> pl.DataFrame:
    """Read a table.

    What it is shows in the first bytes, else in the name: CSV and its like (`text`), Parquet, Arrow
    (also called Feather), JSON lines (`lines`). Any of them may be packed by gzip or Zstandard.
    "months/*.csv" means all files that match, one below the other; they have the same columns.

    Cells among `MISSING` are missing; texts that are all numbers, or all dates as 2024-01-31,
    become that. What only a whole column tells (decimal commas, 31/01/2024) stays text here:
    `cells.tidy` reads it, and a schema remembers how it was written.

    Args:
        path: a file, or a pattern of several.
        text: columns to leave as texts even where all cells are numbers or dates.
        notes: takes what a user should know about how the file was read, in words.

    Raises:
        InputError: anything that keeps the file from being read whole and exactly; with the line
            where there is one.
    """
    found = files(Path(path))
    if len(found) == 1:
        return _one(found[0], text, notes)
    from methodic.data.sources.several import together

    frame = together(found, text, notes, _one)
    if notes is not None:
        notes.append(f"{path}: {len(found):,} files, {found[0].name} to {found[-1].name}")
    return frame


def _one(path: Path, text: Collection[str], notes: list[str] | None) -> pl.DataFrame:
    """One file's table, tidied."""
    place = Place.of(path)
    what = kind(path, place.head())
    if what == "text":
        from methodic.data.sources.text import read_text

        frame = read_text(place, text, [] if notes is None else notes)
    elif what == "json":
        from methodic.data.sources.lines import read_lines

        frame = read_lines(place)
    else:
        from methodic.data.sources.columnar import read_columns

        frame = read_columns(place, what)
    if frame.height == 0:
        raise InputError(
            f"{path}: there are column names but no rows",
            found=", ".join(frame.columns[:10]),
            accepted="a line of column names, then one line per row",
        )
    return tidied(frame, text, notes)
