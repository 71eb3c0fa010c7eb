from __future__ import annotations

import csv as reader
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from methodic.report.tables.table import Column, Table, csv, markdown

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def table(cells: list[str], **more: object) -> Table:
    """A table of one column."""
    return Table(
        key="t",
        title="T",
        columns=(Column("a"),),
        rows=tuple((cell,) for cell in cells),
        fields=("a",),
        values=tuple((cell,) for cell in cells),
        **more,  # type: ignore[arg-type]
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXTS, min_size=1, max_size=5))
@example(["a|b\nc", "\\|", "\\"])
def test_markdown_is_one_line_for_each_row(cells: list[str]) -> None:
    lines = markdown(table(cells)).split("\n")
    assert lines[-1] == ""
    assert len(lines) == len(cells) + 3
    for line in lines[:-1]:
        bare = line.replace("\\\\", "").replace("\\|", "")
        assert bare.count("|") == 2, "the bars of the cell are escaped"
        assert len(line.splitlines()) == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=5))
def test_csv_gives_the_cells_back(cells: list[str]) -> None:
    read = list(reader.reader(io.StringIO(csv(table(cells)), newline="")))
    assert read == [["a"], *([cell] for cell in cells)]


def test_numbers_come_in_full_and_none_is_empty() -> None:
    full = Table("t", "T", (), (), ("x", "y"), ((1 / 3, None),))
    assert csv(full) == f"x,y\r\n{1 / 3!r},\r\n"


def test_ranks_and_marks() -> None:
    lines = markdown(table(["x", "y"], tags=(("best",), ()), ranked=True)).splitlines()
    assert lines == ["| # | a |", "| ---: | --- |", "| 1 | x (best) |", "| 2 | y |"]


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 cells in 1 columns"):
        Table("t", "T", (Column("a"),), (("1", "2"),), (), ())
    with pytest.raises(ValueError, match="1 values in 0 fields"):
        Table("t", "T", (), (), (), ((1,),))
