"""CSV and its like: text with a line for each row, in any usual encoding, with any separator.

Two readers stand behind it. `quick` knows the columns' types from a sample and lets polars read
with all threads; it gives up wherever it isn't certain that the result is exact. `exact` reads any
file slowly, and explains what is wrong with it.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import TYPE_CHECKING

from methodic.data.sources import encodings
from methodic.data.sources.exact import exact
from methodic.data.sources.layout import layout
from methodic.data.sources.places import Place
from methodic.data.sources.quick import quick
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_MAGIC = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
}


def read_text(place: Place, text: Collection[str], notes: list[str]) -> pl.DataFrame:
    """A table from text.

    The first line names the columns. Cells are separated by comma, semicolon, tab, bar or another
    character, found out from the file, and quoted by double quotes. Empty lines don't count;
    between the rows of a single column they are missing values. The encoding is UTF-8, UTF-16, or
    Windows-1252, which is said.

    Args:
        place: the file.
        text: columns to leave as texts.
        notes: takes what is worth saying.

    Raises:
        InputError: what is wrong, and in which line.
    """
    place = _utf8(place, notes)
    found = layout(place)
    frame = quick(place, found, text)
    if frame is not None:
        return frame
    content = place.whole()
    try:
        codecs.utf_8_decode(content, "strict", True)
    except UnicodeDecodeError as error:
        place = Place(place.path, encodings.western(place.path, content, error, notes))
        found = layout(place)
        frame = quick(place, found, text)
        content = place.whole()
    return exact(place.path, content, found) if frame is None else frame


def _utf8(place: Place, notes: list[str]) -> Place:
    """The file as UTF-8 where its first bytes tell that it is of another encoding."""
    head = place.head()
    what = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    encoding = None if what else encodings.wide(head)
    if encoding is not None:
        return Place(place.path, encodings.decoded(place.path, place.whole(), encoding, notes))
    if what or b"\0" in head:
        raise InputError(
            f"{place.path}: this is not a text file",
            found=what or "bytes that no text contains",
            accepted="CSV as text, encoded as UTF-8",
            advice="Unpack it, or export the table as CSV.",
        )
    return place
