from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.recipes import io
from methodic.recipes.trees import tree
from methodic.recipes.types import Recipe

QUICK = settings(deadline=None, max_examples=25)


@QUICK
@given(st.data())
def test_a_space_is_the_same_as_yaml_as_json_and_as_data(
    search_spaces: Any, data: st.DataObject
) -> None:
    recipe = io.from_data(data.draw(search_spaces), "test")
    assert io.from_yaml(io.to_yaml(recipe), "text") == recipe
    assert io.from_yaml(io.to_yaml(recipe, defaults=False), "text") == recipe
    assert io.from_data(tree(recipe), "test") == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert Recipe.model_validate(recipe.model_dump()) == recipe
    assert io.from_data(recipe.model_dump(mode="json"), "test") == recipe
    assert list(Recipe.model_validate_json(recipe.model_dump_json()).open) == list(recipe.open)
    assert hash(Recipe.model_validate_json(recipe.model_dump_json())) == hash(recipe)


def test_ranges_read_well_in_place() -> None:
    text = """\
name: mine
model:
  kind: mlp
  width: {choice: [64, 128]}
  depth: {integer: [1, 4]}
stages:
- batch: {choice: [32, full]}
  optimizer:
    choice:
    - kind: adam
      lr: {log_uniform: [0.0001, 0.01]}
      amsgrad: {choice: [true, false]}
    - {kind: sgd, momentum: 0.9}
  regularizers: {choice: [[], [{kind: ema}]]}
stop:
  patience: {choice: [null, 5]}
"""
    recipe = io.from_yaml(text, "text")
    assert io.to_yaml(recipe, defaults=False) == text
    assert "amsgrad: {choice: [true, false]}" in io.to_yaml(recipe)
    assert list(recipe.open) == [
        "model.width",
        "model.depth",
        "stages.0.batch",
        "stages.0.turns.0.optimizer",
        "stages.0.turns.0.optimizer[adam].amsgrad",
        "stages.0.regularizers",
        "stop.patience",
    ]
