"""Data made ready: training rows only decide, and files hold all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.splits import split
from methodic.errors import InputError
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import PARTS, Prepared


@pytest.fixture(scope="module")
def mixed() -> Prepared:
    """Numbers with gaps, categories and a number to predict."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=80)
    frame = pl.DataFrame(
        {
            "x": [None if i % 9 == 0 else float(v) for i, v in enumerate(x)],
            "colour": [("red", "green", "blue")[i % 3] for i in range(80)],
            "y": x * 100 + 1000,
        }
    )
    return preparation.prepare(load(frame, "y"), 3)


def test_parts_are_those_of_the_split(iris: DataSet, prepared: Prepared) -> None:
    cut = split(iris, 0)
    assert prepared.counts == (len(cut.train), len(cut.validation), len(cut.test))
    for part, index in zip(PARTS, (cut.train, cut.validation, cut.test), strict=True):
        names = iris.frame[index][iris.schema.target].to_list()
        truth = [iris.schema.classes[i] for i in prepared.truth[part]]
        assert truth == names
        assert prepared.rows[part].target.tolist() == prepared.truth[part].tolist()


def test_only_training_rows_teach_the_encoders(iris: DataSet, prepared: Prepared) -> None:
    train = prepared.rows["train"].inputs["numeric"]
    raw = prepared.raw["train"]["numeric"]
    assert train.shape == raw.shape
    cut = split(iris, 0)
    held_out = [*cut.validation, *cut.test]
    frame = iris.frame.with_row_index().with_columns(
        pl.when(pl.col("index").is_in(held_out))
        .then(pl.col(name) + 100.0)
        .otherwise(pl.col(name))
        .alias(name)
        for name in iris.schema.named("numeric")
    )
    moved = load(frame.drop("index"), iris.schema.target)
    again = preparation.prepare(moved, 0)
    assert torch.equal(again.rows["train"].inputs["numeric"], train)
    assert not torch.equal(
        again.rows["test"].inputs["numeric"], prepared.rows["test"].inputs["numeric"]
    )


def test_another_seed_is_another_split(iris: DataSet, prepared: Prepared) -> None:
    other = preparation.prepare(iris, 1)
    assert not torch.equal(
        other.rows["test"].inputs["numeric"], prepared.rows["test"].inputs["numeric"]
    )


def test_saved_and_loaded(mixed: Prepared, tmp_path: Path) -> None:
    preparation.save(mixed, tmp_path)
    again = preparation.load(tmp_path)
    assert again.inputs == mixed.inputs
    assert again.outputs == mixed.outputs == 1
    assert again.counts == mixed.counts
    for part in PARTS:
        assert np.array_equal(again.truth[part], mixed.truth[part])
        assert torch.equal(again.rows[part].target, mixed.rows[part].target)
        for name, value in mixed.rows[part].inputs.items():
            assert torch.equal(again.rows[part].inputs[name], value)
        for name, value in mixed.raw[part].items():
            assert torch.equal(again.raw[part][name].nan_to_num(7), value.nan_to_num(7))
    out = torch.randn(2, 3, 1)
    assert torch.equal(again.encoders.predictions(out), mixed.encoders.predictions(out))


def test_rows_that_belong_together_are_known(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0)
    whose = [None if i % 10 == 9 else f"p{i % 10}" for i in range(100)]
    table = pl.DataFrame({"x": numbers.normal(size=100), "p": whose, "y": numbers.normal(size=100)})
    data = load(table, "y", group="p")
    made = preparation.prepare(data, 3)
    preparation.save(made, tmp_path)
    cut = split(data, 3)
    for found in (made, preparation.load(tmp_path)):
        assert set(found.groups) == {"validation", "test"}
        names = [table["p"][int(i)] for i in cut.test]
        codes = found.groups["test"]
        assert len(codes) == len(names)
        for a, first in enumerate(names):
            for b, second in enumerate(names):
                same = a == b or (first is not None and first == second)
                assert (codes[a] == codes[b]) == same
    # Test rows of the user's own needn't say whose they are.
    own = load(table, "y", group="p", test=table.drop("p"))
    assert set(preparation.prepare(own, 3).groups) == {"validation"}
    assert not preparation.prepare(load(table, "y", drop=["p"]), 3).groups


def test_what_enters_a_network(mixed: Prepared) -> None:
    inputs = mixed.inputs
    assert inputs.numeric == mixed.rows["train"].inputs["numeric"].shape[1] == 2
    assert inputs.categorical == mixed.rows["train"].inputs["categorical"].shape[1] == 1
    assert inputs.codes == mixed.encoders.cardinality
    assert inputs.array == 0


def test_arrays_enter_flat() -> None:
    images = np.random.default_rng(0).normal(size=(40, 3, 5)).astype(np.float32)
    made = preparation.prepare(load(images, np.arange(40) % 2), 0)
    assert made.inputs.array == 15
    assert made.baseline_rows("train").numeric.shape == (made.counts[0], 15)  # type: ignore[union-attr]


def test_a_judge_scores_validation_rows_in_the_target_s_units(mixed: Prepared) -> None:
    judge = mixed.judge("rmse", torch.device("cpu"))
    perfect = mixed.rows["validation"].target[None]
    scores = judge(torch.cat([perfect, perfect + 1]))
    deviation = float(mixed.truth["train"].std())
    assert scores.score == pytest.approx([0.0, deviation], rel=1e-4, abs=1e-3)
    assert scores.loss == pytest.approx([0.0, 1.0])


def test_baselines_see_rows_before_the_numeric_encoder(mixed: Prepared) -> None:
    rows = mixed.baseline_rows("train")
    assert rows.numeric is not None
    assert rows.categorical is not None
    assert np.isnan(rows.numeric).any(), "missing values are the baseline's own business"
    assert rows.categorical.shape == (mixed.counts[0], 1)
    assert np.array_equal(rows.target, mixed.truth["train"])


def test_the_manifest_tells_what_changed(mixed: Prepared, tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("a\n1\n")
    work = tmp_path / "work"
    work.mkdir()
    preparation.save(mixed, work, (str(source), "iris", None))
    preparation.check(work)
    assert preparation.moved_on(work) == []
    source.write_text("a\n2\n")
    assert preparation.moved_on(work) == [str(source)]
    source.unlink()
    assert preparation.moved_on(work) == [], "a file that is gone says nothing about the rows"
    rows = work / "rows.safetensors"
    content = rows.read_bytes()
    rows.write_bytes(content[:-1])
    with pytest.raises(InputError, match="were changed") as caught:
        preparation.check(work)
    assert str(rows) in str(caught.value)
    rows.write_bytes(content)
    preparation.check(work)
    for damaged in ("{", "[]", '{"files": 3, "sources": {}}'):
        (work / "manifest.json").write_text(damaged)
        with pytest.raises(InputError, match="damaged"):
            preparation.check(work)
    (work / "manifest.json").unlink()
    with pytest.raises(InputError, match="are gone"):
        preparation.check(work)


def test_another_run_in_the_same_folder_has_its_own_rows(tmp_path: Path) -> None:
    for name in ("iris", "wine"):
        made = preparation.prepare(load(name), 0)
        preparation.save(made, tmp_path)
        assert preparation.load(tmp_path).counts == made.counts
