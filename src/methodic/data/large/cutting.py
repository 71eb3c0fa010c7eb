"""Text files cut where rows end, in one pass and in little memory, however long they are.

A line break inside of a quoted cell ends no row. A quote opens a cell only where a cell begins, so
that of 5" pipe is a letter like others, as it is to the readers of small files; in an open cell two
quotes are one that is meant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from methodic.data.sizes import readable
from methodic.errors import InputError

LONGEST = 2**27
"""Bytes of a row, at most: the exact reader takes no longer ones either."""

_LINE, _QUOTE = b"\n", b'"'
_TAILS = (2**14, 2**18)  # bytes that are looked at before all of a block are
_Run = tuple[int, int]


def blocks(
    file: IO[bytes], size: int, path: Path, separator: str | None, lines: int = 0
) -> Iterator[bytes]:
    """Whole rows, about ``size`` bytes at a time.

    Args:
        file: stands where the rows begin.
        size: of a block.
        path: for messages.
        separator: between cells; None where quotes mean nothing.
        lines: of the file before these rows.

    Raises:
        InputError: a row that doesn't end.
    """
    cells = Cells(separator) if separator is not None else None
    rest: list[bytes] = []
    waiting = 0  # bytes of the rest
    while fresh := file.read(size):
        end = fresh.rfind(_LINE) + 1 if cells is None else cells.last_row(fresh)
        if end:
            whole = b"".join([*rest, fresh[:end]])
            lines += whole.count(_LINE)
            yield whole
            rest, waiting = [], 0
        rest.append(fresh[end:])
        waiting += len(rest[-1])
        if waiting > LONGEST:
            raise _endless(path, lines + 1, cells is not None and cells.open)
    last = b"".join(rest)
    if last.strip():
        yield last


def _endless(path: Path, line: int, quoted: bool) -> InputError:
    problem = f"{path}: line {line:,} begins a row that doesn't end"
    if not quoted:
        return InputError(
            problem,
            found=f"no line break in {readable(LONGEST)}",
            accepted="rows that end with a line break (LF, or CR and LF)",
            advice="Write the file again with such line breaks.",
        )
    return InputError(
        problem,
        found=f"a cell that opens with a double quote and has no other one in {readable(LONGEST)}",
        accepted='quotes in pairs; a quote inside of a quoted cell is written twice, ""',
        advice="Close the cell, or take the quote out.",
    )


class Cells:
    """Which cells are quoted, in text that comes block by block.

    Quotes are what the text is looked through for. From one that opens a cell on, every second one
    closes, and the next must stand where a cell begins, or right behind the one that closed: then
    these two were an escaped one. Such a *run* of quotes ends where one doesn't: it is a letter.

    Args:
        separator: between cells.

    Attributes:
        open: the text ends, so far, in a quoted cell.
    """

    def __init__(self, separator: str) -> None:
        self._borders = np.zeros(256, dtype=bool)
        self._borders[[separator.encode()[-1], 0x0A, 0x0D]] = True
        self.open = False
        self._closed = False  # the last byte closed a cell, or is the first half of a quote
        self._before = 0x0A  # the last byte

    def last_row(self, block: bytes) -> int:
        """Where the last row ends that ends in this block; 0 where none does."""
        if _QUOTE not in block:
            end = 0 if self.open else block.rfind(_LINE) + 1
            self._closed, self._before = False, block[-1]
            return end
        tails = (len(block) - size for size in _TAILS if size < len(block))
        found = (self._found(block, start) for start in (*tails, 0))
        end = next((each for each in found if each is not None), 0)
        self._before = block[-1]
        return end

    def _found(self, block: bytes, start: int) -> int | None:
        """`last_row`, by the bytes from ``start`` on; None where they don't tell.

        A letter, and then a quote where a cell begins, is such a cell's first, whatever stood
        before: in a quoted cell the letter would have ended it. So some bytes mostly will do.
        """
        quotes = np.flatnonzero(np.frombuffer(block, np.uint8, offset=start) == _QUOTE[0]) + start
        before = np.frombuffer(block, np.uint8)[quotes - 1]
        if len(quotes) and quotes[0] == 0:
            before[0] = self._before
        border = self._borders[before]
        letters = ~border & (before != _QUOTE[0])
        first = -1 if self.open else (-2 if self._closed else None)
        if start:
            sure = np.flatnonzero(letters[:-1] & border[1:])
            if not len(sure):
                return None
            first = int(sure[0]) + 1
        runs = _runs(np.flatnonzero(border), np.flatnonzero(letters), len(quotes), first)
        end = _last_row(block, quotes, runs)
        if start and end <= quotes[first]:
            return None
        left = len(quotes) - runs[-1][0] if runs and runs[-1][1] == len(quotes) else None
        self.open = left is not None and left % 2 == 1
        self._closed = left is not None and left % 2 == 0 and block.endswith(_QUOTE)
        return end


def _runs(
    opening: npt.NDArray[Any], letters: npt.NDArray[Any], count: int, first: int | None
) -> list[_Run]:
    """The runs as (first, behind the last) quote.

    Args:
        opening: quotes that stand where cells begin.
        letters: those that stand neither there nor behind another one.
        count: of all quotes.
        first: of the first run, where it is known; below 0 where it lies in the block before.
    """
    ends: dict[int, list[int]] = {}  # mostly one of the two is asked for, and empty
    runs: list[_Run] = []
    at = 0
    while True:
        if first is None:
            i = int(np.searchsorted(opening, at))
            if i == len(opening):
                return runs
            first = int(opening[i])
        parity = first & 1
        if parity not in ends:
            ends[parity] = letters[letters & 1 == parity].tolist()
        i = bisect_right(ends[parity], first)
        end = ends[parity][i] if i < len(ends[parity]) else count
        runs.append((first, end))
        at, first = end + 1, None


def _last_row(block: bytes, quotes: npt.NDArray[Any], runs: list[_Run]) -> int:
    """Behind the last line break outside of a quoted cell; 0 where there is none."""
    end = block.rfind(_LINE) + 1
    while end:
        count = int(np.searchsorted(quotes, end - 1))
        i = bisect_right(runs, (count - 1, len(quotes))) - 1
        if i < 0 or count > runs[i][1] or (count - runs[i][0]) % 2 == 0:
            return end
        opened = int(quotes[count - 1]) if count else 0
        end = block.rfind(_LINE, 0, opened) + 1
    return 0
