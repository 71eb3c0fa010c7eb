from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from report.whole import TASKS

from methodic.errors import InputError
from methodic.report.folder import load
from methodic.report.tables import KEYS, all_tables, slice_metric, write_all

ALWAYS = {"ranking", "pairs", "ensemble", "ablation", "anytime", "cost", "scores", "slices"}
ALWAYS |= {"screening", "baselines"}


@pytest.mark.parametrize("task", TASKS)
def test_every_table_is_written_in_both_forms(make_whole: Any, task: str) -> None:
    run: Path = make_whole(task)
    written = write_all(run)
    expected = ALWAYS | ({"classes", "confused"} if task != "regression" else set())
    assert {path.stem for path in written} == expected <= set(KEYS)
    assert {path.suffix for path in written} == {".csv", ".md"}
    assert sorted(path for path in (run / "tables").iterdir()) == sorted(written)
    for table in all_tables(load(run)):
        with (run / "tables" / f"{table.key}.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(table.values) == len(table.rows)
        text = (run / "tables" / f"{table.key}.md").read_text(encoding="utf-8")
        assert sum(line.startswith("|") for line in text.splitlines()) == 2 + len(table.rows)


def test_tables_that_a_run_has_no_more_are_deleted(make_whole: Any) -> None:
    run: Path = make_whole()
    write_all(run)
    mine = run / "tables" / "mine.csv"
    mine.write_text("x")
    (run / "ablation.json").unlink()
    (run / "analysis.json").unlink()
    names = {path.stem for path in write_all(run)}
    assert names == ALWAYS - {"ablation", "scores", "slices"}
    assert {path.stem for path in (run / "tables").iterdir()} == {*names, "mine"}


def test_before_anything_is_measured(make_run: Any) -> None:
    assert write_all(make_run(until="plan")) == []


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        write_all(tmp_path)


def test_slices_are_scored_by_what_they_were_found_with(make_run: Any) -> None:
    assert slice_metric(load(make_run(name="a"))) == "accuracy"
    assert slice_metric(load(make_run(metric="rmse", name="b"))) == "rmse"
