"""Which figures a run has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from methodic.metrics import METRICS
from methodic.report import cells, search
from methodic.report.drawing import Figure, Style, styles
from methodic.report.figures import (
    ablation,
    calibration,
    classes,
    ranking,
    representation,
    residuals,
    training,
    tuning,
)
from methodic.report.figures.training import Curves
from methodic.report.folder import Folder, best, members, tried

MOST = 10
"""More methods than that in one picture can't be told apart."""


def figures(folder: Folder) -> dict[str, Figure]:
    """The figures that the run has numbers for, by key, in the order of the page."""
    runs = _runs(folder)
    look = _look(folder, runs)
    found = (
        *_compared(folder),
        *search.drawn(folder, look),
        *_trained(folder, runs, look),
        *_analysed(folder),
        *_represented(folder),
    )
    return {each.key: each for each in found if each is not None}


def _compared(folder: Folder) -> Iterator[Figure | None]:
    if folder.leaderboard is not None:
        yield ranking.ranking(folder.leaderboard)
    if folder.ablation is not None:
        yield ablation.effects(folder.ablation)


def _look(folder: Folder, runs: Mapping[str, Curves]) -> dict[str, Style]:
    """A method looks alike in all figures."""
    order = [*list(runs)[:MOST], *(each.recipe.name for each in folder.plan.contenders)]
    if folder.search is not None:
        order += [name for study in folder.search.studies for name in study.recipes]
    return styles(dict.fromkeys(order))


def _trained(
    folder: Folder, runs: Mapping[str, Curves], look: Mapping[str, Style]
) -> Iterator[Figure | None]:
    metric, greater = folder.plan.metric, _greater(folder)
    shown = dict(list(runs.items())[:MOST])
    subject = _subject(folder, len(shown), len(runs))
    yield training.curves(shown, metric, greater, look, subject)
    if folder.confirmed:
        marks = {each.name: each for each in folder.anytime if each.name in shown}
        yield training.budget(shown, marks, metric, greater, look)
    yield _response(folder, look)


def _response(folder: Folder, look: Mapping[str, Style]) -> Figure | None:
    settings = tried(folder)
    leaders = list(best(folder))[:MOST]
    chosen = [each for each in settings if each.method in leaders]
    others = len({each.method for each in settings}) - len(leaders)
    return tuning.response(chosen, folder.plan.metric, _greater(folder), look, others)


def _analysed(folder: Folder) -> Iterator[Figure | None]:
    found = folder.analysis
    if found is None:
        return
    if found.classes is not None:
        yield classes.confusion(found.classes)
        yield classes.roc(found.classes)
        yield classes.precision_recall(found.classes)
    if found.calibration is not None:
        yield calibration.reliability(found.calibration)
    if found.residuals is not None:
        yield residuals.scatter(found.residuals)
        yield residuals.histogram(found.residuals)


def _represented(folder: Folder) -> Iterator[Figure | None]:
    found = folder.representations
    if found is not None and found.shown is not None:
        yield representation.features(found.shown, folder.plan.data)


def _greater(folder: Folder) -> bool:
    if folder.leaderboard is not None:
        return folder.leaderboard.greater_is_better
    return METRICS[folder.plan.metric].greater_is_better


def _subject(folder: Folder, shown: int, known: int) -> str:
    few = f"the {shown} best of {known} " if shown < known else "the "
    if folder.confirmed:
        return f"{few}finalists, on fresh seeds"
    if folder.trained:
        return "the trained models"
    if shown < known:
        return f"the {shown} best of {cells.count(known, 'method')} at their best settings"
    return "each method at its best setting"


def _runs(folder: Folder) -> dict[str, Curves]:
    """Whose learning curves are shown: the finalists', else each method's best setting's."""
    pairs = members(folder.confirmed or folder.trained)
    names = [contender.recipe.name for contender in folder.plan.contenders]
    if folder.leaderboard is not None:  # the legend reads from best to worst
        names = [row.name for row in folder.leaderboard.rows if row.name in names]
    if not pairs:
        chosen = {name: each.setting for name, each in best(folder).items()}
        names = list(chosen)
        pairs = [
            pair
            for pair in members(folder.screened)
            if chosen.get(pair[0].member.recipe) == pair[0].member.setting
        ]
    runs: dict[str, list[training.Trained]] = {name: [] for name in names}
    for pair in pairs:
        if pair[0].member.recipe in runs:
            runs[pair[0].member.recipe].append(pair)
    return {name: seeds for name, seeds in runs.items() if seeds}
