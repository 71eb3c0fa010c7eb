"""Files of lines (CSV, JSON lines, maybe packed) in pieces, each read as a file of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from methodic.data.large import cutting
from methodic.data.sources import places
from methodic.data.sources.layout import layout
from methodic.errors import InputError, shifted

if TYPE_CHECKING:
    import polars as pl

LINES = (".jsonl", ".ndjson")
"""Endings of files whose lines name their cells."""

_PEEK = 2**18  # bytes of a text file, by which the length of its lines is judged
_LONG = 2**26  # bytes up to the end of the line of names
_LINE = b"\n"


def damaged(path: Path, kind: str, error: Exception) -> InputError:
    return InputError(
        f"{path}: this {kind} file is damaged, or isn't one",
        found=str(error).splitlines()[0] if str(error) else type(error).__name__,
        accepted=f"a complete {kind} file",
        advice="Copy or write the file again.",
    )


def pieces(path: Path, rows: int, text: frozenset[str]) -> Iterator[pl.DataFrame]:
    """Lines of a text file: each piece is read as a small file of its own, by the usual rules."""
    from methodic.data.sources import read

    plain = Path(path.stem) if path.suffix.lower() in places.PACKED else path
    header, separator = _header(path, lines=plain.suffix.lower() in LINES)
    with _opened(path) as file, tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / plain.name
        _first(file, len(header))
        lines, before = header.count(_LINE), 0
        size = int(rows * line_bytes(path)) + 1
        for block in cutting.blocks(file, size, path, separator, lines):
            if block.strip():
                small.write_bytes(header + block)
                try:
                    yield read(small, text=text)
                except InputError as error:
                    found = shifted(error, before, "line")
                    found.problem = found.problem.replace(str(small), str(path))
                    raise found from None
            before += block.count(_LINE)


def _header(path: Path, *, lines: bool) -> tuple[bytes, str | None]:
    """What stands before the rows of a text file, and what parts their cells, if anything does."""
    with _opened(path) as file:
        start = _first(file, _PEEK + 1)
        while not lines and _LINE not in start.strip() and len(start) < _LONG:
            more = _first(file, _PEEK)
            if not more:
                break
            start += more
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{path}: UTF-16 text can't be read in pieces",
            accepted="UTF-8",
            advice="Save it as UTF-8, or give it more --memory.",
        )
    if lines or not start.strip():
        return b"", None
    found = layout(places.Place(path, start))
    header = start[: found.start]
    return header if header.endswith((_LINE, b"\r")) else header + _LINE, found.separator


def _first(file: IO[bytes], count: int) -> bytes:
    """The next bytes, fewer only where the file ends; unpacked ones come as they like."""
    found = b""
    while len(found) < count and (more := file.read(count - len(found))):
        found += more
    return found


def line_bytes(path: Path) -> float:
    """Bytes of a line, on average over the first ones."""
    with _opened(path) as file:
        start = file.read(_PEEK)
    return max(1.0, len(start) / max(1, start.count(_LINE)))


def _opened(path: Path) -> IO[bytes]:
    import pyarrow as pa

    try:
        return pa.input_stream(str(path), compression="detect", buffer_size=2**20)  # type: ignore[no-any-return]
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "text", error) from None
