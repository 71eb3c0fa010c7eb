"""Rows larger than memory through a run: the same answers as in memory, again and again."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from runs.conftest import FULL, PLAIN

import methodic as mt
from methodic.data.batches import Order
from methodic.data.large.maps import Mapped
from methodic.data.loading import load
from methodic.errors import InputError, Interrupted
from methodic.recipes import catalogue
from methodic.runs.plans.wishes import wish
from methodic.runs.rows import preparation, streaming

LIMIT = 1_000_000


def stored(path, rows=20_000, **more):
    """Rows sorted by class, as an order that batches must not follow."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 4))
    kind = random.choice(["a", "b", "c"], rows)
    answer = x[:, 0] + x[:, 1] * (kind == "a") + random.normal(size=rows) / 4 > 0
    columns = {f"x{i}": x[:, i] for i in range(4)}
    frame = pl.DataFrame({**columns, "kind": kind, **more, "y": np.where(answer, "yes", "no")})
    frame.sort("y").write_parquet(path)
    return path


@pytest.fixture
def path(tmp_path):
    return stored(tmp_path / "t.parquet")


@pytest.fixture
def prepared(path):
    return preparation.prepare(load(path, "y", memory=LIMIT), 0)


def scores(folder):
    record = json.loads(next(Path(folder, "records").glob("train-*.json")).read_text())
    return record["members"][0]["validation"], record


def test_rows_are_all_there_and_encoded_alike(path, prepared):
    whole = preparation.prepare(load(path, "y"), 0)
    assert sum(prepared.counts) == sum(whole.counts) == 20_000
    assert np.abs(np.array(prepared.counts) - whole.counts).max() < 400
    mean, usual = (each.rows["train"].inputs["numeric"].mean(0) for each in (prepared, whole))
    assert (mean - usual).abs().max() < 0.05
    assert prepared.inputs == whole.inputs
    for part in ("train", "validation", "test"):
        target, truth = prepared.rows[part].target, prepared.truth[part]
        assert target.tolist() == truth.tolist()
    counts = prepared.encoders.class_counts
    assert counts.tolist() == np.bincount(prepared.truth["train"]).tolist()


def test_each_row_of_the_file_is_in_one_place(prepared, path):
    coded = torch.cat([prepared.rows[p].inputs["numeric"] for p in ("train", "validation", "test")])
    assert len(coded.unique(dim=0)) == pl.read_parquet(path)["x0"].n_unique()


def test_baselines_learn_from_rows_as_they_were_read(prepared):
    rows = prepared.baseline_rows("train")
    every = -(-len(prepared.truth["train"]) // len(rows.target))
    assert every > 1
    kept = prepared.rows["train"].inputs["numeric"][::every]
    encoded = prepared.encoders.numeric(torch.from_numpy(rows.numeric))
    assert torch.allclose(encoded, kept)
    assert len(prepared.baseline_rows("test").target) == prepared.counts[2]


def test_blocks_of_a_sorted_file_are_mixed(prepared):
    assert isinstance(prepared.rows["train"], Mapped)
    order = Order([0], prepared.counts[0], 128, block=prepared.block)
    index = order.steps(0, 50)
    share = prepared.rows["train"].target[index].float().mean(1)
    assert (share - 0.5).abs().max() < 0.3
    assert share.std() < 0.08  # of 128 random rows: 0.044


def test_training_ends_like_training_in_memory(path, tmp_path):
    found = {}
    for name, memory in (("whole", None), ("pieces", LIMIT)):
        data = load(path, "y", memory=memory)
        mt.train_method(data, PLAIN, steps=300, out=tmp_path / name)
        found[name], record = scores(tmp_path / name)
        assert (record["waited"] > 0) == (memory is not None)
    assert abs(found["whole"]["accuracy"] - found["pieces"]["accuracy"]) < 0.03
    assert found["pieces"]["accuracy"] > 0.85


def test_weights_of_rows_are_one_on_average(tmp_path):
    weight = np.random.default_rng(3).uniform(0.5, 4, 20_000)
    path = stored(tmp_path / "t.parquet", w=weight)
    prepared = preparation.prepare(load(path, "y", weight="w", memory=LIMIT), 0)
    for part in ("train", "validation", "test"):
        assert abs(float(prepared.rows[part].weight.mean()) - 1) < 1e-4
    rows = prepared.baseline_rows("train")
    assert len(rows.weight) == len(rows.target)


def test_own_test_rows_without_weights_count_alike(tmp_path):
    weight = np.random.default_rng(3).uniform(0.5, 4, 20_000)
    path = stored(tmp_path / "t.parquet", w=weight)
    for rows in (20_000, 300):  # read in pieces, and at once
        test = stored(tmp_path / "test.parquet", rows)
        prepared = preparation.prepare(load(path, "y", weight="w", test=test, memory=LIMIT), 0)
        assert prepared.counts[2] == rows
        assert (prepared.weights("test") == 1).all()
        assert abs(float(prepared.rows["train"].weight.mean()) - 1) < 1e-4


def test_pieces_without_any_weight_are_left_out_and_counted(tmp_path):
    path = stored(tmp_path / "t.parquet", w=np.ones(20_000))
    rows = pl.read_parquet(path).with_row_index("at")
    rows = rows.with_columns(
        w=pl.when(pl.col("at") % 10_000 < 5_000).then(0.0).otherwise(1.0),
        y=pl.when(pl.col("at") % 100 == 99).then(None).otherwise(pl.col("y")),
    )
    rows.drop("at").write_parquet(path)
    data = load(path, "y", weight="w", memory=LIMIT)
    assert any(note.startswith("in the sample: ") for note in data.notes)
    prepared = preparation.prepare(data, 0)
    assert sum(prepared.counts) == 9_900
    assert prepared.notes == (
        f"{path}: 200 rows have no value in 'y' and can't be used",
        f"{path}: 10,000 rows have weight 0 and don't count",
    )


def test_strangers_are_judged_by_all_test_rows(tmp_path):
    path = stored(tmp_path / "t.parquet")
    test = stored(tmp_path / "test.parquet")
    rows = pl.read_parquet(test).with_row_index("at")
    for share, refused in ((0.3, False), (0.6, True)):
        some = rows.with_columns(
            y=pl.when(pl.col("at") < share * 20_000).then(pl.lit("maybe")).otherwise(pl.col("y"))
        )
        some.drop("at").write_parquet(test)
        if refused:
            with pytest.raises(InputError, match="a class that training doesn't know, in row"):
                preparation.prepare(load(path, "y", test=test, memory=LIMIT), 0)
            continue
        prepared = preparation.prepare(load(path, "y", test=test, memory=LIMIT), 0)
        assert prepared.counts[2] == 14_000
        assert prepared.notes == (
            f"{test}: 6,000 of 20,000 rows are left out, since training knows no row of their "
            "class: 'maybe' (6,000)",
        )


def test_a_run_can_be_made_again(path, tmp_path):
    mt.train_method(load(path, "y", memory=LIMIT), PLAIN, steps=60, out=tmp_path / "one")
    again = mt.reproduce(tmp_path / "one", out=tmp_path / "two")
    assert "to the bit" in again.verdict
    stored(path, 20_001)
    with pytest.raises(InputError, match="not the data"):
        mt.reproduce(tmp_path / "one", out=tmp_path / "three")


def test_a_stopped_run_goes_on_with_the_same_bits(path, tmp_path, monkeypatch):
    data = load(path, "y", memory=LIMIT)
    mt.train_method(data, PLAIN, steps=200, out=tmp_path / "whole")
    from methodic.engine import keeper

    due, calls = keeper.Keeper.due, []

    def stop(self, steps=0):
        calls.append(1)
        if len(calls) > 120:
            raise KeyboardInterrupt
        return due(self, steps) or len(calls) % 50 == 0

    monkeypatch.setattr(keeper.Keeper, "due", stop)
    with pytest.raises(Interrupted):
        mt.train_method(data, PLAIN, steps=200, out=tmp_path / "stopped")
    monkeypatch.undo()
    mt.resume(tmp_path / "stopped")
    one, _ = scores(tmp_path / "whole")
    other, _ = scores(tmp_path / "stopped")
    assert one == other


def test_images_stay_bytes_in_the_file(tmp_path):
    from PIL import Image

    random, cells = np.random.default_rng(0), []
    for i in range(600):
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        pixels[..., i % 2] //= 4
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        cells.append(stream.getvalue())
    frame = pl.DataFrame({"image": cells, "label": ["red", "green"] * 300})
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "label", memory=300_000)
    assert data.large is not None
    prepared = preparation.prepare(data, 0)
    images = prepared.rows["train"].inputs["array"]
    assert images.dtype == torch.uint8
    assert images.shape == (prepared.counts[0], 3, 8, 8)
    dark = images.float().mean((2, 3)).argmin(1)
    classes = [data.schema.classes[i] for i in prepared.truth["train"]]
    assert [("red", "green", "")[i] for i in dark.tolist()] == classes
    assert prepared.baseline_rows("validation").numeric.shape == (prepared.counts[1], 192)


def test_a_folder_of_images_and_equal_images_in_it(tmp_path):
    from PIL import Image

    random = np.random.default_rng(0)
    for part, count in (("train", 200), ("test", 50)):
        for label in ("cats", "dogs"):
            folder = tmp_path / "set" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels // (1 + (label == "cats"))).save(folder / f"{i}.png")
                if part == "train":
                    shutil.copy(folder / f"{i}.png", folder / f"again-{i}.png")
    data = load(tmp_path / "set", memory=30_000)
    assert data.large is not None
    assert data.heights == (800, 100)
    prepared = preparation.prepare(data, 0)
    assert prepared.counts[2] == 100
    images = [prepared.rows[part].inputs["array"].flatten(1) for part in ("train", "validation")]
    assert sum(map(len, images)) == 800
    assert len(torch.cat([each.unique(dim=0) for each in images])) == 400
    moved = load((tmp_path / "set").rename(tmp_path / "elsewhere"), memory=30_000)
    assert moved.fingerprint == data.fingerprint


def test_broken_images_are_counted_and_named(tmp_path):
    from PIL import Image

    random, cells = np.random.default_rng(0), []
    for i in range(600):
        stream = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(stream, "PNG")
        cells.append(b"no image" if i < 150 or i == 400 else stream.getvalue())
    frame = pl.DataFrame({"image": cells, "label": ["red", "green"] * 300})
    frame = pl.concat([frame[150:], frame[:150]])  # the first cells tell that these are images
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "label", memory=300_000, skip_broken=True)
    assert data.large is not None
    prepared = preparation.prepare(data, 0)
    assert sum(prepared.counts) == 449
    (note,) = prepared.notes
    for words in ("151 of 600 images can't be read", "row 251: ", "row 451: ", "and 51 more"):
        assert words in note


def test_what_takes_all_rows_at_once_is_refused(path):
    data = load(path, "y", memory=LIMIT)
    said = {"seed": 0, "device": "cpu", "threads": None, "command": ""}
    with pytest.raises(InputError, match="all rows in each step"):
        wish(data, [FULL], None, None, **said)
    kept = {recipe.name for recipe in wish(data, "all", None, None, **said).recipes}
    full = {
        name
        for name in catalogue.names()
        if any(stage.batch == "full" for stage in catalogue.get(name).stages)
    }
    assert full
    assert not kept & full
    assert wish(data, [PLAIN], None, None, **said).shared_batches


def test_cross_validation_is_refused(path):
    with pytest.raises(InputError, match="--splits one"):
        preparation.prepare(load(path, "y", memory=LIMIT), 0, 3)


def test_an_empty_part_is_said(tmp_path):
    part = np.where(np.arange(20_000) % 7 > 0, "train", "test")
    path = stored(tmp_path / "t.parquet", part=part)
    frame = pl.read_parquet(path)
    data = load(path, "y", split="part", memory=LIMIT)
    frame.with_columns(part=pl.lit("train")).write_parquet(path)
    with pytest.raises(InputError, match="no row is a test row"):
        preparation.prepare(data, 0)


def test_saving_elsewhere_takes_the_file_along(prepared, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    preparation.save(prepared, folder)
    preparation.check(folder)
    again = preparation.load(folder)
    assert again.block == prepared.block > 0
    assert torch.equal(again.rows["test"].target, prepared.rows["test"].target)
    assert (folder / streaming.ROWS).stat().st_size > 0


_CHILD = """
import sys, threading, time
import methodic as mt
from methodic.runs.plans import single
from methodic.runs.rows import preparation
mt.train_method(mt.load("iris"), "sgd", steps=3, out=sys.argv[2] + "/warm", threads=1)
def taken():
    # What nobody can take away; pages of mapped files are the system's to drop.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024
peak = before = taken()
def watch():
    global peak
    while True:
        peak = max(peak, taken())
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
data = mt.load(sys.argv[1], "y", memory=int(sys.argv[3]))
mt.train_method(data, "sgd", steps=int(sys.argv[4]), out=sys.argv[2] + "/run", threads=1)
print(data.heights[0], peak - before)
"""


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_five_gigabytes_with_little_memory(tmp_path):
    from pyarrow import parquet

    rows, pieces, columns = 131_072, 160, 32
    path = tmp_path / "large.parquet"
    random, writer = np.random.default_rng(0), None
    for _ in range(pieces):
        x = random.normal(size=(rows, columns))
        frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(columns)})
        frame = frame.with_columns(y=pl.Series(np.where(x[:, 0] > x[:, 1], "yes", "no")))
        table = frame.to_arrow()
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    writer.close()
    assert path.stat().st_size > 5e9
    limit = 400_000_000
    arguments = [str(path), str(tmp_path), str(limit), "2000"]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found, taken = map(int, done.stdout.split())
    assert found == rows * pieces
    assert taken < limit + 300_000_000
    validation, record = scores(tmp_path / "run")
    assert validation["accuracy"] > 0.95
    assert record["waited"] < 0.05 * record["seconds"]
    shutil.rmtree(tmp_path / "run")
