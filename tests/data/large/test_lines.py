"""Lines in pieces: quotes, what stands above the rows, messages that number lines of the file."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.large.pieces import pieces_of
from methodic.errors import InputError

NOTHING = frozenset()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text('a",\n', max_size=5), min_size=1, max_size=40), st.integers(1, 30))
def test_a_quoted_cell_is_never_cut(tmp_path_factory, cells, rows):
    path = tmp_path_factory.mktemp("cut") / "t.csv"
    frame = pl.DataFrame({"n": np.arange(len(cells)), "text": [f"x{cell}x" for cell in cells]})
    frame.write_csv(path)
    assert pl.concat(list(pieces_of(path).cut(rows, NOTHING))).equals(frame)


def test_categories_that_look_like_numbers_can_stay_texts(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("zip,y\n" + "01234,1\n" * 20)
    assert next(pieces_of(path).cut(5, frozenset({"zip"})))["zip"][0] == "01234"
    assert next(pieces_of(path).cut(5, NOTHING))["zip"][0] == 1234


def test_quotes_inside_of_cells_are_letters(tmp_path):
    path = tmp_path / "t.csv"
    lines = ["a,b", '0,5" pipe', *(f"{i},x" for i in range(1, 400)), '400,"says ""y"""']
    path.write_text("\n".join(lines) + "\n")
    found = list(pieces_of(path).cut(20, NOTHING))
    assert len(found) > 15
    assert pl.concat(found)["b"].to_list() == ['5" pipe', *["x"] * 399, 'says "y"']


@pytest.mark.parametrize("header", ['a,"b\nc"', 'a,5" pipe', "sep=,\na,b", "\ufeffa,b", "\na,b"])
def test_whatever_stands_above_the_rows_stands_above_each_piece(tmp_path, header):
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *(f"{i},x" for i in range(300))]) + "\n")
    found = list(pieces_of(path).cut(20, NOTHING))
    assert len(found) > 3
    assert pl.concat(found)["a"].to_list() == list(range(300))


def test_errors_name_the_line_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    lines = ["a,b"] + [f"{i},{i}" for i in range(300)] + ["1,2,3"]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"t\.csv: line 302 has 3 cells"):
        list(pieces_of(path).cut(50, NOTHING))
