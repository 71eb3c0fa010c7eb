"""The jobs themselves: run, plan, train, resume, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from methodic import runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError, Interrupted
from methodic.plan import Plan
from methodic.runs import tasks
from tests.runs.conftest import LR, MOMENTUM, PLAIN, SetSpeeds, recipe

SPEEDS = {"plain": (0.1, 0.0), "momentum": (0.1, 0.0)}


def quick(iris: DataSet, out: Path, **changes: Any) -> runs.Run:
    wishes = {"budget": 60, "recipes": [PLAIN, MOMENTUM], "workers": 0, "seeds": 2}
    wishes |= {"splits": "one", **changes}
    return runs.run(iris, out=out, **wishes)


def test_a_run_from_data_to_report(iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path) -> None:
    set_speeds(SPEEDS)
    done = quick(iris, tmp_path / "a", command="methodic run iris")
    assert done.state.status == "finished"
    assert done.leaderboard is not None
    assert done.leaderboard.shipped in SPEEDS
    assert {row.name for row in done.leaderboard.rows} >= {*SPEEDS, "constant", "linear"}
    assert done.report_path.read_text().lstrip().lower().startswith("<!doctype html")
    other = done.report(tmp_path / "other.html")
    assert other.read_text() == done.report_path.read_text()
    answers = done.predict(iris.frame.drop(iris.schema.target))
    stored = pl.read_parquet(tmp_path / "a" / "records" / "curves.parquet")
    assert stored.equals(done.curves)
    records = [json.loads(p.read_text()) for p in (tmp_path / "a" / "records").glob("*-0*.json")]
    points = sum(len(curve) for record in records for curve in record["curves"])
    assert stored.height == points > 0
    hits = (answers["prediction"] == iris.frame[iris.schema.target].cast(pl.String)).mean()
    assert hits > 0.8  # type: ignore[operator]
    plan = Plan.model_validate_json((tmp_path / "a" / "plan.json").read_text())
    assert plan == done.plan
    assert plan.command == "methodic run iris"
    assert runs.load_run(str(tmp_path / "a")) == done
    with pytest.raises(InputError, match="holds a run already"):
        quick(iris, tmp_path / "a")


def test_a_plan_is_what_a_run_would_do(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_speeds(SPEEDS)
    monkeypatch.chdir(tmp_path)
    wishes: dict[str, Any] = {
        "budget": "60s",
        "recipes": [PLAIN, MOMENTUM],
        "workers": 0,
        "splits": "one",
    }
    plan = runs.make_plan(iris, **wishes, seeds=2, seed=3)
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"
    assert plan.budget == 60.0
    assert plan.data.split_seed == 3
    done = quick(iris, tmp_path / "a", seed=3)
    # Steps hang on the time that loading took; all else is the same.
    same = {"data", "metric", "machine", "confirm"}
    assert plan.model_dump(include=same) == done.plan.model_dump(include=same)
    assert [u.members for u in plan.screen] == [u.members for u in done.plan.screen]


def test_interrupted_and_resumed(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_speeds(SPEEDS)
    with monkeypatch.context() as patched:
        train, seen = tasks.train_unit, []

        def stopped(*arguments: Any) -> str:
            if len(seen) == 3:
                raise KeyboardInterrupt
            seen.append(1)
            return train(*arguments)

        patched.setattr(tasks, "train_unit", stopped)
        with pytest.raises(Interrupted):
            quick(iris, tmp_path / "a")
    half = runs.load_run(tmp_path / "a")
    assert half.state.status == "interrupted"
    recorded = half.curves
    assert recorded.select("phase", "recipe", "seed").unique().height == 3
    with pytest.raises(InputError, match="no trained model"):
        half.predict(iris.frame)
    other = load(iris.frame[:100], iris.schema.target)
    with pytest.raises(InputError, match="not the data"):
        runs.resume(tmp_path / "a", data=other)
    done = runs.resume(tmp_path / "a", data=iris)
    assert done.state.status == "finished"
    assert done.plan == half.plan
    assert done.report_path.exists()
    assert done.state.seconds > half.state.seconds
    assert done.curves.filter(phase="screen").height > recorded.height


def test_what_cannot_be_resumed(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        runs.resume(tmp_path)
    plan = tmp_path / "a" / "plan.json"
    plan.parent.mkdir()
    set_speeds(SPEEDS)
    made = runs.make_plan(iris, budget=60, recipes=[PLAIN], workers=0)
    plan.write_text(made.model_dump_json())
    with pytest.raises(InputError, match="prepared data of this run are gone"):
        runs.resume(tmp_path / "a")
    plan.write_text(json.dumps({**json.loads(made.model_dump_json()), "format": 99}))
    with pytest.raises(InputError, match="newer"):
        runs.resume(tmp_path / "a")


def test_train_one_method(iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path) -> None:
    set_speeds(SPEEDS)
    done = runs.train_method(iris, PLAIN, steps=80, seed=2, out=tmp_path / "a")
    assert done.leaderboard is not None
    assert {row.name for row in done.leaderboard.rows} == {"plain", "constant"}
    assert done.bundle.card.seed == 2
    assert done.bundle.card.recipe.stages[0].turns[0].optimizer.lr == pytest.approx(0.1)
    assert done.plan.contenders[0].settings == ({LR: pytest.approx(0.1)},)
    assert done.report_path.exists()
    again = runs.train_method(iris, PLAIN, steps=80, seed=2, out=tmp_path / "b")
    assert again.predict(iris.frame).equals(done.predict(iris.frame))


def test_train_one_method_that_diverges(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    set_speeds({"wild": (0.1, 0.0)})
    wild = recipe("wild", optimizer={"kind": "sgd", "lr": 1e30})
    done = runs.train_method(iris, wild, steps=30, out=tmp_path / "a")
    assert done.state.status == "finished"
    assert done.leaderboard is not None
    assert "diverged" in done.leaderboard.verdict
    assert not done.bundle_path.exists()
    assert done.report_path.exists()


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"budget": "soon"}, "not a duration"),
        ({"recipes": []}, "no recipe to compare"),
        ({"recipes": [PLAIN, PLAIN]}, "same name: plain"),
        ({"recipes": ["sdg"]}, "sdg"),
        ({"metric": "rmse"}, "rmse"),
        ({"seeds": 0}, "--seeds"),
        ({"seed": -1}, "--seed"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_happens(
    iris: DataSet, tmp_path: Path, wishes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        quick(iris, tmp_path / "a", **wishes)
    assert not (tmp_path / "a").exists()


def test_steps_must_be_some(iris: DataSet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--steps"):
        runs.train_method(iris, PLAIN, steps=0, out=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_budget_that_is_too_small_leaves_no_folder(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    set_speeds({"plain": (9.0, 0.0), "momentum": (9.0, 0.0)})
    with pytest.raises(InputError, match="too small"):
        quick(iris, tmp_path / "a")
    assert not (tmp_path / "a").exists()
