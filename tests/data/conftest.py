"""A small table, as a frame and as a file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

N = 40


def table(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "width": [i % 7 for i in range(N)],
            "colour": ["red", "blue", None, "red"] * (N // 4),
            "target": [i % 2 for i in range(N)],
        }
        | columns,
        strict=False,
    )


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    table().write_csv(file)
    return file
