"""Which network is shipped: the best of the shipped method, by validation rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from methodic import bundle
from methodic.data.dataset import DataSet
from methodic.diagnosis import Finding, Findings
from methodic.evidence import predictions
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import make_folder
from methodic.plan import Member, MemberRecord, NetworkFacts, Plan, Status, Unit, UnitRecord
from methodic.runs import paths
from methodic.runs.outcome.bundling import ship
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
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


def sure(truth: np.ndarray[Any, Any], wrong: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Probabilities of 1 for the truth, but for another class in the rows ``wrong``."""
    stored = np.zeros((len(truth), 3), dtype=np.float32)
    answer = truth.copy()
    answer[wrong] = (answer[wrong] + 1) % 3
    stored[np.arange(len(truth)), answer] = 1.0
    return stored


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
    for name in ("records", paths.WORK):
        make_folder(folder / name)
    save_file(tensors, paths.weights_path(folder, unit.id))
    # Member m is right on the first m test rows, and nowhere else; all agree on validation rows.
    truth = prepared.truth["test"]
    tested = [sure(truth, np.arange(m, len(truth))) for m in range(len(members))]
    predictions.write(paths.predictions_path(folder, unit.id), np.stack(tested))
    same = sure(prepared.truth["validation"], np.arange(5))
    predictions.write(paths.validation_path(folder, unit.id), np.stack([same] * len(members)))
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
    (trained,) = loaded.networks
    (value,) = {float(x) for tensor in trained.parameters.values() for x in tensor.unique()}
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
    shipped = ship(tmp_path, plan, prepared, board("plain"), records)
    loaded = bundle.load(tmp_path)
    assert mark(loaded) == 12, "of equal scores the one with the lower loss"
    card = loaded.card
    assert (card.seed, card.validation) == (13, 0.9)
    assert card.test == pytest.approx(2 / prepared.counts[2])
    lr = card.recipe.stages[0].turns[0].optimizer.lr
    assert lr == plan.contenders[0].settings[1][LR]
    assert "best of 5 networks" in card.about
    assert card.data == plan.data
    assert shipped is not None
    assert shipped.name == "plain"
    for part, path in (
        ("validation", paths.validation_path(tmp_path, "confirm-001-x")),
        ("test", paths.predictions_path(tmp_path, "confirm-001-x")),
    ):
        assert np.array_equal(getattr(shipped, part), predictions.read(path)[2])
    assert shipped.ensemble is not None, "it was tried, and gained nothing"
    assert not shipped.ensemble.shipped
    assert shipped.ensemble.gain.mean == 0


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
    assert ship(tmp_path, plan, prepared, board("plain"), records) is None
    assert ship(tmp_path, plan, prepared, board(""), records) is None
    assert not (tmp_path / "model").exists()


def test_a_single_network_is_not_the_best_of_many(
    plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    record = unit_of(tmp_path, prepared, 0, [member("momentum", 1, 0.5, 0.1)])
    shipped = ship(tmp_path, plan, prepared, board("momentum"), [record])
    assert shipped is not None
    assert shipped.ensemble is None
    assert bundle.load(tmp_path).card.about == "Trained by momentum."


def test_the_card_says_what_to_doubt(plan: Plan, prepared: Prepared, tmp_path: Path) -> None:
    record = unit_of(tmp_path, prepared, 0, [member("momentum", 1, 0.5, 0.1)])

    def finding(what: str, serious: bool) -> Finding:
        return Finding(name="duplicates", what=what, evidence=(), advice="", serious=serious)

    found = Findings(findings=(finding("Rows stand twice.", True), finding("Few rows.", False)))
    (tmp_path / "findings.json").write_text(found.model_dump_json())
    assert ship(tmp_path, plan, prepared, board("momentum"), [record]) is not None
    assert bundle.load(tmp_path).card.doubts == ("Rows stand twice.",)


def helpful(
    folder: Path, prepared: Prepared, at: int, name: str, wrong: list[list[int]]
) -> UnitRecord:
    """Members that are each wrong on other validation rows, and on the first of the test rows."""
    record = unit_of(
        folder, prepared, at, [member(name, 1 + 3 * m, 0.8, 0.1) for m in range(len(wrong))]
    )
    truth = prepared.truth["validation"]
    stored = np.stack([sure(truth, np.array(rows)) for rows in wrong])
    predictions.write(paths.validation_path(folder, record.unit.id), stored)
    tested = np.stack([sure(prepared.truth["test"], np.arange(m + 1)) for m in range(len(wrong))])
    predictions.write(paths.predictions_path(folder, record.unit.id), tested)
    return record


THIRDS = [list(range(first, 21, 3)) for first in range(3)]


def test_networks_that_complete_each_other_are_shipped_together(
    plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    assert prepared.counts[1] > 21
    records = [
        helpful(tmp_path, prepared, 0, "plain", THIRDS[:1]),
        helpful(tmp_path, prepared, 1, "momentum", THIRDS[1:]),
    ]
    shipped = ship(tmp_path, plan, prepared, board("plain"), records)
    assert shipped is not None
    assert shipped.name == "ensemble"
    found = shipped.ensemble
    assert found is not None
    assert found.shipped
    assert (found.gain.low or 0) > 0
    assert {(name, seed) for name, seed, _ in found.members} == {
        ("plain", 1),
        ("momentum", 1),
        ("momentum", 4),
    }
    assert found.validation == 1.0
    # All are wrong on the first test row, and one of the three on the second.
    n = prepared.counts[2]
    assert found.test == pytest.approx((n - 1) / n)
    loaded = bundle.load(tmp_path)
    assert (loaded.card.validation, loaded.card.test) == (1.0, found.test)
    weights = {(p.recipe.name, p.seed): p.weight for p in loaded.card.parts}
    assert weights == pytest.approx({(name, seed): w for name, seed, w in found.members})
    marks = [float(each.parameters["head.bias"].unique()) for each in loaded.networks]
    names = [(part.recipe.name, part.seed) for part in loaded.card.parts]
    assert dict(zip(names, marks, strict=True)) == {
        ("plain", 1): 0,
        ("momentum", 1): 10,
        ("momentum", 4): 11,
    }
    assert "2 by momentum" in loaded.card.about
    assert shipped.test.shape == (n, 3)
    assert np.array_equal(shipped.validation.argmax(1), prepared.truth["validation"])


def test_test_rows_choose_no_ensemble(plan: Plan, prepared: Prepared, tmp_path: Path) -> None:
    """Whatever the networks say of the test rows, the same ones are chosen."""
    records = [helpful(tmp_path, prepared, 0, "plain", THIRDS)]
    first = ship(tmp_path, plan, prepared, board("plain"), records)
    truth = prepared.truth["test"]
    all_wrong = np.stack([sure(truth, np.arange(len(truth)))] * 3)
    predictions.write(paths.predictions_path(tmp_path, records[0].unit.id), all_wrong)
    second = ship(tmp_path, plan, prepared, board("plain"), records)
    assert first is not None
    assert second is not None
    assert first.ensemble is not None
    assert second.ensemble is not None
    assert second.ensemble.test == 0
    scored = {"test": first.ensemble.test}
    assert second.ensemble.model_copy(update=scored) == first.ensemble


def test_no_ensemble_of_the_user_s_own_networks(
    plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    own = plan.model_copy(
        update={
            "network": NetworkFacts(
                name="Net",
                start="factory",
                parameters=1,
                fingerprint="f",
                together=True,
                reason="",
            )
        }
    )
    records = [helpful(tmp_path, prepared, 0, "plain", THIRDS)]
    shipped = ship(tmp_path, own, prepared, board("plain"), records)
    assert shipped is not None
    assert shipped.ensemble is None
    assert shipped.name == "plain"


def test_cross_validation_ships_one_network_with_the_encoders_of_its_split(
    plan: Plan, prepared: Prepared, iris: DataSet, tmp_path: Path
) -> None:
    fold = preparation.prepare(iris, 0, 2)
    make_folder(preparation.place(tmp_path / paths.WORK, 2))
    preparation.save(fold, preparation.place(tmp_path / paths.WORK, 2))
    records = []
    # The rows of split 1 are easier: there the other method is better still.
    for at, (split, score, other) in enumerate(((1, 0.95, 0.97), (2, 0.9, 0.8))):
        rows = fold if split == 2 else prepared
        members = [member("plain", at, score, 0.1), member("momentum", at, other, 0.1)]
        record = unit_of(tmp_path, rows, at, members)
        unit = record.unit.model_copy(update={"split": split})
        records.append(record.model_copy(update={"unit": unit}))
    shipped = ship(tmp_path, plan, prepared, board("plain"), records)
    assert shipped is not None
    assert shipped.ensemble is None
    assert shipped.prepared.counts == fold.counts != prepared.counts
    loaded = bundle.load(tmp_path)
    assert mark(loaded) == 10
    assert loaded.encoders.state()[1].keys() == fold.encoders.state()[1].keys()
    for name, value in fold.encoders.state()[1].items():
        assert torch.equal(loaded.encoders.state()[1][name], value)
    assert loaded.card.data.rows == fold.counts
    assert len(shipped.test) == fold.counts[2]
