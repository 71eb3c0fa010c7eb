"""Objectives without targets, as they are written: limits, and what the data decide."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from methodic import build
from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.recipes import io
from methodic.recipes.kinds.unlabelled import Unlabelled
from methodic.recipes.types import Recipe

KINDS = [each.model_fields["kind"].default for each in get_args(Unlabelled)]


def recipe(**objective: Any) -> dict[str, Any]:
    return {"name": "a", "stages": [{"unlabelled": 8, "objectives": [objective]}]}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_written_and_read(kind: str) -> None:
    read = io.from_data(recipe(kind=kind, weight=0.5), "a.yaml")
    assert io.from_yaml(io.to_yaml(read), "again") == read
    for wrong in (-1.0, "much"):
        with pytest.raises(InputError, match="weight"):
            io.from_data(recipe(kind=kind, weight=wrong), "a.yaml")


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [
        ("simclr", "temperature", 0),
        ("scarf", "corruption", 0),
        ("scarf", "corruption", 1.5),
        ("masked", "share", 0),
        ("masked", "patch", 0),
        ("fixmatch", "threshold", 1),
        ("fixmatch", "alignment", 1.5),
        ("reconstruction", "latent", -1),
        ("reconstruction", "loss", "cubed"),
        ("distillation", "temperature", -2),
        ("generator", "of", "labels"),
        ("vicreg", "projection", [0]),
    ],
)
def test_limits(kind: str, field: str, wrong: object) -> None:
    with pytest.raises(InputError, match=field):
        io.from_data(recipe(kind=kind, **{field: wrong}), "a.yaml")


def test_the_data_decide_the_views() -> None:
    open_ones = Recipe.model_validate(recipe(kind="fixmatch"))
    table = build.resolve(open_ones, "multiclass", 100, Inputs(numeric=4))
    image = Inputs(array=3072, shape=(3, 32, 32), scaling=((0.5, 0.2),) * 3)
    photographs = build.resolve(open_ones, "multiclass", 100, image)
    found = [each.stages[0].turns[0].objectives[0] for each in (table, photographs)]
    assert [each.kind for each in found[0].weak] == ["swap"]  # type: ignore[union-attr]
    assert [v.kind for v in found[1].weak] == ["crop", "flip"]  # type: ignore[union-attr]
    assert "randaugment" in [v.kind for v in found[1].strong]  # type: ignore[union-attr]
    own = Recipe.model_validate(recipe(kind="fixmatch", weak=[], strong=[]))
    kept = build.resolve(own, "multiclass", 100, image).stages[0].turns[0].objectives[0]
    assert kept.weak == kept.strong == ()  # type: ignore[union-attr]
