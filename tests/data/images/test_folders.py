"""Folders of images: classes, parts, and what is no such folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pictures
import pytest

from methodic.data.images.folders import images_in, listing, parts_of, without_classes
from methodic.errors import InputError


def test_classes(tmp_path: Path) -> None:
    pictures.classes(tmp_path, 2)
    pictures.write(tmp_path / "cats" / "indoors" / "x.JPG")
    found = listing(tmp_path)
    assert found.labels == ["cats"] * 3 + ["dogs"] * 2
    names = [Path(each).name for each in found.paths]
    assert names == ["00.png", "01.png", "x.JPG", "00.png", "01.png"]
    assert (found.loose, found.others) == (0, 0)
    assert parts_of(tmp_path) == {}


def test_other_files_are_counted_and_hidden_ones_are_not(tmp_path: Path) -> None:
    pictures.classes(tmp_path, 2)
    pictures.write(tmp_path / "loose.png")
    pictures.write(tmp_path / ".cache" / "a.png")
    pictures.write(tmp_path / "cats" / "._00.png")
    pictures.write(tmp_path / "__MACOSX" / "00.png")
    (tmp_path / "cats" / ".DS_Store").touch()
    (tmp_path / "dogs" / "Thumbs.db").touch()
    (tmp_path / "dogs" / "notes.txt").touch()
    (tmp_path / "README").touch()
    found = listing(tmp_path)
    assert len(found.paths) == 4
    assert (found.loose, found.others) == (1, 2)


def test_parts(tmp_path: Path) -> None:
    for part in ("Train", "val", "test"):
        pictures.classes(tmp_path / part, 1)
    (tmp_path / "docs").mkdir()
    names = {part: folder.name for part, folder in parts_of(tmp_path).items()}
    assert names == {"train": "Train", "validation": "val", "test": "test"}


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled"])
def test_a_folder_that_is_no_class(tmp_path: Path, name: str) -> None:
    pictures.classes(tmp_path, 2)
    pictures.write(tmp_path / name / "deep" / "a.png")
    found = listing(tmp_path)
    assert sorted(map(str, found.labels)) == ["None", "cats", "cats", "dogs", "dogs"]
    assert found.labels.count(None) == 1
    assert without_classes(tmp_path) == [str(tmp_path / name / "deep" / "a.png")]
    pictures.classes(tmp_path / "train", 1)
    pictures.classes(tmp_path / "test", 1)
    for each in ("cats", "dogs"):
        shutil.rmtree(tmp_path / each)
    assert set(parts_of(tmp_path)) == {"train", "test"}, "it may stand beside the parts"


def test_only_images_without_classes(tmp_path: Path) -> None:
    pictures.write(tmp_path / "unlabelled" / "a.png")
    with pytest.raises(InputError, match="images without classes") as caught:
        listing(tmp_path)
    assert "1 images, all of them in a folder unlabelled/" in str(caught.value.found)
    pictures.write(tmp_path / "cats" / "a.png")
    with pytest.raises(InputError, match="a single class") as caught:
        listing(tmp_path)
    assert caught.value.found == "1 images in cats/"


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    for name in ("test", "control", "train"):
        pictures.write(tmp_path / name / "a.png")
    assert parts_of(tmp_path) == {}
    assert listing(tmp_path).labels == ["control", "test", "train"]


def test_two_folders_of_one_part(tmp_path: Path) -> None:
    for part in ("train", "training"):
        pictures.classes(tmp_path / part, 1)
    with pytest.raises(InputError, match="one part"):
        parts_of(tmp_path)


def test_classes_beside_parts(tmp_path: Path) -> None:
    for part in ("train", "test"):
        pictures.classes(tmp_path / part, 1)
    pictures.write(tmp_path / "cats" / "a.png")
    with pytest.raises(InputError, match="beside train/") as caught:
        parts_of(tmp_path)
    assert caught.value.found == "cats/"


def test_links_are_followed_and_may_circle(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "real", 2)
    data = tmp_path / "data"
    data.mkdir()
    for name in ("cats", "dogs"):
        (data / name).symlink_to(tmp_path / "real" / name)
    (tmp_path / "real" / "cats" / "back").symlink_to(data)
    assert listing(data).labels.count("cats") == 4  # its own and, once, what the link leads to
    assert len(list(images_in(data))) == 4


def test_images_in_are_sorted(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a.png", "c.txt.png"):
        pictures.write(tmp_path / name)
    names = [str(each.relative_to(tmp_path)) for each in images_in(tmp_path)]
    assert names == ["a.png", "b/10.png", "b/2.png", "c.txt.png"]


def empty(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


def flat(folder: Path) -> None:
    pictures.write(folder / "1.png")


def with_table(folder: Path) -> None:
    pictures.write(folder / "1.png")
    (folder / "labels.csv").touch()


def texts(folder: Path) -> None:
    (folder / "cats").mkdir()
    (folder / "a.txt").touch()


def single(folder: Path) -> None:
    pictures.write(folder / "cats" / "1.png")


def nested(folder: Path) -> None:
    pictures.classes(folder / "pets", 1)


@pytest.mark.parametrize(
    ("make", "problem", "advice"),
    [
        (empty, "no images", None),
        (flat, "without classes", "Sort them"),
        (with_table, "without classes", "labels.csv'"),
        (texts, "no images", None),
        (single, "a single class", None),
        (nested, "a single class", "pets'"),
    ],
)
def test_no_folder_of_classes(tmp_path: Path, make: object, problem: str, advice: str) -> None:
    assert callable(make)
    make(tmp_path)
    with pytest.raises(InputError, match=problem) as caught:
        listing(tmp_path)
    assert str(tmp_path) in caught.value.problem
    assert (advice or "") in (caught.value.advice or "")
    assert (caught.value.advice is None) == (advice is None)


def test_a_folder_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures.classes(tmp_path / "pets", 2)
    inside = Path.iterdir

    def refuse(path: Path) -> object:  # the superuser may read anything
        if path.name == "cats":
            raise PermissionError(13, "Permission denied", str(path))
        return inside(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match="cats: the folder can't be read") as caught:
        listing(tmp_path / "pets")
    assert caught.value.found == "Permission denied"
