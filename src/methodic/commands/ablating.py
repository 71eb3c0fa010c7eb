"""The command that says what mattered: ablate."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from methodic import arguments, console
from methodic import options as o
from methodic.commands.groups import Columns
from methodic.commands.inputs import inputs
from methodic.durations import SHORTEST, parse_budget
from methodic.errors import InputError

if TYPE_CHECKING:
    from methodic.evidence.ablation import Ablation

RunOrData = Annotated[
    str,
    typer.Argument(metavar="RUN|DATA", help="The folder of a finished run; or data, to run first."),
]
Method = Annotated[
    str | None,
    typer.Option(
        "--recipe", metavar="NAME|FILE", help="The method.", show_default="the run's best one"
    ),
]
Pairs = Annotated[
    int | None,
    typer.Option(
        "--seeds", min=2, help="Models with and without each.", show_default="as were confirmed"
    ),
]
Time = Annotated[
    str | None, typer.Option("--budget", help="Time for it: 90, 60s, 2m, 1h.", show_default="any")
]


def ablate_command(
    source: RunOrData,
    recipe: Method = None,
    data: o.Again = None,
    split: o.TestRows = None,
    target: o.Target = None,
    metric: o.Metric = None,
    seeds: Pairs = None,
    budget: Time = None,
    out: o.Out = None,
    workers: o.SameWorkers = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """What mattered in a method: each of its ingredients switched off in turn, on the same seeds.

    Of a finished RUN, or on DATA: then the method is run first, in half of the budget (60s).
    """
    started = time.monotonic()
    if Path(source).is_dir():
        seconds = None if budget is None else parse_budget(budget)
        given = {"--target": target, "--metric": metric, "--out": out}
        _refuse(given, "a finished run has its own")
        _of_run(Path(source), recipe, data, split, seeds, seconds, workers, json, quiet)
        return
    _refuse({"--data": data}, "it is for a RUN whose data lie elsewhere by now")
    if recipe is None:
        raise InputError(
            "--recipe: which method?",
            advice=f"Name one: methodic ablate {source} --recipe adamw_cosine",
        )
    whole = parse_budget(budget or "60s")
    if whole < 2 * SHORTEST:
        raise InputError(
            "--budget: too short to run the method and to ablate it",
            found=f"{whole:g}s",
            accepted=f"at least {2 * SHORTEST:g}s",
        )
    arguments.check_out(out)
    given = {"test": None if split is None else str(split)}
    read = Columns().reading(target).model_copy(update=given)
    dataset, chosen = inputs(source, read, metric, "cpu", None, [recipe], workers)
    console.show_data(dataset, silent=json or quiet)
    from methodic.runs import run
    from methodic.runs.outcome.ablation import ablate

    with console.running(out, silent=json or quiet) as progress:
        finished = run(
            dataset,
            budget=whole / 2,
            recipes=chosen,
            metric=metric,
            out=out,
            workers=workers,
            progress=progress,
            command=arguments.typed(),
            started=started,
        )
    left = max(math.floor(whole - (time.monotonic() - started)), SHORTEST)
    with console.running(
        finished.folder, silent=json or quiet, go_on="methodic ablate"
    ) as progress:
        found = ablate(
            finished.folder,
            data=dataset,
            seeds=seeds,
            budget=left,
            workers=workers,
            progress=progress,
        )
    _show(found, finished.folder, json)


def _of_run(
    folder: Path,
    recipe: str | None,
    data: str | None,
    split: Path | None,
    seeds: int | None,
    budget: float | None,
    workers: int | None,
    json: bool,
    quiet: bool,
) -> None:
    arguments.check_run(folder)
    arguments.check_machine(None, workers)
    if split is not None:
        arguments.check_data(str(split))
    if data is not None:
        arguments.check_data(data)
    from methodic.runs.outcome.ablation import ablate

    go_on = "methodic ablate" + (f" --recipe {recipe}" if recipe else "")
    with console.running(folder, silent=json or quiet, go_on=go_on) as progress:
        found = ablate(
            folder,
            recipe=recipe,
            data=data,
            test=split,
            seeds=seeds,
            budget=budget,
            workers=workers,
            progress=progress,
        )
    _show(found, folder, json)


def _refuse(given: Mapping[str, object], reason: str) -> None:
    extra = [option for option, value in given.items() if value is not None]
    if extra:
        listed = ", ".join(extra)
        raise InputError(f"{listed}: {reason}", advice=f"Leave {listed} out.")


def _show(found: Ablation, folder: Path, as_json: bool) -> None:
    if as_json:
        console.show_json({"run": str(folder), **found.model_dump(mode="json")})
        return
    from methodic.report import cells
    from methodic.report.narrow import drawn
    from methodic.report.tables.comparison import ablation

    numbers = f" ({cells.setting(found.setting)})" if found.setting else ""
    title = f"What mattered in {found.recipe}{numbers}"
    about = f"{found.seeds} seeds with and without, validation rows"
    console.show(f"{title}, {about}:", *(f"  {line}" for line in found.text))
    console.show(drawn(ablation(found)), f"report: {folder / 'report.html'}")
