"""The section about a search: what tuning did, how it went, which numbers mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from methodic.evidence.axes import Axis, axes
from methodic.evidence.importance import Importance
from methodic.evidence.searched import Tuning, tunings
from methodic.evidence.tuned import sentences
from methodic.report import blocks, cells
from methodic.report.drawing import Figure, Style
from methodic.report.figures import search as figures
from methodic.report.figures import search_courses, search_pairs, search_parallel, search_slices
from methodic.report.folder import Folder
from methodic.report.sections import PRINTED, Pictures, pictures
from methodic.report.tables import search as tables
from methodic.tuning import SearchRecord

KEYS = ("tuning", "history", "courses", "schedules", "slices", "contour", "parallel")
"""Figures of a search, in the order of the page."""
MOST = 10
"""More methods than that in one picture can't be told apart."""

_SAMPLERS = {
    "grid": "a grid",
    "random": "random settings",
    "sobol": "quasi-random settings (Sobol)",
    "tpe": "settings by TPE, which learns from results",
    "gp": "settings by a Gaussian process, which learns from results",
    "cmaes": "settings by CMA-ES, which learns from results",
}
_STRATEGIES = {
    "full": "each trained to the end",
    "halving": "successive halving: one in {reduction} goes on",
    "hyperband": "Hyperband: one in {reduction} goes on, in several brackets",
    "asha": "asynchronous halving: one in {reduction} goes on",
    "population": "population-based: the worst take over weights and numbers of the best",
}
_TUNING = (
    "Mean best validation score of so many settings, over all choices of them among those tried. "
    "Dropped candidates count with the score they had by then, diverged ones like the worst score "
    "of all. Validation rows chose the settings, so these scores are a little too good; the "
    "confirmation on fresh seeds isn’t touched by that."
)
_RUNNING = (
    "Best validation score of the first so many candidates: results led to the next ones, so this "
    "is one search, seen once. Dropped candidates count with the score they had by then. "
    "Validation rows chose the settings, so these scores are a little too good; the confirmation "
    "on fresh seeds isn’t touched by that."
)
_MATTERED = (
    "Share of the variance between candidates (of the ranks of their scores, after {when}) that a "
    "number explains by itself, by fANOVA with a random forest; the rest belongs to several of "
    "them together. In brackets the number of candidates; “of 20”: among those that had the number "
    "at all. With few candidates these shares are rough."
)


# --- figures ----------------------------------------------------------------------------------


def drawn(folder: Folder, look: Mapping[str, Style]) -> list[Figure | None]:
    """The figures of a search; nothing without one.

    Args:
        folder: of the run.
        look: by method; all methods of the search have one.
    """
    record = folder.search
    if record is None:
        return []
    known = {each.name: each for each in tunings(record)}
    found = [known[each.name] for each in folder.tuned[:MOST]]
    metric, greater = record.metric, record.greater_is_better
    shown = [each for each in folder.tuned if each.name in {one.name for one in found}]
    best = found[0] if found else None
    own = _axes(folder, found[:1])
    return [
        figures.after(shown, metric, greater, look),
        figures.history(found, metric, greater, look),
        search_courses.courses(found, metric, greater, look),
        *([search_courses.schedules(best, own)] if best is not None else []),
        search_slices.slices(found, _axes(folder, found), metric, greater, look),
        *([search_pairs.contour(best, own, metric, greater)] if best is not None else []),
        *([search_parallel.parallel(best, own, metric, greater)] if best is not None else []),
    ]


def _axes(folder: Folder, found: Sequence[Tuning]) -> list[Axis]:
    """The numbers of these methods, the most important of any first."""
    spaces: dict[str, object] = {}
    for each in found:
        spaces |= folder.spaces.get(each.name, {})
    names = {each.name for each in found}
    weight: dict[str, float] = {}
    for one in folder.importance:
        for share in one.shares if one.name in names else ():
            here = share.share * share.among / one.settings  # of all candidates
            weight[share.path] = max(weight.get(share.path, 0.0), here)
    settings = [one.setting for each in found for one in each.candidates]
    return sorted(axes(settings, spaces), key=lambda axis: -weight.get(axis.path, 0.0))


# --- the section ------------------------------------------------------------------------------


def section(folder: Folder, found: Pictures) -> str:
    """What tuning did for each method, and which numbers mattered; nothing without a search."""
    record = folder.search
    if record is None or not folder.tuned:
        return ""
    metric = record.metric
    after = tables.tuning(folder.tuned, metric)
    settings = tables.found(folder.tuned, metric)
    every = tables.candidates(record)
    printed = len(every.rows) <= PRINTED
    words = _TUNING if any(each.drawn for each in folder.tuned) else _RUNNING
    parts = [
        "<section><h2>Search</h2>",
        f"<p>{blocks.text(how(record))}</p>",
        blocks.bullets(sentences(folder.tuned, metric)),
        pictures(found, "tuning"),
        blocks.table(after) + blocks.fine(words) if after.rows else "",
        f"<h3>{blocks.text(settings.title)}</h3>{blocks.table(settings)}",
        pictures(found, "history", "courses", "schedules"),
        _mattered(folder.importance),
        pictures(found, "slices", "contour", "parallel"),
        blocks.details(every.title, blocks.table(every), printed=printed),
        "</section>",
    ]
    return "".join(parts)


def how(record: SearchRecord) -> str:
    """How it searched, in a sentence; it may have tried fewer settings than it was to."""
    plan = record.plan
    fresh = [sum(each.parent is None for each in one.candidates) for one in record.studies]
    least, most = min(fresh, default=0), max(fresh, default=0)
    count = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    plural = "setting" if most == 1 else "settings"
    way = _STRATEGIES[plan.strategy].format(reduction=plan.reduction)
    whose = "for all methods together" if plan.together else "for each method"
    return f"{count} {plural} {whose}: {_SAMPLERS[plan.sampler]}; {way}."


def _mattered(found: Sequence[Importance]) -> str:
    each = tables.importance(found)
    silent = [f"{one.name}: {one.why_not}." for one in found if one.why_not]
    if not each.rows:
        reasons = {one.why_not for one in found}
        if len(reasons) == 1:
            silent = [f"For no method: {reasons.pop()}."] if len(found) > 1 else silent
        head = f"<h3>{blocks.text(each.title)}</h3>" if silent else ""
        return head + blocks.fine("It can’t be told. " + " ".join(silent)) if silent else ""
    shares = sorted({one.progress for one in found if one.shares})
    when = "whole trainings"
    if shares != [1.0]:
        when = f"{' or '.join(cells.share(share) for share in shares)} of a training"
    words = _MATTERED.format(when=when)
    if silent:
        words += f" Not told of {' '.join(silent)}"
    return f"<h3>{blocks.text(each.title)}</h3>{blocks.table(each)}{blocks.fine(words)}"
