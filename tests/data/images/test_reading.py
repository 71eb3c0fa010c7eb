"""Folders, IDX pairs and tables of images as data sets, and as rows to predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pictures
import polars as pl
import pytest
import realdata

from methodic.data.columns.conform import conform
from methodic.data.dataset import DataSet
from methodic.data.images import holds_images, read, rows_of
from methodic.data.loading import load, read_as
from methodic.errors import InputError


def pixels_of(data: DataSet, name: str = "image") -> np.ndarray:
    return data.frame[name].to_numpy()


def test_a_folder_of_classes(tmp_path: Path) -> None:
    data = load(pictures.classes(tmp_path / "pets"))
    assert data.name == "pets"
    assert data.source == str(tmp_path / "pets")
    assert data.schema.task == "binary"
    assert data.schema.classes == ("cats", "dogs")
    assert data.schema.columns[0].shape == (3, 12, 10)
    assert data.frame["image"].dtype == pl.Array(pl.UInt8, (3, 12, 10))
    assert pixels_of(data)[data.frame["label"].to_numpy() == "cats"].mean() < 80
    assert np.array_equal(pixels_of(data)[2], pictures.pixels(4, 12, 10) // 2)
    assert data.test is None
    assert not data.notes
    again = read_as(data.source, data.reading)
    assert again.fingerprint == data.fingerprint
    assert ("images", "10 × 12 pixels, 3 channels; others are scaled and cut to that") in (
        data.describe()
    )


def test_years_are_classes(tmp_path: Path) -> None:
    for i in range(25):
        for j in range(2):
            pictures.write(tmp_path / str(2000 + i) / f"{j}.png", seed=i + j)
    data = load(tmp_path)
    assert data.schema.task == "multiclass"
    assert len(data.schema.classes) == 25


def test_train_and_test(tmp_path: Path) -> None:
    for part, each in (("train", 12), ("test", 3)):
        pictures.classes(tmp_path / part, each)
    data = load(tmp_path)
    assert data.test is not None
    assert (data.frame.height, data.test.height) == (24, 6)
    assert read_as(data.source, data.reading).fingerprint == data.fingerprint
    with pytest.raises(InputError, match="test rows of its own"):
        load(tmp_path, split=0.2)
    with pytest.raises(InputError, match="test rows of its own"):
        load(tmp_path, test=tmp_path / "test")
    own = load(tmp_path / "train", test=tmp_path / "test")
    assert own.test is not None
    assert own.test.equals(data.test)


def test_all_three_parts(tmp_path: Path) -> None:
    for part, each in (("train", 12), ("valid", 4), ("test", 3)):
        pictures.classes(tmp_path / part, each)
    data = load(tmp_path)
    assert data.test is None
    assert data.schema.part == "part"
    assert data.reading.split == "part"
    assert dict(data.frame["part"].value_counts().iter_rows()) == {
        "train": 24,
        "validation": 8,
        "test": 6,
    }
    assert read_as(data.source, data.reading).fingerprint == data.fingerprint


def test_test_images_get_the_size_of_the_others(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "train")
    pictures.classes(tmp_path / "test", 3, size=(30, 50))
    data = load(tmp_path)
    assert data.test is not None
    assert data.test["image"].dtype == data.frame["image"].dtype
    assert any("6 of" in note or "all images" in note for note in data.notes)


def test_a_schema_says_the_size(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "pets")
    schema = tmp_path / "schema.yaml"
    schema.write_text(
        "target: label\ncolumns:\n  image: {kind: image, shape: [1, 6, 8], resize: stretch}\n"
    )
    data = load(tmp_path / "pets", schema=schema)
    assert data.frame["image"].dtype == pl.Array(pl.UInt8, (1, 6, 8))
    assert data.schema.columns[0].resize == "stretch"
    assert sum("all images are" in note for note in data.notes) == 2
    assert read_as(data.source, data.reading).fingerprint == data.fingerprint


def test_broken_images(tmp_path: Path) -> None:
    pictures.classes(tmp_path)
    (tmp_path / "cats" / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"1 of 24 images") as caught:
        load(tmp_path)
    assert "cats/03.png" in str(caught.value.found)
    data = load(tmp_path, skip_broken=True)
    assert data.frame.height == 23
    assert "cats/03.png" in data.notes[0]


def test_nothing_but_broken_images(tmp_path: Path) -> None:
    for i in range(30):
        pictures.write(tmp_path / f"{i % 2}" / f"{i}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="30 of 30 images can't be read"):
        load(tmp_path, skip_broken=True)


def test_loose_files_are_said(tmp_path: Path) -> None:
    pictures.classes(tmp_path)
    pictures.write(tmp_path / "a.png")
    (tmp_path / "readme.txt").touch()
    notes = load(tmp_path).notes
    assert [note.split(": ")[1] for note in notes] == [
        "1 image lies in no class's folder, without use here",
        "1 file is no image, without use here",
    ]


def test_a_table_of_paths(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "pets")
    rows = [f"pets/{label}/{i:02}.png,{label}" for label in ("cats", "dogs") for i in range(12)]
    (tmp_path / "list.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    data = load(tmp_path / "list.csv")
    folder = load(tmp_path / "pets")
    assert data.schema.named("image") == ["file"]
    assert np.array_equal(pixels_of(data, "file"), pixels_of(folder))


@pytest.mark.parametrize("nested", [True, False])
def test_a_table_of_bytes(tmp_path: Path, nested: bool) -> None:
    folder = load(pictures.classes(tmp_path / "pets"))
    files = read(tmp_path / "pets").frame
    cells = [Path(each).read_bytes() for each in files["image"]]
    column = [{"bytes": each, "path": "x"} for each in cells] if nested else cells
    pl.DataFrame({"image": column, "label": files["label"]}).write_parquet(tmp_path / "a.parquet")
    data = load(tmp_path / "a.parquet")
    assert np.array_equal(pixels_of(data), pixels_of(folder))


@pytest.mark.parametrize("last", [True, False])
def test_arrays(last: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 3, 8, 9), dtype=np.uint8)
    given = np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if last else images
    data = load(given, np.arange(24) % 2)
    assert data.schema.columns[0].kind == "image"
    assert data.schema.columns[0].shape == (3, 8, 9)
    assert np.array_equal(pixels_of(data, "x"), images)


def test_grey_arrays() -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 9), dtype=np.uint8)
    data = load(images, np.arange(24) % 2)
    assert data.schema.columns[0].shape == (1, 8, 9)
    numbers = load(images.astype(np.float32), np.arange(24) % 2)
    assert numbers.schema.columns[0].kind == "array"


def test_which_sources_are_images(tmp_path: Path) -> None:
    pictures.classes(tmp_path, 1)
    assert holds_images(tmp_path)
    assert not holds_images(tmp_path / "cats" / "00.png")
    assert not holds_images("iris")


def test_rows_of_a_folder(tmp_path: Path) -> None:
    pictures.classes(tmp_path, 2)
    pictures.write(tmp_path / "z.png", pictures.pixels(1))
    rows = rows_of(tmp_path, "picture")
    assert rows["file"].to_list() == [
        *(f"{label}/{i:02}.png" for label in ("cats", "dogs") for i in range(2)),
        "z.png",
    ]
    schema = load(pictures.classes(tmp_path / "more")).schema
    named = schema.model_copy(
        update={"columns": (schema.columns[0].model_copy(update={"name": "picture"}),)}
    )
    found = conform(rows, named)["picture"]
    assert np.array_equal(found.to_numpy()[4], pictures.pixels(1))


def test_rows_of_one_image_and_of_tables(tmp_path: Path) -> None:
    file = pictures.write(tmp_path / "a.png")
    assert rows_of(file).rows() == [("a.png", str(file))]
    pictures.write(tmp_path / "b.png")
    assert rows_of(tmp_path / "?.png")["image"].to_list() == [str(file), str(tmp_path / "b.png")]
    (tmp_path / "list.csv").write_text("id,path\n1,a.png\n2,a.png\n")
    assert rows_of(tmp_path / "list.csv")["path"].to_list() == [str(file)] * 2
    with pytest.raises(InputError, match="no such file"):
        rows_of(tmp_path / "c.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images"):
        rows_of(tmp_path / "empty")


def test_cifar() -> None:
    path = realdata.path("cifar10-test.parquet")
    some = pl.read_parquet(path).head(300).cast({"label": pl.String})
    data = load(some)
    assert data.schema.columns[0].shape == (3, 32, 32)
    assert len(data.schema.classes) == 10
    # The mean colour of CIFAR-10, as everybody has it.
    assert np.abs(pixels_of(data).mean(axis=(0, 2, 3)) / 255 - [0.49, 0.48, 0.45]).max() < 0.03


def test_fashion_mnist() -> None:
    data = load(realdata.path("fashion-mnist"))
    assert data.test is not None
    assert (data.frame.height, data.test.height) == (60_000, 10_000)
    assert data.schema.classes == tuple("0123456789")
    assert abs(pixels_of(data).mean() / 255 - 0.286) < 0.001


def test_names_of_folders_are_names(tmp_path: Path) -> None:
    names = ("00001", "1", "2024-01-31", "NA", "None")
    for part in ("train", "test"):
        for i, name in enumerate(names):
            for j in range(4):
                pictures.write(tmp_path / part / name / f"{j}.png", seed=i + 10 * j)
    data = load(tmp_path)
    assert data.schema.classes == names
    assert data.test is not None
    for frame in (data.frame, data.test):
        assert sorted(set(frame["label"])) == sorted(names)
        assert frame.height == 20
    assert read_as(data.source, data.reading).schema == data.schema
