from __future__ import annotations

from typing import get_args

import pytest
from pydantic import BaseModel

from methodic.recipes import io, spaces, types
from methodic.recipes.defaults import DEFAULTS, GROUPS, Default
from methodic.recipes.searching import WORDS, searched
from methodic.recipes.types import Recipe


def test_words_and_groups() -> None:
    assert {word for group in GROUPS.values() for word in group} <= set(WORDS)
    assert len({each[:3] for each in DEFAULTS}) == len(DEFAULTS)


ROLES: dict[str, tuple[type[BaseModel], ...]] = {
    "optimizer": get_args(get_args(types.Optimizer)[0]),
    "schedule": get_args(get_args(types.Schedule)[0]),
    "model": get_args(get_args(types.Model)[0]),
    "objectives": get_args(get_args(types.Objective)[0]),
    "regularizers": get_args(get_args(types.Regularizer)[0]),
    "clip": (types.Clip,),
    "stages": (types.Stage,),
    "turns": (types.Turn,),
}


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda d: f"{d.role}.{d.field}")
def test_some_part_has_the_field(default: Default) -> None:
    assert any(default.field in part.model_fields for part in ROLES[default.role])


KINDS = [
    (role, part.model_fields["kind"].default)
    for role in ("optimizer", "schedule", "model", "regularizers")
    for part in ROLES[role]
]


@pytest.mark.parametrize(("role", "kind"), KINDS)
def test_every_default_fits_every_part(role: str, kind: str) -> None:
    part = {"kind": kind} | ({"name": "mine"} if kind == "own" else {})
    if kind == "joined":
        part["parts"] = [{"share": 0.5, "schedule": {"kind": "cosine"}}] * 2
    data = {"name": "a", "stages": [{}]}
    if role == "model":
        data["model"] = part
    else:
        data["stages"] = [{role: [part] if role == "regularizers" else part}]
    recipe = searched(io.from_data(data, "a"), ["all"])
    for end in (0, -1):  # the first and the last of each
        setting = spaces.untuned(recipe)
        for each in spaces.dimensions(recipe):
            if each.path in setting and not _has_conditions(recipe, each.path):
                ends = next(iter(each.range.model_dump().values()))
                setting[each.path] = ends[end]
        spaces.concrete(recipe, setting)


def _has_conditions(recipe: Recipe, path: str) -> bool:
    return any(outer == path for each in spaces.dimensions(recipe) for outer, _ in each.given)
