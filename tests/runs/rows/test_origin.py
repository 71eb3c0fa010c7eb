"""Where a run began, and what is no longer as it was."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from methodic import runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError
from methodic.plan import DataFacts, Machine
from methodic.runs.plans import planning
from methodic.runs.rows import origin, preparation


def machine(**changes: str) -> Machine:
    here = {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        **changes,
    }
    return Machine.model_validate({"device": "cpu", "workers": 1, "threads": 1, **here})


FRAME = pl.DataFrame(
    {
        "x": [i * 0.5 for i in range(40)],
        "colour": ["red", "blue"] * 20,
        "y": [(i * 7 % 13) * 0.5 for i in range(40)],
    }
)


def facts(data: DataSet) -> DataFacts:
    return planning.facts(data, preparation.prepare(data, 0), 0)


@pytest.fixture
def began(tmp_path: Path) -> tuple[Path, DataFacts]:
    data = load(FRAME, "y")
    origin.write(tmp_path, data)
    return tmp_path, facts(data)


def test_here_nothing_is_different(began: tuple[Path, DataFacts]) -> None:
    folder, known = began
    assert origin.processor_or_torch(machine()) == []
    assert origin.other_stack(folder, machine()) == []
    origin.check_data(folder, known, load(FRAME, "y"))


def test_differences_are_named(began: tuple[Path, DataFacts]) -> None:
    folder, _ = began
    other = machine(capability="AVX1024", torch="1.0")
    assert origin.processor_or_torch(other) == [
        f"processor capability AVX1024 then, {torch.backends.cpu.get_cpu_capability()} now",
        f"torch 1.0 then, {torch.__version__} now",
    ]
    document = json.loads((folder / "origin.json").read_text())
    document["software"]["scikit-learn"] = "0.9"
    (folder / "origin.json").write_text(json.dumps(document))
    found = origin.other_stack(folder, other)
    assert len(found) == 3
    assert any("scikit-learn 0.9 then" in each for each in found)
    document["processor"] = "abacus"
    (folder / "origin.json").write_text(json.dumps(document))
    assert any("processor abacus then" in each for each in origin.other_stack(folder, other))


def test_a_folder_that_does_not_say_is_judged_by_its_plan(tmp_path: Path) -> None:
    assert origin.read(tmp_path) is None
    assert len(origin.other_stack(tmp_path, machine(torch="1.0"))) == 1


CHANGES: dict[str, tuple[pl.DataFrame, str]] = {
    "a value": (FRAME.with_columns(x=pl.col("x").replace(3.0, 3.25)), "other values in 'x'"),
    "a target": (FRAME.with_columns(y=pl.col("y").replace(3.0, 3.25)), "other values in 'y'"),
    "rows": (FRAME[:30], "40 rows then, 30 now"),
    "a column less": (FRAME.drop("colour"), "without 'colour'"),
    "a column more": (FRAME.with_columns(z=pl.col("x") ** 2), "new: 'z'"),
    "the order of rows": (FRAME.reverse(), "other values in 'x', 'colour', 'y'"),
    "the order of columns": (
        FRAME.select("colour", "x", "y"),
        "other values, or another order of rows or columns",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_data_are_refused_by_what_changed(name: str, began: tuple[Path, DataFacts]) -> None:
    frame, words = CHANGES[name]
    folder, known = began
    with pytest.raises(InputError, match="not the data") as caught:
        origin.check_data(folder, known, load(frame, "y"))
    assert caught.value.found == words
    (folder / "origin.json").unlink()
    with pytest.raises(InputError, match="not the data"):
        origin.check_data(folder, known, load(frame, "y"))


def test_classes_and_test_rows_are_named(tmp_path: Path) -> None:
    frame = FRAME.with_columns(kind=pl.Series(["a", "b"] * 20))
    data = load(frame, "kind", test=frame[:20])
    origin.write(tmp_path, data)
    other = load(
        frame.with_columns(kind=pl.col("kind").replace("b", "c")),
        "kind",
        test=frame[:10].with_columns(kind=pl.col("kind").replace("b", "c")),
    )
    with pytest.raises(InputError) as caught:
        origin.check_data(tmp_path, facts(data), other)
    found = caught.value.found or ""
    assert "20 test rows then, 10 now" in found
    assert "the classes 'a', 'b' then, 'a', 'c' now" in found


def test_no_value_of_the_data_is_kept(tmp_path: Path) -> None:
    origin.write(
        tmp_path, load(FRAME.with_columns(colour=pl.lit("secret") + pl.col("colour")), "y")
    )
    text = (tmp_path / "origin.json").read_text()
    assert "colour" in text
    assert "secret" not in text


def test_a_damaged_origin(began: tuple[Path, DataFacts]) -> None:
    folder, _ = began
    for content in ("{", "[]", '{"format": 1}'):
        (folder / "origin.json").write_text(content)
        with pytest.raises(InputError, match="damaged") as caught:
            origin.read(folder)
        assert "origin.json" in str(caught.value)


def test_data_are_read_again_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    FRAME.write_csv(path)
    data = load(path, "y", drop=["colour"])
    known = facts(data)
    again = origin.read_data(known)
    assert again.fingerprint == data.fingerprint
    assert again.schema.named("numeric") == ["x"]
    other = tmp_path / "other.parquet"
    FRAME.write_parquet(other)
    path.unlink()
    assert origin.read_data(known, other).fingerprint == data.fingerprint
    with pytest.raises(InputError, match="no such file"):
        origin.read_data(known)


def test_data_from_memory_can_not_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    FRAME.write_csv(path)
    truth = FRAME["y"].to_list()
    for data in (
        load(FRAME, "y"),
        load(path, truth),  # only the inputs are in the file
        load(path, "y", test=FRAME[:20]),  # the test rows aren't
    ):
        with pytest.raises(InputError, match="lived in memory"):
            origin.read_data(facts(data))


def test_bfloat16_that_this_processor_lacks(
    began: tuple[Path, DataFacts], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = began
    half = machine(precision="bfloat16")
    monkeypatch.setattr(origin, "has_bfloat16", lambda device: True)
    assert not origin.processor_or_torch(half)
    monkeypatch.setattr(origin, "has_bfloat16", lambda device: False)
    expected = ["bfloat16 by the processor then, which this one can't"]
    assert origin.processor_or_torch(half) == origin.other_stack(folder, half) == expected
    assert not origin.processor_or_torch(machine())


def test_rows_without_a_target_are_told_apart(tmp_path: Path) -> None:
    blank = FRAME.with_columns(y=pl.when(pl.int_range(pl.len()) % 4 > 0).then(pl.col("y")))
    data = load(blank, "y")
    origin.write(tmp_path, data)
    known = facts(data)
    origin.check_data(tmp_path, known, load(blank, "y"))
    with pytest.raises(InputError) as caught:
        origin.check_data(tmp_path, known, load(blank.drop_nulls("y"), "y"))
    assert "10 rows without a target then, 0 now" in (caught.value.found or "")
    other = blank.with_columns(x=pl.when(pl.col("y").is_null()).then(-1.0).otherwise(pl.col("x")))
    with pytest.raises(InputError) as caught:
        origin.check_data(tmp_path, known, load(other, "y"))
    assert caught.value.found == "other values in 'unlabelled: x'"


def test_other_labels_are_refused(tmp_path: Path) -> None:
    data = load("iris", labels=30)
    origin.write(tmp_path, data)
    known = facts(data)
    origin.check_data(tmp_path, known, load("iris", labels="30"))
    for other in (None, 31):
        with pytest.raises(InputError, match="other rows kept their targets") as caught:
            origin.check_data(tmp_path, known, load("iris", labels=other))
        assert caught.value.accepted == "labels 30"


def test_another_teacher_is_refused(tmp_path: Path) -> None:
    folder, run = tmp_path / "teacher", tmp_path / "run"
    runs.train_method(load("iris"), "adam", steps=2, out=folder)
    run.mkdir()
    data = load("iris", teacher=folder)
    origin.write(run, data)
    known = facts(data)
    origin.check_data(run, known, load("iris", teacher=folder))
    with pytest.raises(InputError, match="not the teacher") as caught:
        origin.check_data(run, known, load("iris"))
    assert caught.value.found == "no teacher"
    manifest = folder / "model" / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(InputError, match="not the teacher"):
        origin.check_data(run, known, load("iris", teacher=folder))
    with pytest.raises(InputError, match="not the teacher"):
        origin.check_data(run, facts(load("iris")), load("iris", teacher=folder))
