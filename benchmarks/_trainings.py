"""Whole trainings of a cohort by `loop.train`: with and without checkpoints and records.

The folder of the checkpoints is a temporary one, on whatever disk that is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _mlps import cohort, table
from _work import Runner


def training(
    sizes: Sequence[int],
    lrs: Sequence[float],
    compiled: bool,
    evaluations: int,
    interval: float | str | None,
    noted: bool = False,
) -> Runner:
    """``advance(n)`` trains one cohort from the start for n steps.

    Args:
        sizes, lrs, compiled: the cohort.
        evaluations: on the way; 0 takes the steps alone, and nobody looks at them.
        interval: seconds between checkpoints; "default" is the engine's; None writes none.
        noted: the steps alone, but what they saw goes into a record, as in a training.
    """
    import torch

    from methodic.data.batches import Rows
    from methodic.engine import checkpoint, loop
    from methodic.engine.evaluation import Judge
    from methodic.engine.keeper import INTERVAL, Keeper
    from methodic.engine.monitor import Window
    from methodic.metrics import get_metric
    from methodic.runs.plans.units import evaluations as spread

    x, y = table(sizes)
    rows = Rows({"numeric": torch.from_numpy(x)}, torch.from_numpy(y))
    judge = Judge(
        rows.part(0, len(rows) // 10),
        get_metric("accuracy", "multiclass"),
        lambda out: out.softmax(-1),
        y[: len(rows) // 10],
    )
    made = cohort(sizes, lrs, range(len(lrs)), compiled)
    notes: dict[str, Any] = {"checkpoints": 0, "megabytes": 0.0, "interval": interval}
    if interval == "default":
        notes["interval"] = interval = INTERVAL

    def planned(steps: int) -> Any:
        return replace(made, stages=(replace(made.stages[0], steps=steps),))

    def bare(steps: int) -> None:
        ready = planned(steps)
        stage = ready.stages[0]
        state = loop.begin(stage, loop.initial_state(ready))
        window = Window()
        observe = window.add if noted else lambda _: None
        while state.steps_taken < steps:
            count = min(256, steps - state.steps_taken)
            state = loop.advance(ready, stage, state, rows, count, observe)
        if noted:
            window.tables()

    def train(steps: int) -> None:
        looks = spread(steps, evaluations)
        if interval is None:
            loop.train(planned(steps), rows, judge, looks)
            return
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "unit"
            with Keeper(folder, "benchmark", lambda: False, float(interval)) as keeper:
                loop.train(planned(steps), rows, judge, looks, keeper)
            found = checkpoint.complete(folder)
            notes["checkpoints"] = max(found, default=0)
            if found:
                files = [each for each in folder.rglob("*") if each.is_file()]
                notes["megabytes"] = sum(f.stat().st_size for f in files) / len(found) / 1e6

    def advance(steps: int) -> int:
        (train if evaluations else bare)(steps)
        return steps * len(lrs)

    return Runner(advance, notes=notes)
