"""What is counted piece by piece is judged once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from methodic.data.tally import NAMED, Seen, Tally
from methodic.errors import InputError


def judge(seen: Seen) -> Iterator[str]:
    if seen.count == seen.rows:
        raise InputError("nothing is left")
    if seen.count:
        yield f"{seen.count} of {seen.rows}: {dict(seen.kinds)}"


def test_pieces_are_judged_together() -> None:
    tally = Tally()
    tally.add("odd", judge, 2, 2, kinds={"a": 2})
    tally.add("other", judge, 9)
    tally.add("odd", judge, 3, 1, kinds={"a": 0, "b": 1})
    assert tally.notes() == ["3 of 5: {'a': 2, 'b': 1}"]


def test_a_whole_that_can_not_be_is_refused() -> None:
    tally = Tally()
    tally.add("odd", judge, 2, 2)
    with pytest.raises(InputError, match="nothing is left"):
        tally.notes()


def test_the_first_ones_are_named() -> None:
    named: list[Seen] = []
    tally = Tally()
    for piece in range(3):
        names = [f"row {piece * 60 + i}" for i in range(60)]
        tally.add("odd", lambda seen: named.append(seen) or (), 100, 60, names=names)  # type: ignore[func-returns-value]
    assert tally.notes() == []
    assert named[0].names == [f"row {i}" for i in range(NAMED)]
