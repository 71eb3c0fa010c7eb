"""Separators, names and where rows begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic.data.sources.layout import layout
from methodic.data.sources.places import Place
from methodic.errors import InputError


def form(content: bytes, name: str = "f.csv") -> tuple[str, tuple[str, ...], bytes, int]:
    place = Place(Path(name), content)
    found = layout(place)
    return found.separator, found.names, content[found.start :], found.lines


@pytest.mark.parametrize(
    ("name", "content", "separator", "names", "rest", "lines"),
    [
        ("f.csv", b"a,b\n1,2\n", ",", ("a", "b"), b"1,2\n", 1),
        ("f.csv", b"a;b\r\n1,5;2\r\n", ";", ("a", "b"), b"1,5;2\r\n", 1),
        ("f.tsv", b"a,x\tb\n1\t2\n", "\t", ("a,x", "b"), b"1\t2\n", 1),
        ("f.csv", b"\xef\xbb\xbf\n\na|b\n1|2", "|", ("a", "b"), b"1|2", 3),
        ("f.csv", b'"a\nx",b\n1,2\n', ",", ("a\nx", "b"), b"1,2\n", 2),
        ("f.csv", b"sep=^\na^b\n1^2\n", "^", ("a", "b"), b"1^2\n", 2),
        ("f.txt", b"a b\n1 2\n3 4\n", " ", ("a", "b"), b"1 2\n3 4\n", 1),
        ("f.txt", b"a\x01b\n1\x012\n3\x014\n", "\x01", ("a", "b"), b"1\x012\n3\x014\n", 1),
        ("f.txt", b"full name\nAnna Li\nBo Oh\n", ",", ("full name",), b"Anna Li\nBo Oh\n", 1),
        ("f.csv", b"a,b", ",", ("a", "b"), b"", 0),
        ("f.csv", b" a ,,b\n1,2,3\n", ",", ("a", "unnamed_2", "b"), b"1,2,3\n", 1),
    ],
)
def test_forms(
    name: str, content: bytes, separator: str, names: tuple[str, ...], rest: bytes, lines: int
) -> None:
    assert form(content, name) == (separator, names, rest, lines)


def test_most_rows_decide_and_not_the_widest() -> None:
    assert form(b"a;b,c\n1;2\n3;4,5\n6;7\n")[0] == ";"


def test_names_that_are_none() -> None:
    with pytest.raises(InputError, match="numbers instead of column names"):
        form(b"1.5,2\n3,4\n")
    with pytest.raises(InputError, match="two columns have the same name"):
        form(b"a,a\n3,4\n")
    with pytest.raises(InputError, match="can't be read as the columns' names"):
        form(b"a" * 200_000 + b",b\n1,2\n")


def test_a_line_of_very_many_names() -> None:
    names = [f"gene {i:06}" for i in range(40_000)]
    content = "\n".join(["", ";".join(names), ";".join("7" for _ in names), ""])
    assert form(content.encode())[:3] == (";", tuple(names), b"7;" * 39_999 + b"7\n")
