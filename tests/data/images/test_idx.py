"""IDX files: pairs are found, headers are checked against contents."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import realdata

from methodic.data.images.idx import images_of, is_idx, part_of, read_idx
from methodic.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), dtype=np.uint8)
LABELS = np.arange(7, dtype=np.uint8) % 3


def content(array: npt.NDArray[np.uint8]) -> bytes:
    start = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return start + array.tobytes()


def write(folder: Path, part: str = "train", packed: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    for what, array in (("images", IMAGES), ("labels", LABELS)):
        name = f"{part}-{what}-idx{array.ndim}-ubyte"
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content(array)))
        else:
            (folder / name).write_bytes(content(array))
    return folder / f"{part}-images-idx3-ubyte{'.gz' if packed else ''}"


@pytest.mark.parametrize("packed", [True, False])
def test_a_pair(tmp_path: Path, packed: bool) -> None:
    path = write(tmp_path, packed=packed)
    frame = read_idx(path)
    assert frame["image"].dtype == pl.Array(pl.UInt8, (1, 5, 6))
    assert np.array_equal(frame["image"].to_numpy()[:, 0], IMAGES)
    assert frame["label"].to_list() == LABELS.tolist()
    assert is_idx(path)
    assert images_of(tmp_path) == [path]
    assert part_of(path) == "train"


def test_other_spellings() -> None:
    assert is_idx(Path("t10k-images.idx3-ubyte"))
    assert is_idx(Path("emnist-letters-train-images-idx3-ubyte.gz"))
    assert not is_idx(Path("train-labels-idx1-ubyte.gz"))
    assert not is_idx(Path("images.csv"))


def test_without_labels(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").rename(tmp_path / "t10k-labels-idx1-ubyte.gz")
    with pytest.raises(InputError, match="labels isn't there"):
        read_idx(path)


WHOLE = content(IMAGES)
DAMAGED = {
    "cut": WHOLE[:-1],
    "longer": WHOLE + b"\0",
    "empty": b"",
    "another type": b"\0\0\x0d\3" + WHOLE[4:],
    "no zeros": b"\1" + WHOLE[1:],
    "a claim": WHOLE[:4] + b"\xff" * 12 + WHOLE[16:],
    "flat": content(LABELS),
    "fewer": content(IMAGES[:5]),
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("packed", [True, False])
def test_damaged_files(tmp_path: Path, what: str, packed: bool) -> None:
    path = write(tmp_path, packed=packed)
    path.write_bytes(gzip.compress(DAMAGED[what]) if packed else DAMAGED[what])
    with pytest.raises(InputError, match=str(path)):
        read_idx(path)


@pytest.mark.parametrize("cut", [5, 40])
def test_damaged_packing(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="damaged"):
        read_idx(path)
    path.write_bytes(b"not gzip at all")
    with pytest.raises(InputError, match="damaged"):
        read_idx(path)


def test_fashion_mnist() -> None:
    frame = read_idx(realdata.path("fashion-mnist/t10k-images-idx3-ubyte.gz"))
    assert frame["image"].dtype == pl.Array(pl.UInt8, (1, 28, 28))
    assert frame["label"].value_counts()["count"].to_list() == [1000] * 10
    assert frame["label"].head(5).to_list() == [9, 2, 1, 1, 6]
