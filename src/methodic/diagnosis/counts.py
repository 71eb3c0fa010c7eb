"""Classes with too few rows to learn or to score, and classes without any training row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from methodic.diagnosis.findings import Finding
from methodic.diagnosis.views import Array
from methodic.errors import nearest

TO_LEARN = 10
TO_SCORE = 5
"""Fewer rows of a class in training, or in the test, are a finding."""
_SHOWN = 6


def few(names: tuple[str, ...], train: Array, test: Array | None) -> list[Finding]:
    """Classes that have training rows, but few of them, or few in the test.

    Args:
        names: of the classes, or labels.
        train, test: rows of each, int64 [C]; None for a test that goes through all rows.
    """
    scored = np.full(len(names), TO_SCORE) if test is None else test
    short = [
        i for i in range(len(names)) if train[i] and (train[i] < TO_LEARN or scored[i] < TO_SCORE)
    ]
    if not short:
        return []
    short.sort(key=lambda i: int(train[i]))
    told = [
        f"'{names[i]}': {train[i]:,} training rows"
        + ("" if test is None else f", {test[i]:,} test rows")
        for i in short[:_SHOWN]
    ]
    more = [f"{len(short) - _SHOWN} more classes"] if len(short) > _SHOWN else []
    most = max((int(scored[i]) for i in short), default=0)
    if test is not None and most:
        half = 0.98 / np.sqrt(most)  # of a 95% interval at a recall of one half
        more.append(
            f"A recall measured on {most} rows is known to ± {100 * min(half, 0.5):.0f} points"
        )
    plural = "class has" if len(short) == 1 else "classes have"
    return [
        Finding(
            name="few rows",
            what=f"{len(short):,} {plural} too few rows to be learnt or scored well.",
            evidence=tuple(f"{each}." for each in (*told, *more)),
            advice="Collect more rows of them, join them to others, or read their scores as "
            "guesses; accuracy hardly shows how they do, balanced accuracy does.",
            serious=False,
            numbers={names[i]: int(train[i]) for i in short},
        )
    ]


def unlearnt(names: tuple[str, ...], train: Array, validation: Array, test: Array) -> list[Finding]:
    """Classes that no training row has.

    Args:
        names: of the classes, or labels.
        train, validation, test: rows of each, int64 [C].
    """
    gone = [i for i in range(len(names)) if train[i] == 0]
    known = [name for i, name in enumerate(names) if train[i]]
    told = [(names[i], f"{validation[i]:,} validation rows, {test[i]:,} test rows") for i in gone]
    lost = int(test[gone].sum())
    where = "in the test only" if not validation[gone].any() else "outside of training only"
    what = f"no model can predict {'it' if len(gone) == 1 else 'them'}"
    return _unlearnt(told, known, lost, int(test.sum()), where, what) if gone else []


def strangers(found: Sequence[tuple[str, int]], names: Sequence[str], test: int) -> list[Finding]:
    """Classes that only the user's own test rows had; those rows were left out.

    Args:
        found: these classes, with their rows.
        names: of the classes that training knows.
        test: test rows that are left.
    """
    told = [(name, f"{rows:,} test rows") for name, rows in found]
    lost = sum(rows for _, rows in found)
    what = "their rows are left out, so the scores are about the other classes alone"
    return _unlearnt(told, names, lost, test + lost, "in the test only", what) if found else []


def _unlearnt(
    told: Sequence[tuple[str, str]],
    known: Sequence[str],
    lost: int,
    tested: int,
    where: str,
    what: str,
) -> list[Finding]:
    """The finding: each class with its rows, and a known one that it may be meant for."""
    lines = []
    for name, rows in told[:_SHOWN]:
        guess = nearest(name, known)
        lines.append(f"'{name}': {rows}{f'; is {guess!r} meant?' if guess else '.'}")
    if len(told) > _SHOWN:
        lines.append(f"{len(told) - _SHOWN} more classes.")
    share = lost / max(tested, 1)
    plural = "class is" if len(told) == 1 else "classes are"
    return [
        Finding(
            name="unlearnt classes",
            what=f"{len(told):,} {plural} {where} ({share:.1%} of the test rows): {what}.",
            evidence=tuple(lines),
            advice="Correct the spelling if a known class is meant; put rows of it into training; "
            "or leave it out of the test, if it doesn't matter.",
            serious=True,
            numbers={"classes": len(told), "rows": lost, "share": share},
        )
    ]
