"""What a user is told about columns."""

from __future__ import annotations

from methodic.data.schemas.remarks import LEFT_OUT, remarks
from methodic.data.schemas.schema import Column, Dropped, Schema


def schema(
    *columns: Column, dropped: int = 0, notations: tuple[tuple[str, str], ...] = ()
) -> Schema:
    return Schema(
        columns=columns,
        target="y",
        task="regression",
        classes=(),
        notations=notations,
        dropped=tuple(Dropped(name=f"d{i}", why="why") for i in range(dropped)),
    )


def test_what_can_not_be_seen_is_told() -> None:
    found = remarks(
        schema(
            Column(name="a", kind="numeric"),
            Column(name="b", kind="numeric", words=("unknown", "x"), notation="1.234,5"),
            Column(name="c", kind="categorical", notation="yes/no"),
            Column(name="d", kind="text", numbers=64),
            Column(name="e", kind="date", notation="%d.%m.%y"),
            Column(name="f", kind="numeric", notation="1,234.5%"),
            dropped=1,
            notations=(("y", "1.234,5"),),
        )
    )
    assert list(found) == [
        ("read as", "y: numbers with a decimal comma"),
        ("read as", "b: numbers with a decimal comma"),
        ("read as", "b: numbers; 'unknown', 'x' count as missing"),
        ("read as", "c: yes and no, in several spellings"),
        ("read as", "d: free text, its words and letters hashed into 64 numbers"),
        ("read as", "e: dates written as %d.%m.%y"),
        ("read as", "f: numbers with a percent sign"),
        (LEFT_OUT, "d0: why"),
    ]


def test_many_are_counted() -> None:
    texts = [Column(name=f"t{i}", kind="text", numbers=8) for i in range(20)]
    found = list(remarks(schema(*texts, dropped=100)))
    assert len(found) == 26
    assert "and 8 more" in found[12][1]
    assert "and 88 more columns" in found[-1][1]
