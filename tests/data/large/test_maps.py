"""Rows in a file: what is written is what is read, and only what is near stays in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from methodic.data.batches import Order, Rows
from methodic.data.large.maps import Mapped, Near, Writer
from methodic.errors import InputError


@pytest.fixture
def file(tmp_path):
    random = np.random.default_rng(0)
    arrays = {
        "x": random.normal(size=(5000, 7)).astype(np.float32),
        "image": random.integers(0, 255, (5000, 3, 4, 4)).astype(np.uint8),
        "y": random.integers(0, 9, 5000),
        "none": np.zeros((0, 3)),
    }
    shapes = {name: (value.dtype, value.shape) for name, value in arrays.items()}
    with Writer(tmp_path / "rows.safetensors", shapes, {"block": "64"}) as writer:
        for start in range(0, 5000, 900):
            for name, value in arrays.items():
                writer[name][start : start + 900] = value[start : start + 900]
            writer.let_go()
    return tmp_path / "rows.safetensors", arrays


def rows_of(path: Path) -> Mapped:
    flat = load_file(path)
    return Mapped({"x": flat["x"], "array": flat["image"]}, flat["y"], block=64, path=path)


def test_it_is_an_ordinary_safetensors_file(file):
    path, arrays = file
    found = load_file(path)
    for name, value in arrays.items():
        assert np.array_equal(found[name].numpy(), value)
    assert [each.name for each in path.parent.iterdir()] == ["rows.safetensors"]


def test_a_file_that_was_not_finished_is_not_there(tmp_path):
    with pytest.raises(ZeroDivisionError), Writer(tmp_path / "r", {}, {}):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_written(tmp_path):
    shapes = {"x": (np.dtype("float32"), (2**60,))}
    with pytest.raises(InputError, match="no room"):
        Writer(tmp_path / "r", shapes, {})


def test_batches_are_those_of_rows_in_memory(file):
    path, arrays = file
    mapped = rows_of(path)
    plain = Rows(
        {"x": torch.from_numpy(arrays["x"]), "array": torch.from_numpy(arrays["image"])},
        torch.from_numpy(arrays["y"]),
    )
    order = Order([3], 5000, 32, block=64)
    at = 0
    while at < 400:
        count = mapped.at_hand(order, at, 400 - at)
        assert 1 <= count < 32  # a window has 512 rows, the last one up to twice as many
        for index in order.steps(at, count):
            one, other = mapped.gather(index, 1), plain.gather(index, 1)
            assert torch.equal(one.target, other.target)
            assert all(torch.equal(one.inputs[k], other.inputs[k]) for k in one.inputs)
        at += count
    assert mapped.waited > 0.0 == plain.waited
    assert torch.equal(mapped.part(64, 128).target, plain.part(64, 128).target)


def test_rows_that_are_done_with_are_let_go():
    touched, gone, near = [], [], Near()
    near.hold([(0, 9)], [(9, 18)], touched.append, gone.append)
    near.hold([(9, 18)], [(18, 20)], touched.append, gone.append)
    near.hold([(18, 20)], [], touched.append, gone.append)
    assert gone == [(0, 9), (9, 18)]
    assert touched == [(0, 9), (9, 18), (18, 20)]


def test_full_batches_and_other_devices(file):
    path, _ = file
    rows = rows_of(path)
    assert rows.at_hand(Order([0], 5000, 5000, block=64), 0, 7) == 7
    assert rows.to(torch.device("cpu")) is rows
    with pytest.raises(InputError, match="on the processor"):
        rows.to(torch.device("cuda"))
