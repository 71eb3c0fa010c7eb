"""Images as rows: folders by class, IDX pairs, and what is to be predicted."""

from __future__ import annotations

import glob
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.data.images import folders, idx
from methodic.data.images.columns import located
from methodic.data.images.decoding import ACCEPTED
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

IMAGE, LABEL, PART, FILE = "image", "label", "part", "file"
"""The columns of the tables made here."""


@dataclass(frozen=True)
class Pictures:
    """What was found in a folder.

    Args:
        frame: "image" (paths, or bytes [C, H, W]) and "label", which is missing where images have
            no class; "part" where it is known.
        test: the rows of test/, where there is no other part than train/.
        part: whether ``frame`` says for each row whether it is for training.
        notes: what was left aside, in words.
    """

    frame: pl.DataFrame
    test: pl.DataFrame | None = None
    part: bool = False
    notes: tuple[str, ...] = ()


def holds_images(path: str | Path) -> bool:
    """Whether `read` is for this: a folder, or a file of images in IDX form."""
    path = Path(path)
    return path.is_dir() or (idx.is_idx(path) and path.is_file())


def is_one_image(path: str | Path) -> bool:
    """Whether this is the file of an image, by its name."""
    return folders.is_image(Path(path).name) and Path(path).is_file()


def read(path: str | Path) -> Pictures:
    """The images of a folder, one row each; they aren't decoded yet.

    The folder holds a folder for each class, or train/ and test/ (or valid/, or both) with such
    folders; beside either, maybe a folder unlabelled/, whose images train without a class. Or it
    holds the files of MNIST's family (train-images-idx3-ubyte.gz and its like). With train/ and one
    other part, the other part's rows are the test rows; with all three, each row knows its part.

    Args:
        path: a folder, or one IDX file of images, whose labels stand beside it.

    Raises:
        InputError: no images, no classes, or an order that can't be understood.
    """
    path = Path(path)
    if not path.is_dir():
        return Pictures(idx.read_idx(path))
    pairs = idx.images_of(path)
    if pairs:
        return _read_pairs(path, pairs)
    parts = folders.parts_of(path)
    if not parts:
        frame, notes = _table(path)
        return Pictures(frame, notes=notes)
    tables = {part: _table(folder) for part, folder in parts.items()}
    notes = tuple(note for _, each in tables.values() for note in each)
    frames = {part: frame for part, (frame, _) in tables.items()}
    import polars as pl

    others = folders.without_classes(path.resolve())
    frames["train"] = pl.concat([frames["train"], _rows(others, [None] * len(others))])
    if len(frames) < 3:
        train = frames.pop("train")
        test = next(iter(frames.values()), None)
        return Pictures(train, test, notes=notes)
    marked = [frame.with_columns(pl.lit(part).alias(PART)) for part, frame in frames.items()]
    return Pictures(pl.concat(marked), part=True, notes=notes)


def rows_of(path: str | Path, image: str = IMAGE, text: Collection[str] = ()) -> pl.DataFrame:
    """The rows to predict from an image file, a folder of images, or a table with images.

    Args:
        path: an image; a folder, whose images may lie in folders of their own; a pattern as
            "photos/*.jpg"; or a table's file.
        image: what to call the column of images: as the training data did.
        text: columns of a table to leave as texts.

    Returns:
        "file", relative to the folder, and the images' paths, not decoded: `conform` does that, for
        as many rows at a time as it is given. Of a table, its own columns.

    Raises:
        InputError: no such file, or no images.
    """
    import polars as pl

    path = Path(path)
    if path.is_dir():
        found = list(folders.images_in(path))
        if not found:
            raise InputError(f"{path}: no images in this folder", accepted=ACCEPTED)
        names = [str(each.relative_to(path)) for each in found]
        return pl.DataFrame({FILE: names, image: [str(each.resolve()) for each in found]})
    if folders.is_image(path.name):
        files = [path] if path.is_file() else _matching(path)
        if not files:
            raise InputError(f"{path}: no such file", accepted=f"{ACCEPTED}, or a folder of them")
        names = [each.name if len(files) == 1 else str(each) for each in files]
        return pl.DataFrame({FILE: names, image: [str(each.resolve()) for each in files]})
    if idx.is_idx(path) and path.is_file():
        return idx.read_idx(path).rename({IMAGE: image})
    from methodic.data.sources import read as read_table

    return located(read_table(path, text=text), path.parent)


def _matching(pattern: Path) -> list[Path]:
    """The images that a pattern means, sorted."""
    # Path.glob takes no absolute pattern.
    found = (Path(each) for each in glob.glob(str(pattern), recursive=True))  # noqa: PTH207
    return sorted(each for each in found if each.is_file() and folders.is_image(each.name))


def _rows(paths: list[str], labels: Sequence[str | None]) -> pl.DataFrame:
    import polars as pl

    schema = {IMAGE: pl.String, LABEL: pl.String}
    return pl.DataFrame({IMAGE: paths, LABEL: labels}, schema=schema)


def _table(folder: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    found = folders.listing(folder.resolve())
    notes = []
    if found.loose:
        some = "1 image lies" if found.loose == 1 else f"{found.loose:,} images lie"
        notes.append(f"{folder}: {some} in no class's folder, without use here")
    if found.others:
        some = (
            "1 file is no image" if found.others == 1 else f"{found.others:,} files are no images"
        )
        notes.append(f"{folder}: {some}, without use here")
    return _rows(found.paths, found.labels), tuple(notes)


def _read_pairs(folder: Path, files: list[Path]) -> Pictures:
    """One pair of IDX files, or the training pair and another."""
    if len(files) == 1:
        return Pictures(idx.read_idx(files[0]))
    train = [each for each in files if idx.part_of(each) in ("train", "training")]
    if len(files) > 2 or len(train) != 1:
        raise InputError(
            f"{folder}: which of these are for training?",
            found=", ".join(each.name for each in files[:10]),
            accepted="a pair called train-… and one other",
            advice="Name the file of images to use, and another with --split.",
        )
    test = next(each for each in files if each not in train)
    return Pictures(idx.read_idx(train[0]), idx.read_idx(test))
