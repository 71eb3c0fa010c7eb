from __future__ import annotations

import pytest
from pydantic import ValidationError

from methodic.recipes.types import SGD, Adam, Recipe, Stage, Supervised, Turn


def test_recipes_are_values() -> None:
    a = Recipe(name="a", stages=(Stage(),))
    assert a == Recipe.model_validate({"name": "a", "stages": [{}]})
    assert hash(a) == hash(Recipe(name="a", stages=(Stage(),)))
    with pytest.raises(ValidationError):
        a.name = "b"


def test_a_stage_of_one_turn_names_its_fields_directly() -> None:
    short = Stage.model_validate({"batch": 32, "optimizer": {"kind": "adam", "lr": 0.1}})
    long = Stage.model_validate(
        {"batch": 32, "turns": [{"optimizer": {"kind": "adam", "lr": 0.1}}]}
    )
    assert short == long == Stage(batch=32, turns=(Turn(optimizer=Adam(lr=0.1)),))
    assert short.turns[0].objectives == (Supervised(),)


@pytest.mark.parametrize(
    "fields",
    [{"lr": 0}, {"momentum": 1}, {"momentum": -0.1}, {"nesterov": True}, {"decays": "biases"},
     {"lr": float("inf")}, {"weight_decay": -1}, {"lr": {"choice": [0.1, 0]}}],
)  # fmt: skip
def test_limits(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SGD.model_validate(fields)


def test_shares_may_be_rounded() -> None:
    thirds = [{"name": str(i), "share": 0.3333333} for i in range(3)]
    assert len(Recipe.model_validate({"name": "a", "stages": thirds}).stages) == 3
