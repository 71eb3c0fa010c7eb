"""Bad input through the command line: exit code 2, one clear message, no traceback."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from methodic import cli

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


@pytest.mark.parametrize("command", ["report", "resume", "predict"])
def test_folders_that_are_no_runs(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["iris"] if command == "predict" else []
    code, message = end([command, str(tmp_path), *more], capsys)
    assert code == 2
    assert "Traceback" not in message
