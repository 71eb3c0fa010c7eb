"""Texts that aren't UTF-8."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic.data.sources.encodings import decoded, western, wide
from methodic.errors import InputError

FILE = Path("f.csv")


def as_western(content: bytes) -> tuple[str, list[str]]:
    notes: list[str] = []
    with pytest.raises(UnicodeDecodeError) as caught:
        content.decode()
    return western(FILE, content, caught.value, notes).decode(), notes


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_wide_characters(encoding: str) -> None:
    text = "name;größe\nÅsa;2\n" * 20
    content = text.encode(encoding)
    found = wide(content[:1000])
    assert found is not None
    notes: list[str] = []
    assert decoded(FILE, content, found, notes).decode() == text
    assert notes == [f"f.csv: read as {found.upper()}"]


def test_what_is_not_wide() -> None:
    assert wide(b"a,b\n1,2\n") is None
    assert wide(bytes(range(256))) is None
    with pytest.raises(InputError, match="begins as UTF-16"):
        decoded(FILE, b"\xff\xfea", "utf-16", [])


@pytest.mark.parametrize(
    "text", ["Grüße", "café “au lait” – 3 €", "mañana", "Ærøskøbing", "naïve…"]
)
def test_west_european_text(text: str) -> None:
    got, notes = as_western(f"a,b\n1,{text}\n".encode("cp1252"))
    assert got == f"a,b\n1,{text}\n"
    assert "Windows-1252" in notes[0]
    assert "line 2" in notes[0]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет мир", "cp1251"),
        ("Привет мир", "koi8-r"),
        ("Καλημέρα κόσμε", "cp1253"),
        ("日本語の列", "shift-jis"),
        ("数据集", "gb18030"),
        ("שלום עולם", "cp1255"),
    ],
)
def test_other_text_is_refused_rather_than_misread(text: str, encoding: str) -> None:
    with pytest.raises(InputError, match="line 2 is not UTF-8") as caught:
        as_western(f"a,b\n1,{text}\n".encode(encoding))
    assert "UTF-8" in str(caught.value)


def test_one_wrong_byte_does_not_make_utf8_something_else() -> None:
    names = "1,Müller\n" * 5
    for content in (names.encode() + b"2,caf\xe9\n", b"2,caf\xe9\n" + names.encode()):
        with pytest.raises(InputError, match=r"line [16] is not UTF-8"):
            as_western(content)
    # These bytes are UTF-8 by accident: a capital, and the space before a French colon.
    got, _ = as_western("QUALITÉ\u00a0: élevée, à côté\n".encode("cp1252"))
    assert got.startswith("QUALITÉ\u00a0:")
