from __future__ import annotations

from typing import Any

import pytest

from methodic.errors import InputError
from methodic.recipes import catalogue, io, spaces
from methodic.recipes.difference import difference
from methodic.recipes.numbers import ranges
from methodic.recipes.ranges import Choice, Integer, LogUniform, Options, Uniform
from methodic.recipes.searching import WORDS, searchable, searched
from methodic.recipes.types import MLP, Recipe

LR = "stages.0.turns.0.optimizer.lr"
TURN = "stages.0.turns.0"


def recipe(model: dict[str, Any] | None = None, **stage: Any) -> Recipe:
    stage = {"optimizer": {"kind": "adam"}, **stage}
    return io.from_data({"name": "a", "model": model or {"kind": "mlp"}, "stages": [stage]}, "a")


def with_network(name: str) -> Recipe:
    found = catalogue.get(name)
    return found.model_copy(update={"model": MLP()}) if found.model.kind == "auto" else found


@pytest.mark.parametrize("name", catalogue.names())
def test_every_method_can_be_searched_and_starts_as_it_is(name: str) -> None:
    plain = with_network(name)
    space = searched(plain, ["all"])
    assert io.from_yaml(io.to_yaml(space), "text") == space
    assert searched(space, ["all"]) == space
    assert set(plain.open) <= set(space.open)
    untuned = spaces.concrete(space, spaces.untuned(space))
    before = spaces.concrete(plain, spaces.untuned(plain))
    changed = [line for line in difference(before, untuned) if "weight_decay: 0 →" not in line]
    assert changed == []  # a decay of 0 has no logarithm


def test_ranges_that_a_recipe_has_stay() -> None:
    given = recipe(
        optimizer={"kind": "adam", "lr": {"uniform": [0.1, 0.2]}}, batch={"choice": [1, 2]}
    )
    found = searched(given, ["lr", "batch", "width"])
    assert ranges(found) == {LR: Uniform(uniform=(0.1, 0.2))}
    assert found.open["stages.0.batch"] == Options(choice=(1, 2))
    assert found.open["model.width"] == Options(choice=(128, 64, 256, 512))


def test_words() -> None:
    found = searched(recipe(), ["lr", "weight_decay", "depth", "dropout", "momentum"])
    assert ranges(found) == {
        "model.dropout": Choice(choice=(0.0, 0.1, 0.2, 0.3, 0.5)),
        LR: LogUniform(log_uniform=(1e-4, 1e-2)),
        f"{TURN}.optimizer.beta1": Choice(choice=(0.9, 0.5, 0.95, 0.99)),
        f"{TURN}.optimizer.weight_decay": LogUniform(log_uniform=(1e-6, 1e-1)),
    }
    assert found.open == {"model.depth": Integer(integer=(1, 4))}
    schedule = {"kind": "cosine"}
    nuisance = searched(recipe(schedule=schedule), ["nuisance"])
    assert list(ranges(nuisance)) == [
        LR,
        f"{TURN}.optimizer.weight_decay",
        f"{TURN}.schedule.length",
    ]


@pytest.mark.parametrize(("own", "low", "high"), [(1, 1, 2), (2, 1, 4), (3, 1, 6), (6, 3, 9)])
def test_depth_is_around_its_own(own: int, low: int, high: int) -> None:
    found = searched(recipe({"kind": "mlp", "depth": own}), ["depth"])
    assert found.open["model.depth"] == Integer(integer=(low, high))


def test_widths_suit_their_heads() -> None:
    vit = searched(recipe({"kind": "vit"}), ["width"])
    assert vit.open["model.width"] == Options(choice=(192, 96, 384))


def test_a_method_s_own_batch_stays() -> None:
    assert searched(recipe(batch="full"), ["batch"]).open == {}
    assert searched(recipe(batch=1), ["all"]).open.get("stages.0.batch") is None


def test_inside_the_options_of_a_choice() -> None:
    rules = {"choice": [{"kind": "adam"}, {"kind": "sgd", "lr": 0.5}]}
    found = searched(recipe(optimizer=rules), ["lr"])
    paths = {each.path: each.range for each in spaces.dimensions(found)}
    assert paths[f"{TURN}.optimizer[adam].lr"] == LogUniform(log_uniform=(1e-4, 1e-2))
    assert paths[f"{TURN}.optimizer[sgd].lr"] == LogUniform(log_uniform=(0.05, 5))
    schedules = searched(recipe(schedule={"kind": "cosine"}), ["schedule", "length"])
    assert f"{TURN}.schedule[linear].length" in {e.path for e in spaces.dimensions(schedules)}


def test_by_path() -> None:
    for path in (f"{TURN}.optimizer.beta2", "stages.0.optimizer.beta2"):
        found = searched(recipe(), [path])
        assert list(ranges(found)) == [f"{TURN}.optimizer.beta2"]


@pytest.mark.parametrize(
    ("field", "problem", "advice"),
    [
        ("wdith", "recipe a, searched: there is no field 'wdith'", "Did you mean 'width'?"),
        ("model.wdith", "recipe a, searched: there is no field 'model.wdith'",
         "Did you mean 'model.width'?"),
        (f"{TURN}.optimizer.epsilon", f"recipe a: no range is known for {TURN}.optimizer.epsilon",
         "Write 'methodic recipes a --space'"),
        ("name", "recipe a: no range is known for name", "Write 'methodic recipes a --space'"),
    ],
)  # fmt: skip
def test_unknown_fields(field: str, problem: str, advice: str) -> None:
    with pytest.raises(InputError) as caught:
        searched(recipe(), [field])
    assert caught.value.problem == problem
    assert str(caught.value.advice).startswith(advice)


def test_a_word_without_a_field_changes_nothing() -> None:
    linear = recipe({"kind": "linear"})
    assert searched(linear, ["width"]) == linear
    assert "width" not in searchable(linear)
    assert {"lr", "batch", "initialization"} <= set(searchable(linear)) <= set(WORDS)
