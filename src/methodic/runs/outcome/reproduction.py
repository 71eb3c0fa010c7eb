"""Running a frozen plan again, and saying which numbers came out the same."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load_file

from methodic.data.dataset import DataSet
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import predictions, sameness
from methodic.evidence.sameness import Comparison, Reproduction
from methodic.files import write_text
from methodic.plan import Amendment, Plan, RunState, Unit
from methodic.report.folder import Folder
from methodic.report.folder import load as read_folder
from methodic.report.terminal import Quiet
from methodic.runs import paths
from methodic.runs.execution import Execution
from methodic.runs.folders import new_run
from methodic.runs.given import NOTHING, Given
from methodic.runs.plans import planning
from methodic.runs.plans.units import block_of
from methodic.runs.resuming import check_device
from methodic.runs.rows import diagnosing, origin, preparation

NAME = "reproduction.json"
ACCEPTED = "a new or empty folder, or one in which this run was being reproduced"
_STOPPED = "the first execution was stopped before them"


def begin(path: Path) -> Folder:
    """Read the run that is to be reproduced.

    Raises:
        InputError: no run, a damaged or newer one, one that is at work, or one without any record.
    """
    first = read_folder(path)
    _idle(path)
    if not (first.screened or first.confirmed or first.trained):
        raise InputError(
            f"{path}: this run has no record yet, so there is nothing to compare with",
            advice=f"Go on with it: methodic resume {path}",
        )
    if first.plan.search is not None and first.plan.search.shared is not None:
        raise InputError(
            f"{path}: this run searched along with others, so it can't be reproduced",
            found=f"a shared study, {first.plan.search.shared}",
            accepted="a run whose search is a function of its plan alone",
            advice="What it tried depends on what the others found by then; and executed again, it "
            "would take part in their study.",
        )
    if first.plan.search is not None and not _searched(first.state):
        raise InputError(
            f"{path}: the search of this run isn't over, so what it comes to can't be compared",
            advice=f"Go on with it first: methodic resume {path}",
        )
    check_device(first.plan.machine.device, "Reproduce the run on a machine that has it.")
    _predictions(path, first)  # a damaged file is said now, and not after all the work
    _weights(path)
    return first


def _searched(state: RunState) -> bool:
    """Whether a search is over; it may have found nothing, where all diverged."""
    return bool(state.found) or state.status == "finished"


def plan_again(
    path: Path, first: Folder, data: DataSet, workers: int | None
) -> tuple[Plan, RunState]:
    """The plan to execute and the state to begin with: what the first execution did, and no more.

    Time drops nothing, so there is no budget; the blocks that the first execution dropped, or
    didn't reach, are left out from the start.

    Args:
        path, first: the first run.
        data: the same as then, maybe read from another place.
        workers: processes; None takes the plan's.
    """
    plan, state = first.frozen or first.plan, first.state
    amendments = list(state.amendments)
    rivals = plan.baselines
    if state.status != "finished":
        amendments += _not_reached(first)
        done = {record.kind for record in first.baselines}
        rivals = tuple(baseline for baseline in rivals if baseline.kind in done)
    machine = origin.here(plan.machine).model_copy(
        update={
            "workers": plan.machine.workers if workers is None else workers,
            "threads": threads_of(first),
        }
    )
    note = f"This run executes the plan of {path} again; nothing was measured, time drops nothing."
    again = plan.model_copy(
        update={
            "command": f"methodic reproduce {path}",
            "data": plan.data.model_copy(
                update={"source": planning.place(data), "reading": data.reading}
            ),
            "budget": None,
            "machine": machine,
            "baselines": rivals,
            "notes": (note, *plan.notes),
        }
    )
    return again, RunState(status="running", amendments=tuple(amendments))


def execute(
    plan: Plan,
    state: RunState,
    data: DataSet,
    out: Path | str | None,
    name: str,
    progress: Quiet,
    given: Given = NOTHING,
) -> Path:
    """Execute ``plan`` on ``data`` in a new folder, which is returned."""
    machine = plan.machine
    with Pool(machine.workers, machine.threads) as pool, new_run(name, out) as folder:
        work = folder / paths.WORK
        prepared = preparation.prepare(data, plan.data.split_seed, folder=work)
        preparation.save(prepared, work, (data.source, data.reading.test))
        preparation.save_folds(data, plan, folder / paths.WORK)
        write_text(folder / "run.json", state.model_dump_json(indent=1))
        write_text(folder / "plan.json", plan.model_dump_json(indent=1))
        origin.write(folder, data)
        splits = plan.confirm.splits if plan.confirm is not None else "one"
        diagnosing.look(folder, data, plan.data.split_seed, splits)
        Execution(folder, plan, prepared, pool, progress, time.monotonic(), given).run()
    return folder


def compare(path: Path, first: Folder, folder: Path) -> Reproduction:
    """Compare what two executions of a plan left in their folders, and write what was found."""
    again = read_folder(folder)
    comparison = Comparison()
    for phase in ("screened", "confirmed", "trained", "ablated"):
        sameness.compare_units(comparison, getattr(first, phase), getattr(again, phase))
    sameness.compare_predictions(comparison, _predictions(path, first), _predictions(folder, again))
    sameness.compare_baselines(comparison, first.baselines, again.baselines)
    if first.state.finalists and first.state.status == "finished":
        comparison.exact(
            "ranking and verdict", "finalists", first.state.finalists, again.state.finalists
        )
    if first.state.status == "finished" and first.leaderboard and again.leaderboard:
        sameness.compare_boards(comparison, first.leaderboard, again.leaderboard)
        sameness.compare_weights(comparison, _weights(path), _weights(folder))
    result = comparison.result(str(path), str(folder), _reasons(path, first, again))
    write_text(folder / NAME, result.model_dump_json(indent=1))
    return result


def begun(path: Path, first: Folder, folder: Path) -> Folder:
    """Read a reproduction of ``first`` that lies in ``folder`` already.

    Raises:
        InputError: it is the first run itself, or an execution of another plan.
    """
    if folder.resolve() == path.resolve():
        raise InputError(f"{folder}: --out names the run itself", accepted=ACCEPTED)
    again = read_folder(folder)
    if not _same_plan(first.frozen or first.plan, again.frozen or again.plan):
        raise InputError(
            f"{folder}: --out names a run of another plan than {path}", accepted=ACCEPTED
        )
    return again


def _same_plan(one: Plan, two: Plan) -> bool:
    anywhere = {"workers": 0, "threads": 0, "torch": "", "capability": "", "compiled": False}
    free = {"command": "", "budget": None, "baselines": (), "notes": (), "tried": ()}

    def bare(plan: Plan) -> Plan:
        machine = plan.machine.model_copy(update=anywhere)
        data = plan.data.model_copy(update={"source": None, "test": None})
        return plan.model_copy(update={**free, "machine": machine, "data": data})

    return bare(one) == bare(two)


def _not_reached(first: Folder) -> Iterator[Amendment]:
    """The blocks of which an interrupted execution has no record."""
    plan = first.plan
    planned: Sequence[Unit] = plan.screen
    blocks = {unit.block for unit in planned}
    confirm = 0 if plan.confirm is None else -(-len(plan.confirm.seeds) // block_of(plan.confirm))
    for phase, all_blocks, records in (
        ("screen", blocks, first.screened),
        ("confirm", set(range(confirm)), first.confirmed),
        ("ablate", set(range(confirm)), first.ablated),
    ):
        gone = {b for a in first.state.amendments if a.phase == phase for b in a.blocks}
        missing = all_blocks - {record.unit.block for record in records} - gone
        if missing:
            yield Amendment(phase=phase, blocks=tuple(sorted(missing)), reason=_STOPPED)


def threads_of(first: Folder) -> int:
    """Threads that the first execution's cohorts had; a process of its own may have had more than
    the plan's workers."""
    seen = Counter(r.threads for r in (*first.screened, *first.confirmed, *first.trained))
    return seen.most_common(1)[0][0]


def _reasons(path: Path, first: Folder, again: Folder) -> list[str]:
    reasons = origin.other_stack(path, first.plan.machine)
    threads = {r.threads for r in (*first.screened, *first.confirmed, *first.trained)}
    now = {r.threads for r in (*again.screened, *again.confirmed, *again.trained)}
    if threads != now:
        reasons.append(f"threads {_listed(threads)} then, {_listed(now)} now")
    return [*reasons, *(note.rstrip(".") for note in first.state.notes)]


def _listed(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _predictions(path: Path, run: Folder) -> dict[str, Any]:
    names = [r.unit.id for r in (*run.confirmed, *run.trained) if r.unit.predict_test]
    names += [paths.baseline_name(record.kind, record.split) for record in run.baselines]
    return {name: predictions.read(paths.predictions_path(path, name)) for name in names}


def _weights(path: Path) -> dict[str, Any]:
    """Tensors of the shipped model; none where nothing was shipped."""
    file = path / "model" / "weights.safetensors"
    if not file.exists():
        return {}
    try:
        return dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{file}: these weights are damaged",
            found=error,
            advice="Restore the file from a copy.",
        ) from None


def _idle(path: Path) -> None:
    """Refuse a run that a process is working on."""
    lock = path / paths.WORK / "lock"
    if lock.exists() and os.access(lock, os.W_OK):
        try:
            with FileLock(lock, blocking=False):
                return
        except Timeout:
            raise InputError(
                f"{path}: another process is working on this run",
                advice="Wait for it, or stop it first.",
            ) from None
