"""Finished runs, read and checked, to be put beside each other.

Only records are read; nothing is trained, and no model is loaded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from methodic.errors import InputError
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import read_json
from methodic.plan import Plan
from methodic.report.folder import load


class Finished(Protocol):
    """A run that knows its folder, as `methodic.Run` does."""

    @property
    def folder(self) -> Path:
        """The run's folder."""


Source = Path | str | Finished
"""A finished run, or where it lies."""


@dataclass(frozen=True)
class Side:
    """What is read of one run."""

    name: str
    path: Path
    plan: Plan
    board: Leaderboard

    @property
    def methods(self) -> tuple[str, ...]:
        """The recipes that it compared."""
        return tuple(each.recipe.name for each in self.plan.contenders)


def read(runs: Sequence[Source], what: str) -> list[Side]:
    """The runs, each finished and confirmed, with names that tell them apart.

    Args:
        runs: two or more.
        what: that needs them; stands in the error.

    Raises:
        InputError: fewer than two, one of them twice, or one that isn't finished or confirmed.
    """
    if isinstance(runs, str | Path) or len(runs) < 2:
        count = 1 if isinstance(runs, str | Path) else len(runs)
        raise InputError(f"{what} needs at least two runs", found=count)
    paths = [Path(each) if isinstance(each, str | Path) else each.folder for each in runs]
    whole = [path.resolve() for path in paths]
    if twice := [path for path, n in Counter(whole).items() if n > 1]:
        raise InputError(f"{twice[0]}: this run is named twice", advice="Leave one of the two out.")
    names = distinct([path.name for path in whole], [str(path) for path in paths])
    return [_side(name, path) for name, path in zip(names, paths, strict=True)]


def distinct(short: Sequence[str], long: Sequence[str]) -> list[str]:
    """The short names; in place of those that several have, the long ones."""
    return [a if short.count(a) == 1 else b for a, b in zip(short, long, strict=True)]


def _side(name: str, path: Path) -> Side:
    found = load(path)
    if found.state.status != "finished" or found.leaderboard is None:
        raise InputError(
            f"{path}: this run isn't finished",
            found=found.state.status,
            advice=f"Go on with it first: methodic resume {path}",
        )
    if found.plan.confirm is None:
        raise InputError(
            f"{path}: this run trained one method and confirmed nothing",
            accepted="a run of `methodic run`, which confirms its best methods on fresh seeds",
        )
    return Side(name, path, found.plan, found.leaderboard)


def scores(side: Side) -> dict[str, list[tuple[int, float | None]]]:
    """Name → (seed, test score); None: it wasn't finite.

    Raises:
        InputError: missing, or damaged.
    """
    path = side.path / "records" / "scores.json"
    if not path.exists():
        raise InputError(
            f"{side.path}: this run kept no test scores by seed",
            found="a run of an older version of Methodic",
            advice=f"Run it again: methodic reproduce {side.path}",
        )
    document: Any = read_json(path, "list of test scores")
    try:
        found = {
            str(name): [(_seed(seed), None if x is None else _score(x)) for seed, x in pairs]
            for name, pairs in document.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: this list of test scores is damaged",
            found=error,
            accepted="name → [seed, score], as a run writes it",
            advice="Restore the file from a copy, or run it again.",
        ) from None
    return found


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"the seed {value!r}")
    return value


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"the score {value!r}")
    return float(value)
