"""`methodic ablate`: what is passed on, what is refused, what is shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from methodic import cli
from methodic.durations import parse_budget
from methodic.evidence.ablation import Ablation, Effect
from methodic.evidence.numbers.statistics import Interval

FOUND = Ablation(
    recipe="adam",
    setting={"stages.0.turns.0.optimizer.lr": 0.01},
    metric="accuracy",
    seeds=10,
    effects=(
        Effect(
            key="schedule",
            words="cosine schedule",
            effect=Interval(mean=0.009, low=0.006, high=0.012, n=10),
            p=0.001,
            adjusted=0.002,
            detected=True,
        ),
    ),
    text=("cosine schedule +0.9 ± 0.3 points",),
)
Calls = dict[str, dict[str, Any]]


def methodic(*args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(args)
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    seen: Calls = {}

    def ablate(run: Path, **kwargs: Any) -> Ablation:
        seen["ablate"] = {"run": run, **kwargs}
        if kwargs.get("seeds") == 99:
            raise KeyboardInterrupt
        return FOUND

    def run(data: Any, **kwargs: Any) -> Any:
        seen["run"] = {"data": data, **kwargs}
        return SimpleNamespace(folder=tmp_path / "new")

    package, module = ModuleType("methodic.runs"), ModuleType("methodic.runs.outcome.ablation")
    package.__dict__.update(run=run)
    module.__dict__.update(ablate=ablate)
    monkeypatch.setitem(sys.modules, "methodic.runs", package)
    monkeypatch.setitem(sys.modules, "methodic.runs.outcome.ablation", module)
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").touch()
    return tmp_path / "run"


def test_a_run(calls: Calls, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--recipe",
        "adam",
        "--data",
        "iris",
        "--seeds",
        "12",
        "--budget",
        "2m",
        "--workers",
        "0",
        "--quiet",
    ]
    assert methodic("ablate", str(folder), *options) == 0
    call = calls["ablate"]
    assert type(call.pop("progress")).__name__ == "Quiet"
    assert call == {
        "run": folder,
        "recipe": "adam",
        "data": "iris",
        "test": None,
        "seeds": 12,
        "budget": 120.0,
        "workers": 0,
    }
    out = capsys.readouterr().out
    assert "What mattered in adam" in out
    assert "10 seeds" in out
    assert "cosine schedule +0.9 ± 0.3 points" in out
    assert "run" not in calls


def test_settings_may_be_words(
    calls: Calls, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search chooses among them."""
    setting = {"stages.0.turns.0.optimizer": "adamw", "stages.0.turns.0.optimizer.lr": 0.003}
    found = FOUND.model_copy(update={"setting": setting})
    ran = sys.modules["methodic.runs.outcome.ablation"]
    monkeypatch.setattr(ran, "ablate", lambda *_, **__: found)
    assert methodic("ablate", str(folder), "--quiet") == 0
    assert "What mattered in adam (optimizer adamw, lr 0.003)" in capsys.readouterr().out


def test_a_document(calls: Calls, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic("ablate", str(folder), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("run") == str(folder)
    assert Ablation.model_validate(document) == FOUND
    assert calls["ablate"]["seeds"] is None
    assert calls["ablate"]["budget"] is None


def test_data_are_run_first(calls: Calls, tmp_path: Path) -> None:
    options = f"--recipe adam --budget 40s --metric auc --out {tmp_path / 'new'} --quiet".split()
    assert methodic("ablate", "iris", *options) == 0
    first, second = calls["run"], calls["ablate"]
    assert first["budget"] == 20.0
    assert [recipe.name for recipe in first["recipes"]] == ["adam"]
    assert (first["metric"], first["out"]) == ("auc", tmp_path / "new")
    assert second["run"] == tmp_path / "new"
    assert second["data"] is first["data"]
    assert 10 <= parse_budget(second["budget"]) <= 40


def test_going_on(calls: Calls, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic("ablate", str(folder), "--recipe", "adam", "--seeds", "99") == 130
    assert f"methodic ablate --recipe adam {folder}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["RUN", "--target", "y"], "--target"),
        (["RUN", "--metric", "auc", "--out", "x"], "--metric, --out"),
        (["RUN", "--budget", "soon"], "soon"),
        (["RUN", "--data", "irsi"], "irsi"),
        (["RUN", "--split", "none.csv"], "none.csv"),
        (["RUN", "--seeds", "1"], "--seeds"),
        (["iris"], "which method"),
        (["iris", "--recipe", "adm"], "adm"),
        (["iris", "--recipe", "adam", "--budget", "12s"], "too short"),
        (["iris", "--recipe", "adam", "--data", "iris"], "--data"),
        (["irsi", "--recipe", "adam"], "irsi"),
        (["EMPTY"], "not a run"),
    ],
)
def test_what_is_refused(
    calls: Calls,
    folder: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"RUN": str(folder), "EMPTY": str(tmp_path / "empty")}
    assert methodic("ablate", *(places.get(each, each) for each in options)) == 2
    assert message in capsys.readouterr().err
    assert not calls
