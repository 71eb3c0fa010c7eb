"""Estimates of memory beside what processes really take, and what there is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from methodic.data.batches import Rows
from methodic.engine import memory
from methodic.engine.memory import Need
from tests.engine.conftest import MakeCohort

PROGRAM = """
import gc, json, sys, tempfile
from pathlib import Path

import torch
from torch import nn

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop, memory
from methodic.engine.evaluation import Judge
from methodic.engine.keeper import Keeper
from methodic.metrics import get_metric
from methodic.models.mlp import Inputs
from methodic.models.own.module import ModuleModel
from methodic.recipes.types import Recipe

torch.set_num_threads(1)
case = json.loads(sys.argv[1])
columns, count, members = case["columns"], case["rows"], case["members"]
rows = Rows({"numeric": torch.randn(count, columns)}, torch.randint(0, 10, (count,)))
held = rows.part(0, count // 4)
stage = {"batch": 128, "objectives": [{"kind": "cross_entropy"}],
         "optimizer": {"kind": "adam", "lr": 1e-4}, **case.get("stage", {})}
recipe = Recipe.model_validate(
    {"name": "a", "model": case.get("model", {"kind": "linear"}), "stages": [stage]})


def net():
    if case["net"] == "convolutional":
        return nn.Sequential(
            nn.Unflatten(1, (3, 32, 32)), nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
            nn.Linear(1024, 10))
    layer = lambda: nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (32, columns // 32)), nn.Linear(columns // 32, 64),
                         layer(), layer(), nn.Flatten(), nn.Linear(2048, 10))


def make(k):
    module = ModuleModel(net(), 10, [net() for _ in range(k)]) if "net" in case else None
    return build.cohort([recipe] * k, list(range(k)), steps=[6], inputs=Inputs(numeric=columns),
                        outputs=10, rows=count, module=module)


def field(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


judge = Judge(held, get_metric("accuracy", "multiclass"), lambda out: torch.softmax(out, -1),
              held.target.numpy())
Path("/proc/self/clear_refs").write_text("5")  # the peak is what it is now
before = field("VmRSS")
need = memory.need(make(case.get("probes", 1)), rows, len(held))
estimating = field("VmHWM") - before
gc.collect()
peak = 0
if members:
    Path("/proc/self/clear_refs").write_text("5")
    before = field("VmRSS")
    with tempfile.TemporaryDirectory() as folder:
        with Keeper(Path(folder) / "c", "x", lambda: False, 0.05) as keeper:
            loop.train(make(members), rows, judge, [3, 6], keeper)
            keeper.remove()
    peak = field("VmHWM") - before
print(json.dumps({"need": need.of(members or 1), "peak": peak, "estimating": estimating}))
"""

MLP = {"kind": "mlp", "width": 1024, "depth": 3, "dropout": 0.1, "normalization": "batch"}
WIDE = {"kind": "mlp", "width": 256, "depth": 3, "activation": "gelu", "dropout": 0.1}
EMA = {"batch": 4096, "regularizers": [{"kind": "ema", "decay": 0.9}]}
SGD = {"optimizer": {"kind": "sgd", "lr": 0.01}}
CONTRAST = {"unlabelled": 2048, "objectives": [{"kind": "cross_entropy"},
                                               {"kind": "simclr", "views": []}]}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "one": {"columns": 500, "rows": 8000, "members": 1, "model": MLP},
    "eight": {"columns": 500, "rows": 8000, "members": 8, "model": MLP},
    "large batches": {"columns": 20, "rows": 100_000, "members": 5, "model": WIDE, "stage": EMA},
    "all rows": {"columns": 20, "rows": 20_000, "members": 5, "model": WIDE,
                 "stage": {"batch": "full"}},
    "contrast": {"columns": 20, "rows": 20_000, "members": 2, "model": WIDE, "stage": CONTRAST},
    "sgd": {"columns": 100, "rows": 2000, "members": 2, "stage": SGD,
            "model": {"kind": "mlp", "width": 4000, "depth": 2}},
    "convolutional": {"columns": 3072, "rows": 1000, "members": 1, "net": "convolutional"},
    "vmap": {"columns": 1024, "rows": 2000, "members": 4, "net": "transformer", "probes": 2},
}  # fmt: skip

on_linux = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="peaks are measured by Linux"
)


def measured(case: dict[str, Any]) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(case)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@on_linux
@pytest.mark.parametrize(
    "name", ["one", *(pytest.param(n, marks=pytest.mark.heavy) for n in CASES if n != "one")]
)
def test_the_estimate_is_what_a_process_takes(name: str) -> None:
    """Hardly too little. How much checkpoints take hangs on when they are written."""
    found = measured(CASES[name])
    assert 0.9 < found["need"] / found["peak"] < 1.8, found


@on_linux
@pytest.mark.heavy
def test_estimating_takes_no_memory() -> None:
    """A network of 3.6 GB is estimated in a few hundred MB."""
    model = {"kind": "mlp", "width": 30_000, "depth": 2}
    case = {"columns": 20, "rows": 200, "members": 0, "model": model, "stage": SGD}
    found = measured(case)
    assert found["need"] > 30e9
    assert found["estimating"] < 1e9


def test_widths_that_fit() -> None:
    need = Need(100, 10)
    assert need.of(3) == 130
    assert [need.width(room, 8) for room in (180, 179, 140, 120, 110, 109)] == [8, 4, 4, 2, 1, 0]
    assert need.width(150, 5) == 5
    assert need.width(149, 5) == 2, "halves, as training parts them"


def test_what_costs_more_memory(make_cohort: MakeCohort, rows: Rows) -> None:
    def member(**changes: Any) -> float:
        return memory.need(make_cohort(**changes), rows, 100).member

    plain = member()
    deep = {"kind": "mlp", "width": 512, "depth": 2}
    assert member(model=deep) > 20 * plain
    adam = {"kind": "adam", "lr": 0.1}
    # Three states of two tensors more, and one more among what an update makes.
    more = member(model=deep, optimizer=adam) / member(model=deep)
    assert 1.4 < more < 2.2
    wide = {"kind": "mlp", "width": 64, "depth": 4, "activation": "tanh"}
    small, large = (member(model=wide, batch=batch) for batch in (16, 64))
    assert large > small
    stages = [
        {"name": n, "batch": b, "share": 0.5, "objectives": [{"kind": "cross_entropy"}],
         "optimizer": {"kind": "sgd", "lr": 0.1}}
        for n, b in (("a", 16), ("b", 64))
    ]  # fmt: skip
    both = make_cohort(model=wide, stages=stages, steps=(4, 4))
    assert memory.need(both, rows, 100).member == large, "the stage that needs most"


def test_statistics_for_averaged_weights_are_measured_on_more_rows(
    make_cohort: MakeCohort, rows: Rows
) -> None:
    """One pass over training rows, whatever the number of those that are judged."""
    many = Rows({"numeric": rows.inputs["numeric"].repeat(12, 1)}, rows.target.repeat(12))

    def member(average: bool, judged: int, some: Rows = many, norm: str = "batch") -> float:
        model = {"kind": "mlp", "width": 64, "depth": 2, "normalization": norm}
        how = {"regularizers": [{"kind": "ema", "decay": 0.9}]} if average else {}
        return memory.need(make_cohort(model=model, **how), some, judged).member

    assert member(True, 10) > 1.5 * member(True, 10, rows), "of all rows that there are"
    assert member(True, 10) == pytest.approx(member(True, len(many)), rel=0.05)
    assert member(True, 10, norm="layer") == member(True, 10, rows, norm="layer"), "no statistics"
    assert member(False, 10) == member(False, 10, rows), "those of training are at hand"


def test_a_member_of_several_is_as_large_as_one(make_cohort: MakeCohort, rows: Rows) -> None:
    model = {"kind": "mlp", "width": 64, "depth": 2, "dropout": 0.1, "normalization": "batch"}
    one, four = (
        memory.need(make_cohort(lrs=[0.1] * m, model=model), rows, 100).member for m in (1, 4)
    )
    assert four == pytest.approx(one, rel=0.02)


def test_generators_are_left_alone(make_cohort: MakeCohort, rows: Rows) -> None:
    before = torch.get_rng_state()
    memory.need(make_cohort(model={"kind": "mlp", "width": 8, "dropout": 0.1}), rows, 9)
    assert torch.equal(before, torch.get_rng_state())


# --- what there is ---------------------------------------------------------------------------


def test_memory_is_shared_fairly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers have taken already is theirs."""
    monkeypatch.setattr(memory, "available", lambda: 1000)
    taken = {"own": 100, "other": 500}
    parent = SimpleNamespace(children=lambda: ["own", "other"])

    class Process(str):
        def parent(self) -> Any:
            return parent

    monkeypatch.setattr(psutil, "Process", lambda: Process("own"))
    monkeypatch.setattr(memory, "private", lambda process: taken[str(process)])
    assert memory.share("cpu", 2) == (900 + 600) // 2 - 100
    assert memory.share("cpu", 1) == 900
    taken["own"] = 1400
    assert memory.share("cpu", 2) == 0


def test_sizes_in_words() -> None:
    assert memory.readable(160.2e9) == "160 GB"
    assert memory.readable(3.25e6) == "4 MB"
