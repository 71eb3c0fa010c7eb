"""May a stopped run go on here? Everything that stands against it is said before anything runs."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from methodic.data.dataset import DataSet
from methodic.errors import InputError
from methodic.evidence import predictions
from methodic.plan import DataFacts, Plan
from methodic.report.folder import Folder
from methodic.report.folder import load as read_folder
from methodic.runs import paths
from methodic.runs.rows import origin, preparation, teaching


def check(path: Path, data: DataSet | None, any_machine: bool) -> tuple[Folder, tuple[str, ...]]:
    """Read a stopped run, and make sure that it can go on.

    Args:
        path: the run's folder.
        data: the data again, to be compared; None takes the prepared rows in RUN/work.
        any_machine: go on even where the processor or torch make other bits.

    Returns:
        the run, and what a reader of its results has to know about going on.

    Raises:
        InputError: no run, a finished one, a newer one, a damaged one; data that changed; another
            machine; a folder that can't be written.
    """
    stopped = read_folder(path)
    if stopped.state.status == "finished":
        page = path / "report.html"
        read = f"Read {page}" if page.exists() else f"Write its report (methodic report {path})"
        raise InputError(
            f"{path}: this run is finished",
            advice=f"{read}, or run its plan again: methodic reproduce {path}",
        )
    check_device(stopped.plan.machine.device, "Go on where the run began.")
    notes = _machine(path, stopped, any_machine)
    _writable(path)
    if data is not None:
        origin.check_data(path, stopped.plan.data, data)
    for number in range(1 + _splits(stopped.plan)):
        preparation.check(preparation.place(path / paths.WORK, number))
    planned = {unit.id: unit for unit in (*stopped.plan.screen, *stopped.plan.train)}
    for record in (*stopped.screened, *stopped.trained, *stopped.confirmed):
        asked = record.unit.phase == "confirm" or record.unit.segments  # while the run runs
        if not asked and planned.get(record.unit.id) != record.unit:
            raise _undone(path, record.unit.id, "a unit of work that isn't in plan.json")
        if record.unit.predict_test:
            _predicted(path, record.unit.id)
            _readable(path, record.unit.id, paths.validation_path(path, record.unit.id))
            _weighted(path, record.unit.id)
    for baseline in stopped.baselines:
        _predicted(path, paths.baseline_name(baseline.kind, baseline.split))
    return stopped, (*notes, *_moved_on(path, stopped.plan.data))


def _splits(plan: Plan) -> int:
    """Splits beside the run's own."""
    crossed = plan.confirm is not None and plan.confirm.splits == "cv"
    return len(plan.confirm.seeds) if plan.confirm is not None and crossed else 0


def how_far(stopped: Folder) -> str:
    """What is done of a stopped run, in words."""
    plan = stopped.plan
    parts = [
        f"{len(records)} of {len(units)} {what} cohorts"
        for records, units, what in (
            (stopped.screened, plan.screen, "screening"),
            (stopped.trained, plan.train, "training"),
        )
        if units
    ]
    if plan.search is not None:
        parts.append("the search" if stopped.state.found else "a part of the search")
    if stopped.confirmed:
        parts.append(f"{len(stopped.confirmed)} confirmation cohorts")
    return f"going on: {' and '.join(parts)} are done"


def check_device(device: str, advice: str) -> None:
    """Refuse a device that this machine doesn't have."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"the device '{device}' can't be used on this machine",
            found=str(error).splitlines()[0],
            advice=advice,
        ) from None


def _machine(path: Path, stopped: Folder, any_machine: bool) -> tuple[str, ...]:
    different = origin.processor_or_torch(stopped.plan.machine)
    if different and not any_machine:
        raise InputError(
            f"{path}: this run began on another processor or another torch; its numbers would not "
            "go on with the same bits here",
            found="; ".join(different),
            accepted="the processor capability and the torch of plan.json",
            advice="Go on where it began, or accept other bits, which the run will say: "
            f"methodic resume {path} --any-machine",
        )
    different = different or origin.other_stack(path, stopped.plan.machine)
    if not different:
        return ()
    return (f"The run went on elsewhere, where other bits may come out: {'; '.join(different)}.",)


def _writable(path: Path) -> None:
    for each in (path, path / "records", path / paths.WORK):
        if each.is_dir() and not os.access(each, os.W_OK | os.X_OK):
            raise InputError(
                f"{each}: a run goes on in its own folder, and this one can't be written",
                found="no permission",
                advice=f"Make it writable (chmod -R u+w {path}), or copy the folder to where you "
                "may write.",
            )


# A recorded unit is never done again; so what it left for the verdict has to be there.


def _predicted(path: Path, name: str) -> None:
    _readable(path, name, paths.predictions_path(path, name))


def _readable(path: Path, name: str, file: Path) -> None:
    try:
        predictions.read(file)
    except InputError as error:
        raise _undone(path, name, error.problem) from None


def _weighted(path: Path, name: str) -> None:
    weights = paths.weights_path(path, name)
    try:
        with safe_open(weights, "pt"):  # reads the table of contents, and checks the length
            pass
    except (OSError, SafetensorError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise _undone(path, name, f"{weights}: {reason}") from None


def _undone(path: Path, name: str, found: str) -> InputError:
    return InputError(
        f"{paths.record_path(path, name)}: this record can't be relied on",
        found=found,
        advice=f"Delete this file, and its unit of work is done again: methodic resume {path}",
    )


def _moved_on(path: Path, facts: DataFacts) -> tuple[str, ...]:
    """A note where the files that the data came from hold other values by now."""
    changed = preparation.moved_on(path / paths.WORK)
    if not changed:
        return ()
    try:
        teacher = facts.reading.teacher
        taught = teacher is not None and str(teaching.manifest(teacher)) in changed
        if not taught and origin.read_data(facts).fingerprint == facts.fingerprint:
            return ()  # written anew, with the same values
    except InputError:
        pass
    return (
        f"{' and '.join(changed)} changed after the run began; its results are about the data as "
        "they were then.",
    )
