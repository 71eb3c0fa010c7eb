"""Plans and records: JSON and back, and nothing unknown in between."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from methodic import plan
from methodic.plan import (
    Amendment,
    BaselinePlan,
    BaselineRecord,
    ConfirmPlan,
    Contender,
    CurvePoint,
    DataFacts,
    Machine,
    Member,
    MemberRecord,
    Plan,
    RunState,
    Unit,
    UnitRecord,
    Value,
)
from methodic.recipes import catalogue

MEMBER = Member(recipe="sgd", setting=1, seed=6)
UNIT = Unit(
    id="screen-000-sgd",
    phase="screen",
    block=0,
    members=(MEMBER,),
    steps=(10, 20),
    evaluate=(15, 30),
    predict_test=True,
)
RECORD = UnitRecord(
    unit=UNIT,
    members=(
        MemberRecord(
            member=MEMBER,
            numbers={"stages.0.turns.0.optimizer.lr": 0.1 + 0.2},
            status="diverged",
            why="not finite at step 7",
            steps_taken=7,
            batches_seen=7,
            best_step=3,
            validation={"accuracy": 0.5, "loss": None},
            seconds=1 / 3,
        ),
    ),
    curves=((CurvePoint(step=15, train_loss=None, validation_loss=0.1, score=0.9),),),
    seconds=2 / 3,
    threads=1,
)
WHOLE = Plan(
    command="methodic run iris",
    data=DataFacts(
        name="iris",
        source=None,
        fingerprint="abc",
        task="multiclass",
        target="species",
        classes=("ä", "b", "c"),
        rows=(90, 30, 30),
        numeric=4,
        categorical=0,
        split_seed=3,
    ),
    metric="accuracy",
    budget=60.5,
    machine=Machine(device="cpu", capability="AVX2", torch="2.10", workers=2, threads=1),
    contenders=tuple(
        Contender(
            recipe=each,
            settings=({"stages.0.turns.0.optimizer.lr": 0.1}, {}),
            batch=(16,),
            steps=(10,),
            confirm_steps=(30,),
            milliseconds=0.25,
        )
        for each in catalogue.all_recipes()
    ),
    baselines=(BaselinePlan(kind="gradient_boosting", iterations=20),),
    screen=(UNIT,),
    confirm=ConfirmPlan(finalists=3, simplest="sgd", seeds=(1, 4), block=5),
    notes=("λ",),
)
VALUES: list[Value] = [
    WHOLE,
    WHOLE.model_copy(update={"confirm": None, "train": (UNIT,), "budget": None}),
    RECORD,
    BaselineRecord(kind="constant", about="x", validation={"rmse": None}, seconds=0.1),
    RunState(
        status="interrupted",
        finalists=("sgd@1",),
        amendments=(Amendment(phase="confirm", blocks=(2, 3), reason="slow"),),
        seconds=1.5,
        winner=None,
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_json_and_back(value: Value) -> None:
    for indent in (None, 1):
        assert type(value).model_validate_json(value.model_dump_json(indent=indent)) == value
    assert type(value).model_validate(value.model_dump(mode="json")) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_unknown_fields_are_errors(value: Value) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        type(value).model_validate({**value.model_dump(mode="json"), "surprise": 1})


def test_values_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RECORD.seconds = 1.0  # type: ignore[misc]


def test_what_a_run_reads_carries_its_format() -> None:
    for value in (WHOLE, RECORD, VALUES[3], VALUES[4]):
        assert value.model_dump()["format"] == plan.FORMAT
