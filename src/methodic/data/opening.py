"""Any source as a table: a built-in set, a file, a folder of images, or rows in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.data.builtin import builtin, builtin_names
from methodic.data.frames import as_frame
from methodic.data.images import columns
from methodic.data.images import reading as pictures
from methodic.data.sources import read
from methodic.errors import InputError
from methodic.plan import Reading

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.large.survey import Large


@dataclass(frozen=True)
class Table:
    """Rows as they were read.

    Args:
        frame: columns of any type; images may be paths or bytes of files.
        target: the column to predict, where the source says so.
        name: for messages; None in memory.
        where: to read it again: an absolute path or a built-in name.
        about: a line on what the data are, where known.
        test: the source's own test rows.
        part: the column that says which rows are for training, where the source has one.
        ordered: the source is a folder of images, whose order says target, task and parts.
        notes: what was left aside on reading, in words.
        large: how to read all rows, where ``frame`` and ``test`` are samples.
    """

    frame: pl.DataFrame
    target: str | None = None
    name: str | None = None
    where: str | None = None
    about: str = ""
    test: pl.DataFrame | None = None
    part: str | None = None
    ordered: bool = False
    notes: tuple[str, ...] = ()
    large: Large | None = None


def opened(source: Any, text: Sequence[str] = ()) -> Table:
    """The rows of any source; see `loading.load`.

    Args:
        source: a built-in name, a path, or rows in memory.
        text: columns of a file to leave as texts even where all of them are numbers.

    Raises:
        InputError: it can't be read.
    """
    if isinstance(source, str) and source in builtin_names():
        frame, target, about = builtin(source)
        return Table(frame, target, source, source, about)
    if not isinstance(source, str | Path):
        return Table(columns.located(as_frame(source), Path()))
    where = str(Path(source).resolve())
    notes: list[str] = []
    if pictures.holds_images(source):
        found = pictures.read(source)
        return Table(
            found.frame,
            pictures.LABEL,
            str(source),
            where,
            test=found.test,
            part=pictures.PART if found.part else None,
            ordered=True,
            notes=found.notes,
        )
    if pictures.is_one_image(source):
        raise InputError(
            f"{source}: one image, and data are many",
            accepted="a folder with a folder of images for each class",
            advice="Name the folder; a single image is for predict.",
        )
    frame = columns.located(read(source, text=text, notes=notes), Path(source).parent, notes)
    return Table(frame, None, str(source), where, notes=tuple(notes))


def as_ordered(reading: Reading, table: Table, test: Any, title: str) -> Reading:
    """What a folder of images says by its order, added to what the user says.

    Raises:
        InputError: the user asks for other test rows than those of the folder.
    """
    if not table.ordered:
        return reading
    again = reading.split is not None and reading.split == table.part
    own = table.test is not None or table.part is not None
    if own and not again and (test is not None or reading.split is not None):
        raise InputError(
            f"{title}: the folder has test rows of its own, so --split can't be followed",
            advice=f"Leave --split out, or name the folder of training rows: {title}/train.",
        )
    # Folders called 2019 … 2024 or 1 … 100 are classes, no matter how many.
    said = {"task": reading.task or "classification", "split": table.part or reading.split}
    return reading.model_copy(update=said)
