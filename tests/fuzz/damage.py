"""Ways to damage a file, drawn by hypothesis: bytes, cells, and values inside of JSON."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

where = st.floats(0, 1, exclude_max=True)
"""A place, as a share of what there is."""

NASTY = (
    "", " ", "NA", "?", "inf", "-inf", "nan", "1e999", "-0", "0x1F", "1_000", "1,5", "1.234.567,8",
    "12,345.6", "50%", "TRUE", "no", "١٢٣", "é", "\u202e", "\x00", "\ufeff", '"', '""', '"a', "'",
    "=1+1", "2024-02-30", "31.12.2024", "24:61:00", "2024-01-01T00:00:00+14:00", "9" * 40, "1e-400",
    "a" * 70_000, "[1, 2", '{"a": 1}', "\r", "\n", "\t", ",", ";", "../../etc/passwd", "NULL",
)  # fmt: skip
"""Cells that somebody's spreadsheet really holds, and some that nobody's should."""

Edit = Callable[[bytes], bytes]


def _at(content: bytes, place: float) -> int:
    return int(place * len(content))


def _flip(content: bytes, place: float, other: float) -> bytes:
    at = _at(content, place)
    return content[:at] + bytes([content[at] ^ (1 + int(other * 255))]) + content[at + 1 :]


def _cut(content: bytes, place: float, other: float) -> bytes:
    return content[: _at(content, place)]


def _delete(content: bytes, place: float, other: float) -> bytes:
    first, last = sorted((_at(content, place), _at(content, other)))
    return content[:first] + content[last:]


def _repeat(content: bytes, place: float, other: float) -> bytes:
    first, last = sorted((_at(content, place), _at(content, other)))
    return content[:last] + content[first:last] + content[last:]


def _zero(content: bytes, place: float, other: float) -> bytes:
    first, last = sorted((_at(content, place), _at(content, other)))
    return content[:first] + bytes(last - first) + content[last:]


def _high(content: bytes, place: float, other: float) -> bytes:
    """Lengths and counts become huge."""
    at = _at(content, place)
    return content[:at] + b"\xff" * 4 + content[at + 4 :]


def _insert(content: bytes, place: float, other: float) -> bytes:
    at = _at(content, place)
    return content[:at] + NASTY[int(other * len(NASTY))].encode() + content[at:]


_BYTES = (_flip, _cut, _delete, _repeat, _zero, _high, _insert)


@st.composite
def bytes_edits(draw: st.DrawFn, most: int = 3) -> list[tuple[int, float, float]]:
    """Which edits, and where; `damaged` makes them."""
    one = st.tuples(st.integers(0, len(_BYTES) - 1), where, where)
    return draw(st.lists(one, max_size=most))


def damaged(content: bytes, edits: list[tuple[int, float, float]]) -> bytes:
    """The content after all edits; one of nothing stays nothing."""
    for kind, place, other in edits:
        if content:
            content = _BYTES[kind](content, place, other)
    return content


# --- tables -----------------------------------------------------------------------------------

Rows = list[list[str]]
CELLS = ("cell", "drop row", "repeat row", "drop cell", "add cell", "column", "name", "same name")


@st.composite
def cell_edits(draw: st.DrawFn, most: int = 4) -> list[tuple[str, float, float, str]]:
    """Edits of a table's texts: what, which row, which column, what is written there."""
    one = st.tuples(st.sampled_from(CELLS), where, where, st.sampled_from(NASTY))
    return draw(st.lists(one, max_size=most))


def edited(rows: Rows, edits: list[tuple[str, float, float, str]]) -> Rows:
    """The table (a header, then rows) after all edits."""
    rows = copy.deepcopy(rows)
    for what, row, column, text in edits:
        at = 1 + int(row * (len(rows) - 1))
        if at >= len(rows) or not rows[at] or not rows[0]:
            continue
        cell = int(column * len(rows[at]))
        name = int(column * len(rows[0]))
        match what:
            case "cell":
                rows[at][cell] = text
            case "drop row":
                del rows[at]
            case "repeat row":
                rows[at:at] = [list(rows[at])] * int(1 + row * 40)
            case "drop cell":
                del rows[at][cell]
            case "add cell":
                rows[at].insert(cell, text)
            case "column":
                for each in rows[1:]:
                    if cell < len(each):
                        each[cell] = text
            case "name":
                rows[0][name] = text
            case "same name":
                rows[0][name] = rows[0][0]
    return rows


# --- JSON -------------------------------------------------------------------------------------

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, 1e308, -0.5, "", "x", "../../x", [], {}, [[]],
    ["x"] * 1000, {"x": {}}, [None, 1], "a" * 10_000, [1e18, 1e18], [2**40, 2**40],
)  # fmt: skip


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a JSON document, by keys and numbers."""
    inside = document.items() if isinstance(document, dict) else ()
    inside = enumerate(document) if isinstance(document, list) else inside
    found = [path] if path else []
    for key, value in inside:
        found += places(value, (*path, key))
    return found


def replaced(document: Any, edits: list[tuple[float, Any]]) -> Any:
    """The document with other values in some places; ``...`` takes the place away."""
    document = copy.deepcopy(document)
    for place, value in edits:
        known = places(document)
        if not known:
            return document
        *way, last = known[int(place * len(known))]
        inner = document
        for key in way:
            inner = inner[key]
        if value is ...:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(value)
    return document


def json_edits(most: int = 2) -> st.SearchStrategy[list[tuple[float, Any]]]:
    """Which places of a JSON document get which values."""
    return st.lists(st.tuples(where, st.sampled_from((*VALUES, ...))), min_size=1, max_size=most)
