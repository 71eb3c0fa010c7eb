"""Which of the searched numbers mattered: functional analysis of variance, by Optuna.

A random forest learns the candidates' scores from their settings; a number's importance is the
share of the forest's variance that it explains by itself (Hutter et al., ICML 2014). What is
missing to 1 belongs to several numbers together. Scores enter as ranks: a few trainings that went
astray would otherwise be all of the variance. All are scores after equally much training, where
most candidates were looked at; diverged ones share the last rank.

A number that exists only under a condition (the momentum of one of several optimizers) is judged
among the candidates that have it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from methodic.evidence.axes import Axis, axes, is_number
from methodic.evidence.searched import Tuning, tunings
from methodic.plan import Value
from methodic.tuning import METHOD, CandidateRecord, Scalar, SearchRecord, Setting

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEWEST = 10
"""Fewer scores than that say nothing about importance."""

MOST = 200
"""Of more candidates so many are taken, evenly along the order of asking: time grows faster than
their number, and shares hardly change."""

Spaces = Mapping[str, Mapping[str, object]]
"""Method → path → range, as far as known."""

_Scored = tuple[Setting, float]


class Share(Value):
    """How much of the variance one number explains by itself."""

    path: str
    share: float  # from 0 to 1
    among: int  # so many candidates had it


class Importance(Value):
    """What mattered for one method, or for the choice among methods.

    ``shares`` from the largest to the smallest; ``why_not``: in words, where there are none.
    """

    name: str
    settings: int  # scored ones
    progress: float  # share of a whole training after which they were compared
    shares: tuple[Share, ...] = ()
    why_not: str = ""


def importance(record: SearchRecord, spaces: Spaces) -> tuple[Importance, ...]:
    """What mattered, for each method; where one study chose among methods, for that choice first.

    Args:
        record: of the search.
        spaces: the ranges of each method; a path without one gets an axis from what was tried.
    """
    found = tunings(record)
    seed = record.plan.seed % 2**32
    changing = record.plan.strategy == "population"
    results = [_of_method(each, spaces.get(each.name, {}), seed, changing) for each in found]
    if record.plan.together and len(found) > 1 and not changing:
        results.insert(0, _of_choice(found, spaces, seed))
    return tuple(results)


def _of_method(
    tuning: Tuning, space: Mapping[str, object], seed: int, changing: bool
) -> Importance:
    scored = _ranked(_scored(tuning, tuning.common), tuning.greater_is_better)
    why = "its numbers change while it trains" if changing else ""
    return _importance(tuning.name, scored, space, tuning.common, seed, why)


def _of_choice(found: Sequence[Tuning], spaces: Spaces, seed: int) -> Importance:
    """The method itself as one of the numbers, beside those that all methods share."""
    every = tuple(one for each in found for one in each.candidates)
    common = replace(found[0], name=METHOD, candidates=every, untuned=None).common
    scored = [
        ({METHOD: each.name, **setting}, score)
        for each in found
        for setting, score in _scored(each, common)
    ]
    ranges: dict[str, object] = {}
    for each in found:
        ranges |= spaces.get(each.name, {})
    shared = set.intersection(*(set(setting) for setting, _ in scored)) if scored else set()
    kept = [({p: x for p, x in setting.items() if p in shared}, y) for setting, y in scored]
    ranked = _ranked(kept, found[0].greater_is_better)
    return _importance("methods", ranked, ranges, common, seed, "")


# --- scores -----------------------------------------------------------------------------------


def _scored(tuning: Tuning, share: float) -> list[tuple[Setting, float | None]]:
    """Settings with their scores after this share; None: diverged. Others are left out."""
    result: list[tuple[Setting, float | None]] = []
    for each in tuning.candidates:
        score = tuning.reached(each, share)
        if score is not None or each.status == "diverged":
            result.append((_tried(each), score))
    return result


def _tried(each: CandidateRecord) -> Setting:
    return {path: x for path, x in each.setting.items() if path != METHOD}


def _ranked(scored: Sequence[tuple[Setting, float | None]], greater: bool) -> list[_Scored]:
    """The scores' ranks, the best one highest; equals share theirs."""
    from scipy.stats import rankdata

    sign = 1.0 if greater else -1.0
    known = [sign * score for _, score in scored if score is not None]
    below = min(known, default=0.0) - 1.0
    ranks = rankdata([below if score is None else sign * score for _, score in scored])
    return [(setting, float(rank)) for (setting, _), rank in zip(scored, ranks, strict=True)]


# --- shares -----------------------------------------------------------------------------------


def _importance(
    name: str,
    scored: Sequence[_Scored],
    space: Mapping[str, object],
    progress: float,
    seed: int,
    why: str,
) -> Importance:
    axis = {each.path: each for each in axes((setting for setting, _ in scored), space)}
    why = why or _why_not(scored, axis)
    shares: list[Share] = []
    if not why:
        for group in _groups(scored, axis):
            values = _fanova([axis[path] for path in group.varying], _thinned(group.among), seed)
            n = len(group.among)
            shares += [Share(path=path, share=values[path], among=n) for path in group.own]
        shares.sort(key=lambda each: -each.share)
    return Importance(
        name=name, settings=len(scored), progress=progress, shares=tuple(shares), why_not=why
    )


def _why_not(scored: Sequence[_Scored], axis: Mapping[str, Axis]) -> str:
    if len(scored) < FEWEST:
        return f"{len(scored)} settings with a score are too few, it takes {FEWEST}"
    if len(axis) < 2:
        return "only one number was searched" if axis else "nothing was searched"
    if len({score for _, score in scored}) == 1:
        return "all settings score the same"
    return ""


@dataclass(frozen=True)
class _Group:
    """Paths that the same candidates have, and all that vary among these."""

    own: tuple[str, ...]
    varying: tuple[str, ...]
    among: tuple[_Scored, ...]


def _groups(scored: Sequence[_Scored], axis: Mapping[str, Axis]) -> Iterator[_Group]:
    having = {path: frozenset(i for i, (s, _) in enumerate(scored) if path in s) for path in axis}
    for places in dict.fromkeys(having.values()):
        among = tuple(scored[i] for i in sorted(places))
        varying = tuple(
            path
            for path in axis
            if having[path] >= places and len({setting[path] for setting, _ in among}) > 1
        )
        own = tuple(path for path in varying if having[path] == places)
        if own and len(among) >= FEWEST and len({score for _, score in among}) > 1:
            yield _Group(own, varying, among)


def _thinned(among: Sequence[_Scored]) -> Sequence[_Scored]:
    n = len(among)
    return among if n <= MOST else [among[i * n // MOST] for i in range(MOST)]


def _fanova(axis: Sequence[Axis], among: Sequence[_Scored], seed: int) -> dict[str, float]:
    """Share of the variance that each axis explains by itself."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    spread = {each.path: _distribution(each) for each in axis}
    with _silence():
        study = optuna.create_study(direction="maximize")
        study.add_trials(
            optuna.trial.create_trial(
                params={each.path: _value(each, setting[each.path]) for each in axis},
                distributions=spread,
                value=score,
            )
            for setting, score in among
        )
        # Not `get_param_importances`: it deals what numbers explain together out among them.
        found = FanovaImportanceEvaluator(seed=seed).evaluate(study, params=list(spread))
    return {path: float(x) for path, x in found.items()}


def _distribution(axis: Axis) -> BaseDistribution:
    """Even axes: Optuna's evaluator takes logarithmic ones as linear."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if axis.scale != "options":
        return FloatDistribution(*axis.ends)
    if all(is_number(each) for each in axis.options):  # they have an order, words have none
        return IntDistribution(0, len(axis.options) - 1)
    return CategoricalDistribution(axis.options)


def _value(axis: Axis, value: Scalar) -> Scalar:
    if axis.scale != "options":
        low, high = axis.ends
        return min(max(axis.place(value), low), high)  # rounding of logarithms
    place = axis.options.index(value)
    return place if all(is_number(each) for each in axis.options) else value


@contextmanager
def _silence() -> Iterator[None]:
    """Optuna greets each new study."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
