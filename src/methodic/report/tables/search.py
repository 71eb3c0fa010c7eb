"""Tables of a search: best settings, score against tuning, importance, every candidate."""

from __future__ import annotations

import json
from collections.abc import Sequence

from methodic.evidence.importance import Importance
from methodic.evidence.searched import last, tunings
from methodic.evidence.tuned import COUNTS, Tuned
from methodic.metrics import METRICS
from methodic.report import cells
from methodic.report.tables.table import Column, Table
from methodic.tuning import SearchRecord

SHOWN = (1, 4, 16, 64)
"""Numbers of settings at which methods stand beside each other; more of them on larger searches."""


def found(methods: Sequence[Tuned], metric: str) -> Table:
    """The best setting of each method, and what looking for it took."""
    return Table(
        key="settings",
        title="The best setting of each method",
        columns=(
            Column("method"),
            Column(f"{cells.title(metric)}, validation", number=True),
            Column("untuned", number=True),
            Column("setting"),
            Column("tried", number=True),
            Column("to the end", number=True),
            Column("diverged", number=True),
            Column("whole trainings", number=True),
            Column("time", number=True),
        ),
        rows=tuple(
            (
                each.name,
                cells.score(each.best, metric),
                cells.score(each.untuned, metric),
                cells.setting(each.setting),
                *(str(each.settings), str(each.finished), str(each.diverged)),
                f"{each.trainings:.1f}",
                cells.seconds(each.seconds),
            )
            for each in methods
        ),
        fields=(
            *("method", "metric", "validation", "untuned", "untuned_share", "setting", "settings"),
            *("finished", "dropped", "diverged", "trainings", "seconds"),
        ),
        values=tuple(
            (
                *(each.name, metric, each.best, each.untuned, each.untuned_share),
                *(json.dumps(each.setting), each.settings, each.finished, each.dropped),
                *(each.diverged, each.trainings, each.seconds),
            )
            for each in methods
        ),
        ranked=True,
    )


def tuning(methods: Sequence[Tuned], metric: str) -> Table:
    """The best validation score of so many settings, for each method; the CSV has whole curves."""
    known = [each for each in methods if each.curve]
    shown = columns(known)
    return Table(
        key="tuning",
        title="Best score with so many settings",
        columns=(
            Column("method"),
            Column("untuned", number=True),
            *(Column(f"{k:,} {'setting' if k == 1 else 'settings'}", number=True) for k in shown),
            Column("better by", number=True),
        ),
        rows=tuple(
            (
                each.name,
                cells.score(each.untuned, metric),
                *_cells(each, shown, metric),
                gain(each, metric),
            )
            for each in known
        ),
        fields=("method", "metric", "settings", "mean", "quarter", "median", "three_quarters"),
        values=tuple(
            (each.name, metric, at.settings, at.score, at.low, at.middle, at.high)
            for each in known
            for at in each.curve
        ),
    )


def columns(methods: Sequence[Tuned]) -> list[int]:
    """At which numbers of settings methods are compared: 1, 4, 16, …, and all, if all have that.

    Example:
        >>> columns([])
        []
    """
    most = max((each.settings for each in methods), default=0)
    least = min((each.settings for each in methods), default=0)
    chosen = [k for k in COUNTS if k <= most and (k in SHOWN or most > SHOWN[-1])]
    return chosen if most in chosen or least < most else [*chosen, most]


def _cells(each: Tuned, shown: Sequence[int], metric: str) -> list[str]:
    points = [each.after(k) for k in shown]
    return [cells.score(None if at is None else at.score, metric) for at in points]


def gain(each: Tuned, metric: str) -> str:
    """By how much tuning made it better, whatever the metric: "0.42 points", "0.013", "0"."""
    if each.gain is None:
        return cells.NOTHING
    size = METRICS[metric].format_difference(each.gain)
    return f"−{size}" if each.gain < 0 else size if each.gain > 0 else "0"


def importance(methods: Sequence[Importance]) -> Table:
    """What each number explains by itself: numbers below each other, methods side by side."""
    told = [each for each in methods if each.shares]
    known = [(each, one) for each in told for one in each.shares]
    most: dict[str, float] = {}
    for _, one in known:
        most[one.path] = max(most.get(one.path, 0.0), one.share)
    paths = sorted(most, key=lambda path: -most[path])
    names = cells.short_names(paths)
    return Table(
        key="importance",
        title="What the numbers explain",
        columns=(
            Column("number"),
            *(Column(f"{each.name} ({each.settings})", number=True) for each in told),
        ),
        rows=tuple((names[path], *(_share(each, path) for each in told)) for path in paths),
        fields=("method", "path", "share", "candidates", "progress"),
        values=tuple(
            (each.name, one.path, one.share, one.among, each.progress) for each, one in known
        ),
    )


def _share(each: Importance, path: str) -> str:
    """One cell; a number that not all candidates had says how many did."""
    one = next((one for one in each.shares if one.path == path), None)
    if one is None:
        return cells.NOTHING
    few = f" of {one.among}" if one.among < each.settings else ""
    return f"{100 * one.share:.0f}%{few}"


def candidates(record: SearchRecord) -> Table:
    """Everything that was tried."""
    rows, values = [], []
    for tuning in tunings(record):
        for each in tuning.candidates:
            share = tuning.shares(each)[-1] if each.rungs else 0.0
            score = cells.score(last(each), record.metric)
            shown = (cells.setting(each.setting), score, each.status, cells.share(share))
            rows.append((f"{tuning.name} {each.number}", *shown))
            values.append(
                (
                    *(tuning.name, each.number, json.dumps(each.setting), record.metric),
                    *(last(each), each.status, share, each.parent, each.seconds),
                )
            )
    return Table(
        key="candidates",
        title="Every candidate of the search",
        columns=(
            Column("candidate"),
            Column("setting"),
            Column(f"{cells.title(record.metric)}, validation", number=True),
            Column("status"),
            Column("trained", number=True),
        ),
        rows=tuple(rows),
        fields=(
            *("method", "number", "setting", "metric", "validation", "status", "trained"),
            *("parent", "seconds"),
        ),
        values=tuple(values),
    )
