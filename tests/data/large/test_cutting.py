"""Texts are cut where rows end, whatever stands in their cells, and in little memory."""

import csv
import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from methodic.data.large import cutting
from methodic.data.large.cutting import Cells, blocks
from methodic.errors import InputError

PATH = Path("t.csv")


def cut(text, size, separator=","):
    return [each.decode() for each in blocks(io.BytesIO(text.encode()), size, PATH, separator)]


def rows(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@settings(deadline=None, max_examples=600)
@given(st.text('a",\n', max_size=60), st.integers(1, 40))
@example('"a""\n",b\n"c"\nd\n', 5)
@example('5" pipe\nx\n"a\nb"\n', 3)
@example('"a"b"\nc"\n', 4)
def test_pieces_have_the_rows_of_the_whole(text, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_TAILS", (3, 8))
        pieces = cut(text, size)
    assert "".join(pieces) == text
    assert all(piece.endswith("\n") for piece in pieces[:-1])
    assert [row for piece in pieces for row in rows(piece)] == rows("".join(pieces))


@pytest.mark.parametrize("text", ['5" pipe,1\n', '1,5"\n', '"a","b ""c"" d"\n', '"x\ny",1\n'])
def test_rows_come_as_soon_as_they_end(text):
    """Otherwise what is left of a file with one stray quote would gather in memory."""
    pieces = cut(text * 400, 64)
    assert len(pieces) > 30
    assert max(map(len, pieces)) < 64 + 2 * len(text)


def test_other_separators():
    assert cut('a|"x\ny"\n', 5, "|") == ['a|"x\ny"\n']
    assert cut('a|"x\ny"\n', 5, ",")[0] == 'a|"x\n'
    assert cut('{"a": "5\\" x"}\n{"a": 1}\n', 16, None)[0] == '{"a": "5\\" x"}\n'


def test_a_row_that_does_not_end_is_refused(monkeypatch):
    monkeypatch.setattr(cutting, "LONGEST", 1000)
    text = "a,b\n" * 50 + 'c,"' + "d\n" * 2000
    with pytest.raises(InputError, match=r"t\.csv: line 52 begins a row") as caught:
        list(blocks(io.BytesIO(text.encode()), 64, PATH, ",", lines=1))
    assert "double quote" in str(caught.value)
    with pytest.raises(InputError, match="line 1 begins") as caught:
        list(blocks(io.BytesIO(b"a,b\r" * 1000), 64, PATH, ","))
    assert "no line break" in str(caught.value)


def test_the_time_grows_with_the_file_and_no_faster():
    def seconds(count):
        text = b'a,"' + b"b\n" * count  # never closed: nothing can be cut
        start = time.perf_counter()
        assert len(list(blocks(io.BytesIO(text), 2**10, PATH, ","))) == 1
        return time.perf_counter() - start

    seconds(2**16)
    assert seconds(2**22) < 64 * 4 * max(seconds(2**16), 0.005)


def test_the_state_is_kept_from_block_to_block():
    cells = Cells(",")
    assert cells.last_row(b'a,"b') == 0
    assert cells.open
    assert cells.last_row(b'c\nd"') == 0
    assert cells.last_row(b'"e\n') == 0, "two quotes are one, in two blocks, too"
    assert cells.open
    assert cells.last_row(b'f"\ng') == 3
    assert not cells.open


@pytest.mark.parametrize("tails", [(), (10, 40)])
def test_quotes_of_all_kinds_agree_with_pythons_reader(tails, monkeypatch):
    monkeypatch.setattr(cutting, "_TAILS", tails)
    generator = np.random.default_rng(0)
    letters = np.array(list('aab",\n'))
    for _ in range(300):
        text = "".join(generator.choice(letters, 400))
        pieces = cut(text, 70)
        assert "".join(pieces) == text
        assert [row for piece in pieces for row in rows(piece)] == rows("".join(pieces))
