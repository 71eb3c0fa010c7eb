"""Images from the command line: what a folder must look like, and a whole way to predictions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pictures
import polars as pl
import pytest

from methodic import cli


def methodic(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(each) for each in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def nothing(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


def broken(folder: Path) -> None:
    pictures.classes(folder)
    for name in ("cats/04.png", "dogs/11.png"):
        (folder / name).write_bytes((folder / name).read_bytes()[:50])


def few(folder: Path) -> None:
    pictures.classes(folder, 2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, ["no images"]),
        (broken, ["2 of 24", "cats/04.png", "dogs/11.png", "--skip-broken"]),
        (few, ["too few rows", "4 rows"]),
    ],
)
def test_folders_that_can_not_be_used(
    make: object, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    make(tmp_path / "pets")
    for command in (["run", "--budget", "60s"], ["train", "--recipe", "sgd"]):
        name, *options = command
        assert methodic(name, tmp_path / "pets", *options, "--out", tmp_path / "out") == 2
        told = capsys.readouterr().err
        assert all(word in told for word in words), told
        assert "Traceback" not in told


def test_a_runs_folder_is_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_text("{}")
    assert methodic("run", tmp_path) == 2
    assert "a run's folder" in capsys.readouterr().err


@pytest.mark.heavy
def test_from_a_folder_to_predictions(tmp_path: Path) -> None:
    for part, each in (("train", 40), ("test", 8)):
        pictures.classes(tmp_path / "pets" / part, each)
    (tmp_path / "pets" / "train" / "cats" / "07.png").write_bytes(b"lost")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from methodic.cli import main; main()", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("train", "pets", "--recipe", "adam", "--steps", "60", "--skip-broken", "--out", "run")
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert sum(plan["data"]["rows"]) == 79 + 16
    run("predict", "run", "pets/test", "-o", "out.csv")
    table = pl.read_csv(tmp_path / "out.csv")
    assert table["file"].to_list()[0] == "cats/00.png"
    told = table.select(pl.col("file").str.split("/").list.first() == pl.col("prediction"))
    assert told.to_series().mean() == 1.0
    assert "cats" in run("predict", "run", "pets/test/cats/03.png")
    assert "accuracy: 1" in run("evaluate", "run", "pets/test")
    (tmp_path / "pets" / "test" / "dogs" / "99.png").write_bytes(b"lost")
    told = json.loads(run("predict", "run", "pets/test", "--skip-broken", "--json"))
    assert told["rows"] == table.height
    assert any("99.png" in note for note in told["notes"])
