"""Bad input through the command line: exit code 2, one clear message, no traceback."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from methodic import cli, runs
from methodic.data.loading import load
from tests.runs.conftest import MOMENTUM, PLAIN, pretend, stopping

GOOD = "size,colour,price\n" + "".join(
    f"{i % 7 + 0.5},{'red' if i % 3 else 'blue'},{i * 1.5 + (i % 5)}\n" for i in range(60)
)


def end(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and what went to standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    code = stop.value.code
    return (code if isinstance(code, int) else 0), capsys.readouterr().err


def classes(rows: list[str]) -> str:
    return "a,b,kind\n" + "".join(f"{i},{i * 2 % 7},{kind}\n" for i, kind in enumerate(rows))


TABLE: dict[str, tuple[str, str, list[str], list[str]]] = {
    # name → (content, target, more arguments, words that the message must hold)
    "empty": ("", "price", [], ["t.csv", "empty"]),
    "only a header": ("size,colour,price\n", "price", [], ["t.csv", "row"]),
    "ragged": (GOOD + "1,2\n", "price", [], ["t.csv", "62"]),
    "binary": ("\x00\x01PNG\x00" * 50, "price", [], ["t.csv"]),
    "target misspelt": (GOOD, "prise", [], ["prise", "Did you mean 'price'"]),
    "target not named": ("a,b,c\n" + "1,2,3\n4,5,6\n" * 20, "", [], ["--target", "a, b, c"]),
    "target constant": ("a,y\n" + "".join(f"{i},3\n" for i in range(40)), "y", [], ["y", "3"]),
    "class of one row": (classes(["x", "z"] * 20 + ["rare"]), "kind", [], ["rare"]),
    "duplicate column": (GOOD.replace("colour", "size", 1), "price", [], ["size", "same name"]),
    "infinity": (GOOD.replace("0.5,", "inf,", 1), "price", [], ["size", "infinit"]),
    "unknown task": (GOOD, "price", ["--task", "clasification"], ["clasification"]),
    "unknown metric": (GOOD, "price", ["--metric", "rmsee"], ["rmsee", "rmse"]),
    "metric of another task": (GOOD, "price", ["--metric", "auc"], ["auc", "rmse"]),
    "unknown recipe": (GOOD, "price", ["--recipes", "adamm"], ["adamm", "adam"]),
    "drop of an unknown column": (GOOD, "price", ["--drop", "sise"], ["sise", "size"]),
    "bad budget": (GOOD, "price", ["--budget", "soon"], ["soon", "60s"]),
    "tiny budget": (GOOD, "price", ["--budget", "1s"], ["1s"]),
    "test file lacks a column": (GOOD, "price", ["--split", "other.csv"], ["colour"]),
    "test file is missing": (GOOD, "price", ["--split", "none.csv"], ["none.csv"]),
    "too few labels": (
        classes(["x", "z"] * 40),
        "kind",
        ["--labels", "2"],
        ["--labels 2 is too few", "class '", "--labels 3 or more"],
    ),
    "more labels than rows": (GOOD, "price", ["--labels", "1000"], ["--labels", "1,000"]),
    "no number of labels": (GOOD, "price", ["--labels", "0.05"], ["Did you mean 5%?"]),
    "further rows lack a column": (
        GOOD,
        "price",
        ["--unlabelled", "other.csv"],
        ["other.csv", "colour"],
    ),
    "further rows are missing": (GOOD, "price", ["--unlabelled", "none.csv"], ["none.csv"]),
    "no teacher": (GOOD, "price", ["--teacher", "."], ["no trained model here"]),
    "too few rows": ("a,y\n1,2\n2,3\n4,4\n", "y", [], ["3"]),
}


@pytest.mark.parametrize("name", TABLE)
def test_tables(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, target, more, words = TABLE[name]
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(content)
    Path("other.csv").write_text("size,price\n" + "1,2\n2,3\n" * 20)
    named = ["--target", target] if target else []
    code, message = end(["run", "t.csv", *named, *more], capsys)
    assert code == 2, message
    assert "Traceback" not in message
    for word in words:
        assert word in message
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_names_of_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text(GOOD)
    code, message = end(["run", "trian.csv"], capsys)
    assert (code, "train.csv" in message) == (2, True)
    code, message = end(["run", "digit"], capsys)
    assert (code, "digits" in message) == (2, True)
    code, message = end(["run", str(tmp_path)], capsys)
    assert code == 2
    assert "folder" in message


def test_damaged_parquet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(40), "y": np.arange(40) * 0.5}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    code, message = end(["run", str(path), "--target", "y"], capsys)
    assert code == 2
    assert "t.parquet" in message


def test_unknown_field_in_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\nstages:\n  - optimizer: {kind: adam, momentun: 0.9}\n")
    code, message = end(["run", "iris", "--recipe", str(recipe)], capsys)
    assert code == 2
    assert "momentun" in message
    assert "mine.yaml" in message


def test_a_network_of_which_not_even_one_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 GB for one copy of its weights; nothing of it is made."""
    recipe = tmp_path / "wide.yaml"
    recipe.write_text(
        "name: wide\nmodel: {kind: mlp, width: 65536, depth: 30}\n"
        "stages:\n  - optimizer: {kind: adam, lr: 0.01}\n"
    )
    out = tmp_path / "run"
    code, message = end(["train", "iris", "--recipe", str(recipe), "--out", str(out)], capsys)
    assert code == 2, message
    assert "Traceback" not in message
    for word in ("more memory than there is", "wide needs about", "are free", "smaller network"):
        assert word in message
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    code, message = end(["run", "iris", "--out", str(tmp_path / "run")], capsys)
    assert code == 2
    assert "can't be written" in message


def test_output_that_is_a_file_or_a_run_or_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    run = tmp_path / "run"
    run.mkdir()
    (run / "plan.json").write_text("{}")
    for out, word in (
        (tmp_path / "file", "file"),
        (tmp_path / "file" / "below", "file"),
        (run, "run"),
        (tmp_path, "empty"),
    ):
        code, message = end(["run", "iris", "--out", str(out)], capsys)
        assert code == 2, message
        assert word in message
    # A device without room refuses what a read-only folder refuses.
    if Path("/dev/full").exists():
        code, message = end(["run", "iris", "--out", "/dev/full"], capsys)
        assert code == 2


@pytest.mark.parametrize("command", ["report", "resume", "reproduce", "predict"])
def test_folders_that_are_no_runs(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["iris"] if command == "predict" else []
    code, message = end([command, str(tmp_path), *more], capsys)
    assert code == 2
    assert "Traceback" not in message


# --- runs that can't go on, or can't be reproduced ---------------------------------------------


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in its confirmation."""
    folder = tmp_path_factory.mktemp("half") / "run"
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, {"plain": (0.1, 0.0), "momentum": (0.1, 0.0)})
        with stopping(8):
            runs.run(
                load("iris"),
                budget=60,
                recipes=[PLAIN, MOMENTUM],
                workers=0,
                seeds=10,
                splits="one",
                out=folder,
            )
    return folder


def edit(name: str, **changes: object) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**document, **changes}))

    return apply


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-30])


def gone(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def on_another_machine(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    edit("plan.json", machine={**plan["machine"], "capability": "AVX1024"})(folder)


RECORD = "records/screen-001-plain.json"
RUNS: dict[str, tuple[str, Callable[[Path], object], list[str]]] = {
    # name → (command, what happened to the run, words that the message must hold)
    "finished": ("resume", edit("run.json", status="finished"), ["finished", "reproduce"]),
    "newer plan": ("resume", edit("plan.json", format=99), ["plan.json", "newer", "format 99"]),
    "newer state": ("resume", edit("run.json", format=99), ["run.json", "newer"]),
    "newer record": ("resume", edit(RECORD, format=99), [RECORD, "newer"]),
    "damaged plan": ("resume", cut("plan.json"), ["plan.json", "damaged"]),
    "plan with an unknown field": ("resume", edit("plan.json", x=1), ["plan.json", "x:"]),
    "damaged record": ("resume", cut(RECORD), [RECORD, "damaged", "Delete this file"]),
    "record that lacks a field": ("resume", edit(RECORD, members=3), [RECORD, "members"]),
    "damaged state": ("resume", cut("run.json"), ["run.json", "damaged"]),
    "changed rows": ("resume", cut("work/rows.safetensors"), ["rows.safetensors", "changed"]),
    "changed encoders": ("resume", edit("work/encoders.json", x=1), ["encoders.json", "changed"]),
    "no rows": ("resume", gone("work/rows.safetensors"), ["rows.safetensors", "no such file"]),
    "no manifest": ("resume", gone("work/manifest.json"), ["work", "gone"]),
    "no plan": ("resume", gone("plan.json"), ["not a run"]),
    "another processor": ("resume", on_another_machine, ["AVX1024 then", "--any-machine"]),
    "no weights": (
        "resume", gone("work/confirm-000-plain.safetensors"),
        ["confirm-000-plain.json", "no such file", "Delete this file"],
    ),
    "reproduce a newer plan": ("reproduce", edit("plan.json", format=99), ["plan.json", "newer"]),
    "reproduce a damaged plan": ("reproduce", cut("plan.json"), ["plan.json", "damaged"]),
    "reproduce damaged predictions": (
        "reproduce", cut("records/baseline-linear.predictions.parquet"),
        ["baseline-linear.predictions.parquet", "damaged"],
    ),
    "reproduce other data": (
        "reproduce --data wine", lambda folder: None, ["not the data", "178 now"],
    ),
    "reproduce misspelt data": ("reproduce --data irs", lambda folder: None, ["iris"]),
    "reproduce into itself": ("reproduce --out run", lambda folder: None, ["the run itself"]),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_runs(
    name: str,
    half: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, happen, words = RUNS[name]
    monkeypatch.chdir(tmp_path)
    happen(Path(shutil.copytree(half, "run")))
    before = sorted(Path("run").rglob("*"))
    verb, *options = command.split()
    code, message = end([verb, "run", *options], capsys)
    assert code == 2, message
    assert "Traceback" not in message
    for word in words:
        assert word in message
    assert sorted(Path("run").rglob("*")) == before, "nothing was begun"
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_a_run_that_is_being_worked_on(
    half: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(half, tmp_path / "run"))
    with FileLock(run / "work" / "lock"):
        for command in ("resume", "reproduce"):
            code, message = end([command, str(run)], capsys)
            assert code == 2
            assert "another process" in message


def test_a_run_in_a_folder_that_can_not_be_written(
    half: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Path(shutil.copytree(half, tmp_path / "run"))
    # Permissions don't stop root, as whom tests may run.
    monkeypatch.setattr(os, "access", lambda path, mode, **_: Path(path) != run / "records")
    code, message = end(["resume", str(run)], capsys)
    assert code == 2
    assert f"{run / 'records'}: a run goes on in its own folder" in message
