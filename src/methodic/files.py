"""Files that are whole or absent: atomic writes, safe reads, fingerprints.

Every file is written to a temporary neighbour, flushed to the disk and renamed over its name, so a
reader (or a run that is killed) sees the old file or the new one and never half of either.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, then put it in ``path``'s place in one rename.

    A file that was there keeps who may read it.

    Raises:
        InputError: the folder can't be written, the disk is full, or a pipe or a device is in the
            place; ``path`` is unharmed.
    """
    with _explained(path):
        check_plain(path)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def check_plain(path: Path) -> None:
    """Refuse a pipe or a device, such as /dev/null: a rename would put a file in its place.

    Raises:
        InputError: it is one.
    """
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise InputError(
            f"{path}: no plain file, so it can't be written whole or not at all",
            accepted="the name of a file, which may be there already or not",
            advice="Write a file, and send that on.",
        )


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` whole or not at all."""
    write_with(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, content: str) -> None:
    """Write ``content`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON; non-finite numbers are refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(
    path: Path,
    what: str,
    limit: int = 256 * 2**20,
    advice: str = "Restore the file from a copy, or start a new run.",
) -> Any:
    """Read a JSON document of at most ``limit`` bytes.

    Args:
        path: the file.
        what: what the file is for the user, as "plan" or "record"; stands in the error.
        limit: refuse anything longer, in bytes.
        advice: what to do about a damaged one.

    Raises:
        InputError: missing, unreadable, no plain file, too long, or not JSON (which has no NaN).
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device never end
            raise InputError(f"{path}: the {what} can't be read", found="no plain file")
        if status.st_size > limit:
            raise InputError(
                f"{path}: too long for a {what}",
                found=f"{status.st_size:,} bytes",
                accepted=f"at most {limit:,} bytes",
            )
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError:
        raise InputError(f"{path}: no such {what}") from None
    except OSError as error:
        raise InputError(f"{path}: the {what} can't be read", found=error.strerror) from None
    # A ValueError is what isn't UTF-8 or JSON, or a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: this {what} is damaged (not JSON)",
            found=str(error),
            advice=advice,
        ) from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def read_parquet(path: Path, what: str, damaged: Callable[[Path, str], InputError]) -> pl.DataFrame:
    """Read a Parquet file.

    Args:
        path: the file.
        what: what it holds, as "predictions"; stands in the error.
        damaged: (path, what was found) → the error for a file that isn't Parquet.

    Raises:
        InputError: missing, unreadable, or damaged.
    """
    import polars as pl

    try:
        return pl.read_parquet(io.BytesIO(path.read_bytes()))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file of {what}") from None
    except OSError as error:
        raise InputError(
            f"{path}: the {what} can't be read", found=error.strerror or error
        ) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise damaged(path, str(error).partition("\n")[0] or "no Parquet") from None


def fingerprint(*parts: bytes | str) -> str:
    """A short SHA-256 over ``parts``, each with its length, so that no two lists collide."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:16]


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> None:
    """Make ``path`` and its parents; a clear error where that isn't allowed."""
    with _explained(path):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error.errno, error.strerror or str(error)) from None
    except Exception as error:
        # safetensors writes files itself, and tells what the system said in its own words.
        said = re.search(r"\(os error (\d+)\)", str(error))
        if type(error).__name__ != "SafetensorError" or said is None:
            raise
        number = int(said[1])
        raise _unwritable(path, number, os.strerror(number)) from None


def _unwritable(path: Path, number: int | None, reason: str) -> InputError:
    full = number in (errno.ENOSPC, errno.EDQUOT)
    return InputError(
        f"{path}: can't be written",
        found=reason,
        advice="Make room on that disk. What was written before is unharmed; a run that this "
        "stopped goes on with: methodic resume RUN"
        if full
        else "Choose a folder that you may write to and that has room (--out FOLDER).",
    )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
