"""Where a table lies: one file or several, packed or not; what stands in the way is named."""

from __future__ import annotations

import glob
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from methodic.data.builtin import builtin_names
from methodic.data.room import available
from methodic.errors import InputError, nearest

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc", ".arrows")
JSON = (".json", ".jsonl", ".ndjson")
PACKED = (".gz", ".zst")
SUFFIXES = (*TEXT, *PARQUET, *ARROW, *JSON)
ACCEPTED = (
    "CSV (.csv, .tsv, .txt), Parquet (.parquet, .pq), Arrow (.arrow, .feather) or JSON lines"
    " (.jsonl, .ndjson, .json), packed or not (.gz, .zst)"
)

_HEAD = 2**18  # bytes by which a file is recognised
_PIECE = 2**18
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def files(path: Path) -> list[Path]:
    """The file called so, or all that match where there are stars in it, by name.

    Raises:
        InputError: there is none; or a folder.
    """
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    # Path.glob takes no absolute patterns.
    names = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
    found = [each for each in map(Path, names) if each.is_file()]
    if not found:
        raise InputError(
            f"{path}: no file matches",
            found=_inside(path.parent),
            accepted=ACCEPTED,
            advice="Put the pattern into quotes, so that it arrives as it is: 'folder/*.csv'.",
        )
    return found


def is_pattern(name: str) -> bool:
    """Whether this means several files rather than one.

    Example:
        >>> is_pattern("months/*.csv"), is_pattern("train.csv")
        (True, False)
    """
    return glob.has_magic(name) and not Path(name).exists()


def title(name: str) -> str:
    """What to call the data in a file, or in several.

    Example:
        >>> title("data/train.csv.gz"), title("months/2024-*.csv"), title("months/*.csv")
        ('train', '2024', 'months')
    """
    path = Path(name)
    stem = path.name
    while Path(stem).suffix.lower() in (*SUFFIXES, *PACKED, ".brotli"):
        stem = Path(stem).stem
    if not is_pattern(name):
        return stem or path.stem
    start = re.split(r"[*?\[]", stem)[0].rstrip("-_. ") or path.parent.name
    return "data" if glob.has_magic(start) or not start else start


def kind(path: Path, head: bytes) -> str:
    """ "text", "json", "parquet", "arrow" or "stream": by the first bytes, then by the name.

    Raises:
        InputError: neither tells.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith(b"\xff\xff\xff\xff") and suffix(path) in ARROW:
        return "stream"
    if head.startswith(b"FEA1"):
        raise InputError(
            f"{path}: this is Feather of version 1, which is no longer written",
            accepted=ACCEPTED,
            advice="Write it again: pyarrow.feather.write_feather(table, FILE).",
        )
    for name, suffixes in (("text", TEXT), ("json", JSON), ("parquet", PARQUET), ("arrow", ARROW)):
        if suffix(path) in suffixes:
            return name
    raise InputError(
        f"{path}: the name doesn't tell what kind of file this is",
        found=suffix(path) or "no suffix",
        accepted=ACCEPTED,
    )


def suffix(path: Path) -> str:
    """The suffix that tells the kind: of train.csv.gz it is .csv."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last in PACKED else last


class Place:
    """The bytes of one file: on disk, or in memory where they had to be unpacked or rewritten.

    Args:
        path: the file, for messages.
        content: its bytes where they aren't those on disk.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        self.content = content

    @classmethod
    def of(cls, path: Path) -> Place:
        """A file, unpacked where it is packed.

        Raises:
            InputError: it isn't there, is empty, a folder, damaged, or too large for the memory.
        """
        with _opened(path) as stream:
            start = stream.read(4)
            if not path.is_file():
                return cls(path, start + stream.read())
            stream.seek(0)
            if start.startswith(_GZIP):
                place = cls(path, _unpacked(path, stream, "gzip"))
            elif start.startswith(_ZSTD):
                place = cls(path, _unpacked(path, stream, "zstd"))
            else:
                place = cls(path)
        if not place.head().strip() and not place.whole().strip():
            raise InputError(
                f"{path}: the file is empty",
                found=f"{place.size()} bytes",
                accepted="a line of column names, then one line per row",
            )
        return place

    def source(self) -> Path | bytes:
        """What a reader takes."""
        return self.path if self.content is None else self.content

    def head(self) -> bytes:
        """The first bytes."""
        return self.part(0, _HEAD)

    def part(self, start: int, stop: int) -> bytes:
        """The bytes start … stop−1."""
        if self.content is not None:
            return self.content[start:stop]
        with _opened(self.path) as stream:
            stream.seek(start)
            return stream.read(stop - start)

    def pieces(self, start: int = 0) -> Iterator[bytes | bytearray]:
        """All bytes from ``start`` on, piece by piece; each is good until the next is asked for."""
        if self.content is not None:
            ends = range(start, len(self.content), _PIECE)
            yield from (self.content[at : at + _PIECE] for at in ends)
            return
        # One buffer that stays in the processor's cache: fresh memory costs more than reading.
        buffer = bytearray(_PIECE)
        with _opened(self.path) as stream:
            stream.seek(start)
            while count := stream.readinto(buffer):  # type: ignore[attr-defined]
                yield buffer if count == _PIECE else buffer[:count]

    def size(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size if self.content is None else len(self.content)

    def whole(self) -> bytes:
        """All bytes, in memory."""
        return self.part(0, self.size()) if self.content is None else self.content


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The open file, buffered: a bare one reads at most 2 GB at once; what is wrong is named."""
    try:
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise _no_such_file(path) from None
    except IsADirectoryError:
        raise InputError(
            f"{path}: this is a folder, and a table is one file",
            found=_inside(path),
            accepted=ACCEPTED,
            advice=_advice(path),
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: the file can't be read",
            found=error.strerror or error,
            advice="Check that you may read it (ls -l), or copy it to where you may.",
        ) from None


def _tables(folder: Path) -> list[Path]:
    """The tables in a folder, by name."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return []
    return [each for each in inside if suffix(each) in SUFFIXES]


def _inside(folder: Path) -> str | None:
    if not folder.is_dir():
        return f"the folder '{folder}' isn't there either"
    names = [each.name for each in _tables(folder)]
    more = f", … ({len(names):,} in all)" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more} in it" if names else "no table in it"


def _advice(folder: Path) -> str | None:
    tables = _tables(folder)
    if len(tables) > 1:
        return f"All files of a kind are one table: '{folder / '*'}{tables[0].suffix}', in quotes."
    return f"Did you mean '{tables[0]}'?" if tables else None


def _no_such_file(path: Path) -> InputError:
    folder = path.parent
    names: dict[str, str] = {}
    if str(folder) == ".":
        names = {name: name for name in builtin_names()}
    names |= {each.name: str(each) for each in _tables(folder)}
    guess = nearest(path.name, names)
    return InputError(
        f"{path}: no such file",
        found=None if folder.is_dir() else f"the folder '{folder}' isn't there either",
        accepted=f"{ACCEPTED}, or a built-in data set: {', '.join(builtin_names())}",
        advice=f"Did you mean '{names[guess]}'?" if guess else None,
    )


def _unpacked(path: Path, stream: BinaryIO, how: str) -> bytes:
    """A packed file's content: whole, and no larger than what the memory has room for."""
    import pyarrow as pa

    room = available() // 3
    packed = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), how)
    found = io.BytesIO()
    try:
        while piece := packed.read(_PIECE):
            found.write(piece)
            if found.tell() > room:
                raise InputError(
                    f"{path}: unpacked, this file doesn't fit into the memory",
                    found=f"more than {room / 1e9:.1f} GB",
                    accepted="a file of which three times the content fits",
                    advice="Store the table as Parquet, or unpack the file yourself.",
                )
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: the packed content is damaged",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            accepted="a whole .gz or .zst file",
            advice="Copy or pack the file again.",
        ) from None
    return found.getvalue()
