"""Whole runs as processes, with real workers: heavy, so `make test-all` runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from methodic import bundle
from methodic.evidence import predictions

pytestmark = pytest.mark.heavy

METHODIC = [sys.executable, "-c", "from methodic.cli import main; main()"]


def methodic(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*METHODIC, *arguments], cwd=cwd, capture_output=True, text=True, timeout=400, check=False
    )


def test_from_a_table_to_predictions(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "size,colour,price\n"
        + "".join(
            f"{i % 17},{'red' if i % 3 else 'blue'},{i % 17 * 2 + i % 3}\n" for i in range(400)
        )
    )
    options = ["--target", "price", "--task", "regression", "--recipes", "sgd,adam", "--json"]
    done = methodic("run", "t.csv", "--budget", "40s", "--out", "run", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "finished"
    assert (tmp_path / "run" / "report.html").stat().st_size < 8_000_000
    assert not (tmp_path / "run" / "work").exists()
    (tmp_path / "new.csv").write_text("colour,size\nred,3\ngreen,4\n,5\n")
    done = methodic("predict", "run", "new.csv", "-o", "out.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "colour: 2" in done.stderr
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("wait", [0.2, 0.5, 0.8])
def test_a_killed_run_goes_on_with_the_same_bits(tmp_path: Path, wait: float) -> None:
    """Killed with all its workers after a share of its units, then resumed."""
    options = ["wine", "--budget", "45s", "--recipes", "sgd,adam", "--seeds", "10"]
    process = subprocess.Popen(
        [*METHODIC, "run", *options, "--out", "run"],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    records = tmp_path / "run" / "records"
    units = 6 + 4
    while process.poll() is None and len(list(records.glob("*-*-*.json"))) < wait * units:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # Without a budget no block of seeds is dropped, however slow the machine is just now.
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    (tmp_path / "run" / "plan.json").write_text(json.dumps({**plan, "budget": None}))
    # The same plan, begun anew without a kill, from the prepared data that the run left behind.
    twin = tmp_path / "twin"
    shutil.copytree(tmp_path / "run", twin)
    shutil.rmtree(twin / "records")
    (twin / "run.json").unlink()
    for name in ("run", "twin"):
        done = methodic("resume", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in records.glob("*.json"))
    assert names == sorted(path.name for path in (twin / "records").glob("*.json"))
    for path in records.glob("confirm-*.predictions.parquet"):
        other = twin / "records" / path.name
        assert (predictions.read(path) == predictions.read(other)).all()
    one, two = bundle.load(tmp_path / "run"), bundle.load(twin)
    assert one.card == two.card
    assert all((one.parameters[k] == two.parameters[k]).all() for k in one.parameters)
