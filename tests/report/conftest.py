from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from report.browser import BROWSER, Browser
from report.runs import BASELINES, FINALISTS, make_leaderboard, make_plan, put, unit, unit_record
from report.whole import TASKS, fill

from methodic.evidence.leaderboard import Leaderboard
from methodic.plan import BaselineRecord, Plan, RunState

RunMaker = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    """A function that writes a run's folder.

    Its ``until`` says how far the run came: "plan", "screen" or "verdict".
    """

    def make(
        until: str = "verdict",
        metric: str = "accuracy",
        plan: Plan | None = None,
        leaderboard: Leaderboard | None = None,
        name: str = "run",
    ) -> Path:
        plan = plan or make_plan(metric)
        folder = tmp_path / name
        (folder / "records").mkdir(parents=True)
        put(folder / "plan.json", plan)
        state = RunState(status="interrupted", seconds=31.7)
        if until != "plan":
            for each in plan.screen:
                lost = 14 if each.members[0].recipe == "sgd" else None
                put(folder / "records" / f"{each.id}.json", unit_record(each, metric, lost))
            for kind, x in zip(BASELINES, (0.967, 0.953, 0.103), strict=True):
                put(
                    folder / "records" / f"baseline-{kind}.json",
                    BaselineRecord(
                        kind=kind, about=f"The {kind}.", validation={metric: x}, seconds=1.5
                    ),
                )
        if until == "verdict":
            for i, method in enumerate(FINALISTS):
                each = unit(
                    f"confirm-{i:03d}-{method}", "confirm", method, range(3, 4), plan.confirm.seeds
                )
                put(folder / "records" / f"{each.id}.json", unit_record(each, metric))
            put(folder / "leaderboard.json", leaderboard or make_leaderboard(metric))
            state = RunState(
                status="finished", finalists=FINALISTS, seconds=57.9, winner="adamw-cosine"
            )
        put(folder / "run.json", state)
        return folder

    return make


@pytest.fixture
def make_whole(make_run: RunMaker) -> RunMaker:
    """A function that writes the folder of a run with everything in it, by task."""

    def make(task: str = "multiclass", name: str = "whole") -> Path:
        return fill(make_run(metric=TASKS[task], name=name), task)

    return make


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium, where there is one."""
    if BROWSER is None:
        pytest.skip("there is no chromium on PATH")
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()
