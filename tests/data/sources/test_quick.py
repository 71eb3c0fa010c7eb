"""The fast reader gives what the exact one gives, or nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.columns.cells import tidy
from methodic.data.sources.exact import exact
from methodic.data.sources.layout import layout
from methodic.data.sources.places import Place
from methodic.data.sources.quick import quick
from methodic.data.sources.tidying import tidied
from methodic.errors import InputError

PLAIN = ("1", "2.5", "-3", "x", "NA", "?", "", " ", "7 ", "nan", "1e3", "007", "ß", "inf")
ODD = ("99999999999999999999", "2024-01-05", '5" pipe', "\r", '"')
QUOTED = ('"q"', '"a,b"', '"l\nm"', '""', '"a ""b"""')
CELLS = st.sampled_from([*PLAIN, *ODD, *QUOTED])


def place(content: str) -> Place:
    return Place(Path("f.csv"), content.encode())


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(CELLS, max_size=4), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(2, 3),
    st.booleans(),
    st.sampled_from([",", ";"]),
)
def test_the_same_or_nothing(
    rows: list[list[str]], line: str, end: bool, width: int, even: bool, separator: str
) -> None:
    if even:
        rows = [[*row, *["1"] * width][:width] for row in rows]
    lines = [separator.join(row) for row in [["a", "b", "c"][:width], *rows]]
    file = place(line.join(lines) + line * end)
    form = layout(file)
    found = quick(file, form, ())
    if found is None:
        return
    expected = exact(file.path, file.whole(), form)  # which raises where lines are ragged
    if found.height:
        got, wanted = tidied(found), tidied(expected)
        assert got.equals(wanted)
        assert got.schema == wanted.schema


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\n1,2\n\n3,\n\n", [(1, 2), (3, None)]),
        ('a,b\n1,"x,y"\n2,\n', [(1, "x,y"), (2, None)]),
        ('a,b\n"1","2.5"\n', [(1, 2.5)]),
        ("a,b\n1,NA\nNA,2\n", [(1, None), (None, 2)]),
    ],
)
def test_it_takes_what_is_regular(content: str, rows: list) -> None:
    file = place(content)
    found = quick(file, layout(file), ())
    assert found is not None
    assert found.rows() == rows


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3\n",  # too short: polars would fill it
        "a,b\n1,\n3\n",
        "a,b\n1,2\n3,4,",  # too long, and polars doesn't see it
        'a,b\n1,5" pipe\n2,3"\n',  # quotes inside of cells
        "a,b\r1,2\r3,4\r",
        "a,b\n1,\0\n",
        "a\n1\n\n2\n",  # empty lines of a single column are missing values
    ],
)
def test_it_leaves_to_the_exact_reader(content: str) -> None:
    file = place(content)
    assert quick(file, layout(file), ()) is None


def test_repeated_texts_are_kept_once() -> None:
    lines = [f"{i},{'abc'[i % 3]},{i % 7}%" for i in range(20_000)]
    file = place("\n".join(["a,b,c", *lines]))
    found = quick(file, layout(file), ())
    assert found is not None
    assert found.dtypes[0] == pl.Int64
    assert all(isinstance(kind, pl.Categorical) for kind in found.dtypes[1:])
    assert quick(file, layout(file), ["a"])["a"].dtype == pl.String  # type: ignore[index]
    shares = tidied(found)["c"]
    assert shares.dtype == pl.Enum([f"{i}%" for i in range(7)])  # a plain 7 may come elsewhere
    assert tidy(shares).sum() == pytest.approx(sum(i % 7 for i in range(20_000)) / 100)


def test_many_words_repeat_too() -> None:
    lines = [f"{i},w{i * 7919 % 20_011},u{i}" for i in range(80_000)]
    file = place("\n".join(["a,b,c", *lines]))
    found = quick(file, layout(file), ())
    assert found is not None
    assert isinstance(found["b"].dtype, pl.Categorical)
    assert found["c"].dtype == pl.String
    assert isinstance(tidied(found)["b"].dtype, pl.Enum)


def test_empty_lines_are_told_from_short_ones_among_repeated_texts() -> None:
    lines = [f'{i},"a, b",' for i in range(20_000)]
    whole = place("\n".join(["a,b,c", *lines, "", "7,x,", ""]))
    found = quick(whole, layout(whole), ())
    assert found is not None
    assert found.height == 20_001
    short = place("\n".join(["a,b,c", *lines, "", "7,x", ""]))
    assert quick(short, layout(short), ()) is None
    with pytest.raises(InputError, match="line 20003 has 2 cells"):
        exact(short.path, short.whole(), layout(short))
