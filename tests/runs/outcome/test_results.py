"""A run's folder as one value."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from methodic.data.dataset import DataSet
from methodic.errors import InputError
from methodic.plan import Plan
from methodic.runs.outcome import results
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute, stopping


@pytest.fixture(scope="module")
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, MOMENTUM, step=0.1, seeds=2)


@pytest.fixture(scope="module")
def done(plan: Plan, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "run"
    execute(plan, folder, prepared)
    return folder


def test_the_end_of_a_run_writes_curves_and_report(done: Path, plan: Plan, iris: DataSet) -> None:
    run = results.finish(done)
    assert run == results.load_run(str(done))
    assert run.plan == plan
    assert run.report_path.exists()
    stored = pl.read_parquet(done / "records" / "curves.parquet")
    assert stored.equals(run.curves)
    records = [json.loads(path.read_text()) for path in (done / "records").glob("*-0*.json")]
    assert stored.height == sum(len(curve) for r in records for curve in r["curves"]) > 0
    kept = {(m["member"]["recipe"], m["member"]["seed"], m["member"]["setting"], m["best_step"]):
            m["validation"]["accuracy"] for r in records for m in r["members"]}  # fmt: skip
    by_member = {
        (row["recipe"], row["seed"], row["setting"], row["step"]): row["score"]
        for row in stored.iter_rows(named=True)
    }
    assert kept.items() <= by_member.items(), "each kept score is a point of its curve"
    assert run.predict(iris.frame).height == iris.frame.height
    other = run.report(done / "other.html")
    assert other.read_text() == run.report_path.read_text()


def test_curves_without_their_file_come_from_the_records(done: Path) -> None:
    results.finish(done)
    path = done / "records" / "curves.parquet"
    run = results.load_run(done)
    stored = run.curves
    path.unlink()
    assert run.curves.equals(stored)
    path.write_bytes(b"no")
    with pytest.raises(InputError, match=r"curves\.parquet: this file of learning curves"):
        _ = run.curves


def test_an_interrupted_run_has_the_curves_that_it_recorded(
    plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    with stopping(2):
        execute(plan, tmp_path / "run", prepared)
    run = results.load_run(tmp_path / "run")
    assert run.state.status == "interrupted"
    assert run.curves.select("recipe", "seed").unique().height == 2
    with pytest.raises(InputError, match="no trained model"):
        run.predict(pl.DataFrame())
