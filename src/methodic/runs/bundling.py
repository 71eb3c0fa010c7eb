"""Choosing the network that is shipped, and writing it with its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from methodic import bundle
from methodic.evidence import predictions
from methodic.evidence.leaderboard import Leaderboard
from methodic.metrics import get_metric
from methodic.plan import MemberRecord, Plan, UnitRecord
from methodic.runs.preparation import Prepared
from methodic.runs.tasks import concrete, predictions_path, weights_path


def ship(
    folder: Path, plan: Plan, prepared: Prepared, board: Leaderboard, records: Sequence[UnitRecord]
) -> None:
    """Write the best network to RUN/model.

    Of the best method's confirmed members it is the one with the best validation score: test rows
    choose nothing but the method that the verdict names, and the card states the score of these
    very weights.
    """
    metric = get_metric(plan.metric, plan.data.task)
    candidates = [
        (record, i)
        for record in records
        if record.unit.predict_test
        for i, member in enumerate(record.members)
        if member.member.recipe == board.shipped and member.status != "diverged"
    ]
    if not candidates:
        return  # nothing converged; the verdict says so

    sign = 1.0 if metric.greater_is_better else -1.0

    def rank(candidate: tuple[UnitRecord, int]) -> tuple[float, float]:
        scores = candidate[0].members[candidate[1]].validation
        score, loss = scores[plan.metric], scores["loss"]
        return (
            sign * score if score is not None else float("-inf"),
            -loss if loss is not None else float("-inf"),
        )

    record, at = max(candidates, key=rank)
    member = record.members[at]
    test = metric.score(
        prepared.truth["test"], predictions.read(predictions_path(folder, record.unit.id))[at]
    )
    parameters, buffers = _weights(weights_path(folder, record.unit.id), at)
    bundle.save(
        folder / "model",
        _card(plan, member, test, len(candidates)),
        prepared.encoders,
        parameters,
        buffers,
    )


def _weights(path: Path, at: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    tensors = {name: value[at : at + 1] for name, value in load_file(path).items()}

    def under(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    return under("parameters/"), under("buffers/")


def _card(plan: Plan, member: MemberRecord, test: float, candidates: int) -> bundle.Card:
    contender = next(c for c in plan.contenders if c.recipe.name == member.member.recipe)
    about = (
        f"The best of {candidates} networks by {contender.recipe.name}, by validation score."
        if candidates > 1
        else f"Trained by {contender.recipe.name}."
    )
    return bundle.Card(
        recipe=concrete(contender, member.member.setting),
        data=plan.data,
        metric=plan.metric,
        seed=member.member.seed,
        validation=member.validation[plan.metric],
        test=test,
        about=about,
        network=plan.network,
    )
