"""Leaks and lies: each is found where it was planted, and nothing where nothing is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.diagnosis import Finding, diagnose

ROWS = 2000


def people(seed: int = 0, rows: int = ROWS) -> pl.DataFrame:
    """A table as an office keeps it: an income that its columns tell about in part."""
    random = np.random.default_rng(seed)
    age, hours = random.integers(18, 80, rows), random.normal(40, 10, rows).round(1)
    job = random.choice(["clerk", "driver", "nurse", "cook"], rows, p=[0.4, 0.3, 0.2, 0.1])
    worth = (job == "nurse") * 10 + 0.3 * hours + 0.2 * age + random.normal(0, 6, rows)
    gaps = np.where(random.random(rows) < 0.1, None, random.normal(size=rows).round(2))
    return pl.DataFrame(
        {
            "age": age,
            "hours": hours,
            "job": job,
            "gaps": pl.Series(gaps.tolist(), dtype=pl.Float64),
            "day": random.integers(0, ROWS, rows),
            "who": random.integers(0, ROWS // 8, rows),
            "income": worth.round(2),
            "rich": np.where(worth > 26, "yes", "no"),
        }
    )


def as_task(frame: pl.DataFrame, task: str, **said: Any) -> DataSet:
    target, other = ("income", "rich") if task == "numbers" else ("rich", "income")
    return load(frame, target, drop=[other], **said)


def names(found: tuple[Finding, ...]) -> list[str]:
    return [each.name for each in found]


# --- nothing is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_built_in_sets_are_sound(name: str) -> None:
    found = diagnose(load(name))
    assert found.findings == ()
    assert "a target in disguise" in found.looked_for
    assert any("drawn at random" in each for each in found.not_looked_for)


def _real(name: str) -> pl.DataFrame:
    """A real table where it is at hand: $METHODIC_TABLES, or the cache of the benchmarks."""
    given = os.environ.get("METHODIC_TABLES")
    folder = Path(given) if given else Path.home() / ".cache" / "methodic-bench"
    file = folder / f"{name}.parquet.brotli"
    if not file.exists():
        pytest.skip(f"needs {file.name} (set METHODIC_TABLES to the folder that holds it)")
    return pl.read_parquet(file)


@pytest.mark.parametrize(
    ("name", "target"), [("adult", "income"), ("california_housing", "MedHouseVal")]
)
@pytest.mark.parametrize("own", [False, True])
def test_real_tables_are_sound(name: str, target: str, own: bool) -> None:
    frame = _real(name)
    if own:
        frame = frame.sample(fraction=1.0, shuffle=True, seed=1)
        cut = len(frame) // 4
        data = load(frame[cut:], target, test=frame[:cut])
    else:
        data = load(frame, target)
    assert diagnose(data).findings == ()


@pytest.mark.parametrize("task", ["numbers", "classes"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_honest_test_file_is_sound(task: str, seed: int) -> None:
    data = as_task(people(seed), task, test=people(seed + 10, 500))
    found = diagnose(data)
    assert found.findings == ()
    assert "training rows among your test rows" in found.looked_for
    assert "test rows unlike the training rows" in found.looked_for
    assert found.split == "The test rows are your own."


def test_roles_and_labels_are_sound() -> None:
    frame = people().with_columns(
        w=pl.col("age").cast(pl.Float64), old=(pl.col("age") > 50).cast(pl.Int8)
    )
    data = as_task(frame, "classes", group="who", weight="w", time="day")
    assert diagnose(data).findings == ()
    labels = frame.with_columns(rich=(pl.col("rich") == "yes").cast(pl.Int8))
    labels = labels.drop("income", "age", "w")
    assert diagnose(load(labels, ("rich", "old"))).findings == ()


# --- something was planted ------------------------------------------------------------------------


def planted(task: str) -> list[tuple[str, str, pl.Expr]]:
    income, rich, age = pl.col("income"), pl.col("rich"), pl.col("age")
    if task == "numbers":
        return [
            ("a copy", "disguised target", income),
            ("in other units", "disguised target", income * 12 + 1),
            ("a function", "disguised target", income.exp()),
            ("rounded", "disguised target", income.round(0)),
            ("nearly it", "one column", income + (age % 7 - 3) * 0.05),
        ]
    return [
        ("renamed", "disguised target", rich.replace({"yes": "high", "no": "low"})),
        ("a number", "disguised target", (rich == "yes").cast(pl.Int8)),
        ("a threshold", "one column", income.rank() + (age % 3)),
        ("nearly it", "one column", pl.when(age == 20).then(pl.lit("no")).otherwise(rich)),
        ("a code", "one column", rich + (age % 4).cast(pl.String)),
        ("there or not", "one column", pl.when(rich == "yes").then(age.cast(pl.Float64))),
    ]


@pytest.mark.parametrize(
    ("task", "name", "column"),
    [(task, name, column) for task in ("numbers", "classes") for _, name, column in planted(task)],
)
def test_a_planted_column_is_found(task: str, name: str, column: pl.Expr) -> None:
    found = diagnose(as_task(people().with_columns(leak=column), task)).findings
    assert names(found) == [name]
    assert found[0].columns == ("leak",)
    assert found[0].serious


def test_a_sum_is_found() -> None:
    frame = people().with_columns(rest=pl.col("income") - pl.col("hours") * 0.5)
    (found,) = diagnose(as_task(frame, "numbers")).findings
    assert found.name == "disguised target"
    assert found.columns == ("hours", "rest")


def test_training_rows_in_the_test_file_are_found() -> None:
    frame = people()
    test = pl.concat([people(1, 450), frame.sample(50, seed=0)])
    (found,) = diagnose(as_task(frame, "classes", test=test)).findings
    assert found.name == "duplicates"
    assert found.numbers["rows"] == 50


def test_training_rows_in_a_column_of_parts_are_found() -> None:
    frame = people().with_columns(part=pl.lit("train"))
    frame = frame.with_columns(
        part=pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("test")).otherwise(pl.col("part"))
    )
    assert diagnose(as_task(frame, "classes", split="part")).findings == ()
    again = frame.filter(pl.col("part") == "train").head(100).with_columns(part=pl.lit("test"))
    (found,) = diagnose(as_task(pl.concat([frame, again]), "classes", split="part")).findings
    assert found.name == "duplicates"
    assert found.numbers["rows"] == 100


def test_groups_on_both_sides_are_found() -> None:
    frame = people()
    found = diagnose(as_task(frame[:1500], "classes", test=frame[1500:], group="who")).findings
    assert names(found) == ["groups on both sides"]
    assert found[0].columns == ("who",)


def test_a_shift_is_found() -> None:
    test = people(1, 500).with_columns(pl.col("hours") + 8)
    found = diagnose(as_task(people(), "classes", test=test)).findings
    assert names(found) == ["shift"]
    assert found[0].columns == ("hours",)
    late = people().sort("day").with_columns(hours=pl.col("hours") + pl.col("day") / 50)
    found = diagnose(as_task(late, "classes", time="day")).findings
    assert found[0].name == "shift"
    assert "hours" in found[0].columns


def test_texts_about_as_long_as_what_counts_by_its_length() -> None:
    """Training rows decide whether it does: 38 and 42 letters on average are one kind of text."""

    def headlines(length: int, seed: int) -> pl.DataFrame:
        random = np.random.default_rng(seed)
        words = ["".join(random.choice(list("abcdefgh "), length)) for _ in range(300)]
        return people(seed, 300).with_columns(headline=pl.Series(words))

    def found(ours: int, others: int) -> tuple[Finding, ...]:
        data = as_task(headlines(ours, 0), "classes", test=headlines(others, 1))
        return diagnose(data).findings

    assert found(38, 42) == found(20, 20) == (), "words that one row has tell nothing"
    (moved,) = found(42, 38)
    assert "median 42 in training, 38 in the test" in moved.evidence[0]


def test_classes_with_few_rows_are_found() -> None:
    frame = people().with_columns(
        rich=pl.when(pl.int_range(pl.len()) < 9).then(pl.lit("heir")).otherwise(pl.col("rich"))
    )
    found = diagnose(as_task(frame, "classes")).findings
    assert names(found) == ["few rows"]
    assert found[0].evidence[0].startswith("'heir': ")


def test_classes_that_only_the_test_has_are_found() -> None:
    heirs = pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("heir")).otherwise(pl.col("rich"))
    test = people(1, 400).with_columns(rich=heirs)
    (found,) = diagnose(as_task(people(), "classes", test=test)).findings
    assert found.name == "unlearnt classes"
    assert found.numbers == {"classes": 1, "rows": 20, "share": 0.05}
    parts = pl.concat(
        [people().with_columns(part=pl.lit("train")), test.with_columns(part=pl.lit("test"))]
    )
    (found,) = diagnose(as_task(parts, "classes", split="part")).findings
    assert found.name == "unlearnt classes"
    assert "no model can predict it" in found.what


def test_serious_findings_come_first() -> None:
    test = people(1, 500).with_columns(pl.col("hours") + 8)
    test = pl.concat([test, people().head(100)])
    found = diagnose(as_task(people(), "classes", test=test))
    assert names(found.findings) == ["duplicates", "shift"]
    assert [each.name for each in found.serious] == ["duplicates"]


def test_looking_changes_nothing_and_repeats() -> None:
    data = as_task(people(), "classes", test=people(1, 500))
    before = data.fingerprint
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    assert diagnose(data) == diagnose(data)
    assert np.array_equal(state, np.random.get_state()[1])  # type: ignore[index]
    again = DataSet(data.name, None, data.frame, data.schema, data.test)
    assert again.fingerprint == before
