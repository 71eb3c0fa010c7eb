from __future__ import annotations

from methodic.recipes import io
from methodic.recipes.places import conditions, plain
from methodic.recipes.ranges import Options


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
