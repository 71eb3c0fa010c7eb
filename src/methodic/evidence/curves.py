"""The learning curves of all members of a run as one table: RUN/records/curves.parquet.

One row for each member and evaluation. The columns:

- ``phase``: "screen", "confirm" or "train";
- ``recipe``, ``setting``, ``seed``: which member; ``setting`` counts the recipe's settings from 0;
- ``step``: optimizer steps taken so far;
- ``train_loss``: mean over the batches since the evaluation before;
- ``validation_loss``, ``score``: of the weights at that step, by the run's metric.

A value that isn't finite is null. The size is bounded by the plan, which lists the evaluations.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.errors import InputError
from methodic.files import read_parquet, write_with
from methodic.plan import UnitRecord

if TYPE_CHECKING:
    import polars as pl

_MEMBER = ("phase", "recipe", "setting", "seed", "step")
_VALUES = ("train_loss", "validation_loss", "score")
COLUMNS = (*_MEMBER, *_VALUES)
NAME = "curves.parquet"

_LARGEST = 2**63 - 1


def table(records: Iterable[UnitRecord]) -> pl.DataFrame:
    """The curves of ``records``, in their order, one row per member and evaluation.

    Seeds beyond 2**63 - 1, which only a run's seed near that number makes, are texts.
    """
    import polars as pl

    rows: list[tuple[Any, ...]] = []
    for record in records:
        for entry, curve in zip(record.members, record.curves, strict=True):
            who = (record.unit.phase, entry.member.recipe, entry.member.setting, entry.member.seed)
            rows += [(*who, p.step, p.train_loss, p.validation_loss, p.score) for p in curve]
    long = any(row[3] > _LARGEST for row in rows)
    kinds: list[Any] = [pl.String, pl.String, pl.Int32, pl.String if long else pl.Int64, pl.Int64]
    kinds += [pl.Float64] * len(_VALUES)
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    return pl.DataFrame(
        [
            pl.Series(name, [str(x) for x in column] if kind == pl.String else column, kind)
            for name, column, kind in zip(COLUMNS, columns, kinds, strict=True)
        ]
    )


def write(path: Path, records: Iterable[UnitRecord]) -> None:
    """Write the table of ``records``, whole or not at all.

    Raises:
        InputError: the file can't be written.
    """
    frame = table(records)
    write_with(path, lambda temporary: frame.write_parquet(temporary))


def read(path: Path) -> pl.DataFrame:
    """The table that `write` wrote.

    Raises:
        InputError: the file is missing, damaged, or not one of curves.
    """

    frame = read_parquet(path, "learning curves", _damaged)
    if tuple(frame.columns) != COLUMNS:
        raise _damaged(path, f"the columns {', '.join(frame.columns)}")
    return frame


def _damaged(path: Path, found: str) -> InputError:
    return InputError(
        f"{path}: this file of learning curves is damaged",
        found=found,
        accepted=f"the columns {', '.join(COLUMNS)}",
        advice="Delete it: the records beside it hold the same.",
    )
