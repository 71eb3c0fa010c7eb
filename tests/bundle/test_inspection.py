"""Bundles that somebody made to do harm, or that claim what can't be: refused by name."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from methodic import bundle, runs
from methodic.data.loading import load
from methodic.errors import InputError
from methodic.files import file_hash, read_json, write_json
from methodic.recipes.types import Recipe

SMALL = Recipe.model_validate(
    {
        "name": "small",
        "model": {"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"},
        "stages": [{"batch": 16, "optimizer": {"kind": "adam", "lr": 0.01}}],
    }
)
FRAME = pl.DataFrame(
    {
        "a": np.random.default_rng(0).normal(size=60),
        "colour": [("red", "green", "blue")[i % 3] for i in range(60)],
        "kind": [("good", "bad")[i % 2] for i in range(60)],
    }
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hostile") / "run"
    runs.train_method(load(FRAME, "kind"), SMALL, steps=5, out=out)
    return out / "model"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "model"))


def sealed(folder: Path) -> None:
    """Whoever changes a file can write its hash as well."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {
        name: file_hash(folder / name) for name in manifest["files"] if (folder / name).is_file()
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refused(folder: Path, *words: str) -> InputError:
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        bundle.load(folder)
    for word in words:
        assert word in str(caught.value), caught.value
    assert time.monotonic() - started < 20
    return caught.value


class Harm:
    """What unpickling would do."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


# --- code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_as_weights(folder: Path, protocol: int) -> None:
    marker = folder / "harm"
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Harm(marker), protocol))
    sealed(folder)
    refused(folder, "weights.safetensors", "a pickle", "could run code")
    assert not marker.exists()


def test_an_archive_of_torch_as_weights(folder: Path) -> None:
    torch.save({"a": torch.zeros(3)}, folder / "weights.safetensors")
    assert zipfile.is_zipfile(folder / "weights.safetensors")
    sealed(folder)
    refused(folder, "weights.safetensors", "torch.save", "could run code")


@pytest.mark.parametrize("name", ["model.pkl", "weights.pt", "encoders.joblib", "more.NPY"])
def test_a_pickle_beside_the_others(folder: Path, name: str) -> None:
    marker = folder / "harm"
    (folder / name).write_bytes(pickle.dumps(Harm(marker)))
    refused(folder, name, "a pickle in a bundle")
    assert not marker.exists()


# --- places -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "a/../../b"])
def test_a_manifest_that_leads_out(folder: Path, name: str) -> None:
    manifest = read_json(folder / "manifest.json", "manifest")
    manifest["files"][name] = "0" * 64
    write_json(folder / "manifest.json", manifest)
    refused(folder, "manifest.json", "outside of the bundle", name)


def test_a_manifest_with_a_file_too_many(folder: Path) -> None:
    (folder / "setup.py").write_text("")
    manifest = read_json(folder / "manifest.json", "manifest")
    manifest["files"]["setup.py"] = file_hash(folder / "setup.py")
    write_json(folder / "manifest.json", manifest)
    refused(folder, "manifest.json", "a file that no bundle has", "setup.py")


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "card.md", "manifest.json"])
@pytest.mark.parametrize("target", ["elsewhere", "/dev/zero", "nowhere"])
def test_links(folder: Path, name: str, target: str) -> None:
    original = folder / name
    if target == "elsewhere":
        shutil.copy(original, folder.parent / "elsewhere")
        target = str(folder.parent / "elsewhere")
    original.unlink()
    original.symlink_to(target)
    refused(folder, name, "plain files", f"a link to {target}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "manifest.json"])
def test_a_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refused(folder, name, "plain files")


# --- sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("claimed", [2**33, 2**63 + 5, 99_999_999])
def test_a_header_that_claims_gigabytes(folder: Path, claimed: int) -> None:
    content = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(claimed.to_bytes(8, "little") + content[8:])
    sealed(folder)
    refused(folder, "weights.safetensors", f"claims {claimed:,} bytes")


def test_a_tensor_that_claims_gigabytes(folder: Path) -> None:
    content = (folder / "weights.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = next(name for name in header if name.startswith("parameters/"))
    header[name]["shape"] = [2**20, 2**20]
    header[name]["data_offsets"] = [0, 2**42]
    text = json.dumps(header).encode()
    (folder / "weights.safetensors").write_bytes(
        len(text).to_bytes(8, "little") + text + content[8 + length :]
    )
    sealed(folder)
    refused(folder, "damaged")


def test_weights_larger_than_memory_are_not_read(folder: Path) -> None:
    with (folder / "weights.safetensors").open("r+b") as file:
        file.truncate(psutil.virtual_memory().total + 1)  # sparse: it takes no room on the disk
    refused(folder, "weights.safetensors", "memory")


@pytest.mark.parametrize("name", ["bundle.json", "card.md", "card.json"])
def test_documents_are_not_hashed_whatever_their_size(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as file:
        file.truncate(2**33)  # sparse; hashing it takes minutes
    refused(folder, name, "too long", f"{2**33:,} bytes")


def test_a_document_of_many_megabytes(folder: Path) -> None:
    (folder / "bundle.json").write_text("[" + "[]," * 12_000_000 + "[]]")
    sealed(folder)
    refused(folder, "bundle.json", "too long")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"card": ' + "9" * 10_000 + "}", '{"card": NaN}', '"\\ud800', "\xff"]
)
@pytest.mark.parametrize("name", ["bundle.json", "manifest.json"])
def test_documents_that_break_parsers(folder: Path, name: str, text: str) -> None:
    (folder / name).write_bytes(text.encode("latin-1"))
    if name == "bundle.json":
        sealed(folder)
    refused(folder, name, "damaged (not JSON)")


def edited(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = read_json(folder / "bundle.json", "bundle")
    edit(document)
    (folder / "bundle.json").write_text(json.dumps(document))
    sealed(folder)


def test_too_many_networks(folder: Path) -> None:
    def crowd(document: dict[str, Any]) -> None:
        card = document["card"]
        part = {"recipe": card["recipe"], "seed": 0, "weight": 1 / 5000}
        card["ensemble"] = [part] * 5000

    edited(folder, crowd)
    refused(folder, "damaged", "ensemble", "256")


def test_a_network_larger_than_its_weights(folder: Path) -> None:
    def widen(document: dict[str, Any]) -> None:
        document["card"]["recipe"]["model"].update(width=65536, depth=1000)

    edited(folder, widen)
    refused(folder, "don't fit the network")


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["parameters/", "buffers/"])
def test_numbers_that_are_none(folder: Path, number: float, part: str) -> None:
    tensors = load_file(folder / "weights.safetensors")
    name = next(name for name in tensors if name.startswith(part))
    tensors[name] = tensors[name].clone()
    tensors[name].view(-1)[0] = number
    save_file(tensors, folder / "weights.safetensors")
    sealed(folder)
    refused(folder, f"'{name}'", "numbers that are none", "1 of")


@pytest.mark.parametrize(
    "kind",
    [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.complex64,
     torch.float8_e4m3fn],
)  # fmt: skip
def test_numbers_of_another_kind(folder: Path, kind: torch.dtype) -> None:
    tensors = load_file(folder / "weights.safetensors")
    name = next(name for name in tensors if name.startswith("parameters/"))
    tensors[name] = tensors[name].to(kind)
    save_file(tensors, folder / "weights.safetensors")
    sealed(folder)
    refused(folder, name.removeprefix("parameters/"), str(kind))


def test_answers_that_are_no_numbers(folder: Path) -> None:
    tensors = load_file(folder / "weights.safetensors")
    for name in tensors:
        if name.startswith("parameters/"):
            tensors[name] = torch.full_like(tensors[name], 3e38)
    save_file(tensors, folder / "weights.safetensors")
    sealed(folder)
    with pytest.raises(InputError, match="row 1 is no number"):
        bundle.load(folder).predict_frame(FRAME)


@pytest.mark.parametrize("model", [{"kind": "auto"}, None])
def test_a_recipe_without_a_network(folder: Path, model: dict[str, str] | None) -> None:
    def undo(document: dict[str, Any]) -> None:
        document["card"]["recipe"].pop("model")
        if model is not None:
            document["card"]["recipe"]["model"] = model

    edited(folder, undo)
    refused(folder, "damaged", "names no network")


def test_a_notation_that_is_none(folder: Path) -> None:
    def scribble(document: dict[str, Any]) -> None:
        document["encoders"]["schema"]["columns"][0]["notation"] = "x"

    edited(folder, scribble)
    refused(folder, "damaged", "no way to write")


# --- what is no harm ----------------------------------------------------------------------------


def test_a_bundle_and_its_notes_still_load(folder: Path) -> None:
    (folder / "README.txt").write_text("mine")
    assert bundle.load(folder).predict_frame(FRAME).height == 60


def test_a_link_to_the_whole_folder_is_the_folder(folder: Path) -> None:
    (folder.parent / "current").symlink_to(folder)
    assert bundle.load(folder.parent / "current").predict_frame(FRAME).height == 60


def test_a_bundle_from_before_there_was_a_card_for_programs(folder: Path) -> None:
    (folder / "card.json").unlink()
    sealed(folder)
    assert "card.json" not in read_json(folder / "manifest.json", "manifest")["files"]
    assert bundle.load(folder).predict_frame(FRAME).height == 60
