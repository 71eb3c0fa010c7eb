from __future__ import annotations

import json
from pathlib import Path

import pytest

from methodic import cli
from methodic.recipes import io
from tests.runs.test_label_curve import RECIPES


def methodic(*args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(args)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, table, out = tmp_path / "plain.yaml", tmp_path / "curve.md", tmp_path / "curve"
    path.write_text(io.to_yaml(RECIPES[0]))
    words = ["labels", "iris", "--at", "20,100%", "--recipe", str(path), "--budget", "none"]
    words += ["--seeds", "2", "--workers", "0", "--out", str(out), "--quiet"]
    assert methodic(*words, "--table", str(table)) == 0
    shown = capsys.readouterr().out
    assert "plain" in shown
    assert f"written: {table}" in shown
    assert "| plain |" in table.read_text()
    assert methodic(*words, "--json") == 0, "what is finished stays"
    found = json.loads(capsys.readouterr().out)
    assert [each["labels"] for each in found["points"]] == ["20", "100%"]
    assert methodic(*words, "--at", "20,40%") == 2
    assert "other words" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--table", "curve.txt"], ["--budget", "soon"], ["--at", "half"], ["--recipes", "nobody"]],
)
def test_wrong_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic("labels", "iris", *words) == 2
    assert "Traceback" not in capsys.readouterr().err
