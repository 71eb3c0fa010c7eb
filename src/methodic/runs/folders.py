"""Where runs lie: making a new run's folder, and taking it away again if nothing came of it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from methodic.diagnosis.findings import NAME as FINDINGS
from methodic.errors import InputError
from methodic.files import make_folder
from methodic.runs.paths import WORK


@contextlib.contextmanager
def new_run(name: str, out: Path | str | None) -> Iterator[Path]:
    """A new run's folder with its work/; gone again if no plan came of it.

    Args:
        name: of the data.
        out: the folder that the user wants, or None for the next free one in runs/.

    Raises:
        InputError: ``out`` holds a run already or something else, or can't be written.
    """
    folder = new_folder(name, out)
    work = folder / WORK
    make_folder(work)
    try:
        yield folder
    finally:
        if not (folder / "plan.json").exists():
            clear(folder)


def clear(folder: Path) -> None:
    """Take away what a run leaves that ended before it had a plan; other files stay."""
    shutil.rmtree(folder / WORK, ignore_errors=True)
    (folder / FINDINGS).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty after all: leave it alone
        folder.rmdir()


def new_folder(name: str, out: Path | str | None) -> Path:
    """The folder of a new run: ``out``, or the next free one in runs/; see `new_run`."""
    if out is not None:
        folder = Path(out)
        if (folder / "plan.json").exists():
            raise InputError(
                f"{folder}: holds a run already",
                advice="Choose another --out, or go on with it: methodic resume " + str(folder),
            )
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file, not a folder", advice="Choose another --out.")
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(
                f"{folder}: isn't empty", advice="Choose a new or an empty folder for --out."
            )
        make_folder(folder)
        return folder
    base = Path("runs")
    make_folder(base)
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name) or "data"
    number = 1
    while True:
        folder = base / f"{safe}-{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder
