"""Plans that no clock has a part in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from methodic.data.dataset import DataSet
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.plan import Plan
from methodic.recipes.types import Recipe
from methodic.runs.machine import compiling
from methodic.runs.plans import fixed
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows.preparation import Prepared
from methodic.tuning import Search
from tests.runs.conftest import execute, recipe

SHORT = recipe("short", stop={"steps": 30})
LONG = recipe("long", stop={"epochs": 20})


def make(iris: DataSet, prepared: Prepared, folder: Path, *recipes: Recipe, **wishes: Any) -> Plan:
    asked = Wishes(
        recipes=recipes,
        metric="accuracy",
        budget=math.inf,
        named=True,
        **{"workers": 0, "splits": "one", "seeds": 2, "compile": False, **wishes},
    )
    with Pool(0, 1) as pool:
        return fixed.make(iris, prepared, folder, pool, asked, 0.0)


def test_recipes_train_as_long_as_they_say(
    iris: DataSet, prepared: Prepared, tmp_path: Path
) -> None:
    plan = make(iris, prepared, tmp_path, SHORT, LONG)
    rows = prepared.counts[0]
    assert [c.steps for c in plan.contenders] == [(30,), (20 * rows // 32,)]
    assert [c.confirm_steps for c in plan.contenders] == [c.steps for c in plan.contenders]
    assert plan.budget is None
    board = execute(plan, tmp_path / "run", prepared)
    assert {row.steps for row in board.rows if row.test and row.kind == "method"} == {
        30,
        20 * rows // 32,
    }


def test_the_same_plan_each_time(iris: DataSet, prepared: Prepared, tmp_path: Path) -> None:
    search = Search(settings=9)
    plans = [make(iris, prepared, tmp_path, SHORT, search=search) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0].search is not None
    assert plans[0].search.settings == 9


def test_stages_share_the_steps(iris: DataSet, prepared: Prepared, tmp_path: Path) -> None:
    entropy = [{"kind": "cross_entropy"}]
    staged = Recipe.model_validate(
        {
            "name": "staged",
            "model": {"kind": "mlp", "width": 8, "depth": 1},
            "stages": [
                {"name": "first", "share": 0.4, "batch": 16, "objectives": entropy},
                {"name": "second", "share": 0.6, "batch": 32, "objectives": entropy},
            ],
            "stop": {"steps": 50},
        }
    )
    (contender,) = make(iris, prepared, tmp_path, staged).contenders
    assert contender.steps == (20, 30)


def test_a_recipe_without_an_end(iris: DataSet, prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would never end") as error:
        make(iris, prepared, tmp_path, SHORT, recipe("endless"))
    assert "stop" in (error.value.accepted or "")


def test_whether_to_compile_is_judged_by_the_number_of_steps(
    iris: DataSet, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "missing_compiler", lambda: None)
    much = recipe("much", stop={"steps": 20_000})
    few, many = (
        make(iris, prepared, tmp_path, each, compile=None, seeds=10) for each in (SHORT, much)
    )
    assert not few.machine.compiled
    assert many.machine.compiled
    assert make(iris, prepared, tmp_path, SHORT, compile=True).machine.compiled
    monkeypatch.setattr(compiling, "missing_compiler", lambda: "no compiler here")
    plan = make(iris, prepared, tmp_path, much, compile=None)
    assert not plan.machine.compiled
    assert any("no compiler here" in note for note in plan.notes)
