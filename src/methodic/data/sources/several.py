"""Several files that are one table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.data.columns.cells import tidy
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    Read = Callable[[Path, Collection[str], list[str] | None], pl.DataFrame]


def together(
    paths: Sequence[Path], text: Collection[str], notes: list[str] | None, read: Read
) -> pl.DataFrame:
    """The rows of all files, one below the other.

    A column is of one kind: numbers in one file and words in another are texts, as they would be in
    a single file.

    Args:
        paths: two or more.
        text: columns to leave as texts.
        notes: see `methodic.data.sources.read`.
        read: reads one of them.

    Raises:
        InputError: one doesn't have the first one's columns.
    """
    import polars as pl

    said: list[list[str]] = [[] for _ in paths]
    frames = [read(path, text, each) for path, each in zip(paths, said, strict=True)]
    if notes is not None:
        notes += _shortened(said)
    names = frames[0].columns
    for path, frame in zip(paths, frames, strict=True):
        _check(path, frame.columns, paths[0], names)
    frames = _as_texts([frame.select(names) for frame in frames])
    mixed = [name for name in names if _mixed([frame[name] for frame in frames])]
    if mixed:
        _refuse_lists(frames, mixed, paths)
        again = [*text, *mixed]
        texts = [read(path, again, None).select(mixed) for path in paths]
        cast = [each.cast(dict.fromkeys(mixed, pl.String)) for each in texts]
        pairs = zip(frames, cast, strict=True)
        frames = [frame.with_columns(each.get_columns()) for frame, each in pairs]
    frame = pl.concat([_without_kinds_of_nothing(each) for each in frames], how="vertical_relaxed")
    frame = frame.cast({name: pl.String for name in names if frame[name].dtype == pl.Null})
    kept = [name for name in mixed if name not in text]
    return frame.with_columns(tidy(frame[name], notation="") for name in kept)


def _shortened(said: list[list[str]]) -> list[str]:
    """The notes on the first file that has any; on the others, how many there are."""
    some = [each for each in said if each]
    more = f"{len(some) - 1:,} more files have notes of their own" if len(some) > 1 else None
    return [*(some[0] if some else []), *([more] if more else [])]


def _as_texts(frames: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """Words as texts where each file has its own: they were looked at, and are no numbers."""
    import polars as pl

    kinds = [(name, {frame[name].dtype for frame in frames}) for name in frames[0].columns]
    words = [
        name
        for name, found in kinds
        if len(found) > 1 and all(isinstance(kind, pl.Enum | pl.String) for kind in found)
    ]
    return [frame.cast(dict.fromkeys(words, pl.String)) for frame in frames]


def _refuse_lists(
    frames: Sequence[pl.DataFrame], mixed: Sequence[str], paths: Sequence[Path]
) -> None:
    """Lists and the like have no texts in which they could be joined with something else."""
    for path, frame in zip(paths, frames, strict=True):
        for name in mixed:
            if frame[name].dtype.is_nested():
                kinds = dict.fromkeys(str(each[name].dtype) for each in frames)
                raise InputError(
                    f"{path}: the column '{name}' is of different kinds in these files",
                    found=", ".join(kinds),
                    accepted="lists of one kind in all files, or in none",
                )


def _mixed(columns: list[pl.Series]) -> bool:
    """Whether the kinds of a column in several files have no common one but text."""
    import polars as pl

    kinds = {column.dtype for column in columns if column.null_count() < len(column)}
    if len(kinds) < 2 or all(kind.is_numeric() for kind in kinds):
        return False
    return not all(kind in (pl.Date, pl.Datetime("us")) for kind in kinds)


def _without_kinds_of_nothing(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns without a value fit to any kind."""
    import polars as pl

    empty = [column.name for column in frame if column.null_count() == len(column)]
    return frame.cast(dict.fromkeys(empty, pl.Null))


def _check(path: Path, names: list[str], first: Path, wanted: list[str]) -> None:
    lacking = [name for name in wanted if name not in names]
    more = [name for name in names if name not in wanted]
    if lacking or more:
        found = [f"without '{name}'" for name in lacking] + [f"with '{name}'" for name in more]
        raise InputError(
            f"{path}: its columns are not those of {first}",
            found=", ".join(found[:10]),
            accepted=", ".join(wanted[:30]),
            advice="Give files of the same columns; their order doesn't matter.",
        )
