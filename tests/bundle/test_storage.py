"""What a bundle's folder holds, and that it is all that predicting needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from methodic import bundle, runs
from methodic.data.loading import load
from methodic.files import file_hash, read_json

FRAME = pl.DataFrame(
    {"a": [i % 7 + 0.5 for i in range(60)], "y": [("no", "yes")[i % 2] for i in range(60)]}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("storage")
    FRAME.write_csv(place / "train.csv")
    runs.train_method(load(place / "train.csv", "y"), "adam", steps=3, out=place / "run")
    (place / "train.csv").unlink()
    return place / "run" / "model"


def test_the_files_and_their_hashes(folder: Path) -> None:
    names = {"bundle.json", "weights.safetensors", "card.md", "card.json"}
    assert {each.name for each in folder.iterdir()} == {*names, "manifest.json"}
    hashes = read_json(folder / "manifest.json", "manifest")["files"]
    assert hashes == {name: file_hash(folder / name) for name in names}


def test_the_card_for_programs(folder: Path) -> None:
    card, made = json.loads((folder / "card.json").read_text()), bundle.load(folder)
    assert card["fingerprint"] == made.card.data.fingerprint
    assert [each["name"] for each in card["inputs"]] == ["a"]
    (trained,) = made.networks
    assert card["parameters"] == sum(x.numel() for x in trained.parameters.values())


def test_another_process_predicts_without_the_data(folder: Path, tmp_path: Path) -> None:
    """Nothing but the folder goes along."""
    alone = shutil.copytree(folder, tmp_path / "elsewhere")
    code = (
        "import sys, polars as pl; from methodic import bundle; "
        "rows = pl.DataFrame({'a': [0.5, 3.5]}); "
        "print(bundle.load(sys.argv[1]).predict_frame(rows).write_csv())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(alone)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    expected = bundle.load(folder).predict_frame(pl.DataFrame({"a": [0.5, 3.5]}))
    assert done.stdout.strip() == expected.write_csv().strip()
