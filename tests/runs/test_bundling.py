"""Which network is shipped: the best of the shipped method, by validation rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from methodic import bundle
from methodic.evidence import predictions
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import make_folder
from methodic.plan import Member, MemberRecord, Plan, Status, Unit, UnitRecord
from methodic.runs import tasks
from methodic.runs.bundling import ship
from methodic.runs.preparation import Prepared
from tests.runs.conftest import LR, MOMENTUM, PLAIN, MakePlan

SHAPES = {
    "hidden.0.weight": (4, 8),
    "hidden.0.bias": (8,),
    "head.weight": (8, 3),
    "head.bias": (3,),
}


def member(
    name: str, seed: int, score: float | None, loss: float | None, status: Status = "finished"
) -> MemberRecord:
    return MemberRecord(
        member=Member(recipe=name, setting=1, seed=seed),
        numbers={},
        status=status,
        steps_taken=1,
        batches_seen=1,
        best_step=1,
        validation={"accuracy": score, "loss": loss},
        seconds=1.0,
    )


def unit_of(
    folder: Path, prepared: Prepared, at: int, members: list[MemberRecord], predict: bool = True
) -> UnitRecord:
    """A record with predictions and weights: those of member m are all 10·at + m."""
    unit = Unit(
        id=f"confirm-{at:03d}-x",
        phase="confirm",
        block=at,
        members=tuple(each.member for each in members),
        steps=(1,),
        evaluate=(1,),
        predict_test=predict,
    )
    marks = torch.tensor([10.0 * at + m for m in range(len(members))])
    tensors = {
        f"parameters/{name}": marks.view(-1, *[1] * len(shape)).expand(-1, *shape).contiguous()
        for name, shape in SHAPES.items()
    }
    for name in ("records", tasks.WORK):
        make_folder(folder / name)
    save_file(tensors, tasks.weights_path(folder, unit.id))
    # Member m is right on the first m test rows, and nowhere else.
    truth = prepared.truth["test"]
    stored = np.zeros((len(members), len(truth), 3), dtype=np.float32)
    for m in range(len(members)):
        answer = np.where(np.arange(len(truth)) < m, truth, (truth + 1) % 3)
        stored[m, np.arange(len(truth)), answer] = 1.0
    predictions.write(tasks.predictions_path(folder, unit.id), stored)
    return UnitRecord(
        unit=unit, members=tuple(members), curves=((),) * len(members), seconds=1.0, threads=1
    )


def board(shipped: str) -> Leaderboard:
    return Leaderboard(
        metric="accuracy",
        greater_is_better=True,
        rows=(),
        comparisons=(),
        winner="linear",
        shipped=shipped,
        verdict="",
        notes=(),
    )


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, MOMENTUM)


def mark(loaded: bundle.Bundle) -> float:
    (value,) = {float(x) for tensor in loaded.parameters.values() for x in tensor.unique()}
    return value


def test_the_best_validation_score_of_all_blocks(
    plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    records = [
        unit_of(
            tmp_path, prepared, 0, [member("plain", 1, 0.8, 0.1), member("plain", 4, 0.7, 0.1)]
        ),
        unit_of(
            tmp_path,
            prepared,
            1,
            [
                member("plain", 7, None, None),
                member("plain", 10, 0.9, 0.5),
                member("plain", 13, 0.9, 0.4),
                member("plain", 16, 0.99, 0.1, "diverged"),
            ],
        ),
        unit_of(tmp_path, prepared, 2, [member("momentum", 1, 1.0, 0.0)]),
        unit_of(tmp_path, prepared, 3, [member("plain", 1, 1.0, 0.0)], predict=False),
    ]
    ship(tmp_path, plan, prepared, board("plain"), records)
    loaded = bundle.load(tmp_path)
    assert mark(loaded) == 12, "of equal scores the one with the lower loss"
    card = loaded.card
    assert (card.seed, card.validation) == (13, 0.9)
    assert card.test == pytest.approx(2 / prepared.counts[2])
    lr = card.recipe.stages[0].turns[0].optimizer.lr
    assert lr == plan.contenders[0].settings[1][LR]
    assert "best of 5 networks" in card.about
    assert card.data == plan.data


def test_small_is_good_for_errors(plan: Plan, prepared: Prepared, tmp_path: Path) -> None:
    by_loss = plan.model_copy(update={"metric": "log_loss"})
    members = [
        each.model_copy(update={"validation": {"log_loss": score, "loss": 0.1}})
        for each, score in (
            (member("plain", 1, 0, 0), 0.5),
            (member("plain", 4, 0, 0), 0.2),
            (member("plain", 7, 0, 0), 0.9),
        )
    ]
    ship(tmp_path, by_loss, prepared, board("plain"), [unit_of(tmp_path, prepared, 0, members)])
    assert mark(bundle.load(tmp_path)) == 1


def test_nothing_to_ship(plan: Plan, prepared: Prepared, tmp_path: Path) -> None:
    diverged = [member("plain", 1, 0.5, 0.1, "diverged")]
    records = [unit_of(tmp_path, prepared, 0, diverged)]
    ship(tmp_path, plan, prepared, board("plain"), records)
    ship(tmp_path, plan, prepared, board(""), records)
    assert not (tmp_path / "model").exists()


def test_a_single_network_is_not_the_best_of_many(
    plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    record = unit_of(tmp_path, prepared, 0, [member("momentum", 1, 0.5, 0.1)])
    ship(tmp_path, plan, prepared, board("momentum"), [record])
    assert bundle.load(tmp_path).card.about == "Trained by momentum."
