"""Several numbers of labels: a run each on nested sets of labelled rows; stopped, and gone on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import methodic as mt
from methodic.durations import parse_budget
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
    out = tmp_path / "stopped"
    with pytest.raises(Interrupted, match=re.escape(str(out))):
        label_curve(DATA, ["20", "40%"], out=out, **GIVEN)
    # As a kill leaves them: one while it was planned, one before its report was written.
    (out / "labels-40-percent" / "work").mkdir(parents=True)
    (out / "labels-40-percent" / "work" / "rows").touch()
    (out / "labels-20" / "report.html").unlink()
    found = label_curve(DATA, ["20", "40%"], out=tmp_path / "stopped", **GIVEN)
    assert calls == ["labels-20", "labels-40-percent", "labels-40-percent"]
    assert (out / "labels-20" / "report.html").exists()
    other = [RECIPES[0], recipe("beside", {"kind": "vicreg", "weight": 0.1}, unlabelled=16)]
    with pytest.raises(InputError, match="other words") as caught:
        label_curve(DATA, ["20", "40%"], out=out, **{**GIVEN, "recipes": other})
    assert "recipes" in str(caught.value)
    assert [each.scores["plain"] for each in found.points] == [
        each.scores["plain"] for each in whole.points
    ]


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        (["10%", "10 %"], "twice"),
        ([60, "47%"], "twice"),
        ([], "no number"),
        ("20,none", "--at: not a number of rows"),
        ([2, 100], "--at 2 is too few"),
        ([100, 5000], "--at asks for more rows"),
    ],
)
def test_wrong_numbers(tmp_path: Path, at: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        label_curve(DATA, at, out=tmp_path / "curve", **GIVEN)
    assert "--labels" not in str(caught.value)
    assert not (tmp_path / "curve").exists(), "all numbers are looked at before anything begins"


def test_the_fewest_come_first_by_the_rows_that_may_keep_a_target() -> None:
    assert module._ordered("100%,60,40%", DATA, 0) == ["40%", "60", "100%"]


def test_data_that_lack_labels_already_or_are_streamed() -> None:
    with pytest.raises(InputError, match="already"):
        label_curve(mt.load("iris", labels="20"), **GIVEN)
    streamed: Any = replace(DATA, large=object())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="piece by piece"):
        label_curve(streamed, **GIVEN)


def test_words_that_began_nothing_bind_nobody(tmp_path: Path) -> None:
    out = tmp_path / "curve"
    hungry = {**GIVEN, "budget": "20s", "recipes": ["adam", "sgd", "momentum", "rmsprop"]}
    with pytest.raises(InputError, match="too small") as caught:
        label_curve(DATA, ["20", "40%"], out=out, **{**hungry, "seeds": 5000})
    assert "one of 2 runs" in str(caught.value)
    assert label_curve(DATA, ["40%"], out=out, **GIVEN).points[0].labels == "40%"


def test_the_time_of_all_runs_is_shared() -> None:
    assert module._share("2m", 4) == 30
    assert module._share(None, 4) == 60
    assert parse_budget(module._share("100s", 3)) == 33.333
    with pytest.raises(InputError, match="too short for so many") as caught:
        module._share("32s", 4)
    assert "at least 40s" in str(caught.value)
