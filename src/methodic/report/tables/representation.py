"""What features are worth, as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from methodic.evidence.closer.representation import Quality, Representation
from methodic.report import cells
from methodic.report.tables.table import Column, Table

_Number = Callable[[Quality], float | None]
_NUMBERS: dict[str, _Number] = {
    "probe": lambda each: each.probe,
    "neighbours": lambda each: each.neighbours,
    "rank": lambda each: each.rank,
    "idle": lambda each: each.idle,
}


def representation(networks: Sequence[Representation]) -> Table:
    """Means over each method's networks, and in brackets before the first step.

    A method has a row for the weights that are kept, and one for those before targets changed them.
    """
    methods: dict[str, list[Representation]] = {}
    for each in networks:
        methods.setdefault(each.method, []).append(each)
    score = networks[0].score if networks else "accuracy"
    rows, values = [], []
    for method, mine in methods.items():
        before = _means([each.untrained for each in mine])
        times = {"kept": [each.trained for each in mine]}
        learnt = [each.learnt for each in mine if each.learnt is not None]
        if learnt:
            times = {"pretrained": learnt, **times}
        for weights, qualities in times.items():
            after = _means(qualities)
            name = method if weights == "kept" else f"{method}, pretrained"
            cell = [f"{_cell(k, after[k], score)} ({_cell(k, before[k], score)})" for k in _NUMBERS]
            rows.append((name, f"{len(mine)}", f"{mine[0].features:,}", *cell))
            both = (x for k in _NUMBERS for x in (after[k], before[k]))
            values.append((method, weights, len(mine), mine[0].features, score, *both))
    title = cells.title(score)
    return Table(
        key="representation",
        title="What the features are worth",
        columns=(
            Column("method"),
            *(Column(word, number=True) for word in ("networks", "features")),
            Column(f"linear probe, {title}", number=True),
            Column(f"neighbours, {title}", number=True),
            Column("effective rank", number=True),
            Column("without variance", number=True),
        ),
        rows=tuple(rows),
        fields=(
            *("method", "weights", "networks", "features", "score"),
            *(field for k in _NUMBERS for field in (k, f"{k}_untrained")),
        ),
        values=tuple(values),
    )


def _means(qualities: Sequence[Quality]) -> dict[str, float | None]:
    return {name: _mean([of(each) for each in qualities]) for name, of in _NUMBERS.items()}


def _mean(numbers: Sequence[float | None]) -> float | None:
    known = [x for x in numbers if x is not None]
    return math.fsum(known) / len(known) if known else None


def _cell(kind: str, x: float | None, score: str) -> str:
    if x is None:
        return cells.NOTHING
    if kind == "rank":
        return f"{x:.1f}"
    return cells.share(x) if kind == "idle" else cells.score(x, score)
