"""Text files of any encoding find their reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic.data.sources.places import Place
from methodic.data.sources.text import read_text
from methodic.errors import InputError


def rows(content: bytes) -> tuple[list[tuple], list[str]]:
    notes: list[str] = []
    frame = read_text(Place(Path("f.csv"), content), (), notes)
    return frame.rows(), notes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(encoding: str) -> None:
    got, notes = rows("größe;b\n1,5;x\n2;é\n".encode(encoding))
    assert got == [("1,5", "x"), ("2", "é")]
    assert bool(notes) == (not encoding.startswith("utf-8"))


def test_a_late_byte_of_another_encoding() -> None:
    got, notes = rows(b"a,b\n" + b"1,x\n" * 50_000 + "2,é\n".encode("cp1252"))
    assert got[-1] == (2, "é")
    assert "'é' in line 50002" in notes[0]


def test_what_is_no_text() -> None:
    with pytest.raises(InputError, match="not a text file") as caught:
        rows(b"PK\x03\x04 and more")
    assert "Excel" in str(caught.value)
