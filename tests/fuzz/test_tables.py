"""Damaged tables: each ends in a result or in one clear error, in bounded time and memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import damage
from tests.fuzz.bounded import Bounded
from tests.fuzz.conftest import fresh, many, some

ROWS = 40
HEADER = ["id", "size", "share", "price", "when", "sure", "kind", "note", "y"]
GOOD = [
    [
        f"r{i:03d}",
        f"{i % 7 + 0.5}",
        f"{i % 10 * 10}%",
        f"{1000 + i * 37:,}",
        f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}",
        "yes" if i % 3 else "no",
        ("red", "green", "blue", "")[i % 4],
        f"it was {'good' if i % 2 else 'bad'} on day {i}",
        f"{(i % 5) * 1.5 + i % 2}",
    ]
    for i in range(ROWS)
]
KINDS = ("csv", "tsv", "txt", "parquet", "jsonl", "arrow", "csv.gz", "csv.zst")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1")


def text_of(rows: list[list[str]], separator: str, line: str) -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator=line).writerows(rows)
    return stream.getvalue()


def frame_of(rows: list[list[str]]) -> pl.DataFrame:
    """The table with columns of several types, names made different."""
    width = max((len(row) for row in rows), default=0)
    names = [*rows[0], *[""] * (width - len(rows[0]))] if rows else []
    filled = [[*row, *[None] * (width - len(row))] for row in rows[1:]]
    columns = {}
    for i, name in enumerate(names):
        column = pl.Series([row[i] for row in filled], dtype=pl.String)
        numbers = column.cast(pl.Float64, strict=False)
        columns[f"{name}{i if name in columns else ''}"] = (
            numbers if numbers.null_count() < len(numbers) / 2 else column
        )
    return pl.DataFrame(columns)


def written(kind: str, rows: list[list[str]], separator: str, line: str, encoding: str) -> bytes:
    """A table as the bytes of a file."""
    separator = {"tsv": "\t"}.get(kind, separator)
    if kind in ("parquet", "arrow"):
        stream = io.BytesIO()
        frame = frame_of(rows)
        frame.write_parquet(stream) if kind == "parquet" else frame.write_ipc(stream)
        return stream.getvalue()
    if kind == "jsonl":
        return b"".join(
            json.dumps(dict(zip(rows[0], row, strict=False))).encode() + b"\n" for row in rows[1:]
        )
    content = text_of(rows, separator, line).encode(encoding, errors="replace")
    if kind.endswith(".gz"):
        return gzip.compress(content, mtime=0)
    if kind.endswith(".zst"):
        import pyarrow as pa

        packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
        return packed
    return content


class Damage(NamedTuple):
    """How a table is written, and what happens to its cells and then to its bytes."""

    kind: str
    cells: list[tuple[str, float, float, str]]
    separator: str
    line: str
    encoding: str
    edits: list[tuple[int, float, float]]

    def content(self) -> bytes:
        """The damaged file."""
        rows = damage.edited([HEADER, *GOOD], self.cells)
        made = written(self.kind, rows, self.separator, self.line, self.encoding)
        return damage.damaged(made, self.edits)


def tables() -> st.SearchStrategy[Damage]:
    return st.builds(
        Damage,
        st.sampled_from(KINDS),
        damage.cell_edits(),
        st.sampled_from([",", ";", "|", "\t"]),
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from(ENCODINGS),
        damage.bytes_edits(),
    )


@pytest.fixture(scope="module")
def model(place: Path, command: Bounded) -> Path:
    """A model that was trained on the whole table."""
    good = place / "good.csv"
    good.write_text(text_of([HEADER, *GOOD], ",", "\n"))
    out = place / "model"
    command.warm(train(place, good, out))
    return out


def train(place: Path, data: Path, out: Path) -> list[str]:
    recipe = str(place / "small.yaml")
    return [
        "train", str(data), "--target", "y", "--task", "regression", "--recipe", recipe,
        "--steps", "2", "--out", str(out), "--quiet",
    ]  # fmt: skip


def check(place: Path, model: Path, command: Bounded, table: Damage) -> None:
    """Train on a damaged table, and predict it."""
    data = place / f"table.{table.kind}"
    data.write_bytes(table.content())
    out = fresh(place)
    answer = command.ended(train(place, data, out))
    assert answer.code == 0 or not out.exists(), "half a run is left behind"
    shutil.rmtree(out, ignore_errors=True)
    predicted = place / "predicted.csv"
    predicted.unlink(missing_ok=True)
    answer = command.ended(["predict", str(model), str(data), "-o", str(predicted)])
    assert predicted.exists() == (answer.code == 0)


@some(20)
@given(table=tables())
def test_some(place: Path, model: Path, command: Bounded, table: Damage) -> None:
    check(place, model, command, table)


@pytest.mark.heavy
@many(400)
@given(table=tables())
def test_many(place: Path, model: Path, command: Bounded, table: Damage) -> None:
    check(place, model, command, table)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_tables_end_in_results(kind: str, place: Path, model: Path, command: Bounded) -> None:
    """The damage is what is refused, not the table."""
    content = written(kind, [HEADER, *GOOD], ",", "\n", "utf-8")
    data = place / f"whole.{kind}"
    data.write_bytes(content)
    predicted = place / f"{kind}.csv"
    answer = command(["predict", str(model), str(data), "-o", str(predicted)])
    assert answer.code == 0, answer.said
    assert pl.read_csv(predicted).height == ROWS
