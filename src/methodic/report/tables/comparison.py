"""Tables of the comparison: the ranking, all pairs, the ensemble, what mattered."""

from __future__ import annotations

import json
from collections.abc import Sequence

from methodic.evidence.ablation import Ablation, Effect
from methodic.evidence.ensemble import Ensemble
from methodic.evidence.leaderboard import Comparison, Interval, Leaderboard, Row
from methodic.report import cells
from methodic.report.tables.table import Column, Table

_ENDS = ("mean", "low", "high", "n")


def _parts(value: Interval | None) -> list[object]:
    return [None if value is None else getattr(value, end) for end in _ENDS]


def ranking(board: Leaderboard) -> Table:
    """Methods and baselines from best to worst.

    Where test rows were resampled, a second interval says what other rows would have given.
    """
    rows_told = any(row.rows is not None for row in board.rows)
    columns = [
        Column("method"),
        Column(f"{cells.title(board.metric)}, test", number=True),
        *([Column("on new rows", number=True)] if rows_told else []),
        Column("groups"),
        Column("validation", number=True),
        Column("setting"),
        Column("one model", number=True),
        Column("diverged", number=True),
    ]
    fields = ["rank", "name", "kind", "metric"]
    fields += [f"{part}_{end}" for part in ("test", "validation") for end in _ENDS]
    fields += ["rows_low", "rows_high", "groups", "setting", "members", "diverged"]
    return Table(
        key="ranking",
        title=f"Ranking by {cells.title(board.metric)}",
        columns=tuple(columns),
        rows=tuple(_ranked(row, board.metric, rows_told) for row in board.rows),
        fields=(*fields, "seconds", "steps"),
        values=tuple(_values(rank, row, board.metric) for rank, row in enumerate(board.rows, 1)),
        tags=tuple(
            tuple(word for word in cells.remarks(row, board) if "diverged" not in word)
            for row in board.rows
        ),
        ranked=True,
    )


def _ranked(row: Row, metric: str, rows_told: bool) -> tuple[str, ...]:
    return (
        cells.name(row),
        cells.interval(row.test, metric),
        *([cells.ends(row.rows, metric)] if rows_told else []),
        cells.groups(row),
        cells.interval(row.validation, metric),
        cells.setting(row.setting),
        cells.seconds(row.seconds),
        cells.diverged(row),
    )


def _values(rank: int, row: Row, metric: str) -> tuple[object, ...]:
    ends = (None, None) if row.rows is None else (row.rows.low, row.rows.high)
    return (
        *(rank, row.name, row.kind, metric),
        *_parts(row.test),
        *_parts(row.validation),
        *ends,
        *("".join(row.groups), json.dumps(row.setting), row.members, row.diverged),
        *(row.seconds, row.steps),
    )


def pairs(board: Leaderboard) -> Table:
    """Every tested pair: the difference, how sure it is and how large beside the seeds' spread."""
    names = {row.name: cells.name(row) for row in board.rows}
    return Table(
        key="pairs",
        title="All pairs of confirmed methods",
        columns=(
            Column("pair"),
            Column("difference", number=True),
            Column("95% interval", number=True),
            Column("p", number=True),
            Column("p after Holm", number=True),
            Column("effect size", number=True),
            Column("first is better", number=True),
        ),
        rows=tuple(
            (
                f"{names[pair.first]} − {names[pair.second]}",
                cells.difference(pair.difference.mean, board.metric),
                cells.spread(pair.difference, board.metric),
                cells.probability(pair.p),
                cells.probability(pair.adjusted),
                cells.number(pair.effect, 2),
                cells.share(pair.superiority),
            )
            for pair in board.comparisons
        ),
        fields=(
            *("first", "second", "metric"),
            *(f"difference_{end}" for end in _ENDS),
            *("p", "p_holm", "effect_size", "superiority"),
        ),
        values=tuple(_pair(pair, board.metric) for pair in board.comparisons),
    )


def _pair(pair: Comparison, metric: str) -> tuple[object, ...]:
    head = (pair.first, pair.second, metric, *_parts(pair.difference))
    return (*head, pair.p, pair.adjusted, pair.effect, pair.superiority)


def ensemble(found: Ensemble) -> Table:
    """The networks of an ensemble with their weights."""
    total = sum(weight for _, _, weight in found.members) or 1
    return Table(
        key="ensemble",
        title="Networks of the ensemble",
        columns=(Column("network"), Column("weight", number=True)),
        rows=tuple(
            (f"{recipe}, seed {seed}", cells.share(weight / total))
            for recipe, seed, weight in found.members
        ),
        fields=("recipe", "seed", "weight"),
        values=tuple((recipe, seed, weight / total) for recipe, seed, weight in found.members),
    )


def ablation(found: Ablation) -> Table:
    """What each ingredient added, most helpful first."""
    return Table(
        key="ablation",
        title="What each ingredient added",
        columns=(
            Column("ingredient"),
            Column(f"{cells.title(found.metric)}, gained by it", number=True),
            Column("95% interval", number=True),
            Column("p after Holm", number=True),
            Column("detected"),
        ),
        rows=tuple(
            (
                each.words,
                cells.difference(each.effect.mean, found.metric),
                cells.spread(each.effect, found.metric),
                cells.probability(each.adjusted),
                "yes" if each.detected else "no",
            )
            for each in by_effect(found.effects)
        ),
        fields=(
            *("ingredient", "words", "metric"),
            *(f"effect_{end}" for end in _ENDS),
            *("p", "p_holm", "detected"),
        ),
        values=tuple(
            (
                *(each.key, each.words, found.metric, *_parts(each.effect)),
                *(each.p, each.adjusted, each.detected),
            )
            for each in by_effect(found.effects)
        ),
    )


def by_effect(effects: Sequence[Effect]) -> list[Effect]:
    """The detected ones first, each kind from the most helpful to the most harmful."""
    return sorted(effects, key=lambda each: (not each.detected, -each.effect.mean))
