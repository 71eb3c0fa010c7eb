"""Finished runs made by hand that keep their test scores by seed."""

from __future__ import annotations

import json
import random
from pathlib import Path

from report.runs import BASELINES, FINALISTS, make_leaderboard, make_plan, put

from methodic.plan import RunState

SEEDS = tuple(range(1000, 1010))


def scored(
    base: Path,
    name: str,
    *,
    means: dict[str, float] | None = None,
    seeds: tuple[int, ...] = SEEDS,
    metric: str = "accuracy",
    data: dict[str, object] | None = None,
    plan: dict[str, object] | None = None,
    until: str = "verdict",
) -> Path:
    """A run's folder with records/scores.json; ``data`` and ``plan`` replace facts of the plan.

    Its ``until`` says how far the run came: "plan", "screen" or "verdict".
    """
    made = make_plan(metric)
    facts = made.data.model_copy(update=data or {})
    folder = base / name
    (folder / "records").mkdir(parents=True)
    put(folder / "plan.json", made.model_copy(update={"data": facts, **(plan or {})}))
    if until != "plan":
        status = "finished" if until == "verdict" else "interrupted"
        put(folder / "run.json", RunState(status=status, finalists=FINALISTS, seconds=57.9))
    if until == "verdict":
        put(folder / "leaderboard.json", make_leaderboard(metric))
    noise = random.Random(name)
    means = means or dict.fromkeys(FINALISTS, 0.95)
    scores = {m: [[s, x + noise.gauss(0, 0.003)] for s in seeds] for m, x in means.items()}
    scores |= {kind: [[-1, 0.9]] for kind in BASELINES}
    (folder / "records" / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    return folder
