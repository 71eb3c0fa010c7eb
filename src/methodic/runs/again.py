"""Runs that go on, and runs that are executed a second time."""

from __future__ import annotations

import time
from pathlib import Path

from methodic.asking import check_machine
from methodic.data.dataset import DataSet
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence.sameness import Reproduction
from methodic.report.terminal import Quiet
from methodic.runs import networks, paths, resuming
from methodic.runs.execution import Execution
from methodic.runs.given import Objects, again
from methodic.runs.outcome import reproduction
from methodic.runs.outcome.results import Run, finish
from methodic.runs.rows import origin, preparation


def resume(
    folder: Path | str,
    progress: Quiet | None = None,
    data: DataSet | None = None,
    *,
    model: networks.Source | None = None,
    own: Objects | None = None,
    any_machine: bool = False,
) -> Run:
    """Go on with a run that was stopped; its frozen plan is not measured again.

    Args:
        folder: the run's.
        progress: told what happens.
        data: the same data again, to make sure that they are; not needed, since a run keeps its
            prepared rows until it is finished.
        model: in a run that trains a network of your own: the same one again.
        own: in a run with parts of your own: the same ones again.
        any_machine: go on although the processor's capability or torch's version is another one
            than the plan's, so that bits may differ; the run says so.

    Raises:
        InputError: no run there, a finished, newer or damaged one, data that changed, another
            machine, or a folder that can't be written.
        Interrupted: Ctrl-C, once more.
    """
    path, progress = Path(folder), progress or Quiet()
    stopped, notes = resuming.check(path, data, any_machine)
    given = again(model, own, stopped.plan, path)
    prepared = preparation.load(path / paths.WORK)
    progress.say(resuming.how_far(stopped))
    for note in notes:
        progress.say(note)
    started = time.monotonic() - stopped.state.seconds
    machine = origin.here(stopped.plan.machine)
    plan = stopped.plan.model_copy(update={"machine": machine})
    with Pool(machine.workers, machine.threads) as pool:
        execution = Execution(path, plan, prepared, pool, progress, started, given)
        execution.note(notes)
        execution.run()
    return finish(path, model)


def reproduce(
    folder: Path | str,
    data: DataSet | Path | str | None = None,
    out: Path | str | None = None,
    *,
    test: Path | str | None = None,
    model: networks.Source | None = None,
    own: Objects | None = None,
    workers: int | None = None,
    progress: Quiet | None = None,
) -> Reproduction:
    """Execute the frozen plan of a run again in a new folder, and compare all numbers.

    Nothing is measured and time drops nothing: exactly what the first execution did is done, of a
    run that was stopped as much as it had begun.

    Args:
        folder: the first run's.
        data: the same data: a data set, or where to read them; default where the run read them.
            Their fingerprint has to be the run's.
        out: the new run's folder; default a new one in runs/. In the folder of an earlier
            reproduction of the same run it goes on; if that is finished, it is compared again.
        test: where to read the user's own test rows, if they lie elsewhere by now.
        model: of a run that trains a network of your own: the same one again.
        own: of a run with parts of your own: the same ones again.
        workers: processes; default as many as the plan says; 0 trains in this process.
        progress: told what happens.

    Raises:
        InputError: no run, a damaged or newer one, or other data.
        Interrupted: Ctrl-C; reproducing into the same folder goes on.

    Example:
        >>> mt.reproduce("runs/iris-001").verdict               # doctest: +SKIP
        'All 212 compared things came out the same, to the bit.'
    """
    path, progress = Path(folder), progress or Quiet()
    check_machine(None, workers)
    first = reproduction.begin(path)
    if out is not None and (Path(out) / "plan.json").exists():
        target = Path(out)
        if (data, test, workers) != (None, None, None):
            raise InputError(
                f"{target}: this reproduction has begun, so its data and workers are fixed",
                advice="Choose a new folder for --out, or leave --data, --split and --workers out.",
            )
        if reproduction.begun(path, first, target).state.status != "finished":
            resume(target, progress, model=model, own=own)
    else:
        if not isinstance(data, DataSet):
            data = origin.read_data(first.plan.data, data, test)
        origin.check_data(path, first.plan.data, data)
        plan, state = reproduction.plan_again(path, first, data, workers)
        name = f"{path.resolve().name}-again"
        given = again(model, own, plan, path)
        target = reproduction.execute(plan, state, data, out, name, progress, given)
        finish(target)
    return reproduction.compare(path, first, target)
