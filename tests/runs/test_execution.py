"""Frozen plans, executed: what lies in the folder, and that it is the same every time."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score

from methodic import bundle, runs
from methodic.data.dataset import DataSet
from methodic.data.splits import split
from methodic.engine.workers import Pool
from methodic.errors import InputError, Interrupted
from methodic.evidence import predictions
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import make_folder, write_text
from methodic.plan import Plan, RunState, UnitRecord
from methodic.runs import crew, execution, paths, tasks
from methodic.runs.execution import Execution
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute, recipe
from tests.runs.test_tasks import Request

PHASES = ("screen", "confirm", "ablate")
CLOCKS = {"seconds", "inference", "waited"}


def timeless(value: Any) -> Any:
    """A JSON document without its clocks."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in CLOCKS}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, Any]:
    """Every file of a finished run but for clocks; predictions and weights to the bit."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json" and name != "leaderboard.json":
            found[name] = timeless(json.loads(path.read_text()))
        elif path.suffix in (".parquet", ".safetensors", ".md"):
            found[name] = path.read_bytes()
    return found


def small(make_plan: MakePlan, **changes: Any) -> Plan:
    """Two methods, ten seeds in two blocks, forty-odd steps each."""
    return make_plan(PLAIN, MOMENTUM, step=0.1, seeds=10, **changes)


@pytest.fixture(scope="module")
def done(
    make_plan: MakePlan, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Plan, Leaderboard]:
    plan, folder = small(make_plan), tmp_path_factory.mktemp("whole") / "run"
    return folder, plan, execute(plan, folder, prepared)


def state_of(folder: Path) -> RunState:
    return RunState.model_validate_json((folder / "run.json").read_text())


def records(folder: Path, phase: str) -> list[UnitRecord]:
    paths = sorted((folder / "records").glob(f"{phase}-*.json"))
    return [UnitRecord.model_validate_json(path.read_text()) for path in paths]


def test_a_whole_run(
    done: tuple[Path, Plan, Leaderboard], iris: DataSet, prepared: Prepared
) -> None:
    folder, plan, board = done
    state = state_of(folder)
    assert state.status == "finished"
    assert state.winner == board.winner
    assert not state.amendments
    assert not (folder / "work").exists()
    # One record for each unit, with all its members, in its order.
    screened, confirmed = records(folder, "screen"), records(folder, "confirm")
    assert [r.unit for r in screened] == sorted(plan.screen, key=lambda u: u.id)
    assert len(confirmed) == 4
    assert plan.confirm is not None
    for record in (*screened, *confirmed):
        assert [m.member for m in record.members] == list(record.unit.members)
        for member, curve in zip(record.members, record.curves, strict=True):
            assert [point.step for point in curve] == list(record.unit.evaluate)
            best = max(point.score or 0 for point in curve)
            assert member.validation["accuracy"] == best
            assert member.best_step in [p.step for p in curve if p.score == best]
            assert member.steps_taken == member.batches_seen == sum(record.unit.steps)
    # Test scores are those of the stored predictions, by another implementation.
    truth = prepared.truth["test"]
    for row in board.rows:
        if row.kind == "baseline":
            paths = [folder / "records" / f"baseline-{row.name}.predictions.parquet"]
        else:
            paths = sorted((folder / "records").glob(f"confirm-*-{row.name}.predictions.parquet"))
        stored = np.concatenate([predictions.read(path) for path in paths])
        scores = [accuracy_score(truth, each.argmax(-1)) for each in stored]
        assert row.test is not None
        assert row.test.mean == pytest.approx(np.mean(scores))
        assert row.test.n == len(scores)
    assert board == Leaderboard.model_validate_json((folder / "leaderboard.json").read_text())
    # The shipped network scores on raw test rows what its card says.
    shipped = bundle.load(folder)
    rows = iris.frame[split(iris, 0).test]
    assert shipped.card.test == shipped.evaluate(rows, ["accuracy"])["accuracy"]
    validation = iris.frame[split(iris, 0).validation]
    assert shipped.card.validation == shipped.evaluate(validation, ["accuracy"])["accuracy"]
    members = [m for r in confirmed for m in r.members if m.member.recipe == board.shipped]
    assert shipped.card.validation == max(m.validation["accuracy"] or 0 for m in members)
    assert shipped.card.recipe.name == board.shipped


def test_the_setting_that_the_screening_chose_is_confirmed(
    done: tuple[Path, Plan, Leaderboard],
) -> None:
    folder, plan, board = done
    by_setting: dict[int, list[float]] = {}
    for record in records(folder, "screen"):
        for member in record.members:
            if member.member.recipe == "plain":
                score = member.validation["accuracy"]
                by_setting.setdefault(member.member.setting, []).append(score or 0)
    best = max(np.mean(scores) for scores in by_setting.values())
    (confirmed,) = {
        m.member.setting
        for r in records(folder, "confirm")
        for m in r.members
        if m.member.recipe == "plain"
    }
    assert np.mean(by_setting[confirmed]) == pytest.approx(best)
    row = next(row for row in board.rows if row.name == "plain")
    assert row.setting == plan.contenders[0].settings[confirmed]


def test_the_same_plan_gives_the_same_results(
    done: tuple[Path, Plan, Leaderboard], prepared: Prepared, tmp_path: Path
) -> None:
    folder, plan, _ = done
    execute(plan, tmp_path / "again", prepared)
    first, second = contents(folder), contents(tmp_path / "again")
    assert len(first) > 20
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert value == second[name], name


def test_another_seed_gives_other_results(
    done: tuple[Path, Plan, Leaderboard], make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    folder, _, _ = done
    execute(small(make_plan, seed=1), tmp_path / "again", prepared)
    name = "records/confirm-000-plain.predictions.parquet"
    assert (folder / name).read_bytes() != (tmp_path / "again" / name).read_bytes()


def interrupt_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Ctrl-C in the middle of the unit after ``count`` units."""
    train, seen = tasks.train_unit, []

    def interrupted(*arguments: Any) -> str:
        if len(seen) == count:
            raise KeyboardInterrupt
        seen.append(1)
        return train(*arguments)

    monkeypatch.setattr(tasks, "train_unit", interrupted)


@pytest.mark.parametrize("after", [0, 4, 7])
def test_an_interrupted_run_goes_on_where_it_was(
    done: tuple[Path, Plan, Leaderboard],
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    whole, plan, _ = done
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        interrupt_after(patched, after)
        with pytest.raises(Interrupted):
            execute(plan, folder, prepared)
    assert state_of(folder).status == "interrupted"
    assert len(list((folder / "records").glob("[sc]*-*.json"))) == after
    half = runs.load_run(folder)
    assert half.leaderboard is not None, "what is known by now"
    assert half.leaderboard.shipped == ("" if after == 0 else half.leaderboard.shipped)
    assert not half.bundle_path.exists()
    finished = {path: path.stat().st_mtime_ns for path in (folder / "records").glob("*-*")}
    resumed = runs.resume(folder)
    assert resumed.state.status == "finished"
    assert finished == {path: path.stat().st_mtime_ns for path in finished}, "nothing is done twice"
    first, second = contents(whole), contents(folder)
    second = {name: value for name, value in second.items() if name in first}
    assert first == second


class Told:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.total = 0
        self.done: list[int] = []
        self.leaders: list[str | None] = []
        self.said: list[str] = []

    def start(self, total_units: int, budget: float | None) -> None:
        self.total = total_units

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def update(
        self,
        done_units: int,
        rate: float,
        leader: str | None,
        remaining: float | None,
        memory: int | None = None,
    ) -> None:
        self.done.append(done_units)
        self.leaders.append(leader)
        assert rate >= 0
        assert remaining is None or remaining >= 0
        assert memory is not None
        assert memory > 1e6

    def say(self, text: str) -> None:
        self.said.append(text)


def same_results(one: Path, other: Path) -> bool:
    """The second folder holds all that the first one holds, to the bit; and a report, perhaps."""
    first, second = contents(one), contents(other)
    return first == {name: value for name, value in second.items() if name in first}


@pytest.mark.parametrize("after", [10, 77])
def test_ctrl_c_within_a_unit_saves_it(
    done: tuple[Path, Plan, Leaderboard],
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    whole, plan, _ = done
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        Request(patched, after)
        with pytest.raises(Interrupted):
            execute(plan, folder, prepared)
    assert state_of(folder).status == "interrupted"
    (unit,) = (folder / "work" / "checkpoints").iterdir()
    assert len(list(unit.iterdir())) == 3
    assert not (folder / "records" / f"{unit.name}.json").exists()
    counted = Request(monkeypatch, -1)
    runs.resume(folder)
    total = sum(sum(r.unit.steps) for p in PHASES for r in records(whole, p))
    assert counted.steps == total - after, "no step is done twice"
    assert same_results(whole, folder)


def test_a_full_disk_stops_a_run_and_harms_nothing(
    done: tuple[Path, Plan, Leaderboard],
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, plan, _ = done
    folder, fsync, files = tmp_path / "full", os.fsync, [30]

    def full(handle: int) -> None:
        files[0] -= 1
        if files[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(crew, "CHECKPOINTS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="can't be written") as caught:
            execute(plan, folder, prepared)
    assert "Make room" in str(caught.value)
    assert not list(folder.rglob("*.part"))
    runs.resume(folder)
    assert same_results(whole, folder)


def test_an_error_leaves_a_run_that_can_go_on(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any) -> str:
        raise InputError("memory ran out")

    monkeypatch.setattr(tasks, "train_unit", fails)
    with pytest.raises(InputError, match="memory"):
        execute(small(make_plan), tmp_path / "run", prepared)
    assert state_of(tmp_path / "run").status == "interrupted"


class Pulse(Told):
    """Kills the pool's workers once, as soon as a unit has a checkpoint."""

    def __init__(self, folder: Path, pool: Pool) -> None:
        super().__init__()
        self.folder, self.pool = folder, pool
        self.killed: list[int] = []

    def update(
        self,
        done_units: int,
        rate: float,
        leader: str | None,
        remaining: float | None,
        memory: int | None = None,
    ) -> None:
        super().update(done_units, rate, leader, remaining, memory)
        if not self.killed and list(self.folder.glob("work/checkpoints/*/*.manifest.json")):
            executor = self.pool._executor
            assert executor is not None
            self.killed = list(executor._processes)
            for pid in self.killed:
                os.kill(pid, signal.SIGKILL)


@pytest.mark.heavy
def test_a_worker_that_is_killed_goes_on_from_its_checkpoint(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Units long enough that a kill is sure to hit one of them."""
    plan = make_plan(MOMENTUM, step=0.03, seeds=5, workers=1).model_copy(update={"budget": None})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as many as the worker will have
    execute(plan, tmp_path / "whole", prepared)
    torch.set_num_threads(threads)
    monkeypatch.setattr(crew, "CHECKPOINTS", 0.0)
    folder = tmp_path / "killed"
    make_folder(folder / paths.WORK)
    preparation.save(prepared, folder / paths.WORK)
    write_text(folder / "plan.json", plan.model_dump_json(indent=1))
    with Pool(1, 1) as pool:
        told = Pulse(folder, pool)
        Execution(folder, plan, prepared, pool, told, time.monotonic()).run()
        assert pool.deaths == 1
    assert told.killed
    assert len([text for text in told.said if "a worker process died" in text]) == 1
    assert same_results(tmp_path / "whole", folder)


def test_a_damaged_checkpoint_is_told(
    done: tuple[Path, Plan, Leaderboard],
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, plan, _ = done
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        Request(patched, 20)
        with pytest.raises(Interrupted):
            execute(plan, folder, prepared)
    (weights,) = folder.glob("work/checkpoints/*/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    told = Told()
    runs.resume(folder, told)  # type: ignore[arg-type]
    (note,) = [text for text in told.said if "checkpoint" in text]
    assert f"{weights.parent.name}: checkpoint 1 can't be used" in note
    assert "began anew" in note
    first, second = contents(whole), contents(folder)
    name = f"records/{weights.parent.name}.json"
    assert second[name].pop("notes") == [note]
    assert first[name].pop("notes") == []
    assert first == {name: value for name, value in second.items() if name in first}


def test_a_finished_run_is_not_resumed(done: tuple[Path, Plan, Leaderboard]) -> None:
    with pytest.raises(InputError, match="finished"):
        runs.resume(done[0])


def test_two_processes_do_not_share_a_run(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, plan = tmp_path / "run", small(make_plan)
    train = tasks.train_unit

    def greedy(*arguments: Any) -> str:
        with pytest.raises(InputError, match="another process"):
            execute(plan, folder, prepared)
        monkeypatch.setattr(tasks, "train_unit", train)
        return train(*arguments)

    monkeypatch.setattr(tasks, "train_unit", greedy)
    execute(plan, folder, prepared)


def slow_machine(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Callable[[], float]:
    """A clock that goes on by ``seconds`` with each unit and stands still otherwise."""
    now, train = [0.0], tasks.train_unit

    def slow(*arguments: Any) -> str:
        now[0] += seconds
        return train(*arguments)

    class Clock:
        monotonic = staticmethod(lambda: now[0])
        perf_counter = staticmethod(lambda: now[0])  # records know nothing of the real time

    monkeypatch.setattr(tasks, "train_unit", slow)
    monkeypatch.setattr(tasks, "time", Clock)
    monkeypatch.setattr(crew, "time", Clock)
    return Clock.monotonic


def test_a_slow_machine_drops_seeds_of_all_methods_alike(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, folder = small(make_plan), tmp_path / "run"
    slow_machine(monkeypatch, 15.0)
    board = execute(plan, folder, prepared, started=0.0)
    amendments = {a.phase: a.blocks for a in state_of(folder).amendments}
    assert amendments == {"screen": (2,), "confirm": (1,), "ablate": (0,)}
    for phase, blocks in (("screen", {0, 1}), ("confirm", {0})):
        seen = {(r.unit.members[0].recipe, r.unit.block) for r in records(folder, phase)}
        assert seen == {(name, block) for name in ("plain", "momentum") for block in blocks}
    assert {row.test.n for row in board.rows if row.kind == "method" and row.test} == {5}
    assert any("slower" in note for note in board.notes)
    assert bundle.load(folder).card.test is not None


def test_what_was_dropped_stays_dropped_after_an_interruption(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else some methods would get more seeds, chosen by when the user pressed Ctrl-C."""
    plan, folder = small(make_plan), tmp_path / "run"
    with monkeypatch.context() as patched:
        interrupt_after(patched, 5)
        slow_machine(patched, 15.0)
        with pytest.raises(Interrupted):
            execute(plan, folder, prepared, started=0.0)
    assert [a.phase for a in state_of(folder).amendments] == ["screen"]
    execute(plan, folder, prepared, started=time.monotonic())
    assert {a.phase: a.blocks for a in state_of(folder).amendments} == {"screen": (2,)}
    assert {r.unit.block for r in records(folder, "screen")} == {0, 1}


def test_a_fast_machine_drops_nothing(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_machine(monkeypatch, 1.0)
    execute(small(make_plan), tmp_path / "run", prepared, started=0.0)
    assert not state_of(tmp_path / "run").amendments


def wild(name: str) -> Any:
    return recipe(name, optimizer={"kind": "sgd", "lr": 1e30})


def test_everything_diverged(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> None:
    plan, folder = make_plan(wild("a"), wild("b"), seeds=5), tmp_path / "run"
    board = execute(plan, folder, prepared)
    statuses = {m.status for r in records(folder, "screen") for m in r.members}
    assert statuses == {"diverged"}
    assert not records(folder, "confirm")
    assert "diverged" in board.verdict
    assert not (folder / "model").exists()
    assert state_of(folder).status == "finished"
    methods = [row for row in board.rows if row.kind == "method"]
    assert [row.diverged for row in methods] == [3, 3]
    with pytest.raises(InputError, match="no trained model"):
        bundle.load(folder)


def test_one_method_diverged(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> None:
    board = execute(make_plan(wild("a"), PLAIN, seeds=5), tmp_path / "run", prepared)
    assert board.shipped == "plain"
    assert board.rows[-1].name == "a"
    assert any("a" in note and "diverged" in note for note in board.notes)


def test_progress(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    monkeypatch.setattr("tests.runs.conftest.Quiet", lambda: told)
    execute(small(make_plan), tmp_path / "run", prepared)
    assert told.phases == ["screening", "confirmation", "ablation", "verdict"]
    assert told.done == sorted(told.done)
    assert told.done[-1] == told.total == 18
    assert told.leaders[-1] in ("plain", "momentum")


# --- as many seeds as a difference needs ------------------------------------------------------


def detected(
    make_plan: MakePlan, prepared: Prepared, folder: Path, difference: float, **wishes: Any
) -> Plan:
    plan = make_plan(PLAIN, MOMENTUM, step=0.1, detect=difference, **wishes)
    assert plan.confirm is not None
    confirm = plan.confirm.model_copy(update={"seeds": plan.confirm.seeds[:30]})
    plan = plan.model_copy(update={"confirm": confirm, "budget": None})
    execute(plan, folder, prepared)
    return plan


def test_a_large_difference_needs_no_more_than_the_pilot(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    detected(make_plan, prepared, tmp_path / "run", 0.9)
    assert len(records(tmp_path / "run", "confirm")) == 4
    (amended,) = [a for a in state_of(tmp_path / "run").amendments if a.phase == "confirm"]
    assert amended.blocks == (2, 3, 4, 5)
    assert "10 seeds are enough to find 90 points" in amended.reason


def test_a_small_difference_takes_all_seeds_and_says_what_it_could_have_seen(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    detected(make_plan, prepared, tmp_path / "run", 1e-6, metric="log_loss")
    assert len(records(tmp_path / "run", "confirm")) == 12
    text = (tmp_path / "run" / "leaderboard.json").read_text()
    board = Leaderboard.model_validate_json(text)
    assert board.detectable is not None
    assert board.detectable > 1e-6
    assert any(
        "Asked for were 1.0e-06: on test rows that takes about" in note for note in board.notes
    )


# --- the ablation -----------------------------------------------------------------------------


def test_what_mattered_is_found_on_the_seeds_of_the_confirmation(
    done: tuple[Path, Plan, Leaderboard],
) -> None:
    folder, _, board = done
    confirmed = [r for r in records(folder, "confirm") if r.unit.id.endswith(board.shipped)]
    ablated = records(folder, "ablate")
    assert ablated
    seeds = {m.member.seed for r in confirmed for m in r.members}
    for off in {m.member.off for r in ablated for m in r.members}:
        mine = [m for r in ablated for m in r.members if m.member.off == off]
        assert {m.member.seed for m in mine} == seeds
        assert {m.member.recipe for m in mine} == {board.shipped}
    found = json.loads((folder / "ablation.json").read_text())
    assert found["recipe"] == board.shipped
    assert {each["key"] for each in found["effects"]} == {
        m.member.off for r in ablated for m in r.members
    }


def test_without_time_nothing_is_ablated(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution.ablating, "affordable", lambda *_: 0)
    folder = tmp_path / "run"
    board = execute(small(make_plan), folder, prepared)
    assert not records(folder, "ablate")
    assert not (folder / "ablation.json").exists()
    (amended,) = state_of(folder).amendments
    assert (amended.phase, amended.blocks) == ("ablate", (0, 1))
    assert not any("ablate" in note for note in board.notes)


def test_the_same_method_under_two_names_has_numbers_of_its_own(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    """Else a comparison of a method with itself could never raise a false alarm."""
    plan = make_plan(PLAIN, recipe("twin"), step=0.1, seeds=5)
    execute(plan, tmp_path / "run", prepared)
    curves = {
        name: [
            c[0].train_loss
            for r in records(tmp_path / "run", "confirm")
            for c in r.curves
            if r.unit.members[0].recipe == name
        ]
        for name in ("plain", "twin")
    }
    assert len(set(curves["plain"])) == len(set(curves["twin"])) == 5
    assert not set(curves["plain"]) & set(curves["twin"])
