"""Loading: what becomes of rows and columns, and what can't be used."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from methodic.data.encoding.encoders import Encoders
from methodic.data.loading import load
from methodic.data.sources.tidying import LARGE
from methodic.errors import InputError
from tests.data.conftest import N, table


def test_a_file(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(csv.parent)
    data = load("rows.csv")
    assert (data.name, data.source) == ("rows", str(csv))
    assert data.frame.columns == ["width", "colour", "target"]
    assert data.schema.task == "binary"
    assert data.frame["target"].to_list() == ["0", "1"] * (N // 2)


X = np.arange(2.0 * N).reshape(N, 2) % 7
Y = np.arange(N) % 2


@pytest.mark.parametrize(
    ("inputs", "target"),
    [(X, Y), (torch.tensor(X), torch.tensor(Y)), (X.tolist(), Y.tolist()), (X, pl.Series(Y))],
)
def test_arrays(inputs: object, target: object) -> None:
    data = load(inputs, target)
    assert data.name == "data"
    assert data.source is None
    assert data.frame.columns == ["x0", "x1", "target"]
    assert data.frame["target"].to_list()[:2] == ["0", "1"]


def test_the_target_keeps_its_own_name_and_never_takes_a_columns() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "target": X[:, 1]})
    assert load(frame, pd.Series(Y, name="grade")).schema.target == "grade"
    assert load(frame, pd.Series(Y, name="a")).schema.target == "y"


def test_images() -> None:
    images = np.random.default_rng(0).integers(0, 255, (N, 8, 8), dtype=np.uint8)
    data = load(images, Y)
    assert data.schema.columns[0].kind == "image"
    assert data.schema.columns[0].shape == (1, 8, 8)
    assert data.frame["x"].to_numpy().dtype == np.uint8
    assert replace(data, frame=data.frame[list(range(N))[::-1]]).fingerprint != data.fingerprint


@pytest.mark.parametrize("name", ["target", "Label", "CLASS", "y", "outcome"])
def test_the_target_is_guessed_by_name(name: str) -> None:
    assert load(table().rename({"target": name})).schema.target == name


def test_rows_without_target_are_left_out_and_said() -> None:
    cells = [None, None, *[i % 2 for i in range(N - 2)]]
    data = load(table(target=cells))
    assert data.frame.height == N - 2
    assert any("2 rows have no value in 'target'" in note for note in data.notes)


def test_test_rows(csv: Path, tmp_path: Path) -> None:
    file = tmp_path / "test.csv"
    table(extra=["e"] * N).select("extra", "target", "colour", "width").write_csv(file)
    data = load(csv, test=file)
    assert data.test is not None
    assert data.test.equals(data.frame)
    assert data.reading.test == str(file)
    assert any("test.csv" in note and "extra" in note for note in data.notes)
    assert "test rows of your own" in dict(data.describe())["rows"]


def test_test_rows_keep_text_columns_text(tmp_path: Path) -> None:
    train, test = tmp_path / "a.csv", tmp_path / "b.csv"
    zips = ["01", "02", "none of these", "01"] * (N // 4)
    table(colour=zips, target=["07", "x"] * (N // 2)).write_csv(train)
    table(colour=["01", "02"] * (N // 2), target=["07"] * N).write_csv(test)
    data = load(train, test=test)
    assert data.test is not None
    assert set(data.test["colour"]) == {"01", "02"}
    assert set(data.test["target"]) == {"07"}


def test_arrays_as_test_rows() -> None:
    data = load(X, Y, test=(X[:5], Y[:5]))
    assert data.test is not None
    assert data.test.equals(data.frame.head(5))


def bad_test(**columns: object) -> dict:
    return {"source": table(), "test": table(**columns)}


BAD = {
    "target misspelt": (
        {"source": table(), "target": "tagret"},
        ["'tagret'", "Did you mean 'target'"],
    ),
    "no target": ({"source": table().drop("target")}, ["width, colour", "--target COLUMN"]),
    "two targets": (
        {"source": table(label=[i % 3 for i in range(N)])},
        ["several columns", "target, label", "--target COLUMN"],
    ),
    "target constant": ({"source": table(target=[1] * N)}, ["'target' is constant", "--target"]),
    "class of one row": (
        {"source": table(target=["rare"] + ["a", "b"] * (N // 2 - 1) + ["a"])},
        ["'target'", "'rare'", "at least two rows"],
    ),
    "infinity": (
        {"source": table(width=[*[1.0] * 10, float("inf"), *[2.0] * (N - 11)])},
        ["'width'", "row 11", "inf", "--drop"],
    ),
    "infinity after a missing target": (
        {
            "source": table(
                target=[None, *[i % 2 for i in range(N - 1)]], width=[*range(N - 1), float("inf")]
            )
        },
        ["'width'", "row 40"],
    ),
    "infinite target": (
        {"source": table(target=[*[i / 3 for i in range(N - 1)], float("inf")])},
        ["'target'", "row 40"],
    ),
    "drop unknown": ({"source": table(), "drop": ["colr"]}, ["'colr'", "Did you mean 'colour'"]),
    "drop the target": (
        {"source": table(), "drop": ["target"]},
        ["'target' is the target", "--drop"],
    ),
    "group by the target": (
        {"source": table(), "group": "target"},
        ["'target' is predicted", "group", "--target"],
    ),
    "time is the target": (
        {"source": table(), "time": "target"},
        ["'target' is predicted", "time"],
    ),
    "split by the target": (
        {"source": table(target=["train", "test"] * (N // 2)), "split": "target"},
        ["'target' is predicted", "split"],
    ),
    "group of lists": (
        {"source": table(g=[[1]] * N), "group": "g"},
        ["'g' can't be the group", "List"],
    ),
    "drop everything": ({"source": table(), "drop": ["width", "colour"]}, ["no input column"]),
    "few rows": ({"source": table().head(19)}, ["19 rows", "at least 20"]),
    "lengths": ({"source": X, "target": Y[:5]}, ["40 rows of inputs, 5 targets"]),
    "test lacks a column": (
        {"source": table(), "test": table().drop("colour")},
        ["test data", "'colour'", "order doesn't matter"],
    ),
    "test lacks the target": ({"source": table(), "test": table().drop("target")}, ["'target'"]),
    "test has other classes": (
        bad_test(target=[0, 2, 2, 2] * 10),
        ["test data", "'2'", "'0', '1'", "row 2"],
    ),
    "test has a word": (
        bad_test(width=["1", "two"] * 20),
        ["test data", "'width'", "row 2", "'two'"],
    ),
    "test has no target": (bad_test(target=[None] * N), ["test data", "no row has a target"]),
    "test has no rows": ({"source": table(), "test": table().head(0)}, ["no row has a target"]),
    "test is no pair": ({"source": X, "target": Y, "test": (X,)}, ["a pair"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data(case: str) -> None:
    arguments, parts = BAD[case]
    with pytest.raises(InputError) as caught:
        load(**arguments)
    message = str(caught.value)
    assert all(part in message for part in parts), message
    assert caught.value.accepted or caught.value.advice


def test_messages_name_the_file(csv: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.csv"):
        load(csv, "tagret")
    with pytest.raises(InputError, match=r"rows\.csv"):
        load(csv, drop=["nothing"])


def test_nothing_here_imports_torch(csv: Path) -> None:
    code = (
        "import sys; from methodic.data import loading, splits;"
        f"splits.split(loading.load({str(csv)!r})); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_targets_from_memory_can_not_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pl.DataFrame({"x": range(30), "y": [1.5, 2.5, 3] * 10}).write_csv(path)
    assert load(path, "y").source == str(path)
    assert load(path, np.arange(30) % 2).source is None


def test_reviews_that_come_again_are_texts_in_a_large_table(tmp_path: Path) -> None:
    words = ["a", "red", "coat", "fits", "well", "and", "warm", "so", "nice", "this", "old"]
    texts = [" ".join(words[(i * k) % 11] for k in range(1, 9)) + f" {i}" for i in range(400)]
    path = tmp_path / "reviews.csv"
    rows = [f"{texts[i * 7 % 400]},{i % 13},{i % 2}" for i in range(LARGE)]
    path.write_text("\n".join(["review,size,target", *rows, ""]))
    document = tmp_path / "schema.yaml"
    document.write_text("columns: {review: {kind: text, numbers: 64}}\n")
    data = load(path, schema=document)
    assert data.schema.named("text") == ["review"]
    found = Encoders.fit(data.frame, data.schema).encode(data.frame)["numeric"]
    assert torch.equal(found[0], found[400 * 13])


COMMAS = ["3,5", "1.234,50", "0,25", "7"] * (N // 4)


def written(path: Path, **columns: object) -> Path:
    table(**columns).write_csv(path, separator=";")
    return path


@pytest.mark.parametrize(("cell", "value"), [("1,125", 1.125), ("1.500", 1500.0)])
def test_test_rows_are_read_in_the_notation_of_training(
    cell: str, value: float, tmp_path: Path
) -> None:
    train = written(tmp_path / "a.csv", width=COMMAS)
    data = load(train, test=written(tmp_path / "b.csv", width=[cell] * N))
    assert data.test is not None
    assert data.test["width"].to_list() == [value] * N


def test_percent_signs_of_test_rows_are_those_of_training(tmp_path: Path) -> None:
    train = written(tmp_path / "a.csv", width=[f"{i}%" for i in range(N)])
    data = load(train)
    assert data.frame["width"].to_list() == pytest.approx([i / 100 for i in range(N)])
    assert load(train, test=train).test.equals(data.frame)  # type: ignore[union-attr]
    for cells in (["12"] * N, ["12%", "7"] * (N // 2)):
        with pytest.raises(InputError, match="'width' holds numbers, and row"):
            load(train, test=written(tmp_path / "b.csv", width=cells))


def test_files_with_and_without_percent_signs_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "months").mkdir()
    written(tmp_path / "months" / "1.csv", width=[f"{i}%" for i in range(N)])
    written(tmp_path / "months" / "2.csv", width=[*range(N)])
    data = load(str(tmp_path / "months" / "*.csv"))
    assert "width" not in data.schema.named("numeric")


def test_targets_and_weights_with_decimal_commas(tmp_path: Path) -> None:
    prices = [f"{i},50" for i in range(N)]
    train = written(tmp_path / "a.csv", target=prices, w=COMMAS)
    test = written(tmp_path / "b.csv", target=["1.500", "0,5"] * 20, w=["1,125"] * N)
    data = load(train, weight="w", test=test)
    assert data.schema.task == "regression"
    assert dict(data.schema.notations) == {"target": "1.234,5", "w": "1.234,5"}
    assert data.frame["target"].to_list()[:2] == [0.5, 1.5]
    assert data.frame["w"].to_list()[:3] == [3.5, 1234.5, 0.25]
    assert data.test is not None
    assert data.test["target"].to_list()[:2] == [1500, 0.5]
    assert data.test["w"].to_list() == [1.125] * N
    other = written(tmp_path / "c.csv", target=["1,125"] * N, w=[2] * N)
    whole = load(train, weight="w", test=other)
    assert whole.test["target"].to_list() == [1.125] * N  # type: ignore[union-attr]


def test_texts_in_memory_are_names() -> None:
    names = ["None", "NA", "01", "1"] * (N // 4)
    for given in (names, np.array(names), pd.Series(names), pl.Series(names)):
        data = load(X, given, test=(X, given))
        assert data.schema.classes == ("01", "1", "NA", "None")
        assert data.frame["target"].to_list() == names
        assert data.test is not None
        assert data.test.equals(data.frame)
    data = load(X, [None, *names[1:]])
    assert data.frame.height == N - 1
    assert load(X, [f"{i},5" for i in range(N)]).schema.task == "regression"
    assert load(X, ["1", "2"] * 20, task="regression").frame["target"].to_list()[:2] == [1, 2]


def test_cells_of_a_file_may_be_missing_or_numbers(tmp_path: Path) -> None:
    data = load(written(tmp_path / "a.csv", target=["NA", "01", "1", "2"] * (N // 4)))
    assert data.schema.classes == ("1", "2")
    assert data.frame.height == 30
