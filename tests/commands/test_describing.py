"""The command `methodic schema`."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from methodic import cli


def call(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in args])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    columns = {"zip": ["01", "02"] * 20, "row": list(range(40)), "y": [0, 1] * 20}
    pl.DataFrame(columns).write_csv(file)
    return file


def test_shown_saved_edited_and_given_back(csv, tmp_path, capsys) -> None:
    saved = tmp_path / "schema.yaml"
    code, out, err = call(capsys, "schema", csv, "-o", saved)
    assert (code, err) == (0, "")
    assert "numbers the rows" in out
    assert str(saved) in out.replace("\n", "")
    text = saved.read_text(encoding="utf-8")
    assert "row: drop" in text
    saved.write_text(text.replace("zip: numeric", "zip: categorical"), encoding="utf-8")
    code, out, _ = call(capsys, "schema", csv, "--schema", saved, "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["schema"]["columns"][0]["kind"] == "categorical"
    assert {each["name"]: each["use"] for each in shown["seen"]} == {
        "y": "target",
        "zip": "categorical",
        "row": "left out",
    }


def test_errors_are_the_users(csv, tmp_path, capsys) -> None:
    saved = tmp_path / "schema.yaml"
    saved.write_text("columns:\n  zip: date\n", encoding="utf-8")
    code, out, err = call(capsys, "schema", csv, "--schema", saved)
    assert (code, out) == (2, "")
    assert "line 2" in err
    code, _, err = call(capsys, "schema", csv, "-o", tmp_path / "schema.json")
    assert code == 2
    assert ".yaml" in err
    code, _, err = call(capsys, "schema", csv, "--schema", tmp_path / "shema.yaml")
    assert code == 2
    assert "Did you mean" in err
