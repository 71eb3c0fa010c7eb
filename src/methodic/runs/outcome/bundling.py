"""Choosing what is shipped, one network or several together, and writing it with its card."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file
from torch import Tensor

from methodic import bundle
from methodic.evidence import ensemble, predictions
from methodic.evidence.ensemble import Ensemble
from methodic.evidence.leaderboard import Leaderboard
from methodic.metrics import Metric, get_metric
from methodic.plan import MemberRecord, Plan, UnitRecord
from methodic.runs.cohorts import concrete
from methodic.runs.paths import WORK, predictions_path, validation_path, weights_path
from methodic.runs.rows.diagnosing import doubts
from methodic.runs.rows.preparation import Prepared, load, place

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Shipped:
    """What lies in RUN/model, with its predictions.

    Args:
        name: of its method, or "ensemble".
        prepared: the split on which it trained.
        validation: its predictions of that split's validation rows [N, C].
        test: likewise of the test rows.
        ensemble: the best one that was tried, shipped or not; None where none was tried.
        networks: which they are: unit, and place in it.
    """

    name: str
    prepared: Prepared
    validation: Array
    test: Array
    ensemble: Ensemble | None
    networks: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Network:
    """A confirmed network that could be shipped."""

    record: UnitRecord
    at: int  # among the unit's members

    @property
    def recipe(self) -> str:
        return self.member.member.recipe

    @property
    def member(self) -> MemberRecord:
        return self.record.members[self.at]


def ship(
    folder: Path, plan: Plan, prepared: Prepared, board: Leaderboard, records: Sequence[UnitRecord]
) -> Shipped | None:
    """Write the best model to RUN/model.

    Of the best method's confirmed members it is the one with the best validation score; or several
    members of any methods, where their mean is better by more than noise on validation rows. Test
    rows choose nothing but the method that the verdict names, and the card states the score of
    these very weights.

    Networks of the user's own are shipped alone, and so are those of cross-validation, whose
    members share no validation rows; there a score counts by how much better it is than what the
    finalists have on the same split.

    Returns:
        None where no network of the best method trained to the end; the verdict says so.
    """
    metric = get_metric(plan.metric, plan.data.task)
    able = [
        _Network(record, i)
        for record in records
        if record.unit.predict_test
        for i, member in enumerate(record.members)
        if member.status != "diverged"
    ]
    mine = [each for each in able if each.recipe == board.shipped]
    if not mine:
        return None
    tried = None
    if plan.network is None and not any(each.record.unit.split for each in able):
        tried = _ensemble(folder, plan, prepared, able, board.shipped)
    score: float | None
    if tried is not None and tried.shipped:
        chosen = _shares(able, tried)
        name, about, score = "ensemble", _several(chosen), tried.validation
    else:
        usual = _usual(able, metric)
        best = max(mine, key=lambda each: _rank(each, metric, usual))
        chosen = [(best, 1.0)]
        name, about = best.recipe, _single(best.recipe, len(mine))
        score = best.member.validation[metric.name]
        if split := best.record.unit.split:  # its encoders are those of its own training rows
            prepared = load(place(folder / WORK, split))
    test = _predicted(folder, chosen, predictions_path)
    scores = (score, _finite(_score(metric, prepared, test)))
    bundle.save(
        folder / "model",
        _card(plan, prepared, chosen, about, scores).model_copy(update={"doubts": doubts(folder)}),
        prepared.encoders,
        [_weights(weights_path(folder, each.record.unit.id), each.at) for each, _ in chosen],
    )
    seen = _predicted(folder, chosen, validation_path)
    places = tuple((each.record.unit.id, each.at) for each, _ in chosen)
    return Shipped(name, prepared, seen, test, tried, places)


def _ensemble(
    folder: Path, plan: Plan, prepared: Prepared, able: Sequence[_Network], method: str
) -> Ensemble | None:
    """The best ensemble, and whether it will be shipped; its test score changes neither."""
    metric = get_metric(plan.metric, plan.data.task)
    tried = ensemble.choose(
        metric,
        prepared.truth["validation"],
        _stacked(folder, able, validation_path),
        [(each.recipe, each.member.member.seed) for each in able],
        method,
        plan.data.split_seed,
        prepared.weights("validation"),
        prepared.groups.get("validation"),
    )
    if tried is None:
        return None
    mean = _predicted(folder, _shares(able, tried), predictions_path)
    test = _finite(_score(metric, prepared, mean))
    return tried.model_copy(update={"test": test, "shipped": ensemble.worth_it(tried)})


def _score(metric: Metric, prepared: Prepared, test: Array) -> float:
    return metric.score(prepared.truth["test"], test, prepared.weights("test"))


def _usual(able: Sequence[_Network], metric: Metric) -> dict[int, float]:
    """Split → mean validation score of all finalists there: some splits' rows are easier."""
    found: dict[int, list[float]] = {}
    for each in able:
        score = each.member.validation[metric.name]
        if score is not None:
            found.setdefault(each.record.unit.split, []).append(score)
    return {split: math.fsum(scores) / len(scores) for split, scores in found.items()}


def _rank(network: _Network, metric: Metric, usual: Mapping[int, float]) -> tuple[float, float]:
    """Better than usual on its split's rows by how much; then by the loss."""
    validation = network.member.validation
    score, loss = validation[metric.name], validation["loss"]
    sign = 1.0 if metric.greater_is_better else -1.0
    return (
        sign * (score - usual[network.record.unit.split]) if score is not None else -math.inf,
        -loss if loss is not None else -math.inf,
    )


def _shares(able: Sequence[_Network], tried: Ensemble) -> list[tuple[_Network, float]]:
    """The networks of an ensemble with their weights, in its order."""
    by_name = {(each.recipe, each.member.member.seed): each for each in able}
    return [(by_name[recipe, seed], weight) for recipe, seed, weight in tried.members]


def _stacked(
    folder: Path, networks: Sequence[_Network], path: Callable[[Path, str], Path]
) -> Array:
    """Predictions of several networks [S, N, C]."""
    files = {each.record.unit.id for each in networks}
    read = {unit: predictions.read(path(folder, unit)) for unit in files}
    return np.stack([read[each.record.unit.id][each.at] for each in networks])


def _predicted(
    folder: Path, shares: Sequence[tuple[_Network, float]], path: Callable[[Path, str], Path]
) -> Array:
    """The weighted mean of their predictions [N, C]."""
    weights = np.array([weight for _, weight in shares])
    return ensemble.mean(_stacked(folder, [each for each, _ in shares], path), weights)


def _weights(path: Path, at: int) -> bundle.Trained:
    tensors = {name: value[at : at + 1] for name, value in load_file(path).items()}

    def under(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    return bundle.Trained(under("parameters/"), under("buffers/"))


def _single(recipe: str, candidates: int) -> str:
    if candidates == 1:
        return f"Trained by {recipe}."
    return f"The best of {candidates} networks by {recipe}, by validation score."


def _several(shares: Sequence[tuple[_Network, float]]) -> str:
    counts = Counter(each.recipe for each, _ in shares)
    listed = ", ".join(f"{count} by {name}" for name, count in counts.most_common())
    return (
        f"The weighted mean of {len(shares)} networks ({listed}), which on validation rows is "
        "better than the best one by more than noise."
    )


def _card(
    plan: Plan,
    prepared: Prepared,
    shares: Sequence[tuple[_Network, float]],
    about: str,
    scores: tuple[float | None, float | None],
) -> bundle.Card:
    contenders = {contender.recipe.name: contender for contender in plan.contenders}
    parts = tuple(
        bundle.Part(
            recipe=concrete(contenders[each.recipe], each.member.member.setting),
            seed=each.member.member.seed,
            weight=weight,
        )
        for each, weight in shares
    )
    return bundle.Card(
        recipe=parts[0].recipe,
        data=plan.data.model_copy(update={"rows": prepared.counts}),
        metric=plan.metric,
        seed=parts[0].seed,
        validation=scores[0],
        test=scores[1],
        about=about,
        network=plan.network,
        ensemble=parts if len(parts) > 1 else (),
    )


def _finite(x: float) -> float | None:
    return x if np.isfinite(x) else None
