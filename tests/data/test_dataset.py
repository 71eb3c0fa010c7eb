"""What a data set tells of itself: its fingerprint, its columns' digests, the facts about it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from tests.data.conftest import N, table


def test_the_same_table_from_anywhere_has_one_fingerprint(csv: Path, tmp_path: Path) -> None:
    frame = table()
    frame.with_columns(pl.col("width").cast(pl.UInt8)).write_parquet(tmp_path / "rows.pq")
    pandas = pd.read_csv(csv)
    pandas["width"] = pandas["width"].astype(float)
    sources = [csv, str(tmp_path / "rows.pq"), frame, pandas, frame.lazy()]
    assert len({load(each).fingerprint for each in sources}) == 1


def test_fingerprints_are_the_same_in_every_process_and_version() -> None:
    assert load("iris").fingerprint == "34903ec839a83b6d"
    assert load(table()).fingerprint == "8d2f646b3d60fcdd"


CHANGES = {
    "a value": lambda f: f.with_columns(width=pl.col("width") + (pl.col("width") == 6)),
    "a text": lambda f: f.with_columns(pl.col("colour").replace("blue", "blau")),
    "missing": lambda f: f.with_columns(pl.col("colour").fill_null("blue")),
    "missing or 0": lambda f: f.with_columns(pl.when(pl.col("width") > 0).then(pl.col("width"))),
    "order of rows": lambda f: f.reverse(),
    "order of columns": lambda f: f.select("colour", "width", "target"),
    "a name": lambda f: f.rename({"width": "height"}),
    "fewer rows": lambda f: f.head(N - 2),
    "test rows": None,
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_the_fingerprint(change: str) -> None:
    data = load(table())
    changed = load(CHANGES[change](table())) if CHANGES[change] else load(table(), test=table())
    assert changed.fingerprint != data.fingerprint


def test_borders_between_texts_count() -> None:
    one, two = (
        load(table(colour=cells * (N // 4))) for cells in (["ab", "c", "ab", "c"], ["a", "bc"] * 2)
    )
    assert one.fingerprint != two.fingerprint


def test_description() -> None:
    facts = dict(load(table(same=[1] * N), name="mine").describe())
    assert facts["data"] == "mine"
    assert facts["columns"] == "1 numeric, 1 categorical"
    assert facts["missing"] == "10 cells (12.50%)"
    assert facts["target"] == "target (binary)"
    assert facts["classes"] == "0 20, 1 20"
    assert facts["left out"] == "same: all values are the same (1)"
    numbers = dict(load("diabetes").describe())
    assert numbers["values"] == "25 to 346, median 140.5"


def test_data_sets_are_frozen() -> None:
    data: DataSet = load("iris")
    with pytest.raises(AttributeError):
        data.name = "other"  # type: ignore[misc]


def test_a_hash_for_each_column(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"x": range(30), "z": [f"c{i % 3}" for i in range(30)], "y": [1.5, 2.5, 3] * 10}
    )
    path = tmp_path / "t.csv"
    frame.write_csv(path)
    known = load(frame, "y").digests
    assert set(known) == {"x", "z", "y"}
    assert load(path, "y").digests == known, "the values count, not the kind of file"
    other = load(frame.with_columns(x=pl.col("x").replace(3, 99)), "y", test=frame)
    changed = {name for name in known if other.digests[name] != known[name]}
    assert changed == {"x"}
    assert {f"test: {name}": value for name, value in known.items()}.items() <= (
        other.digests.items()
    )
