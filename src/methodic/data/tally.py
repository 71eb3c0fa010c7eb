"""What was noticed about rows that come piece by piece: counted in each piece, judged at the end.

A rule such as "not all weights may be 0" is about a table. Where a table is read in pieces, each
piece only counts; what the sums mean is said once, when all of them were seen. A table in memory is
one piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NAMED = 100
"""So many rows are listed by their names."""

_KINDS = 100_000  # more of them aren't told apart: they might be as many as rows


@dataclass
class Seen:
    """How many rows something is true of.

    Attributes:
        count: those of which it is true.
        rows: those that were looked at.
        kinds: how many by kind, where there are several.
        names: of the first `NAMED` of them.
    """

    count: int = 0
    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)


Judge = Callable[[Seen], Iterable[str]]
"""The sums over all pieces → what to say about them; raises `InputError` where they can't be."""


class Tally:
    """Sums over the pieces of a table, by what is counted.

    Attributes:
        before: rows of the pieces before the one that is looked at.

    Example:
        >>> tally = Tally()
        >>> for piece in ([1, 0], [0, 0, 2]):
        ...     zeros = piece.count(0)
        ...     tally.add("0", lambda seen: [f"{seen.count} of {seen.rows}"], len(piece), zeros)
        >>> tally.notes()
        ['3 of 5']
    """

    def __init__(self) -> None:
        self.before = 0
        self._seen: dict[str, tuple[Seen, Judge]] = {}

    def add(
        self,
        what: str,
        judge: Judge,
        rows: int,
        count: int = 0,
        *,
        kinds: Mapping[str, int] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """What was seen in one piece.

        Args:
            what: is counted; sums are kept by it.
            judge: see `Judge`; that of the first piece is asked.
            rows, count, kinds, names: see `Seen`, of this piece.
        """
        seen, _ = self._seen.setdefault(what, (Seen(), judge))
        seen.rows += rows
        seen.count += count
        if len(seen.kinds) < _KINDS:
            seen.kinds.update(kinds or {})
        seen.names += names[: NAMED - len(seen.names)]

    def notes(self) -> list[str]:
        """What the sums mean, in words.

        Raises:
            InputError: a table can't be used of which this is true.
        """
        return [note for seen, judge in self._seen.values() for note in judge(seen)]
