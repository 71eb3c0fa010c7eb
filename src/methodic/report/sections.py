"""The sections of the page between its head and its foot, each empty where nothing was measured."""

from __future__ import annotations

from collections.abc import Mapping

from methodic.evidence.ensemble import Ensemble
from methodic.evidence.leaderboard import Leaderboard
from methodic.report import blocks, cells, doubts, tables
from methodic.report.drawing import Figure
from methodic.report.folder import Folder, best, tried
from methodic.report.tables import comparison, screening
from methodic.report.tables import costs as spent

Pictures = Mapping[str, Figure]

PRINTED = 40
"""Longer tables of asides aren't printed; they are in RUN/tables."""


def pictures(found: Pictures, *keys: str) -> str:
    """The places of those figures that there are."""
    return "".join(blocks.figure(found[key]) for key in keys if key in found)


def _section(title: str, *parts: str) -> str:
    body = "".join(parts)
    return f"<section><h2>{blocks.text(title)}</h2>{body}</section>" if body else ""


# --- the ranking ------------------------------------------------------------------------------


def ranking(folder: Folder, found: Pictures) -> str:
    """Who came first; before that is known, what was measured so far."""
    board = folder.leaderboard
    if board is not None and board.rows:
        return _section(
            "Ranking",
            blocks.table(comparison.ranking(board)),
            blocks.fine(_legend(board)),
            pictures(found, "ranking"),
            _pairs(board),
            _together(board.ensemble, board.metric),
        )
    metric = folder.plan.metric
    leaders = screening.screening(best(folder).values(), metric, "Best setting of each method")
    parts = [blocks.table(leaders)] if leaders.rows else []
    if board is None and folder.baselines:
        parts.append(blocks.table(screening.baselines(folder)))
    return _section("The screening so far", *parts)


def _legend(board: Leaderboard) -> str:
    seeds = sorted({row.test.n for row in board.rows if row.test and row.test.n > 1})
    over = f" over {cells.spans(tuple(seeds))} fresh seeds" if seeds else ""
    where = "on this split of the data"
    if board.about == "data":
        over = over.replace("fresh seeds", "fresh seeds, each on a split of its own")
        where = "for new data of this kind, corrected for splits that overlap"
    words = [f"± is half the 95% interval (Student’s t) of the mean{over}, {where}"]
    if not seeds:
        words = ["One seed was confirmed, so there are no intervals over seeds"]
    if any(row.rows for row in board.rows):
        words[0] += "; “on new rows” is the 95% interval over other test rows of this kind"
    words[0] += ". Methods without a test score were not finalists, or all their models diverged."
    words.append(
        "Rows that share a letter can’t be told apart: their difference is not significant at 5% "
        "after Holm’s correction over all pairs. “One model” is the time of training one."
    )
    if board.detectable is not None:
        smallest = cells.difference(board.detectable, board.metric).lstrip("+")
        words.append(
            f"A difference of {smallest} between two methods would have been found four times in "
            "five; smaller ones can have been missed."
        )
    return " ".join(words)


def _pairs(board: Leaderboard) -> str:
    each = comparison.pairs(board)
    if not each.rows:
        return ""
    words = blocks.fine(
        "Effect size is Hedges’ g: the difference in standard deviations of the paired "
        "differences. “First is better” is the share of pairs of models in which the first "
        "method’s scores better, ties counted half."
    )
    return blocks.details(each.title, blocks.table(each) + words, printed=len(each.rows) <= PRINTED)


def _together(found: Ensemble | None, metric: str) -> str:
    if found is None:
        return ""
    how = "chosen greedily" if found.kind == "greedy" else "every confirmed seed, equal weights"
    gain = f"{cells.difference(found.gain.mean, metric)} ({cells.spread(found.gain, metric)})"
    pairs = [
        ("networks", f"{len(found.members)}, {how}"),
        ("gain over the best single network", f"{gain}, validation rows; positive is better"),
        ("validation score", cells.score(found.validation, metric)),
        ("test score", cells.score(found.test, metric)),
        ("saved as the model", "yes" if found.shipped else "no: not shown to be better"),
    ]
    body = blocks.facts(pairs) + blocks.table(comparison.ensemble(found))
    return blocks.details("Several networks together", body)


def advice(folder: Folder) -> str:
    """What more budget should be spent on."""
    board = folder.leaderboard
    lines = board.advice if board is not None else ()
    return _section("With more budget", blocks.bullets(lines) if lines else "")


def mattered(folder: Folder, found: Pictures) -> str:
    """The ablation: which ingredients of the winner did something."""
    ablation = folder.ablation
    if ablation is None or not ablation.text:
        return ""
    words = (
        f"Each ingredient of {ablation.recipe} switched off in turn, on validation rows, "
        f"{cells.count(ablation.seeds, 'seed')} with and without; every other number stayed as the "
        f"run chose it ({cells.setting(ablation.setting)})."
    )
    table = comparison.ablation(ablation)
    return _section(
        "What mattered",
        blocks.fine(words),
        blocks.bullets(ablation.text),
        pictures(found, "ablation"),
        blocks.details(table.title, blocks.table(table)) if table.rows else "",
    )


# --- training ---------------------------------------------------------------------------------


def training(folder: Folder, found: Pictures) -> str:
    """Learning curves, what a budget buys, the screening."""
    metric = folder.plan.metric
    models = blocks.table(screening.trained(folder)) if folder.trained else ""
    on_the_way = spent.anytime(folder.anytime, metric)
    searched = folder.plan.search is not None  # its section has those that were dropped, too
    title = "Whole trainings of the search" if searched else "Every setting of the screening"
    every = screening.screening(tried(folder), metric, title)
    settings = ""
    if every.rows:
        printed = len(every.rows) <= PRINTED
        settings = blocks.details(every.title, blocks.table(every), printed=printed)
    return _section(
        "How they trained",
        models,
        pictures(found, "curves", "budget"),
        blocks.table(on_the_way) + blocks.fine(_SOON) if on_the_way.rows else "",
        pictures(found, "response"),
        settings,
    )


_SOON = (
    "Mean validation scores of the confirmed seeds after parts of their steps, and the time until "
    "half of the seeds reached the score of the best baseline (or 95% of the way from the constant "
    "to the best, where no baseline is better than the constant). A training planned for a tenth "
    "of the budget would lower its learning rate sooner, so the score at 10% isn’t its score."
)


def cost(folder: Folder) -> str:
    """Size, and time to answer and to train."""
    each = spent.cost(folder.costs)
    if not each.rows:
        return ""
    words = (
        "Times to answer start from encoded rows in memory, in one thread: of a row among all test "
        "rows, and of a row by itself. They order models by size and kind; another machine or a "
        "server has its own. Training is one model’s share of its cohort’s time."
    )
    return _section("Cost", blocks.table(each), blocks.fine(words))


# --- the foot ---------------------------------------------------------------------------------


def notes(folder: Folder) -> str:
    """What a reader has to know beside the numbers."""
    board = folder.leaderboard
    lines: list[str] = list(board.notes) if board is not None else []
    lines += folder.plan.notes
    if board is None:  # a leaderboard names them in its notes
        lines += [*folder.state.notes, *(each.reason for each in folder.state.amendments)]
    if folder.analysis is not None:
        lines += folder.analysis.notes
    if folder.findings is not None and not folder.findings.findings:
        lines.append(doubts.looked(folder.findings))
    return _section("Notes", blocks.bullets(dict.fromkeys(lines)) if lines else "")


def files(folder: Folder) -> str:
    """Where the same numbers are for programs."""
    names = [table.key for table in tables.all_tables(folder)]
    if not names:
        return ""
    return blocks.fine(
        f"The tables of this page are in the run’s folder as CSV and Markdown: "
        f"tables/{', '.join(names)}."
    )
