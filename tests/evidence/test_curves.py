"""Learning curves as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from methodic.errors import InputError
from methodic.evidence import curves
from methodic.plan import CurvePoint, UnitRecord


def with_curves(record: UnitRecord, points: int) -> UnitRecord:
    """Curves whose numbers tell where they belong."""
    found = tuple(
        tuple(
            CurvePoint(
                step=10 * i,
                train_loss=None if i == 2 else m + i / 10,
                validation_loss=0.5,
                score=i / 7,
            )
            for i in range(1, points + 1)
        )
        for m in range(len(record.members))
    )
    return record.model_copy(update={"curves": found})


@pytest.fixture
def records(make_record: Any) -> list[UnitRecord]:
    return [
        with_curves(make_record("screen", "plain", [0.9, 0.8], setting=1, first_seed=3), 3),
        with_curves(make_record("confirm", "fancy", [0.7]), 2),
    ]


def test_one_row_for_each_member_and_evaluation(records: list[UnitRecord], tmp_path: Path) -> None:
    path = tmp_path / curves.NAME
    curves.write(path, records)
    frame = curves.read(path)
    assert frame.equals(curves.table(records))
    assert tuple(frame.columns) == curves.COLUMNS
    assert frame.height == 2 * 3 + 1 * 2
    assert frame["phase"].to_list() == ["screen"] * 6 + ["confirm"] * 2
    assert frame["setting"].to_list() == [1] * 6 + [0] * 2
    mine = frame.filter(recipe="plain", seed=4)
    assert mine["step"].to_list() == [10, 20, 30]
    assert mine["train_loss"].to_list() == [1.1, None, 1.3], "what isn't finite is null"
    assert mine["score"].to_list() == [1 / 7, 2 / 7, 3 / 7], "to the bit"
    assert [file.name for file in tmp_path.iterdir()] == [curves.NAME]


def test_no_record_makes_an_empty_table(tmp_path: Path) -> None:
    curves.write(tmp_path / curves.NAME, [])
    frame = curves.read(tmp_path / curves.NAME)
    assert frame.height == 0
    assert frame.schema["score"] == pl.Float64


def test_seeds_beyond_64_bits(make_record: Any) -> None:
    large = with_curves(make_record("train", "plain", [1.0], first_seed=2**70), 1)
    assert curves.table([large])["seed"].to_list() == [str(2**70)]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 but no more PAR1"])
def test_a_damaged_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / curves.NAME
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged") as caught:
        curves.read(path)
    assert str(path) in str(caught.value)
    pl.DataFrame({"step": [1]}).write_parquet(path)
    with pytest.raises(InputError, match="damaged"):
        curves.read(path)
    with pytest.raises(InputError, match="no such file"):
        curves.read(tmp_path / "nowhere")
