"""What a search is, as values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from methodic.errors import InputError
from methodic.plan import settled
from methodic.tuning import (
    CandidateRecord,
    Found,
    Rung,
    Search,
    SearchPlan,
    SearchRecord,
    StudyRecord,
    without_password,
)
from tests.report.runs import make_plan

LR = "stages.0.turns.0.optimizer.lr"


def record(*settings: dict[str, Any]) -> SearchRecord:
    candidates = tuple(
        CandidateRecord(
            recipe="adam",
            number=number,
            setting=setting,
            rungs=(Rung(step=9, until=1.0, score=0.5, loss=1.0, setting=setting),),
            status="finished",
            seconds=1.0,
        )
        for number, setting in enumerate(settings)
    )
    study = StudyRecord(name="adam", recipes=("adam",), steps={"adam": 9}, candidates=candidates)
    plan = SearchPlan(sampler="random", settings=len(settings), strategy="full")
    return SearchRecord(plan=plan, metric="accuracy", greater_is_better=True, studies=(study,))


def test_a_record_round_trips_with_the_types_of_its_values() -> None:
    """A number that is whole, a word, true: none of them becomes another."""
    made = record({LR: 1.0, "a": 1, "b": True, "c": "relu", "d": 1e-7})
    (study,) = SearchRecord.model_validate_json(made.model_dump_json()).studies
    found = study.candidates[0].setting
    assert found == {LR: 1.0, "a": 1, "b": True, "c": "relu", "d": 1e-7}
    assert [type(each) for each in found.values()] == [float, int, bool, str, float]


def test_unknown_fields_are_errors() -> None:
    with pytest.raises(ValidationError):
        SearchPlan.model_validate({"sampler": "random", "settings": 3, "strategy": "full", "x": 1})


def test_what_a_user_asks_for_is_checked() -> None:
    assert Search().settings is None
    for wrong, words in (
        ({"sampler": "tpo"}, "tpe"),
        ({"strategy": "half"}, "halving"),
        ({"settings": 1}, "settings"),
        ({"settings": True}, "settings"),
        ({"settings": "64"}, "whole number"),
        ({"settings": 2.5}, "whole number"),
        ({"fields": "lr"}, "list"),
    ):
        with pytest.raises(InputError) as error:
            Search(**wrong)
        told = f"{error.value.problem} {error.value.accepted} {error.value.advice}"
        assert words in told
    assert type(Search(settings=np.int64(64)).settings) is int


def test_a_settled_plan_has_the_settings_that_were_tried() -> None:
    plan = make_plan(methods=("adam", "sgd"))
    assert settled(plan, None, ()) == plan
    found = Found(recipe="adam", setting=1, segments=((1.0, {LR: 0.2}),), batch=(7,), steps=(3,))
    after = settled(plan, record({LR: 0.1}, {LR: 0.2}), (found,))
    adam, sgd = after.contenders
    assert (adam.recipe.name, sgd.recipe.name) == ("adam", "sgd")
    assert adam.settings == ({LR: 0.1}, {LR: 0.2})
    assert adam.setting(1) == {LR: 0.2}
    assert adam.setting(2) == {}, "a search that goes on"
    assert (adam.batch, adam.confirm_steps) == ((7,), (3,))
    assert sgd.settings == (), "nothing was tried of it"
    assert sgd.confirm_steps == plan.contenders[1].confirm_steps


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("postgresql://ann:secret@host/db", "postgresql://ann@host/db"),
        ("--study=postgresql://ann:secret@host/db", "--study=postgresql://ann@host/db"),
        ("postgresql://h/db?user=ann&password=secret", "postgresql://h/db?user=ann"),
        ("postgresql://h/db?password=secret&user=ann", "postgresql://h/db?user=ann"),
        ("postgresql://h/db?sslpassword=secret", "postgresql://h/db"),
        ("sqlite:///search.db", "sqlite:///search.db"),
        ("data with a:b@c", "data with a:b@c"),
    ],
)
def test_addresses_are_shown_without_a_password(typed: str, shown: str) -> None:
    assert without_password(typed) == shown
