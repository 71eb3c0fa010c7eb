"""Folders of new runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic.errors import InputError
from methodic.runs.folders import new_folder, new_run


def test_the_next_free_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [str(new_folder("iris", None)) for _ in range(2)] == ["runs/iris-001", "runs/iris-002"]
    assert new_folder("wine", None).name == "wine-001"
    assert new_folder("a b/../c", None).name == "a_b_.._c-001"
    assert new_folder("", None).name == "data-001"


def test_a_folder_of_the_user_s_choice(tmp_path: Path) -> None:
    assert new_folder("iris", tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    assert new_folder("iris", str(tmp_path / "a" / "b")).is_dir(), "an empty one will do"


def test_folders_that_are_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text("{}")
    for name, message in (("file", "is a file"), ("full", "isn't empty"), ("run", "holds a run")):
        with pytest.raises(InputError, match=message):
            new_folder("iris", tmp_path / name)


def broken_off(folder: Path, wrote: str) -> None:
    """A run that fails after it wrote one file."""
    with new_run("iris", folder) as made:
        (made / wrote).write_text("{}")
        raise ZeroDivisionError


def test_nothing_is_left_of_a_run_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        broken_off(tmp_path / "a", "work/rows")
    assert not (tmp_path / "a").exists()


def test_a_run_with_a_plan_stays_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        broken_off(tmp_path / "a", "plan.json")
    assert (tmp_path / "a" / "work").is_dir()


def test_what_else_lies_there_is_not_taken_away(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        broken_off(tmp_path / "a", "mine")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine"]
