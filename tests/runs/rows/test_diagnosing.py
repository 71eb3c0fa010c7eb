"""Findings of a run: written, told at once, read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import methodic as mt
from methodic import console
from methodic.data.dataset import DataSet
from methodic.diagnosis import Findings
from methodic.report.terminal import Quiet
from methodic.runs.rows.diagnosing import look


class Heard(Quiet):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def leaky() -> DataSet:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=200), "y": random.choice(["n", "p"], 200)})
    return mt.load(frame.with_columns(code=pl.col("y").replace({"n": "N1", "p": "P2"})), "y")


def test_they_are_written_and_serious_ones_told(leaky: DataSet, tmp_path: Path) -> None:
    heard = Heard()
    found = look(tmp_path, leaky, 0, "cv", heard)
    assert heard.lines == ["careful: 'code' is the target 'y' under other names."]
    assert Findings.model_validate_json((tmp_path / "findings.json").read_text()) == found


def test_a_run_has_its_findings(leaky: DataSet, tmp_path: Path) -> None:
    heard = Heard()
    run = mt.train_method(leaky, "adam", steps=5, out=tmp_path / "run", progress=heard)
    (found,) = run.findings
    assert found.name == "disguised target"
    assert "careful: 'code' is the target 'y' under other names." in heard.lines
    assert mt.load_run(run.folder).findings == run.findings
    page = run.report_path.read_text()
    assert "What to doubt" in page
    assert "Doubt these scores." in page
    table = (run.folder / "tables" / "findings.csv").read_text()
    assert "disguised target,True" in table
    again = mt.reproduce(run.folder, leaky, tmp_path / "again")
    assert json.loads((Path(again.again) / "findings.json").read_text()) == json.loads(
        (run.folder / "findings.json").read_text()
    )


def test_a_run_without_findings_says_what_was_looked_for(tmp_path: Path) -> None:
    run = mt.train_method(mt.load("iris"), "adam", steps=5, out=tmp_path / "run")
    assert run.findings == ()
    assert run.diagnosis is not None
    page = run.report_path.read_text()
    assert "What to doubt" not in page
    assert "Found: nothing." in page


def test_a_run_of_an_older_version_has_none(tmp_path: Path) -> None:
    run = mt.train_method(mt.load("iris"), "adam", steps=5, out=tmp_path / "run")
    (run.folder / "findings.json").unlink()
    old = mt.load_run(run.folder)
    assert (old.diagnosis, old.findings) == (None, ())
    assert old.report().exists()


def test_the_command_line_shows_them(
    leaky: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = mt.train_method(leaky, "adam", steps=5, out=tmp_path / "run")
    console.show_run(run, as_json=True)
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["name"], found["columns"], found["serious"]) == (
        "disguised target",
        ["code"],
        True,
    )
    console.show_run(run, as_json=False)
    shown = capsys.readouterr().out
    assert "Doubt the scores: 'code' is the target 'y' under other names." in shown
    assert "with --drop code." in shown


def test_a_class_that_only_the_test_has_is_no_obstacle(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=200), "y": random.choice(["n", "p"], 200)})
    frame = frame.with_columns(part=pl.Series(["train"] * 150 + ["test"] * 50))
    late = pl.int_range(pl.len()) >= 190
    frame = frame.with_columns(y=pl.when(late).then(pl.lit("q")).otherwise(pl.col("y")))
    run = mt.train_method(mt.load(frame, "y", split="part"), "adam", steps=5, out=tmp_path / "run")
    assert [each.name for each in run.findings] == ["unlearnt classes", "shift"]
    assert run.findings[0].numbers == {"classes": 1, "rows": 10, "share": 0.2}
    assert run.plan.data.rows[2] == 50
    assert run.diagnosis is not None
    assert run.diagnosis.split == "'part' names each row's part."
    assert "names each row&#x27;s part." in run.report_path.read_text()
