"""What is measured before a plan is frozen, on real clocks."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from methodic import build
from methodic.evidence import design
from methodic.plan import Machine
from methodic.recipes.numbers import replace
from methodic.runs.machine import measuring
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MACHINE, PLAIN


@pytest.fixture
def work(prepared: Prepared, tmp_path: Path) -> Path:
    preparation.save(prepared, tmp_path)
    return tmp_path


@pytest.fixture
def plain(prepared: Prepared) -> str:
    resolved = build.resolve(PLAIN, "multiclass", prepared.counts[0])
    return replace(resolved, design.grid(resolved, 1)[0]).model_dump_json()


def test_a_measurement(work: Path, plain: str) -> None:
    found = measuring.measure(work, [plain, plain], "accuracy", MACHINE)
    step, evaluation, ending, stages = found
    assert stages == (pytest.approx(step),), "a single stage is all of the training"
    assert 0 < step < 1
    assert 0 < evaluation < ending < 1


def test_parts_cost_what_one_costs_so_many_times(
    work: Path, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that ticks once for each question, a step takes the same for any width."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(ticks))
    narrow = MACHINE.model_copy(update={"width": 2})
    whole = measuring.measure(work, [plain] * 5, "accuracy", MACHINE)
    parts = measuring.measure(work, [plain] * 5, "accuracy", narrow)
    assert parts[1:] == (*(2.5 * seconds for seconds in whole[1:3]), (2.5 * whole[3][0],))
    assert parts[0] == pytest.approx(2.5 * whole[0])


def test_losses_of_seeds(work: Path, plain: str) -> None:
    """They go down, differ by seed, and are the same in parts; bfloat16 makes others, but close."""

    def losses(machine: Machine, steps: int = 40) -> tuple[list[float], list[float]]:
        return measuring.losses(work, plain, 3, "accuracy", machine, steps)

    first, (training, validation) = losses(MACHINE, 4), losses(MACHINE)
    assert len(training) == len(validation) == len(set(training)) == 3
    assert max(training) < min(first[0])
    assert losses(MACHINE.model_copy(update={"width": 2})) == (training, validation)
    rounded = MACHINE.model_copy(update={"precision": "bfloat16"})
    half, _ = losses(rounded)
    assert half != training
    assert losses(rounded)[0] == half, "bfloat16 makes the same bits each time"
    assert half == pytest.approx(training, rel=0.05)


def test_a_long_evaluation_is_told_from_a_few_of_its_rows(
    monkeypatch: pytest.MonkeyPatch, prepared: Prepared
) -> None:
    seen: list[int] = []

    def validated(_: Any, flat: Any, buffers: Any, rows: Any) -> torch.Tensor:
        seen.append(len(rows))
        time.sleep(0.01)
        return torch.zeros(1, len(rows), 3)

    monkeypatch.setattr(measuring, "validated", validated)
    monkeypatch.setattr(measuring, "_FEW", 2)
    cohort: Any = None
    stage: Any = SimpleNamespace(averages=False)
    state: Any = SimpleNamespace(flat=None, buffers={})
    judge = prepared.judge("accuracy", torch.device("cpu"))
    whole = len(judge.rows)
    look = cohort, stage, state, prepared.rows["train"], judge
    assert measuring._look(*look) < 1
    assert seen == [2, 2, whole, whole]
    monkeypatch.setattr(measuring, "_LONG_LOOK", 0.0)
    seen.clear()
    assert measuring._look(*look) >= 0.01 * whole / 2
    assert seen == [2]


def test_an_evaluation_pays_for_statistics_of_averaged_weights(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their pass over training rows is part of each look, and takes its time."""

    def evaluated(*args: Any) -> tuple[Any, Any]:
        time.sleep(0.2)
        return None, {}

    monkeypatch.setattr(measuring.loop, "evaluated", evaluated)
    monkeypatch.setattr(measuring, "validated", lambda *args: torch.zeros(1, len(args[3]), 3))
    judge = prepared.judge("accuracy", torch.device("cpu"))
    nothing: Any = None
    assert measuring._look(nothing, nothing, nothing, prepared.rows["train"], judge) >= 0.2
