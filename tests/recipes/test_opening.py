from __future__ import annotations

from typing import Any

import pytest

from methodic.errors import InputError
from methodic.recipes import io
from methodic.recipes.opening import is_range, middle, taken
from methodic.recipes.ranges import Integer, LogUniform, Options, Uniform
from methodic.recipes.types import MLP


def model(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "stages": [{}], "model": {"kind": "mlp", **fields}}


def stage(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "stages": [fields]}


def rules(*options: Any) -> dict[str, Any]:
    return stage(optimizer={"choice": list(options)})


ADAM = {"kind": "adam"}
NESTED = {"lr": {"uniform": [1, 2]}, "amsgrad": {"choice": [True, False]}}
CHOICE = "{choice: [a, b, …]}"
WHOLE = f"{{integer: [low, high]}} or {CHOICE}"

# what was written → the message's lines, as far as they matter
TABLE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing to choose from": (model(width={"choice": []}), [
        "a.yaml: model.width: choice needs at least two options", "found: []"]),
    "one option": (model(width={"choice": [64]}), [
        "a.yaml: model.width: choice needs at least two options", "found: [64]"]),
    "an option twice": (model(width={"choice": [64, 8, 64]}), [
        "a.yaml: model.width: choice has the option 64 twice", "found: [64, 8, 64]"]),
    "an option twice, spelt otherwise": (model(width={"choice": [64, 64.0]}), [
        "a.yaml: model.width: choice has the option 64 twice"]),
    "one part": (rules(ADAM), [
        "a.yaml: stages.0.optimizer: choice needs at least two options",
        "found: [{\"kind\": \"adam\"}]"]),
    "a part twice": (rules(ADAM, {**ADAM, "beta1": 0.9}), [
        "a.yaml: stages.0.optimizer: choice has the option {\"kind\": \"adam\", \"lr\": 0.001"]),
    "no list": (model(width={"choice": 5}), [
        "a.yaml: model.width: this is no range", "found: {'choice': 5}", f"accepted: {CHOICE}"]),
    "integer backwards": (model(depth={"integer": [4, 1]}), [
        "a.yaml: model.depth: integer needs low < high", "found: [4, 1]"]),
    "empty integer": (model(depth={"integer": [2, 2]}), [
        "a.yaml: model.depth: integer needs low < high", "found: [2, 2]"]),
    "fractions": (model(depth={"integer": [1.5, 4]}), [
        "a.yaml: model.depth: this is no range", "found: {'integer': [1.5, 4]}"]),
    "below the field": (model(depth={"integer": [0, 4]}), [
        "a.yaml: model.depth: this can't be used", "found: 0", "accepted: a number ≥ 1"]),
    "beyond the field": (model(depth={"integer": [1, 4000]}), [
        "a.yaml: model.depth: this can't be used", "found: {'integer': [1, 4000]}",
        "accepted: a number ≤ 1000"]),
    "fractions of layers": (model(depth={"uniform": [1, 4]}), [
        "a.yaml: model.depth: no range of this kind can stand here",
        "found: {'uniform': [1, 4]}", f"accepted: {WHOLE}"]),
    "log of zero": (stage(layer_decay={"log_uniform": [0, 1]}), [
        "a.yaml: stages.0.layer_decay: log_uniform needs 0 < low < high", "found: [0.0, 1.0]"]),
    "log of zero for a number": (stage(optimizer={**ADAM, "lr": {"log_uniform": [0, 1]}}), [
        "a.yaml: stages.0.optimizer.lr: log_uniform needs 0 < low < high", "found: [0.0, 1.0]"]),
    "whole numbers for a number": (stage(optimizer={**ADAM, "lr": {"integer": [1, 2]}}), [
        "a.yaml: stages.0.optimizer.lr: there is no range 'integer'"]),
    "no such word": (model(activation={"choice": ["relu", "foo"]}), [
        "a.yaml: model.activation: this can't be used", "found: 'foo'", "accepted: 'relu', "]),
    "no such first word": (model(activation={"choice": ["foo", "relu"]}), [
        "a.yaml: model.activation: this can't be used", "found: 'foo'", "accepted: 'relu', "]),
    "numbers for words": (model(activation={"integer": [1, 2]}), [
        "a.yaml: model.activation: no range of this kind can stand here",
        "found: {'integer': [1, 2]}", f"accepted: {CHOICE}"]),
    "yes for a number": (model(width={"choice": [64, True]}), [
        "a.yaml: model.width: this can't be used", "found: True"]),
    "misspelt": (model(activation={"choise": ["relu", "gelu"]}), [
        "a.yaml: model.activation: there is no range 'choise'",
        "found: {'choise': ['relu', 'gelu']}", f"accepted: {CHOICE}",
        "do: Did you mean 'choice'?"]),
    "two ranges": (model(width={"choice": [64, 8], "integer": [1, 3]}), [
        "a.yaml: model.width: a range is one of these, alone", "found: choice, integer"]),
    "a range in a choice": (model(width={"choice": [64, {"integer": [1, 2]}]}), [
        "a.yaml: model.width: a range inside a choice", "found: {'integer': [1, 2]}"]),
    "what nothing goes with": (model(width={"choice": [64, 100]}, normalization="group"), [
        "a.yaml: model.width: the option 100 doesn't fit the rest of the recipe",
        "found: model: groups must divide width: 100 is no multiple of 8",
        "do: Leave the option out, or change what it doesn't go with."]),
    "a choice of kinds": (model(kind={"choice": ["mlp", "tabm"]}), [
        "a.yaml: model.kind: 'kind' can't be searched for",
        "found: {'choice': ['mlp', 'tabm']}",
        "do: Write the choice in place of the whole part: {choice: [{kind: …}, {kind: …}]}."]),
    "name": (stage() | {"name": {"choice": ["a", "b"]}}, [
        "a.yaml: name: 'name' can't be searched for"]),
    "about": (stage() | {"about": {"choice": ["a", "b"]}}, [
        "a.yaml: about: 'about' can't be searched for"]),
    "stages": ({"name": "a", "stages": {"choice": [[{}], [{}]]}}, [
        "a.yaml: stages: 'stages' can't be searched for", "found: {'choice': [[{}], [{}]]}",
        "do: Put ranges inside the stages, or compare two recipes."]),
    "a stage": ({"name": "a", "stages": [{"choice": [{}, {}]}]}, [
        "a.yaml: stages.0: 'stages' can't be searched for"]),
    "turns": (stage(turns=[{"choice": [{}, {}]}]), [
        "a.yaml: stages.0.turns.0: 'turns' can't be searched for"]),
    "share": (stage(share={"uniform": [0.5, 1]}), [
        "a.yaml: stages.0.share: 'share' can't be searched for"]),
    "unknown kind": (rules(ADAM, {"kind": "adamm"}), [
        "a.yaml: stages.0.optimizer: there is no optimizer 'adamm'"]),
    "no kind": (rules(ADAM, {"lr": 1}), [
        "a.yaml: stages.0.optimizer: the optimizer's 'kind' is missing", "found: {'lr': 1}"]),
    "a word for a part": (rules(ADAM, "sgd"), [
        "a.yaml: stages.0.optimizer: the optimizer's 'kind' is missing", "found: 'sgd'"]),
    "numbers for a part": (stage(optimizer={"log_uniform": [1, 2]}), [
        "a.yaml: stages.0.optimizer: no range of this kind can stand here"]),
    "a field of another option": (rules({"kind": "sgd"}, {**ADAM, "momentum": 0.9}), [
        "a.yaml: stages.0.optimizer: unknown field 'momentum' in optimizer adam"]),
    "inside an option": (rules({"kind": "sgd"}, {**ADAM, "amsgrad": {"choice": [True, "x"]}}), [
        "a.yaml: stages.0.optimizer.amsgrad: this can't be used", "found: 'x'"]),
    "an option's own rule": (rules(ADAM, {"kind": "sgd", "nesterov": True}), [
        "a.yaml: stages.0.optimizer: nesterov needs a momentum above 0", "found: 0"]),
    "what stands for changes": (stage(regularizers=[
        {"kind": "augment", "level": {"choice": ["weak", "strong"]}}]), [
        "a.yaml: stages.0.regularizers.0.level: 'level' can't be searched for",
        "found: {'choice': ['weak', 'strong']}"]),
    "open by hand": (stage() | {"open": {"model.width": {"choice": [1, 2]}}}, [
        "a.yaml: there is no field for the range of model.width"]),
    "open by hand, elsewhere": (stage() | {"open": {"stages.0.share": {"uniform": [0.1, 1]}}}, [
        "a.yaml: stages.0.share: 'share' can't be searched for"]),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_what_is_no_space(case: str) -> None:
    data, expected = TABLE[case]
    with pytest.raises(InputError) as caught:
        io.from_data(data, "a.yaml")
    lines = [line.strip() for line in str(caught.value).splitlines()]
    for line, start in zip(lines, expected, strict=False):
        assert line.startswith(start), lines
    assert len(lines) >= len(expected)


def test_what_stands_in_the_field() -> None:
    assert middle(Options(choice=("b", "a"))) == "b"
    assert middle(Integer(integer=(1, 4))) == 2
    assert middle(LogUniform(log_uniform=(0.01, 1))) == 0.1
    assert middle(Uniform(uniform=(0, 1))) == 0.5
    narrow = Uniform(uniform=(1.00001, 1.00002))
    assert 1.00001 <= middle(narrow) <= 1.00002  # though a grid has four digits


def test_ranges_of_numbers_stay_and_those_of_structure_go() -> None:
    data = {
        "model": {"kind": "mlp", "dropout": {"uniform": [0.1, 0.2]}, "width": {"integer": [2, 5]}}
    }
    closed, found = taken(data, "a")
    assert closed == {"model": {"kind": "mlp", "dropout": {"uniform": [0.1, 0.2]}, "width": 3}}
    assert found == {"model.width": Integer(integer=(2, 5))}
    assert data["model"]["width"] == {"integer": [2, 5]}  # type: ignore[index]


def test_values_in_place_of_data() -> None:
    options = Options(choice=(8, 16))
    recipe = io.from_data({"name": "a", "stages": [{}], "model": MLP()}, "a")
    assert recipe.model == MLP()
    assert io.from_data(model(width=options), "a").open == {"model.width": options}


def test_numbers_of_an_own_part_may_be_called_like_a_range() -> None:
    own = {"kind": "own", "name": "mine", "numbers": {"choice": 0.5, "uniform": {"choice": [1, 2]}}}
    recipe = io.from_data(stage(optimizer=own), "a")
    assert recipe.open == {}


def test_is_range() -> None:
    assert is_range({"choice": [1, 2]})
    assert not is_range({"choice": 0.5})
    assert not is_range({"choice": [1], "uniform": [1, 2]})
    assert not is_range([1, 2])
