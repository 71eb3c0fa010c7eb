from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes import io, numbers, spaces
from methodic.recipes.places import plain
from methodic.recipes.ranges import Integer, LogUniform, Options, Uniform
from methodic.recipes.types import MLP, Recipe
from methodic.tuning import Scalar, Setting

QUICK = settings(deadline=None, max_examples=25)
OPTIMIZER = "stages.0.turns.0.optimizer"
RULES = [
    {"kind": "adam", "lr": {"log_uniform": [1e-4, 1e-2]}, "amsgrad": {"choice": [False, True]}},
    {"kind": "sgd", "momentum": {"choice": [0.5, 0.9]}},
    {"kind": "sgd", "nesterov": True, "momentum": 0.9},
]
SPACE = {
    "name": "space",
    "model": {
        "kind": "mlp",
        "width": {"choice": [64, 128]},
        "depth": {"integer": [1, 4]},
        "dropout": {"uniform": [0.1, 0.5]},
    },
    "stages": [{"batch": {"choice": [32, "full"]}, "optimizer": {"choice": RULES}}],
}


def space(**changes: Any) -> Recipe:
    return io.from_data({**SPACE, **changes}, "test")


def drawn(draw: Any, recipe: Recipe) -> Setting:
    """Any setting of a space."""
    setting: Setting = {}
    for each in spaces.dimensions(recipe):
        if not each.holds(setting):
            continue
        match each.range:
            case Options():
                found: Scalar = draw(st.sampled_from(each.range.choice))
            case Integer():
                found = draw(st.integers(*each.range.integer))
            case LogUniform():
                found = draw(st.floats(*each.range.log_uniform))
            case Uniform():
                found = draw(st.floats(*each.range.uniform))
        setting[each.path] = found
    return setting


@QUICK
@given(st.data())
def test_every_setting_of_every_space_is_a_recipe(search_spaces: Any, data: st.DataObject) -> None:
    recipe = io.from_data(data.draw(search_spaces), "test")
    check_setting(recipe, drawn(data.draw, recipe))


def check_setting(recipe: Recipe, setting: Setting) -> None:
    found = spaces.concrete(recipe, setting)
    assert numbers.left_open(found) == ()
    assert spaces.dimensions(found) == ()
    numbers.split(found)
    for path, value in setting.items():
        here: Any = found
        for step in itertools.chain.from_iterable(
            part.split("]")[-1].strip(".").split(".") for part in path.split("[")
        ):
            if step:
                here = here[int(step)] if isinstance(here, tuple) else getattr(here, step)
        if not isinstance(here, Recipe) and isinstance(here, bool | int | float | str):
            assert here == value


@QUICK
@given(st.data())
def test_untuned_is_what_stands_in_the_fields(search_spaces: Any, data: st.DataObject) -> None:
    recipe = io.from_data(data.draw(search_spaces), "test")
    untuned = spaces.untuned(recipe)
    closed = recipe.model_copy(update={"open": {}})
    middles = {path: untuned[p] for path in numbers.ranges(closed) for p in matching(path, untuned)}
    assert numbers.replace(closed, middles) == spaces.concrete(recipe, untuned)


def matching(path: str, setting: Setting) -> list[str]:
    return [each for each in setting if plain(each) == path]


@QUICK
@given(st.data())
def test_conditions_stand_before_what_hangs_on_them(
    search_spaces: Any, data: st.DataObject
) -> None:
    seen: dict[str, Options] = {}
    for each in spaces.dimensions(io.from_data(data.draw(search_spaces), "test")):
        for path, label in each.given:
            assert label in seen[path].choice
            assert each.path.startswith(f"{path}[{label}]")
        assert each.path not in seen
        if isinstance(each.range, Options):
            seen[each.path] = each.range


def test_dimensions() -> None:
    adam = ((OPTIMIZER, "adam"),)
    assert spaces.dimensions(space()) == (
        spaces.Dimension("model.width", Options(choice=(64, 128))),
        spaces.Dimension("model.depth", Integer(integer=(1, 4))),
        spaces.Dimension("model.dropout", Uniform(uniform=(0.1, 0.5))),
        spaces.Dimension("stages.0.batch", Options(choice=(32, "full"))),
        spaces.Dimension(OPTIMIZER, Options(choice=("adam", "sgd", "sgd-2"))),
        spaces.Dimension(f"{OPTIMIZER}[adam].lr", LogUniform(log_uniform=(1e-4, 1e-2)), adam),
        spaces.Dimension(f"{OPTIMIZER}[adam].amsgrad", Options(choice=(False, True)), adam),
        spaces.Dimension(
            f"{OPTIMIZER}[sgd].momentum", Options(choice=(0.5, 0.9)), ((OPTIMIZER, "sgd"),)
        ),
    )
    assert [each.path for each in spaces.dimensions(space()) if each.holds({OPTIMIZER: "sgd"})][
        -2:
    ] == [OPTIMIZER, f"{OPTIMIZER}[sgd].momentum"]


SETTING: Setting = {
    "model.width": 128,
    "model.depth": 3,
    "model.dropout": 0.2,
    "stages.0.batch": "full",
    OPTIMIZER: "adam",
    f"{OPTIMIZER}[adam].lr": 0.002,
    f"{OPTIMIZER}[adam].amsgrad": True,
}


def test_concrete() -> None:
    recipe = spaces.concrete(space(about="words"), SETTING)
    expected = {
        "name": "space",
        "about": "words",
        "model": {"kind": "mlp", "width": 128, "depth": 3, "dropout": 0.2},
        "stages": [{"batch": "full", "optimizer": {"kind": "adam", "lr": 0.002, "amsgrad": True}}],
    }
    assert recipe == io.from_data(expected, "test")
    other = {k: v for k, v in SETTING.items() if "adam" not in k} | {OPTIMIZER: "sgd-2"}
    optimizer = spaces.concrete(space(), other).stages[0].turns[0].optimizer
    assert optimizer.model_dump(exclude_defaults=True) == {"nesterov": True, "momentum": 0.9}


def without(path: str) -> Setting:
    return {key: value for key, value in SETTING.items() if key != path}


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (without("model.width"), "model.width is a range, and the setting has no value for it"),
        (without("model.dropout"), "model.dropout is a range, and the setting has no value"),
        ({**SETTING, "model.width": 96}, "model.width: there is no option 96"),
        ({**SETTING, "model.width": True}, "model.width: there is no option True"),
        ({**SETTING, "model.depth": 5}, "model.depth: this can't be used"),
        ({**SETTING, "model.depth": 1.5}, "model.depth: this can't be used"),
        ({**SETTING, "model.dropout": "much"}, "model.dropout: this can't be used"),
        ({**SETTING, "model.dropout": 1.5}, "model.dropout: must be < 1, found 1.5"),
        ({**SETTING, OPTIMIZER: "adamm"}, f"{OPTIMIZER}: there is no option 'adamm'"),
        ({**SETTING, "model.wdith": 1}, "there is no range 'model.wdith'"),
        ({**SETTING, f"{OPTIMIZER}[sgd].momentum": 0.5},
         f"{OPTIMIZER}[sgd].momentum has a value and doesn't exist in this setting"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit(setting: Setting, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        spaces.concrete(space(), setting)
    assert caught.value.problem.startswith(f"recipe space: {problem}")


def test_values_that_do_not_go_together_are_found_when_they_meet() -> None:
    recipe = space(
        model={
            "kind": "mlp",
            "width": {"choice": [64, 100]},
            "normalization": {"choice": ["none", "group"]},
        },
        stages=[{}],
    )
    with pytest.raises(InputError) as caught:
        spaces.concrete(recipe, {"model.width": 100, "model.normalization": "group"})
    assert str(caught.value).splitlines() == [
        "recipe space: model: groups must divide width: 100 is no multiple of 8",
        "  found: the setting model.width: 100, model.normalization: group",
        "  do: Take values out of the ranges that don't go together.",
    ]


def test_a_number_may_leave_its_range_and_structure_may_not() -> None:
    assert isinstance(spaces.concrete(space(), {**SETTING, "model.dropout": 0.7}).model, MLP)
