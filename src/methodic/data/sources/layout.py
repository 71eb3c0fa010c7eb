"""How a text file is laid out: its separator, its columns' names, and where the rows begin."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from methodic.data.sources.places import Place, suffix
from methodic.errors import InputError

_SEPARATORS = (",", ";", "\t", "|")
_RARE = (" ", ":", "^", "~", "#", "&", "/", "\x01", "\x1e", "\x1f", "¦", "§")
_SAMPLE_ROWS = 100
_LONGEST = 2**26  # bytes up to the end of the line of names
_FULL_LINE = re.compile(rb"[^\r\n][\r\n]")
_SAID = re.compile(rb"^sep=(.)\r?\n")  # how Excel is told the separator


@dataclass(frozen=True)
class Layout:
    """The form of a text file.

    Args:
        separator: between cells.
        names: of the columns, in order, each once.
        raw: the same as they stand there.
        offset: where the line of names begins, in bytes.
        start: where the rows begin, in bytes.
        lines: line ends before that.
    """

    separator: str
    names: tuple[str, ...]
    raw: tuple[str, ...]
    offset: int
    start: int
    lines: int


def layout(place: Place) -> Layout:
    """Find out how a file is laid out, from its beginning.

    Raises:
        InputError: the first line doesn't name the columns.
    """
    head = place.head()
    offset = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    # The line of names may be longer than what is looked at first.
    while len(head) < min(place.size(), _LONGEST) and not _FULL_LINE.search(head, offset):
        head = place.part(0, 2 * len(head))
    said = _SAID.match(head[offset:])
    if said:
        offset += said.end()
        separator = said[1].decode("latin-1")
    elif suffix(place.path) in (".tsv", ".tab"):
        separator = "\t"
    else:
        separator = _sniff(_complete(head[offset:], place.size() > len(head)))
    reader = rows(head[offset:], separator)
    raw = next(filled(reader), [])
    lines = reader.line_num
    start = offset + _end_of_line(head[offset:], lines)
    before = head[:start].count(b"\n")
    names = _names(place.path, raw)
    return Layout(separator, names, tuple(raw), offset, start, before)


def rows(content: bytes, separator: str, *, strict: bool = False) -> Any:
    """Python's reader: slow, so it only sees samples, and files in which something is wrong."""
    stream = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace", newline="")
    return csv.reader(stream, delimiter=separator, strict=strict)


def filled(rows: Any) -> Iterator[list[str]]:
    """Rows that aren't empty lines; one that can't be read ends them."""
    try:
        yield from (row for row in rows if row)
    except csv.Error:
        return


def _complete(head: bytes, cut: bool) -> bytes:
    """Whole lines only, where the file goes on."""
    return head[: head.rfind(b"\n") + 1] or head if cut else head


def _end_of_line(content: bytes, number: int) -> int:
    """Where the line of this number ends, as Python's reader counts lines."""
    at = 0
    for _ in range(number):
        ends = [i for i in (content.find(b"\n", at), content.find(b"\r", at)) if i >= 0]
        if not ends:
            return len(content)
        at = min(ends) + (2 if content[min(ends) : min(ends) + 2] == b"\r\n" else 1)
    return at


def _sniff(content: bytes) -> str:
    """The separator under which most of the first rows have as many cells as the header.

    Ties go to more columns; a single column needs no separator. A rare one has to fit all rows, and
    a space has to part numbers, too: texts have spaces and colons.
    """
    best, separator = (0.0, 1), ","
    for each in _SEPARATORS:
        widths = [len(row) for row in _sample(content, each)]
        if not widths or widths[0] == 1:
            continue
        score = (widths.count(widths[0]) / len(widths), widths[0])
        if score > best:
            best, separator = score, each
    if best[0] > 0:
        return separator
    for each in _RARE:
        sample = _sample(content, each)
        width = len(sample[0]) if sample else 1
        if len(sample) > 2 and width > 1 and all(len(row) == width for row in sample):
            cells = zip(*sample[1:], strict=True)
            if any(all(_is_number(cell) for cell in column) for column in cells):
                return each
    return separator


def _sample(content: bytes, separator: str) -> list[list[str]]:
    if len(separator.encode()) > 1:
        return []
    return list(itertools.islice(filled(rows(content, separator)), _SAMPLE_ROWS))


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*", cell))


def _names(path: Path, found: list[str]) -> tuple[str, ...]:
    """The column names; an unnamed column is called unnamed_1, … by its position."""
    raw = [name.strip() for name in found]
    if not raw:
        raise InputError(
            f"{path}: the first line can't be read as the columns' names",
            accepted="a line of column names, each shorter than 100,000 characters",
        )
    names = [name or f"unnamed_{i}" for i, name in enumerate(raw, start=1)]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    decimals = [name for name in names if re.fullmatch(r"[+-]?\d+[.,]\d+", name)]
    if decimals or (twice and all(re.fullmatch(r"[+-]?\d+", name) for name in twice)):
        raise InputError(
            f"{path}: the first line holds numbers instead of column names",
            found=", ".join(names[:10]) + (", …" if len(names) > 10 else ""),
            accepted="a first line that names each column, each name once",
            advice="Add a line of column names on top.",
        )
    if twice:
        raise InputError(
            f"{path}: two columns have the same name",
            found=", ".join(f"'{name}'" for name in twice[:10]),
            accepted="a different name for each column",
            advice="Rename them in the first line.",
        )
    return tuple(names)
