from __future__ import annotations

import os
from pathlib import Path

import pytest

from methodic import arguments
from methodic.errors import InputError
from methodic.recipes import catalogue


def refused(check: object, *args: object) -> InputError:
    with pytest.raises(InputError) as caught:
        check(*args)  # type: ignore[operator]
    return caught.value


def test_data(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("a,b\n1,2\n")
    arguments.check_data("digits")
    arguments.check_data(str(path))
    assert refused(arguments.check_data, "digit").advice == "Did you mean 'digits'?"
    misspelt = refused(arguments.check_data, str(tmp_path / "trian.csv"))
    assert misspelt.problem.endswith("trian.csv: no such file")
    assert misspelt.advice == f"Did you mean '{path}'?"
    arguments.check_data(str(tmp_path))  # of images, as far as anybody knows yet
    arguments.check_data(str(tmp_path / "*.csv"))
    assert "no file matches" in refused(arguments.check_data, str(tmp_path / "*.pq")).problem
    (tmp_path / "plan.json").touch()
    assert "a run's folder" in refused(arguments.check_data, str(tmp_path)).problem
    assert refused(arguments.check_data, "").problem == "there is no data set or file ''"


def test_files(tmp_path: Path) -> None:
    arguments.check_file(None)
    assert "no such file" in refused(arguments.check_file, tmp_path / "a.csv").problem
    assert "no such file" in refused(arguments.check_file, tmp_path).problem


def test_recipes(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.touch()
    assert arguments.check_recipes(None, []) is None
    assert arguments.check_recipes("adam, sgd,", [str(mine)]) == ("adam", "sgd", str(mine))
    assert refused(arguments.check_recipes, "momentm", []).advice == "Did you mean 'momentum'?"
    assert arguments.check_recipes("all", []) == ("all",)
    assert arguments.check_recipes("all", [str(mine)]) == (*catalogue.names(), str(mine))
    assert "named twice" in str(refused(arguments.check_recipes, "all,adam", []))
    assert "named twice" in refused(arguments.check_recipes, "adam", ["adam"]).problem
    assert "no name given" in refused(arguments.check_recipes, " ,", []).problem
    assert "no such file" in refused(arguments.check_recipes, None, ["no.yaml"]).problem


def test_out(tmp_path: Path) -> None:
    arguments.check_out(None)
    arguments.check_out(tmp_path)
    arguments.check_out(tmp_path / "a" / "b")
    file = tmp_path / "file"
    file.touch()
    assert "names a file" in refused(arguments.check_out, file).problem
    assert "leads through a file" in refused(arguments.check_out, file / "a" / "b").problem
    assert "files in it" in refused(arguments.check_out, tmp_path).problem
    run = tmp_path / "run"
    run.mkdir()
    (run / "plan.json").touch()
    old = refused(arguments.check_out, run)
    assert "holds a run already" in old.problem
    assert f"methodic resume {run}" in str(old.advice)


def test_a_read_only_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may write anywhere, so the answer of the system is replaced.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    error = refused(arguments.check_out, tmp_path / "a" / "b")
    assert error.found == f"no permission for {tmp_path}"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps", "xpu:0"])
def test_devices(device: str) -> None:
    arguments.check_device(device)


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cpu ", "CPU"])
def test_no_devices(device: str) -> None:
    assert "there is no device" in refused(arguments.check_device, device).problem


def test_tasks_and_metrics() -> None:
    for task in (None, "binary", "multiclass", "classification", "regression"):
        arguments.check_task(task)
    assert refused(arguments.check_task, "regresion").advice == "Did you mean 'regression'?"
    for metric in (None, "accuracy", "rmse"):
        arguments.check_metric(metric)
    assert refused(arguments.check_metric, "acuracy").advice == "Did you mean 'accuracy'?"


def test_columns() -> None:
    assert arguments.columns([]) == ()
    assert arguments.columns(["a, b", "c c,", ","]) == ("a", "b", "c c")


def test_models_and_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    arguments.check_model(tmp_path)
    assert "no such file" in refused(arguments.check_model, tmp_path / "nowhere").problem
    assert "not a run" in refused(arguments.check_model, tmp_path / "file").problem
    assert "not a run" in refused(arguments.check_run, tmp_path).problem
    assert "no such file" in refused(arguments.check_run, tmp_path / "nowhere").problem
    (tmp_path / "work").mkdir()
    early = refused(arguments.check_run, tmp_path)
    assert "before its plan" in early.problem
    assert "start it again" in (early.advice or "")
    (tmp_path / "records").mkdir()
    assert "not a run" in refused(arguments.check_run, tmp_path).problem
    (tmp_path / "plan.json").touch()
    arguments.check_run(tmp_path)


def test_files_that_commands_write(tmp_path: Path) -> None:
    for endings, fine, wrong in (
        (arguments.TABLES, "a.parquet", "a.md"),
        (arguments.TEXTS, "a.md", "a.parquet"),
        (arguments.SCHEMAS, "a.yml", "a.csv"),
    ):
        arguments.check_written(None, endings)
        arguments.check_written(tmp_path / f"b{endings[0]}", endings)
        arguments.check_written(tmp_path / fine, endings)
        error = refused(arguments.check_written, tmp_path / wrong, endings)
        assert "unknown format" in error.problem
        assert error.accepted == f"a name ending in {' or '.join(endings)}"
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "a.csv"
    said = refused(arguments.check_written, place, arguments.TABLES, "--table")
    assert "--table" in str(said), "the option that named it"
    folder = tmp_path / "b.csv"
    folder.mkdir()
    assert "names a folder" in refused(arguments.check_written, folder, [".csv"]).problem


def test_speed() -> None:
    assert arguments.speed(None, "auto", "contiguous", 2) == {
        "compile": None,
        "precision": "auto",
        "memory_format": "contiguous",
        "width": 2,
    }
    assert "'half'" in refused(arguments.speed, None, "half", "auto", None).problem


@pytest.mark.parametrize(
    "check",
    ["check_data", "check_file", "check_out", "check_model", "check_run", "check_written"],
)
def test_what_the_system_will_not_look_at(check: str) -> None:
    """Names may have 255 bytes; a folder without permission is refused by the same call."""
    path = "x" * 300 + ".csv"
    given = path if check == "check_data" else Path(path)
    more = [arguments.TABLES] if check == "check_written" else []
    error = refused(getattr(arguments, check), given, *more)
    assert "xxx…: it can't be told what is there" in error.problem
    assert error.found == "File name too long"


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)  # the superuser may look at anything
    error = refused(arguments.check_data, str(tmp_path / "t.csv"))
    assert "t.csv" in error.problem
    assert "it can't be told what is there" in error.problem
    assert error.found == "Permission denied"
