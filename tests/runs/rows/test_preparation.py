"""Data made ready: training rows only decide, and files hold all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

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


def blanks(every: int = 3) -> pl.DataFrame:
    """Numbers with gaps, categories and classes; most rows of the last colour have no target."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=120)
    return pl.DataFrame(
        {
            "x": [None if i % 9 == 0 else float(v) for i, v in enumerate(x)],
            "colour": [("red", "green", "blue")[i % 3] for i in range(120)],
            "y": [None if i % every == 2 else int(v > 0) for i, v in enumerate(x)],
        }
    )


def test_rows_without_a_target_stand_behind_the_others(tmp_path: Path) -> None:
    data = load(blanks(), "y")
    made = preparation.prepare(data, 0)
    rows, cut = made.rows["train"], split(data, 0)
    assert made.counts == (len(cut.train), len(cut.validation), len(cut.test))
    assert sum(made.counts) == 80
    assert made.unlabelled == 40
    assert (len(rows), rows.every) == (made.counts[0], made.counts[0] + 40)
    assert len(rows.target) == len(made.truth["train"]) == len(rows)
    assert all(len(x) == rows.every for x in rows.inputs.values())
    assert all(len(x) == len(rows) for x in made.raw["train"].values())
    assert made.class_counts.sum() == len(rows)
    assert made.baseline_rows("train").numeric.shape[0] == len(rows)  # type: ignore[union-attr]
    assert data.unlabelled is not None
    known = made.encoders.encode(pl.concat([data.frame[cut.train].drop("y"), data.unlabelled]))
    for name, x in known.items():
        assert torch.equal(rows.inputs[name], x)
    assert made.rows["test"].every == len(made.rows["test"])
    preparation.save(made, tmp_path)
    again = preparation.load(tmp_path)
    assert (again.counts, again.unlabelled) == (made.counts, 40)
    for name, x in rows.inputs.items():
        assert torch.equal(again.rows["train"].inputs[name], x)
    assert torch.equal(again.rows["train"].target, rows.target)
    assert all(len(x) == len(rows) for x in again.raw["train"].values())


def test_encoders_of_inputs_learn_from_them_and_those_of_targets_do_not() -> None:
    with_them, without = load(blanks(), "y"), load(blanks().drop_nulls("y"), "y")
    made, fewer = preparation.prepare(with_them, 0), preparation.prepare(without, 0)
    assert made.encoders.facts.vocabularies["colour"] == ("blue", "green", "red")
    assert fewer.encoders.facts.vocabularies["colour"] == ("green", "red")
    assert torch.equal(made.encoders.class_counts, fewer.encoders.class_counts)
    assert np.array_equal(made.truth["test"], fewer.truth["test"])
    numbers = load(blanks().with_columns(y=pl.col("y") * 2.5 + pl.col("x").fill_null(0)), "y")
    some = preparation.prepare(numbers, 0)
    trained = some.truth["train"]
    assert some.encoders.facts.target_center == pytest.approx(trained.mean())
    assert some.encoders.facts.target_scale == pytest.approx(trained.std())


def test_weights_are_those_of_rows_with_a_target() -> None:
    frame = blanks().with_columns(w=pl.int_range(1, 121).cast(pl.Float64))
    made = preparation.prepare(load(frame, "y", weight="w"), 0)
    weight = made.rows["train"].weight
    assert weight is not None
    assert len(weight) == made.counts[0]
    assert weight.mean() == pytest.approx(1.0, abs=1e-5)


def test_few_labels_in_all_splits(tmp_path: Path) -> None:
    data = load("iris", labels=30)
    for number in (0, 1, 4):
        made = preparation.prepare(data, 0, number)
        train, validation, test = made.counts
        assert train + validation == 30
        assert made.unlabelled == 150 - 30 - test
        preparation.save(made, tmp_path)
        assert preparation.load(tmp_path).unlabelled == made.unlabelled
        assert any("validation rows is noisy" in note for note in made.notes)
    usual = preparation.prepare(load("iris"), 0)
    made = preparation.prepare(data, 0)
    assert torch.equal(made.rows["test"].target, usual.rows["test"].target)
    assert usual.notes == ()


def test_scales_of_hidden_rows_count() -> None:
    """All training rows teach the encoders of inputs, whatever their labels, and no others."""
    data = load("iris", labels=40)
    cut = split(data, 0)
    made = preparation.prepare(data, 0)
    everyone = data.frame[np.concatenate([cut.train, cut.hidden])]
    alone = type(made.encoders).fit(everyone, data.schema)
    assert alone.numeric is not None
    assert made.encoders.numeric is not None
    for name, tensor in alone.numeric.state_dict().items():
        assert torch.equal(made.encoders.numeric.state_dict()[name], tensor)


def test_without_them_nothing_is_other_than_it_was(tmp_path: Path) -> None:
    data = load("iris")
    made = preparation.prepare(data, 0)
    assert made.unlabelled == 0
    assert made.rows["train"].soft is None
    preparation.save(made, tmp_path)
    names = set(load_file(tmp_path / "rows.safetensors"))
    assert not any(name.endswith("soft") for name in names)
    assert made.notes == made.sources == ()


def test_the_file_of_further_rows_is_a_source(tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    blanks().drop("y").write_csv(more)
    made = preparation.prepare(load(blanks(), "y", unlabelled=more), 0)
    work = tmp_path / "work"
    work.mkdir()
    preparation.save(made, work)
    assert preparation.moved_on(work) == []
    more.write_text(more.read_text() + "1.0,red\n")
    assert preparation.moved_on(work) == [str(more)]


def test_images_without_a_class() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    data = load(pixels[:40], np.arange(40) % 2, unlabelled=pixels[40:])
    made = preparation.prepare(data, 0)
    images = made.rows["train"].inputs["array"]
    assert images.dtype == torch.uint8
    assert np.array_equal(images[made.counts[0] :, 0].numpy(), pixels[40:])
    assert made.baseline_rows("train").numeric.shape == (made.counts[0], 64)  # type: ignore[union-attr]
