"""Several numbers of labels: a run each on nested sets of labelled rows; stopped, and gone on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import methodic as mt
from methodic.errors import InputError, Interrupted
from methodic.recipes.types import Recipe
from methodic.runs import label_curve as module
from methodic.runs.label_curve import label_curve

DATA = mt.load("iris")


def recipe(name: str, *objectives: dict[str, Any], **stage: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": name,
            "model": {"kind": "mlp", "width": 8, "depth": 1},
            "stages": [
                {
                    "batch": 16,
                    "objectives": [{"kind": "supervised"}, *objectives],
                    "optimizer": {"kind": "adamw", "lr": 0.01},
                    **stage,
                }
            ],
            "stop": {"steps": 30},
        }
    )


RECIPES = [
    recipe("plain"),
    recipe("beside", {"kind": "reconstruction", "weight": 0.1}, unlabelled=16),
]
GIVEN: dict[str, Any] = {"recipes": RECIPES, "budget": "none", "seeds": 2, "workers": 0}


def test_a_curve_and_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "curve"
    found = label_curve(DATA, ["100%", "20", "40%"], out=out, **GIVEN)
    assert [each.labels for each in found.points] == ["20", "40%", "100%"], "the fewest first"
    rows = [each.rows for each in found.points]
    assert rows == sorted(rows)
    assert rows[0] < 20, "validation rows are among the labelled ones"
    left = [each.unlabelled + each.rows for each in found.points]
    assert found.points[-1].unlabelled == 0
    assert left[0] >= left[-1] == rows[-1]
    for each in found.points:
        assert {"plain", "beside"} <= set(each.scores)
        assert all(each.scores[name].n == 2 for name in ("plain", "beside"))
        run = mt.load_run(out / each.run)
        assert run.report_path.exists()
        board = run.leaderboard
        assert board is not None
        assert each.scores == {row.name: row.test for row in board.rows if row.test is not None}
    assert found.points[0].worth is not None
    assert found.points[0].worth.reads == "beside"
    assert json.loads((out / "labels.json").read_text())["metric"] == "accuracy"

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("what is finished stays")

    monkeypatch.setattr(module, "run", never)
    assert label_curve(DATA, ["20", "40%", "100%"], out=out, **GIVEN) == found
    with pytest.raises(InputError, match="other words") as caught:
        label_curve(DATA, ["20", "40%"], out=out, **GIVEN)
    assert "at: ['20', '40%', '100%']" in str(caught.value)


def test_one_that_was_stopped_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = label_curve(DATA, ["20", "40%"], out=tmp_path / "whole", **GIVEN)
    real, calls = module.run, []

    def stopped(*args: Any, **kwargs: Any) -> Any:
        calls.append(kwargs["out"].name)
        if len(calls) == 2:
            raise Interrupted("")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, "run", stopped)
    with pytest.raises(Interrupted):
        label_curve(DATA, ["20", "40%"], out=tmp_path / "stopped", **GIVEN)
    found = label_curve(DATA, ["20", "40%"], out=tmp_path / "stopped", **GIVEN)
    assert calls == ["labels-20", "labels-40-percent", "labels-40-percent"]
    assert [each.scores["plain"] for each in found.points] == [
        each.scores["plain"] for each in whole.points
    ]


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        (["10%", "10 %"], "twice"),
        (["150", "100%"], "twice"),
        ([], "two or more"),
        (["none"], "not a number of rows"),
        (["2", "100%"], "too few"),
    ],
)
def test_wrong_numbers(tmp_path: Path, at: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        label_curve(DATA, at, out=tmp_path / "curve", **GIVEN)
    assert not list(tmp_path.glob("curve/labels-*"))


def test_data_that_lack_labels_already() -> None:
    with pytest.raises(InputError, match="already"):
        label_curve(mt.load("iris", labels="20"), **GIVEN)


def test_the_time_of_all_runs_is_shared() -> None:
    assert module._share("2m", 4) == 30
    assert module._share(None, 4) == 60
    with pytest.raises(InputError, match="each run"):
        module._share("32s", 4)
