"""What `compare` and `ranks` show: on the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

from methodic.evidence.comparison import Pair, Row, RunComparison
from methodic.evidence.ranks import Ranked, Ranks
from methodic.report import cells
from methodic.report.tables.table import Column, Table, csv, markdown

_FACTORS = (1.1, 1.5, 2.0)
"""Where a performance profile is read off for people."""
_TESTS = {"paired": "paired t", "welch": "Welch's t", "none": "none"}


# --- tables -----------------------------------------------------------------------------------


def methods_table(found: RunComparison) -> Table:
    """The methods of a comparison, best first."""
    several = len(found.runs) > 1
    columns = [Column("method"), *([Column("run")] if several else [])]
    columns += [Column(f"{cells.title(found.metric)}, test", number=True), Column("n", number=True)]
    columns += [Column("groups"), Column("one model", number=True), Column("steps", number=True)]
    full = [_method(rank, row, found.metric) for rank, row in enumerate(found.rows, 1)]
    return Table(
        key="methods",
        title=f"Methods by {cells.title(found.metric)}",
        columns=tuple(columns),
        rows=tuple(
            (
                row.method,
                *([row.run] if several else []),
                cells.interval(row.test, found.metric),
                str(row.test.n),
                "".join(row.groups),
                cells.seconds(row.seconds),
                f"{row.steps:,}",
            )
            for row in found.rows
        ),
        fields=tuple(full[0]),
        values=tuple(tuple(each.values()) for each in full),
        ranked=True,
    )


def _method(rank: int, row: Row, metric: str) -> dict[str, object]:
    return {
        "rank": rank,
        "name": row.name,
        "run": row.run,
        "method": row.method,
        "metric": metric,
        "mean": row.test.mean,
        "low": row.test.low,
        "high": row.test.high,
        "n": row.test.n,
        "lost": row.lost,
        "groups": "".join(row.groups),
        "seconds": row.seconds,
        "steps": row.steps,
    }


def pairs_table(found: RunComparison) -> Table:
    """All pairs of a comparison."""
    columns = [Column("first"), Column("second"), Column("difference", number=True)]
    columns += [Column("95% interval", number=True), Column("p", number=True)]
    columns += [Column("p, Holm", number=True), Column("test"), Column("effect g", number=True)]
    full = [_pair(pair) for pair in found.pairs]
    return Table(
        key="pairs",
        title="Pairs of methods",
        columns=(*columns, Column("first wins", number=True)),
        rows=tuple(
            (
                pair.first,
                pair.second,
                cells.difference(pair.difference.mean, found.metric),
                cells.spread(pair.difference, found.metric),
                cells.NOTHING if pair.test == "none" else cells.probability(pair.p),
                cells.NOTHING if pair.test == "none" else cells.probability(pair.adjusted),
                _TESTS[pair.test],
                cells.number(pair.effect),
                cells.share(pair.superiority),
            )
            for pair in found.pairs
        ),
        fields=tuple(full[0]),
        values=tuple(tuple(each.values()) for each in full),
    )


def _pair(pair: Pair) -> dict[str, object]:
    return {
        "first": pair.first,
        "second": pair.second,
        "mean": pair.difference.mean,
        "low": pair.difference.low,
        "high": pair.difference.high,
        "n": pair.difference.n,
        "test": pair.test,
        "p": pair.p,
        "adjusted": pair.adjusted,
        "effect": pair.effect,
        "superiority": pair.superiority,
    }


def ranks_table(found: Ranks) -> Table:
    """Methods by mean rank, with their place on each data set and their profile."""
    columns = [Column("method"), Column("mean rank", number=True), Column("groups")]
    columns += [Column("best on", number=True)]
    columns += [Column(f"≤ {x:g}× error", number=True) for x in _FACTORS]
    columns += [Column(name, number=True) for name in found.data]
    full = [_ranked(each, found.data) for each in found.methods]
    return Table(
        key="ranks",
        title="Mean ranks",
        columns=tuple(columns),
        rows=tuple(
            (
                each.name,
                f"{each.mean_rank:.2f}",
                "".join(each.groups),
                f"{each.best} of {len(found.data)}",
                *(f"{within(each, x):.0%}" for x in _FACTORS),
                *(f"{rank:g}" for rank in each.ranks),
            )
            for each in found.methods
        ),
        fields=tuple(full[0]),
        values=tuple(tuple(each.values()) for each in full),
    )


def _ranked(each: Ranked, data: Sequence[str]) -> dict[str, object]:
    return {
        "method": each.name,
        "mean_rank": each.mean_rank,
        "groups": "".join(each.groups),
        "best": each.best,
        **{f"within_{x:g}": within(each, x) for x in _FACTORS},
        **{f"rank: {name}": rank for name, rank in zip(data, each.ranks, strict=True)},
        **{f"score: {name}": score for name, score in zip(data, each.scores, strict=True)},
    }


def within(method: Ranked, factor: float) -> float:
    """The share of data sets on which its error is at most ``factor`` times the smallest one."""
    return max((step.share for step in method.profile if step.factor <= factor), default=0.0)


# --- words ------------------------------------------------------------------------------------


def ranks_words(found: Ranks) -> list[str]:
    """What the ranks say, how sure that is, and how to read the table."""
    test = found.friedman
    best, *others = found.methods
    tied = [each.name for each in others if set(each.groups) & set(best.groups)]
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.2g}"
    if not found.told_apart:
        told = "No two methods can be told apart"
    elif tied:
        told = f"{best.name} has the best mean rank, but can't be told apart from {_list(tied)}"
    else:
        told = f"{best.name} has the best mean rank, and differs from all others"
    return [
        f"{told}: mean ranks differ where they are {found.critical_difference:.2f} apart or more "
        f"(Nemenyi, level 5%). Friedman's test: χ² = {test.statistic:.2f}, {test.freedom} degrees "
        f"of freedom, {p}.",
        "Methods that share a letter can't be told apart. “≤ 2× error”: the share of data sets on "
        "which the error (1 − score where greater is better) is at most twice the smallest one.",
        *found.notes,
    ]


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# --- files ------------------------------------------------------------------------------------


def comparison_text(found: RunComparison, kind: str) -> str:
    """A comparison as a file: "csv" has the methods, "md" the pairs and the words too."""
    if kind == "csv":
        return csv(methods_table(found))
    parts = [f"{found.verdict}\n", markdown(methods_table(found)), markdown(pairs_table(found))]
    return "\n".join([*parts, *(f"- {note}" for note in found.notes)]) + "\n"


def ranks_text(found: Ranks, kind: str) -> str:
    """Ranks as a file, "csv" or "md"."""
    if kind == "csv":
        return csv(ranks_table(found))
    return "\n".join([markdown(ranks_table(found)), *ranks_words(found)]) + "\n"
