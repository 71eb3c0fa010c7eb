"""Whole runs as processes, with real workers: heavy, so `make test-all` runs them."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, iris, make_plan, prepared

__all__ = ["iris", "make_plan", "prepared"]  # fixtures of other tests

pytestmark = pytest.mark.heavy

METHODIC = [sys.executable, "-c", "from methodic.cli import main; main()"]
# The same with so many seconds between checkpoints; the main process tells its workers.
OFTEN = (
    "from methodic.runs import crew; crew.CHECKPOINTS = {seconds}; "
    "from methodic.cli import main; main()"
)


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


KILLS = 15  # for each number of workers
KILLS_OF_A_RUN = 8
NewRun = Callable[[int], Path]


@pytest.fixture
def new(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> NewRun:
    """A run that has its frozen plan and its data, and of which nothing is done yet.

    Planned for an imaginary machine, so that its size doesn't depend on how busy this one is; and
    without a budget, so that no block of seeds is dropped however slow it is.
    """

    def make(workers: int) -> Path:
        plan = make_plan(PLAIN, MOMENTUM, step=0.008, seeds=10, workers=workers)
        plan = plan.model_copy(update={"budget": None})
        work = tmp_path / "new" / "work"
        work.mkdir(parents=True)
        preparation.save(prepared, work)
        (tmp_path / "new" / "plan.json").write_text(plan.model_dump_json(indent=1))
        return tmp_path / "new"

    return make


def marks(folder: Path) -> set[str]:
    """Whatever a training leaves behind on its way."""
    found = [*folder.glob("records/*"), *folder.glob("work/checkpoints/*/*.manifest.json")]
    return {str(path.relative_to(folder)) for path in found}


def killed(folder: Path, chance: random.Random) -> bool:
    """Resume a run and kill it at some moment; False if it came to its end before.

    Mostly while it trains, sometimes while it starts; mostly with all its workers, sometimes not.
    """
    before = marks(folder)
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", OFTEN.format(seconds=chance.choice([0.0, 0.0, 0.1, 0.5]))),
            *("resume", folder.name),
        ],
        cwd=folder.parent,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if chance.random() < 0.1:
        time.sleep(chance.uniform(0.0, 5.0))
    else:
        while process.poll() is None and marks(folder) == before:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 1.0))
    if process.poll() is None:
        if chance.random() < 0.2:
            process.kill()  # its workers notice
        else:
            os.killpg(process.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode != 0


def halves(folder: Path) -> int:
    """Units that were killed while they wrote a checkpoint."""
    return sum(
        any(path.name.endswith(".part") for path in unit.iterdir())
        or len({path.name.split(".")[0] for path in unit.iterdir()})
        > len(list(unit.glob("*.manifest.json")))
        for unit in folder.glob("work/checkpoints/*")
    )


def results(folder: Path) -> dict[str, object]:
    """All that a finished run holds, to the bit, but for clocks."""

    def timeless(value: object) -> object:
        if isinstance(value, dict):
            return {
                k: timeless(v)
                for k, v in value.items()
                if k not in ("seconds", "inference", "waited")
            }
        if isinstance(value, str):
            return re.sub(r"took (under )?[\d.]+ \w+", "took a while", value)  # in the verdict
        return [timeless(v) for v in value] if isinstance(value, list) else value

    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json":
            found[str(path.relative_to(folder))] = timeless(json.loads(path.read_text()))
        elif path.suffix in (".parquet", ".safetensors"):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_thirty_kills(workers: int, new: NewRun, tmp_path: Path) -> None:
    """Thirty in all, of runs that are killed eight times; they end as one that never was."""
    chance = random.Random(workers)
    untouched = new(workers)
    shutil.copytree(untouched, tmp_path / "whole")
    done = methodic("resume", "whole", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = results(tmp_path / "whole")
    assert len([name for name in expected if name.startswith("records/confirm-")]) == 8
    kills = writes = runs = 0
    while kills < KILLS:
        folder = tmp_path / f"run-{runs}"
        runs += 1
        shutil.copytree(untouched, folder)
        for _ in range(KILLS_OF_A_RUN):
            if not killed(folder, chance):
                break
            kills += 1
            writes += halves(folder)
        else:
            done = methodic("resume", folder.name, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            assert "can't be used" not in done.stderr
        found = results(folder)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == value, f"{name} after {kills} kills"
    assert writes, "some of them hit a write"
    print(f"{workers} workers: {kills} kills in {runs} runs, {writes} of them within a write")
