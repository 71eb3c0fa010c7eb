"""Parts of the user's own: named in a recipe, given in Python."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from contract.test_members import rows as battery_rows

from methodic import build
from methodic.build.own import Own
from methodic.engine import loop
from methodic.engine.parts import Cohort, State
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes import io
from methodic.recipes.numbers import split
from methodic.recipes.types import Recipe
from methodic.types import Rule


class Halved(Rule):
    """Gradient descent at ``share`` of the rate."""

    def initial(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        return {}

    def coefficients(self, step: Any, numbers: Any) -> dict[str, Any]:
        scale = -numbers["lr"] * numbers["numbers.share"]
        return {"scale": np.broadcast_to(scale, np.broadcast_shapes(step.shape, scale.shape))}

    def update(self, gradient: Any, parameter: Any, state: Any, c: Any) -> Any:
        return gradient * c["scale"], {}


def squared(output: torch.Tensor, target: torch.Tensor, numbers: Any) -> torch.Tensor:
    return numbers["factor"] * ((output - target) ** 2).mean(-1)


def large(parameters: Any, numbers: Any) -> torch.Tensor:
    flat = torch.cat([each.flatten(1) for each in parameters.values()], dim=1)
    return numbers["weight"] * (flat * flat).sum(1)


def falling(progress: Any, numbers: Any) -> Any:
    return 1.0 - numbers["depth"] * progress


OWN = Own({"halved": Halved(), "squared": squared, "large": large, "falling": falling})


def recipe(lr: float = 0.1, share: float = 0.5, **change: Any) -> Recipe:
    stage = {
        "batch": 13,
        "objectives": [{"kind": "own", "name": "squared", "numbers": {"factor": 1.5}}],
        "optimizer": {"kind": "own", "name": "halved", "lr": lr, "numbers": {"share": share}},
        "schedule": {"kind": "own", "name": "falling", "numbers": {"depth": 0.5}, "warmup": 0.2},
        "regularizers": [{"kind": "own", "name": "large", "numbers": {"weight": 0.01}}],
    }
    return Recipe.model_validate(
        {"name": "a", "model": {"kind": "mlp", "width": 5, "depth": 1}, "stages": [stage | change]}
    )


def make(recipes: list[Recipe], own: Own | None = OWN) -> Cohort:
    return build.cohort(
        recipes,
        list(range(len(recipes))),
        steps=[20],
        inputs=Inputs(numeric=7, categorical=2, codes=9),
        outputs=1,
        rows=61,
        own=own,
    )


def trained(cohort: Cohort) -> State:
    rows = battery_rows(regression=True)
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    return loop.advance(cohort, cohort.stages[0], state, rows, 20, lambda _: None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """With several threads a member agrees with itself in company to rounding only."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def as_built_in() -> Cohort:
    """The same method by the package's own parts."""
    return make(
        [
            recipe(
                objectives=[{"kind": "mean_squared_error", "weight": 1.5}],
                optimizer={"kind": "sgd", "lr": 0.05},
                schedule={"kind": "linear", "final": 0.5, "warmup": 0.2},
                regularizers=[],
            )
        ]
    )


def test_own_parts_train_like_those_of_the_package() -> None:
    """But for the penalty, which in the package leaves biases out."""
    own = make([recipe(regularizers=[])])
    assert torch.allclose(trained(own).flat, trained(as_built_in()).flat, atol=1e-6)
    other = make([recipe(regularizers=[], share=0.4)])
    assert not torch.allclose(trained(other).flat, trained(as_built_in()).flat, atol=1e-6)


def test_an_own_penalty_pulls_at_the_weights() -> None:
    free, held = trained(make([recipe(regularizers=[])])), trained(make([recipe()]))
    assert float(held.flat.norm()) < float(free.flat.norm())


def test_members_differ_in_their_own_numbers(one_thread: None) -> None:
    together = trained(make([recipe(share=0.5), recipe(share=0.25)]))
    alone = trained(make([recipe(share=0.5)]))
    assert torch.equal(together.flat[:1], alone.flat)
    assert not torch.equal(together.flat[0], together.flat[1])


def test_the_recipe_round_trips_and_its_numbers_are_numbers() -> None:
    one = recipe()
    assert io.from_yaml(io.to_yaml(one), "a.yaml") == one
    _, numbers = split(one)
    assert numbers["stages.0.turns.0.optimizer.numbers.share"] == 0.5
    assert split(recipe(share=0.5))[0] == split(recipe(share=0.1))[0]
    ranged = recipe(
        optimizer={
            "kind": "own",
            "name": "halved",
            "numbers": {"share": {"log_uniform": [0.1, 1.0]}},
        }
    )
    assert io.from_yaml(io.to_yaml(ranged), "a.yaml") == ranged


def test_a_number_of_0_reaches_the_function() -> None:
    made = make([recipe(objectives=[{"kind": "own", "name": "squared", "numbers": {"factor": 0}}])])
    assert torch.isfinite(trained(made).flat).all()


def test_objects_travel_to_other_processes() -> None:
    there = pickle.loads(pickle.dumps(OWN))
    assert torch.equal(trained(make([recipe()], there)).flat, trained(make([recipe()])).flat)


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({}, ["a loss of your own, 'squared'", "own={"]),
        ({"squares": squared}, ["squared", "accepted: squares"]),
        ({**OWN.objects, "halved": "sgd"}, ["no update rule", "str", "Rule"]),
        ({**OWN.objects, "squared": 3}, ["'squared'", "no function", "int"]),
    ],
)
def test_what_is_missing_or_wrong_is_named(objects: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        make([recipe(regularizers=[])], Own(objects))
    said = str(caught.value).lower()
    for word in words:
        assert word.lower() in said


def test_a_loss_of_another_shape_is_refused() -> None:
    own = Own({**OWN.objects, "squared": lambda output, target, numbers: output.mean()})
    with pytest.raises(InputError, match="a number for each row"):
        trained(make([recipe()], own))
    own = Own({**OWN.objects, "large": lambda parameters, numbers: 1.0})
    with pytest.raises(InputError, match="a number for each member"):
        trained(make([recipe()], own))


def test_what_cannot_travel_is_said() -> None:
    with pytest.raises(InputError, match="can't be sent"):
        _ = Own({"lock": threading.Lock()}).packed
