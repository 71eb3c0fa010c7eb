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
from methodic.data.splits import few
from methodic.durations import parse_budget
from methodic.errors import InputError
from methodic.evidence import label_curve as evidence
from methodic.evidence.label_curve import LabelCurve
from methodic.files import read_json, write_json, write_text
from methodic.recipes.types import Recipe
from methodic.report.terminal import Quiet
from methodic.runs import load_run, resume, run
from methodic.runs.folders import new_folder
from methodic.runs.outcome.results import Run

AT = ("1%", "5%", "10%", "100%")
_ASKED = "asked.json"


def label_curve(
    data: DataSet,
    at: Sequence[str] = AT,
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
        data: from `methodic.load`, with a target for every row.
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
    amounts = _ordered(at, data)
    seconds = _share(budget, len(amounts))
    progress = progress or Quiet()
    asked = {
        "data": data.fingerprint,
        "at": amounts,
        "recipes": None if recipes is None else [_name(each) for each in recipes],
        "budget": "60s for each" if budget is None else str(budget),
        "metric": metric,
        "seed": seed,
        "seeds": seeds,
    }
    folder = _folder(data.name, out, asked)
    done: list[tuple[str, Run]] = []
    chosen = recipes
    for labels in amounts:
        place = folder / f"labels-{labels.replace('%', '-percent')}"
        progress.say(f"{labels} of the labels: {place}")
        finished = _finished(place, progress)
        if finished is None:
            whole = labels == "100%"
            reading = data.reading.model_copy(update={"labels": None if whole else labels})
            finished = run(
                replace(data, reading=reading),
                budget=seconds,
                recipes=chosen,
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
        if chosen is None:
            chosen = [each.recipe.name for each in finished.plan.contenders]
    found = evidence.label_curve(
        [
            (labels, each.folder.name, each.plan, each.leaderboard)
            for labels, each in done
            if each.leaderboard is not None
        ]
    )
    write_text(folder / evidence.NAME, found.model_dump_json(indent=1) + "\n")
    return found


def _ordered(at: Sequence[str], data: DataSet) -> list[str]:
    """The fewest labels first: should they be too few, that shows at once."""
    if data.reading.labels is not None:
        raise InputError(
            f"{data.name}: these data were loaded with a number of labels already",
            found=f"labels={data.reading.labels!r}",
            advice="Load them without, and name the numbers here.",
        )
    counts = {labels.strip(): few.wanted(labels, data.heights[0]) for labels in at}
    if len({*counts.values()}) < len(at) or not counts:
        raise InputError(
            "--at: two or more different numbers of labels are needed"
            if not counts
            else "--at names a number of labels twice",
            found=", ".join(at) or "none",
            accepted="such as 1%,10%,100% or 100,1000",
        )
    return sorted(counts, key=lambda labels: counts[labels])


def _share(budget: str | float | None, runs: int) -> float:
    if budget is None:
        return 60.0
    whole = parse_budget(budget, endless=True)
    return whole if math.isinf(whole) else parse_budget(whole / runs, "--budget of each run")


def _folder(name: str, out: Path | str | None, asked: dict[str, Any]) -> Path:
    """The folder of all runs, new or the one that was begun with the same words."""
    if out is not None and (Path(out) / _ASKED).is_file():
        before = read_json(Path(out) / _ASKED, "what was asked for")
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
    write_json(folder / _ASKED, asked)
    return folder


def _finished(place: Path, progress: Quiet) -> Run | None:
    """A run that was begun there before, brought to its end; None where there is none."""
    if not (place / "plan.json").is_file():
        return None
    known = load_run(place)
    return known if known.state.status == "finished" else resume(place, progress)


def _name(recipe: str | Path | Recipe) -> str:
    return recipe.name if isinstance(recipe, Recipe) else str(recipe)
