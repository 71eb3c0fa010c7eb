"""Sources of every kind as tables; folders of images say more than their rows."""

from __future__ import annotations

from pathlib import Path

import pictures
import polars as pl
import pytest

from methodic.data.opening import as_ordered, opened
from methodic.errors import InputError
from methodic.plan import Reading


def test_names_files_and_frames(tmp_path: Path) -> None:
    iris = opened("iris")
    assert (iris.name, iris.where) == ("iris", "iris")
    assert iris.target in iris.frame.columns
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    memory = opened(frame)
    assert memory.frame.equals(frame)
    assert (memory.name, memory.where, memory.ordered) == (None, None, False)
    frame.write_parquet(tmp_path / "a.parquet")
    file = opened(tmp_path / "a.parquet")
    assert file.frame.equals(frame)
    assert file.where == str(tmp_path / "a.parquet")


def test_folders(tmp_path: Path) -> None:
    table = opened(pictures.classes(tmp_path, 1))
    assert (table.target, table.ordered, table.part, table.test) == ("label", True, None, None)
    assert as_ordered(Reading(), table, None, "x") == Reading(task="classification")
    assert as_ordered(Reading(split="0.2"), table, None, "x").split == "0.2"
    assert as_ordered(Reading(), opened("iris"), None, "x") == Reading()


def test_a_folder_that_has_its_own_parts(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        pictures.classes(tmp_path / part, 1)
    table = opened(tmp_path)
    said = as_ordered(Reading(), table, None, "x")
    assert said.split == table.part == "part"
    assert as_ordered(said, table, None, "x") == said
    for reading, test in ((Reading(split="0.2"), None), (Reading(), "other.csv")):
        with pytest.raises(InputError, match="x: the folder has test rows"):
            as_ordered(reading, table, test, "x")


def test_one_image_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one image"):
        opened(pictures.write(tmp_path / "a.png"))


def test_images_in_memory_are_found_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pictures.write(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert opened(pl.DataFrame({"file": ["a.png"]})).frame["file"].to_list() == [str(file)]
