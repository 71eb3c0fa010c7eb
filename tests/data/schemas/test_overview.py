"""What was read off a table, shown and saved."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from methodic.data.loading import load
from methodic.data.schemas.document import parse
from methodic.data.schemas.overview import overview, to_yaml

N = 100
WORDS = [*"abcdefghij"]
FRAME = pl.DataFrame(
    {
        "size": [None if i == 3 else i / 4 for i in range(N)],
        "level": ["unknown" if i == 3 else str(i) for i in range(N)],
        "a colour:": ["red", "blue\nish", None, "red"] * (N // 4),
        "sold": [date(2024, 1, 1) + timedelta(days=i) for i in range(N)],
        "note": [" ".join(WORDS[(i * k) % 10] for k in range(1, 7)) + f" {i}" for i in range(N)],
        "picture": pl.Series(np.zeros((N, 3, 8, 8), dtype=np.uint8)),
        "same": [1] * N,
        "g": [i // 4 for i in range(N)],
        "y": ["yes", "no"] * (N // 2),
    }
)
DATA = load(FRAME, "y", group="g", drop=())


def test_each_column_is_described() -> None:
    seen = {each.name: each for each in overview(DATA)}
    assert list(seen)[:2] == ["y", "g"]
    assert {name: each.use for name, each in seen.items()} == {
        "y": "target",
        "g": "group",
        "size": "numeric",
        "level": "numeric",
        "a colour:": "categorical",
        "sold": "date",
        "note": "text",
        "picture": "image",
        "same": "left out",
    }
    assert (seen["size"].values, seen["size"].missing) == ("0 to 24.75", 1)
    assert seen["level"].becomes == "a number; missing where it is 'unknown'"
    assert seen["a colour:"].values == "2 different: red, blue ish"
    assert seen["sold"].values == "2024-01-01 to 2024-04-09"
    assert seen["sold"].becomes.startswith("7 numbers: days; day of the year, sine")
    assert seen["note"].becomes == "64 numbers: hashed words and letters"
    assert "3 × 8 × 8" in seen["picture"].values
    assert seen["same"].values == "all values are the same (1)"


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    text = to_yaml(DATA)
    said = parse(text, "s.yaml")
    columns = tuple(column for column in said.columns.values() if column is not None)
    assert columns == DATA.schema.columns
    assert said.columns["same"] is None
    assert (said.targets, said.task, said.roles) == (("y",), "binary", {"group": "g"})
    file = tmp_path / "schema.yaml"
    file.write_text(text, encoding="utf-8")
    again = load(FRAME, schema=file)
    assert again.schema.columns == DATA.schema.columns
    assert again.schema.group == "g"
    assert again.fingerprint == DATA.fingerprint
    assert to_yaml(again).splitlines()[:8] == text.splitlines()[:8]


def test_several_targets() -> None:
    frame = pl.DataFrame({f"c{i}": np.random.default_rng(i).normal(size=N) for i in range(4)})
    text = to_yaml(load(frame, ("c1", "c2")))
    assert "target: [c1, c2]\ntask: regression\n" in text
    assert parse(text, "s.yaml").targets == ("c1", "c2")
