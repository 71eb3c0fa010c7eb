from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes import numbers
from methodic.recipes.io import from_data
from methodic.recipes.ranges import LogUniform
from methodic.recipes.types import Recipe

LR = "stages.0.turns.0.optimizer.lr"


def recipe(name: str = "a", model: dict[str, Any] | None = None, **stage: Any) -> Recipe:
    optimizer = stage.pop("optimizer", {"kind": "sgd", "lr": 0.1})
    data = {"name": name, "stages": [{"optimizer": optimizer, **stage}]}
    return from_data(data | ({"model": model} if model else {}), "test")


def test_numbers_are_found_by_their_type_at_every_depth() -> None:
    paths = [
        path
        for path, _ in numbers.walk(
            recipe(
                model={"kind": "mlp"},
                objectives=[{"kind": "supervised"}, {"kind": "cross_entropy"}],
                regularizers=[{"kind": "l1"}, {"kind": "ema"}],
            )
        )
    ]
    assert paths == [
        "model.dropout",
        "model.dropconnect",
        "model.stochastic_depth",
        "stages.0.turns.0.objectives.0.weight",
        "stages.0.turns.0.objectives.0.label_smoothing",
        "stages.0.turns.0.objectives.1.weight",
        "stages.0.turns.0.objectives.1.label_smoothing",
        LR,
        "stages.0.turns.0.optimizer.momentum",
        "stages.0.turns.0.optimizer.dampening",
        "stages.0.turns.0.optimizer.weight_decay",
        "stages.0.turns.0.schedule.warmup",
        "stages.0.turns.0.clip.norm",
        "stages.0.turns.0.clip.value",
        "stages.0.turns.0.clip.adaptive",
        "stages.0.regularizers.0.weight",
        "stages.0.regularizers.1.decay",
    ]  # neither share, nor steps, nor width: they are structure


def test_split_takes_out_what_is_on() -> None:
    _, taken = numbers.split(recipe(optimizer={"kind": "sgd", "lr": 0.1, "momentum": 0.9}))
    assert taken == {
        "stages.0.turns.0.objectives.0.weight": 1.0,
        LR: 0.1,
        "stages.0.turns.0.optimizer.momentum": 0.9,
    }


SAME = [
    (recipe(), recipe(optimizer={"kind": "sgd", "lr": 0.2})),
    (recipe(), recipe(name="b")),
    (recipe(), recipe().model_copy(update={"about": "x", "source": "y", "use_when": "z"})),
    (recipe(clip={"norm": 1}), recipe(clip={"norm": 2})),
    (recipe(clip={"norm": 0.0}), recipe(clip={"norm": -0.0})),
]
DIFFERENT = [
    (recipe(clip={"norm": 0}), recipe(clip={"norm": 2})),
    (recipe(), recipe(optimizer={"kind": "sgd", "lr": 0.1, "momentum": 0.9})),
    (recipe(), recipe(optimizer={"kind": "adam", "lr": 0.1})),
    (recipe(), recipe(batch=64)),
    (recipe(), recipe(model={"kind": "mlp"})),
    (recipe(model={"kind": "mlp"}), recipe(model={"kind": "mlp", "width": 64})),
    (recipe(), recipe(regularizers=[{"kind": "ema"}])),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_one_cohort(a: Recipe, b: Recipe) -> None:
    assert numbers.split(a)[0] == numbers.split(b)[0]


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_two_cohorts(a: Recipe, b: Recipe) -> None:
    assert numbers.split(a)[0] != numbers.split(b)[0]


def test_the_key_of_a_skeleton_is_stable() -> None:
    # Plans and caches outlive a process; a change of this key means that they no longer fit.
    assert numbers.split(recipe())[0] == numbers.split(recipe())[0]
    assert len(numbers.split(recipe())[0]) == 16


def test_the_numbers_belong_to_the_caller() -> None:
    numbers.split(recipe())[1].clear()
    assert numbers.split(recipe())[1]


def test_a_range_can_not_be_split_and_says_where_it_stands() -> None:
    space = recipe(optimizer={"kind": "sgd", "lr": {"log_uniform": [0.1, 1]}})
    with pytest.raises(InputError) as caught:
        numbers.split(space)
    assert LR in caught.value.problem
    assert numbers.ranges(space) == {LR: LogUniform(log_uniform=(0.1, 1))}
    assert numbers.ranges(recipe()) == {}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_replacing_numbers_by_numbers_keeps_the_skeleton(recipes: Any, data: st.DataObject) -> None:
    drawn = data.draw(recipes)
    fixed = dict.fromkeys(numbers.ranges(drawn), 0.5)
    concrete = numbers.replace(drawn, fixed)
    assert numbers.ranges(concrete) == {}
    key, taken = numbers.split(concrete)
    assert all(taken[path] == 0.5 for path in fixed)
    other = numbers.replace(concrete, dict.fromkeys(taken, 0.25))
    assert numbers.split(other) == (key, dict.fromkeys(taken, 0.25))
    assert numbers.replace(other, taken) == concrete


def test_replace_answers_a_wrong_path_and_a_wrong_number() -> None:
    with pytest.raises(InputError) as caught:
        numbers.replace(recipe(), {"stages.0.turns.0.optimizer.rl": 0.1})
    assert caught.value.advice == f"Did you mean '{LR}'?"
    with pytest.raises(InputError) as caught:
        numbers.replace(recipe(), {LR: -1.0})
    assert caught.value.problem == f"recipe a: {LR}: must be > 0"
    with pytest.raises(InputError, match=r"stages\.0\.share"):
        numbers.replace(recipe(), {"stages.0.share": 0.5})


def test_open_structure_is_left_open_and_no_number() -> None:
    space = recipe(model={"kind": "mlp", "width": {"choice": [64, 128]}})
    assert "model.width" not in dict(numbers.walk(space))
    assert numbers.ranges(space) == {}
    assert numbers.left_open(space) == ("model.width",)
    with pytest.raises(InputError) as caught:
        numbers.split(space)
    assert caught.value.problem == "recipe a: model.width is a range"
    assert numbers.replace(space, {LR: 0.3}).open == space.open
