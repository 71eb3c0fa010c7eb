"""Methods at several numbers of labels: a run for each, on the same rows.

What is finished stays: the same call with the same folder goes on where it was stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from methodic.data.dataset import DataSet
from methodic.data.splits import split
from methodic.durations import SHORTEST, parse_budget
from methodic.errors import InputError, Interrupted
from methodic.evidence import label_curve as evidence
from methodic.evidence.label_curve import LabelCurve
from methodic.files import read_json, write_json, write_text
from methodic.recipes import catalogue, io
from methodic.recipes.types import Recipe
from methodic.report.terminal import Quiet
from methodic.runs import load_run, resume, run
from methodic.runs.folders import clear, new_folder
from methodic.runs.outcome.results import Run, finish

AT = ("1%", "5%", "10%", "100%")


def label_curve(
    data: DataSet,
    at: Sequence[str | int] = AT,
    *,
    recipes: Sequence[str | Path | Recipe] | Literal["all"] | None = None,
    budget: str | float | None = None,
    metric: str | None = None,
    seed: int = 0,
    seeds: int = 5,
    device: str = "cpu",
    workers: int | None = None,
    out: Path | str | None = None,
    progress: Quiet | None = None,
    command: str = "",
) -> LabelCurve:
    """Compare methods with few labels and with more: how good is what they learnt without?

    Of all rows that may train, some keep their targets, and the others train without. Each number
    of labels is a run of its own, with its report, in which all methods are tuned and confirmed.

    Args:
        data: from `methodic.load`; rows without a target train beside the others.
        at: numbers of rows ("100") or shares of them ("5%") that keep their targets; "100%" all.
        recipes: as for `run`; by default those that it takes with the fewest labels.
        budget: wall time of all runs together, in equal parts; default 60 s for each. "none": as
            long as the recipes say.
        metric, seed, device, workers: as for `run`.
        seeds: of each confirmation, ≥ 1.
        out: folder of the runs; default a new one in runs/. One that was stopped is gone on with.
        progress: told what happens.
        command: as for `run`.

    Raises:
        InputError: something about the arguments or the data; too few labels for a row of each
            class; a folder that holds something else.
        Interrupted: Ctrl-C; the same call with the same ``out`` goes on.

    Example:
        >>> import methodic as mt
        >>> curve = mt.label_curve(mt.load("digits"), ["5%", "100%"], budget="2m")  # doctest: +SKIP
        >>> curve.points[0].scores["simclr"].mean                                   # doctest: +SKIP
        0.871
    """
    amounts = _ordered(at, data, seed)
    seconds = _share(budget, len(amounts))
    progress = progress or Quiet()
    methods = _methods(recipes)
    asked = {
        "data": data.fingerprint,
        "reading": data.reading.model_dump(mode="json"),
        "at": amounts,
        "recipes": methods
        if methods is None or methods == "all"
        else {each.name: io.fingerprint(each) for each in methods},
        "budget": "60s for each" if budget is None else str(budget),
        "metric": metric,
        "seed": seed,
        "seeds": seeds,
        "device": device,
    }
    folder = _folder(data.name, out, asked)
    done: list[tuple[str, Run]] = []
    try:
        for labels in amounts:
            place = folder / f"labels-{labels.replace('%', '-percent')}"
            progress.say(f"{labels} of the labels: {place}")
            finished = _finished(place, progress)
            if finished is None:
                finished = run(
                    _with_labels(data, labels),
                    budget=seconds,
                    recipes=methods,
                    metric=metric,
                    seed=seed,
                    seeds=seeds,
                    finalists="all",
                    device=device,
                    workers=workers,
                    splits="one",
                    out=place,
                    progress=progress,
                    command=command,
                    started=time.monotonic(),
                )
            done.append((labels, finished))
            if methods is None or methods == "all":  # all runs compare what the first one does
                named = [each.recipe.name for each in finished.plan.contenders]
                methods = [catalogue.get(name) for name in named]
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(str(folder)) from None
    except InputError as error:
        raise _of_one(error, len(amounts)) from None
    found = evidence.label_curve(
        [
            (labels, each.folder.name, each.plan, each.leaderboard)
            for labels, each in done
            if each.leaderboard is not None
        ]
    )
    write_text(folder / evidence.NAME, found.model_dump_json(indent=1) + "\n")
    return found


def _with_labels(data: DataSet, labels: str) -> DataSet:
    """The data of which so many rows are to keep their targets."""
    wanted = None if labels == "100%" else labels
    return replace(data, reading=data.reading.model_copy(update={"labels": wanted}))


def _ordered(at: Sequence[str | int], data: DataSet, seed: int) -> list[str]:
    """The fewest labels first; that each number is possible shows before anything trains."""
    if data.large is not None:
        raise InputError(
            f"{data.name}: numbers of labels are for rows that fit into memory, and these are read "
            "piece by piece",
            advice="Give the data more --memory, or a part of the rows.",
        )
    if data.reading.labels is not None:
        raise InputError(
            f"{data.name}: these data were loaded with a number of labels already",
            found=f"labels={data.reading.labels!r}",
            advice="Load them without, and name the numbers here.",
        )
    counts: dict[str, int] = {}
    for labels in (str(each).strip() for each in (at.split(",") if isinstance(at, str) else at)):
        rows = _training_rows(data, labels, seed)
        same = next((other for other, count in counts.items() if count == rows), None)
        if same is not None:
            raise InputError(
                "--at names a number of labels twice",
                found=f"{same} and {labels}, which are {rows:,} training rows",
                accepted="different numbers, such as 1%,10%,100% or 100,1000",
            )
        counts[labels] = rows
    if not counts:
        raise InputError("--at: no number of labels", accepted="such as 1%,10%,100% or 100,1000")
    return sorted(counts, key=lambda labels: counts[labels])


def _training_rows(data: DataSet, labels: str, seed: int) -> int:
    """Training rows that keep their targets."""
    try:
        return len(split(_with_labels(data, labels), seed).train)
    except InputError as error:
        said = (error.problem, error.found, error.accepted, error.advice)
        problem, found, accepted, advice = (
            None if each is None else each.replace("--labels", "--at") for each in said
        )
        raise InputError(str(problem), found=found, accepted=accepted, advice=advice) from None


def _share(budget: str | float | None, runs: int) -> float:
    if budget is None:
        return 60.0
    seconds = parse_budget(budget, endless=True) / runs
    if seconds < SHORTEST:
        raise InputError(
            "--budget: too short for so many runs",
            found=f"{seconds:.1f} s for each of {runs}",
            accepted=f"at least {SHORTEST * runs:g}s",
        )
    return seconds if math.isinf(seconds) else math.floor(1000 * seconds) / 1000


def _of_one(error: InputError, runs: int) -> InputError:
    """What a run says about its budget is about one of several."""
    if "--budget" not in (error.advice or ""):
        return error
    return InputError(
        error.problem,
        found=error.found,
        accepted=error.accepted,
        advice=f"{error.advice} That is for one of {runs} runs, which share --budget.",
    )


def _methods(
    recipes: Sequence[str | Path | Recipe] | Literal["all"] | None,
) -> Sequence[Recipe] | Literal["all"] | None:
    if recipes is None or recipes == "all":
        return None if recipes is None else "all"
    return [each if isinstance(each, Recipe) else catalogue.get(str(each)) for each in recipes]


def _folder(name: str, out: Path | str | None, asked: dict[str, Any]) -> Path:
    """The folder of all runs, new or the one that was begun with the same words."""
    if out is not None and (Path(out) / evidence.ASKED).is_file():
        if not any(Path(out).glob("labels-*/plan.json")):  # nothing was begun with those words
            write_json(Path(out) / evidence.ASKED, asked)
            return Path(out)
        before = read_json(Path(out) / evidence.ASKED, "what was asked for")
        differing = [key for key, value in asked.items() if before.get(key) != value]
        if differing:
            raise InputError(
                f"{out}: holds runs that were asked for with other words",
                found="; ".join(f"{key}: {before.get(key)}" for key in differing),
                accepted="; ".join(f"{key}: {asked[key]}" for key in differing),
                advice="Repeat them as they were, or choose another --out.",
            )
        return Path(out)
    folder = new_folder(f"{name}-labels", out)
    write_json(folder / evidence.ASKED, asked)
    return folder


def _finished(place: Path, progress: Quiet) -> Run | None:
    """A run that was begun there before, brought to its end; None where there is none."""
    if not (place / "plan.json").is_file():
        if place.is_dir():  # killed while it was planned
            clear(place)
        return None
    known = load_run(place)
    if known.state.status != "finished":
        return resume(place, progress)
    return known if known.report_path.exists() else finish(place)
