"""Folders of images: one folder for each class, maybe in train/ and test/.

pets/cats/1.jpg            pets/train/cats/1.jpg
pets/dogs/2.png            pets/test/dogs/2.png
pets/unlabelled/3.jpg      pets/unlabelled/3.jpg

A folder called unlabelled is no class: its images train without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from methodic.data.images.decoding import ACCEPTED, SUFFIXES
from methodic.errors import InputError

PARTS = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "val": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of folders that mean a part of the rows."""

UNLABELLED = ("unlabelled", "unlabeled")
"""Names of folders whose images have no class."""

_TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl")
_LAYOUT = (
    "one folder for each class, as cats/1.jpg and dogs/2.jpg, maybe inside of train/ and test/"
)


@dataclass
class Listing:
    """The images of a folder by class, sorted; None is the class of those in unlabelled/."""

    paths: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    loose: int = 0
    """Images that lie beside the folders of the classes."""
    others: int = 0
    """Files of other kinds."""


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name; hidden files aren't."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def images_in(folder: Path) -> Iterator[Path]:
    """All images of a folder and the folders in it, sorted; links are followed, once."""
    for path in _walk(folder, set()):
        if is_image(path.name):
            yield path


def parts_of(folder: Path) -> dict[str, Path]:
    """Part ("train", "validation", "test") → its folder; empty where there are no parts.

    Raises:
        InputError: two folders of one part, or classes beside the parts.
    """
    named = [each for each in _folders(folder) if each.name.lower() in PARTS]
    found: dict[str, Path] = {}
    for each in named:
        part = PARTS[each.name.lower()]
        if part in found:
            raise InputError(
                f"{folder}: two folders for one part of the rows",
                found=f"{found[part].name}/ and {each.name}/",
                accepted="train/, valid/ and test/, each at most once",
            )
        found[part] = each
    if "train" not in found or not _has_classes(found["train"]):
        return {}  # a class may well be called "test"
    others = [each for each in _folders(folder) if each not in named and not _unlabelled(each)]
    beside = [each for each in others if _has_images(each)]
    if beside:
        raise InputError(
            f"{folder}: folders with images stand beside {found['train'].name}/",
            found=", ".join(f"{each.name}/" for each in beside[:10]),
            accepted=_LAYOUT,
            advice=f"Move them away, or name the folder to use: {found['train']}",
        )
    return found


def listing(folder: Path) -> Listing:
    """The images of a folder whose folders are the classes, but for unlabelled/.

    Raises:
        InputError: no images, no folders of classes, or a single class.
    """
    found = Listing()
    for each in _folders(folder):
        for path in _walk(each, set()):
            if is_image(path.name):
                found.paths.append(str(path))
                found.labels.append(None if _unlabelled(each) else each.name)
            else:
                found.others += 1
    files = [each for each in folder.iterdir() if each.is_file() and not _hidden(each.name)]
    found.loose = sum(is_image(each.name) for each in files)
    found.others += len(files) - found.loose
    classes = sorted({label for label in found.labels if label is not None})
    if not classes and found.paths:
        raise InputError(
            f"{folder}: images without classes",
            found=f"{len(found.paths):,} images, all of them in a folder {UNLABELLED[0]}/",
            accepted=_LAYOUT,
        )
    if not classes:
        raise _no_classes(folder, files, found.loose)
    if len(classes) == 1:
        raise _one_class(folder, folder / classes[0], found.labels.count(classes[0]))
    return found


def without_classes(folder: Path) -> list[str]:
    """The images of the folders in this one that are called unlabelled, sorted."""
    return [str(path) for each in _folders(folder) if _unlabelled(each) for path in images_in(each)]


def _unlabelled(folder: Path) -> bool:
    return folder.name.lower() in UNLABELLED


def _no_classes(folder: Path, files: list[Path], loose: int) -> InputError:
    tables = sorted(each for each in files if each.suffix.lower() in _TABLES)
    advice = f"Did you mean '{tables[0]}'?" if tables else None
    if loose:
        return InputError(
            f"{folder}: images without classes",
            found=f"{loose:,} images in the folder itself",
            accepted=_LAYOUT,
            advice=advice or "Sort them into folders, or write a CSV file of paths and labels.",
        )
    kinds = sorted({each.suffix.lower() or each.name for each in files})
    return InputError(
        f"{folder}: no images in this folder",
        found=f"files of the kinds {', '.join(kinds[:10])}"
        if kinds
        else "nothing that can be read",
        accepted=f"{_LAYOUT}; {ACCEPTED}",
        advice=advice,
    )


def _one_class(folder: Path, only: Path, count: int) -> InputError:
    deeper = _has_classes(only)
    return InputError(
        f"{folder}: a single class, so there is nothing to tell apart",
        found=f"{count:,} images in {only.name}/",
        accepted=_LAYOUT,
        advice=f"Did you mean '{only}'?" if deeper else None,
    )


def _folders(folder: Path) -> list[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: the folder can't be read", found=error.strerror or error
        ) from None
    return [each for each in inside if each.is_dir() and not _hidden(each.name)]


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """All files below, sorted; a folder that was seen already isn't entered: links may circle."""
    try:
        status, inside = folder.stat(), sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: the folder can't be read", found=error.strerror or error
        ) from None
    place = (status.st_dev, status.st_ino)
    if place in seen:
        return
    seen.add(place)
    for each in inside:
        if _hidden(each.name):
            continue
        if each.is_dir():
            yield from _walk(each, seen)
        elif each.is_file() or each.is_symlink():
            _check_name(each)
            yield each


def _check_name(path: Path) -> None:
    """Tables hold texts, and bytes that are no UTF-8 are none."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="replace")
        raise InputError(
            f"{shown}: a name that is no text",
            found="bytes that aren't UTF-8",
            advice="Rename it.",
        ) from None


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def _has_images(folder: Path) -> bool:
    return next(images_in(folder), None) is not None


def _has_classes(folder: Path) -> bool:
    return any(_has_images(each) for each in _folders(folder))
