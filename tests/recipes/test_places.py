from __future__ import annotations

import pytest

from methodic.errors import InputError
from methodic.recipes import io, spaces
from methodic.recipes.kinds.objectives import CrossEntropy
from methodic.recipes.places import conditions, mapped, plain, with_model
from methodic.recipes.ranges import Options
from methodic.recipes.types import MLP, Auto, Recipe


def test_paths() -> None:
    path = "model[mlp-2].numeric_embedding[pbld].bins"
    assert plain(path) == "model.numeric_embedding.bins"
    assert conditions(path) == (
        ("model", "mlp-2"),
        ("model[mlp-2].numeric_embedding", "pbld"),
    )
    assert conditions("model.width") == ()


def test_options_are_written_out_as_the_recipe_has_them() -> None:
    data = {
        "name": "a",
        "model": {"kind": "ft_transformer", "expansion": {"choice": [2, 4]}},
        "stages": [{"optimizer": {"choice": [{"kind": "lbfgs", "lr": 1}, {"kind": "sgd"}]}}],
    }
    recipe = io.from_data(data, "a")
    expansions = recipe.open["model.expansion"]
    assert isinstance(expansions, Options)
    assert [type(each) for each in expansions.choice] == [float, float]
    rules = recipe.open["stages.0.turns.0.optimizer"]
    assert isinstance(rules, Options)
    first = rules.choice[0]
    assert first == recipe.stages[0].turns[0].optimizer.model_dump(mode="json")
    assert first["iterations"] == 20


def test_an_option_inside_an_option_is_tried_there() -> None:
    model = {"choice": [{"kind": "linear"}, {"kind": "mlp", "width": {"choice": [8, 16]}}]}
    recipe = io.from_data({"name": "a", "model": model, "stages": [{}]}, "a")
    assert recipe.open["model[mlp].width"] == Options(choice=(8, 16))
    assert recipe.model.kind == "linear"


def resolved(recipe: Recipe) -> Recipe:
    """An automatic network is chosen, and the usual loss."""
    model = MLP(depth=7) if isinstance(recipe.model, Auto) else recipe.model
    stage = recipe.stages[0]
    objectives = tuple(
        CrossEntropy(label_smoothing=each.label_smoothing) if each.kind == "supervised" else each
        for each in stage.turns[0].objectives
    )
    turn = stage.turns[0].model_copy(update={"objectives": objectives})
    stages = (stage.model_copy(update={"turns": (turn,)}),)
    return recipe.model_copy(update={"model": model, "stages": stages})


def test_a_change_reaches_the_options_and_their_own_ranges() -> None:
    smoothing = {"kind": "supervised", "label_smoothing": {"choice": [0.0, 0.1]}}
    networks = [{"kind": "auto"}, {"kind": "mlp", "width": {"choice": [8, 16]}}]
    stage = {
        "objectives": [{"choice": [{"kind": "focal"}, smoothing]}],
        "batch": {"choice": [1, 2]},
    }
    data = {"name": "a", "model": {"choice": networks}, "stages": [stage]}
    space = mapped(io.from_data(data, "a"), resolved)
    assert space.model == MLP(depth=7)
    objective = "stages.0.turns.0.objectives.0"
    assert [each.path for each in spaces.dimensions(space)] == [
        "model",
        "model[mlp-2].width",
        "stages.0.batch",
        objective,
        f"{objective}[cross_entropy].label_smoothing",
    ]
    untuned = spaces.untuned(space)
    assert spaces.concrete(space, untuned) == resolved(spaces.concrete(space, untuned))
    assert Recipe.model_validate_json(space.model_dump_json()) == space
    assert io.from_yaml(io.to_yaml(space), "text") == space


def test_options_that_come_to_the_same_are_an_error() -> None:
    objectives = [{"choice": [{"kind": "supervised"}, {"kind": "cross_entropy"}]}]
    space = io.from_data({"name": "a", "stages": [{"objectives": objectives}]}, "a")
    with pytest.raises(InputError, match="two of the options come to the same here"):
        mapped(space, resolved)


def test_another_network_has_no_ranges() -> None:
    data = {
        "name": "a",
        "model": {"kind": "mlp", "width": {"choice": [8, 16]}},
        "stages": [{"batch": {"choice": [1, 2]}}],
    }
    found = with_model(io.from_data(data, "a"), Auto())
    assert list(found.open) == ["stages.0.batch"]
    assert Recipe.model_validate(found.model_dump()) == found
