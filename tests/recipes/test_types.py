from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from methodic.errors import InputError
from methodic.plan import BaselinePlan
from methodic.recipes import io
from methodic.recipes.types import BASELINES, SGD, Adam, Recipe, Stage, Supervised, Turn


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


_COMPARING = ("simclr", "scarf", "vicreg", "barlow_twins", "byol", "simsiam")


@pytest.mark.parametrize("kind", [*_COMPARING, "supervised_contrastive", "pairwise_ranking"])
def test_who_compares_rows_needs_two(kind: str) -> None:
    objectives = [{"kind": "supervised"}, {"kind": kind}]
    with pytest.raises(ValidationError, match=f"{kind} compares the rows .* set 'batch' to 2"):
        Stage.model_validate({"batch": 1, "objectives": objectives})
    Stage.model_validate({"batch": 2, "objectives": objectives})
    Stage.model_validate(
        {"batch": 1, "objectives": [objectives[0], {**objectives[1], "weight": 0}]}
    )


@pytest.mark.parametrize("kind", _COMPARING)
def test_rows_beside_a_batch_are_the_ones_compared(kind: str) -> None:
    objectives = [{"kind": "supervised"}, {"kind": kind}]
    Stage.model_validate({"batch": 1, "unlabelled": 8, "objectives": objectives})
    with pytest.raises(ValidationError, match=f"{kind} compares the rows .* set 'unlabelled' to 2"):
        Stage.model_validate({"batch": 8, "unlabelled": 1, "objectives": objectives})


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_keep_their_names(name: str) -> None:
    """Scores are kept by name, those of baselines among those of methods."""
    with pytest.raises(ValidationError, match="name of a baseline"):
        Recipe.model_validate({"name": name, "stages": [{}]})
    assert name in BaselinePlan.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]
    assert len(BASELINES) == len(BaselinePlan.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]


def test_shares_may_be_rounded() -> None:
    thirds = [{"name": str(i), "share": 0.3333333} for i in range(3)]
    assert len(Recipe.model_validate({"name": "a", "stages": thirds}).stages) == 3


def stage(**fields: Any) -> Stage:
    return Stage.model_validate(fields)


def test_rows_of_a_stage_are_said_once() -> None:
    with pytest.raises(ValidationError, match="leave one of the two out"):
        stage(rows="all", unlabelled=8)
    assert stage(unlabelled=8).rows == "labelled"
    assert stage(rows="all").unlabelled == 0
    for wrong in ({"unlabelled": -1}, {"rows": "some"}, {"alternate": "day"}):
        with pytest.raises(ValidationError):
            stage(**wrong)


def test_some_objective_has_a_weight_above_0() -> None:
    off = {"kind": "supervised", "weight": 0}
    with pytest.raises(ValidationError, match="stage 'it' has no objective of a weight above 0"):
        stage(name="it", objectives=[off, off])
    with pytest.raises(ValidationError, match="turn 2 of stage 'it' has no objective"):
        stage(name="it", turns=[{}, {"objectives": [off]}])
    with pytest.raises(ValidationError, match="must be ≥ 0, found -1"):
        stage(objectives=[{"kind": "simclr", "weight": -1}])
    with pytest.raises(InputError, match="has no objective of a weight above 0") as caught:
        io.from_data({"name": "a", "stages": [{"objectives": [off]}]}, "a.yaml")
    assert str(caught.value).startswith("a.yaml: stages.0: ")
    assert stage(objectives=[off, {"kind": "simclr"}])
    assert stage(objectives=[{"kind": "simclr", "weight": {"uniform": [0, 1]}}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer_decay": 0},
        {"layer_decay": 1.1},
        {"repeat": 0},
        {"weights": "free"},
        {"rates": [{"parameters": [], "factor": 1}]},
        {"rates": [{"parameters": ["head"], "factor": -1}]},
        {"rates": [{"parameters": ["head"]}]},
    ],
)
def test_limits_of_a_turn(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        stage(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "simclr", "temperature": 0},
        {"kind": "simclr", "projection": [0]},
        {"kind": "simclr", "views": [{"kind": "mixup"}]},
        {"kind": "scarf", "corruption": 0},
        {"kind": "scarf", "corruption": 1.1},
        {"kind": "scarf", "views": []},
        {"kind": "masked", "share": 0},
        {"kind": "masked", "patch": 0},
        {"kind": "fixmatch", "threshold": 1},
        {"kind": "reconstruction", "loss": "absolute"},
        {"kind": "reconstruction", "latent": -1},
        {"kind": "discriminator", "of": "targets"},
        {"kind": "vicreg", "variance": -1},
    ],
)
def test_limits_of_objectives_without_targets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        stage(objectives=[wrong])
