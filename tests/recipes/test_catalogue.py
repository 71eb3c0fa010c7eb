from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from methodic.errors import InputError
from methodic.recipes import catalogue, io, numbers
from methodic.recipes.types import SGD, AdamW, Cosine

LR = "stages.0.turns.0.optimizer.lr"


def test_the_library() -> None:
    assert catalogue.names() == (
        "adam",
        "adamw_cosine",
        "gradient_descent",
        "momentum",
        "rmsprop",
        "sgd",
    )
    assert [recipe.name for recipe in catalogue.all_recipes()] == list(catalogue.names())


@pytest.mark.parametrize("name", catalogue.names())
def test_each_method_is_complete(name: str) -> None:
    recipe = catalogue.get(name)
    assert recipe.name == name
    assert all((recipe.about, recipe.source, recipe.use_when, recipe.not_when))
    assert recipe.model.kind == "auto"
    assert list(numbers.ranges(recipe)) == [LR]
    points = numbers.ranges(recipe)[LR].grid(5)
    for low, high in itertools.pairwise(points):
        assert high / low < 6, "five points leave gaps"
    assert catalogue.text(name).startswith(f"# methodic train DATA --recipe {name}\n")
    assert io.from_yaml(io.to_yaml(recipe), "text") == recipe


def test_the_methods_are_what_their_names_say() -> None:
    optimizers = {name: catalogue.get(name).stages[0].turns[0] for name in catalogue.names()}
    kinds = {name: turn.optimizer.kind for name, turn in optimizers.items()}
    assert kinds == {
        "adam": "adam",
        "adamw_cosine": "adamw",
        "gradient_descent": "sgd",
        "momentum": "sgd",
        "rmsprop": "rmsprop",
        "sgd": "sgd",
    }
    assert catalogue.get("gradient_descent").stages[0].batch == "full"
    assert catalogue.get("sgd").stages[0].batch != "full"
    heavy = optimizers["momentum"].optimizer
    assert isinstance(heavy, SGD)
    assert (heavy.momentum, heavy.nesterov) == (0.9, False)
    cosine = optimizers["adamw_cosine"]
    assert isinstance(cosine.optimizer, AdamW)
    assert cosine.optimizer.weight_decay != 0
    assert cosine.schedule == Cosine(warmup=0.1)


def test_methods_differ_in_what_they_train() -> None:
    keys = set()
    for recipe in catalogue.all_recipes():
        concrete = numbers.replace(recipe, dict.fromkeys(numbers.ranges(recipe), 0.01))
        keys.add(numbers.split(concrete)[0])
    assert len(keys) == len(catalogue.names())


def test_a_path_is_read_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "adam.yaml"
    path.write_text("{name: mine, stages: [{}]}")
    assert catalogue.get(path).name == "mine"
    assert catalogue.get(str(path)).name == "mine"
    with pytest.raises(InputError, match="no such recipe file"):
        catalogue.get("nowhere.yml")


@pytest.mark.parametrize("name", ["admaw_cosine", "ADAM", "../../secret", "", "library/adam"])
def test_an_unknown_name_is_answered(name: str) -> None:
    with pytest.raises(InputError) as caught:
        catalogue.get(name)
    assert caught.value.problem == f"there is no recipe '{name}'"
    if name == "admaw_cosine":
        assert caught.value.advice == "Did you mean 'adamw_cosine'?"
