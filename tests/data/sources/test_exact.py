"""The exact reader says what is wrong where."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic.data.sources.exact import exact
from methodic.data.sources.layout import layout
from methodic.data.sources.places import Place
from methodic.errors import InputError


def read(content: bytes) -> list[tuple]:
    place = Place(Path("f.csv"), content)
    return exact(place.path, content, layout(place)).rows()


def test_everything_is_text() -> None:
    assert read(b'a,b\n1," x"\n\n,5" pipe\n') == [("1", " x"), ("", '5" pipe')]
    assert read(b"a\n\n1\n\n") == [("",), ("1",)]
    assert read(b"a,b\r1,2\r") == [("1", "2")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3\n", "line 3 has 1 cells"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 cells"),
        (b"sep=,\na,b\n1,2\n3,4,5\n", "line 4 has 3 cells"),
        (b'a,b\n1,"2\n3,4\n', "line 2 opens a double quote"),
        (b"a,b\n1,2\n3,\0\n", "line 3 has a byte that no text contains"),
    ],
)
def test_errors_name_the_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(content)
