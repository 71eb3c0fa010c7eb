"""A teacher: its word on every training row, in our order, and who can't be one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from methodic import bundle, runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.splits import FOLDS, fold, uncrossable
from methodic.errors import InputError
from methodic.plan import Reading
from methodic.runs.rows import preparation, teaching
from methodic.runs.rows.teaching import Teacher

FRAME = pl.DataFrame(
    {
        "a": [i * 7 % 13 + 0.5 for i in range(120)],
        "b": [i * 5 % 11 * 0.25 for i in range(120)],
        "y": [("no", "yes", "so")[i % 3] for i in range(120)],
        "n": [i * 3 % 17 + i * 0.01 for i in range(120)],
    }
)
BLANK = FRAME.drop("n").with_columns(y=pl.when(pl.int_range(pl.len()) % 4 > 0).then(pl.col("y")))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folders of runs, one for each set of data."""
    place = tmp_path_factory.mktemp("teachers")

    def train(name: str, data: DataSet) -> Path:
        folder = place / name
        if not folder.exists():
            runs.train_method(data, "adam", steps=3, out=folder)
        return folder

    return train


@pytest.fixture
def classes(trained: Callable[..., Path]) -> Path:
    return trained("classes", load(FRAME.drop("n"), "y"))


def test_probabilities_of_every_row_in_our_order(classes: Path) -> None:
    data = load(BLANK, "y", teacher=classes)
    made = preparation.prepare(data, 0)
    rows = made.rows["train"]
    assert rows.soft is not None
    assert rows.soft.dtype == torch.float32
    assert rows.soft.shape == (rows.every, 3)
    assert made.unlabelled == 30
    assert made.rows["validation"].soft is made.rows["test"].soft is None
    model = bundle.load(classes)
    assert data.unlabelled is not None
    said = model.predicted(data.unlabelled)
    order = [model.encoders.schema.classes.index(name) for name in data.schema.classes]
    assert torch.equal(rows.soft[len(rows) :], said[:, order])
    assert torch.allclose(rows.soft.sum(1), torch.ones(rows.every))


def test_another_order_of_the_same_classes(classes: Path) -> None:
    data = load(FRAME.drop("n"), "y", teacher=classes)
    backwards = data.schema.model_copy(update={"classes": data.schema.classes[::-1]})
    teacher = Teacher.of(replace(data, schema=backwards))
    straight = Teacher.of(data)
    assert teacher is not None
    assert straight is not None
    assert teacher.order == (2, 1, 0)
    encoders = preparation.prepare(data, 0).encoders
    ours, theirs = (each.says(data.frame, encoders) for each in (teacher, straight))
    assert torch.equal(ours, theirs.flip(1))
    assert not torch.equal(ours, theirs)


def test_numbers_are_standardised_like_our_targets(trained: Callable[..., Path]) -> None:
    folder = trained("numbers", load(FRAME.drop("y"), "n"))
    data = load(FRAME.drop("y"), "n", teacher=folder)
    made = preparation.prepare(data, 0)
    soft = made.rows["train"].soft
    assert soft is not None
    assert soft.shape == (made.counts[0], 1)
    assert soft.dtype == torch.float32
    raw = bundle.load(folder).predicted(data.frame)
    known = made.encoders.facts
    everyone = (raw - known.target_center) / known.target_scale
    assert torch.isin(soft, everyone.float()).all()


def test_saved_and_loaded(classes: Path, tmp_path: Path) -> None:
    made = preparation.prepare(load(BLANK, "y", teacher=classes), 0)
    preparation.save(made, tmp_path)
    again = preparation.load(tmp_path)
    soft, loaded = made.rows["train"].soft, again.rows["train"].soft
    assert soft is not None
    assert loaded is not None
    assert torch.equal(soft, loaded)
    assert again.rows["test"].soft is None
    assert preparation.moved_on(tmp_path) == []
    manifest = classes / "model" / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content + b"\n")
    assert preparation.moved_on(tmp_path) == [str(manifest)]
    manifest.write_bytes(content)


def test_a_digest_of_a_bundle(classes: Path, tmp_path: Path) -> None:
    assert teaching.digest(None) is None
    assert teaching.digest(tmp_path) is None
    assert teaching.digest(classes) == teaching.digest(classes / "model") is not None


def test_what_a_teacher_may_know(classes: Path, trained: Callable[..., Path]) -> None:
    data = load(FRAME.drop("n"), "y", teacher=classes)
    teacher = Teacher.of(data)
    assert teacher is not None
    assert teacher.doubts(data, 0) == []
    assert "on other data or another split" in teacher.doubts(data, 1)[0]
    more = load(FRAME.drop("n"), "y", teacher=classes, unlabelled=FRAME.drop("n", "y"))
    assert teacher.doubts(more, 0) == [], "the rows with a target are the same"
    few = load(FRAME.drop("n"), "y", teacher=classes, labels=30)
    assert "--labels hides" in teacher.doubts(few, 0)[0]
    assert any("--labels hides" in note for note in preparation.prepare(few, 0).notes)
    other = load(FRAME.drop("n").reverse(), "y", teacher=classes)
    assert "on other data" in teacher.doubts(other, 0)[0]


def test_without_a_teacher_there_is_none() -> None:
    assert Teacher.of(load("iris")) is None


def test_cross_validation_would_test_what_the_teacher_learnt(classes: Path) -> None:
    data = load(FRAME.drop("n"), "y", teacher=classes)
    assert "the teacher may have learnt" in str(uncrossable(data))
    with pytest.raises(InputError, match="the teacher may have learnt"):
        fold(data, 0, 0, FOLDS)


BAD = {
    "none there": ("nowhere", FRAME.drop("n"), "y", ["no trained model here"]),
    "another task": ("numbers", FRAME.drop("n"), "y", ["another task", "regression"]),
    "fewer classes": (
        "two",
        FRAME.drop("n"),
        "y",
        ["other classes", "without 'so'", "'no', 'so', 'yes'"],
    ),
    "more classes": (
        "classes",
        FRAME.drop("n").filter(pl.col("y") != "so"),
        "y",
        ["other classes", "with 'so', which isn't here"],
    ),
    "other columns": ("classes", FRAME.drop("n", "b"), "y", ["columns", "without 'b'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_who_can_not_teach(case: str, trained: Callable[..., Path], tmp_path: Path) -> None:
    name, frame, target, words = BAD[case]
    folder = tmp_path
    if name == "numbers":
        folder = trained(name, load(FRAME.drop("y"), "n"))
    elif name == "two":
        folder = trained(name, load(FRAME.drop("n").filter(pl.col("y") != "so"), "y"))
    elif name == "classes":
        folder = trained(name, load(FRAME.drop("n"), "y"))
    with pytest.raises(InputError) as caught:
        preparation.prepare(load(frame, target, teacher=folder), 0)
    for word in words:
        assert word in str(caught.value)
    assert str(folder) in str(caught.value)


def test_several_targets_go_by_their_names(trained: Callable[..., Path]) -> None:
    frame = FRAME.drop("y").with_columns(m=pl.col("n") * 2 + pl.col("a"))
    folder = trained("several", load(frame, ("n", "m")))
    data = load(frame, ("m", "n"), teacher=folder)
    teacher = Teacher.of(data)
    assert teacher is not None
    assert teacher.order == (1, 0)
    assert teacher.says(data.frame, preparation.prepare(data, 0).encoders).shape == (120, 2)
    with pytest.raises(InputError, match="predicts other targets"):
        Teacher.of(load(frame.rename({"m": "z"}), ("z", "n"), teacher=folder))


def test_the_reading_names_it(classes: Path) -> None:
    data = load(FRAME.drop("n"), "y", teacher=classes)
    assert data.reading == Reading(targets=("y",), teacher=str(classes))
    assert dict(data.describe())["teacher"] == str(classes)
    named = teaching.named(load(FRAME.drop("n"), "y"), classes)
    assert named.reading == data.reading
    assert teaching.named(data, None) is data
    with pytest.raises(InputError, match="rows that fit into memory"):
        teaching.named(replace(data, large=object()), classes)  # type: ignore[arg-type]
