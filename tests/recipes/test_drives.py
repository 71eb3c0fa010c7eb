"""Driven numbers, when something is switched off."""

from __future__ import annotations

from typing import Any

import pytest

from methodic.recipes import drives
from methodic.recipes.types import Recipe

COSINE = {"kind": "cosine"}
L2 = {"kind": "l2"}


def recipe(*numbers: str, **stage: Any) -> Recipe:
    driven = [{"number": number, "schedule": COSINE} for number in numbers]
    first = {"optimizer": {"kind": "sgd", "momentum": 0.9}, "drives": driven, **stage}
    return Recipe.model_validate({"name": "a", "stages": [first]})


def left(of: Recipe) -> list[str]:
    return [drive.number for drive in of.stages[0].turns[0].drives]


@pytest.mark.parametrize("number", ["optimizer.momentum", "stages.0.turns.0.optimizer.momentum"])
def test_a_number_that_is_there_stays_driven(number: str) -> None:
    whole = recipe(number)
    assert drives.kept(whole) == whole
    off = recipe(number, optimizer={"kind": "sgd"})
    assert left(drives.kept(off)) == []


@pytest.mark.parametrize("start", ["", "stages.0."])
def test_those_behind_one_that_left_moved_up(start: str) -> None:
    names = [f"{start}regularizers.{i}.weight" for i in range(3)]
    two = recipe(*names, regularizers=[L2, L2])
    found = left(drives.kept(two, ("stages", 0, "regularizers", 1)))
    assert found == [f"{start}regularizers.0.weight", f"{start}regularizers.1.weight"]
    assert left(drives.kept(two)) == names[:2]
