"""Commands that train: run, plan, train."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from methodic import arguments, console
from methodic import options as o
from methodic.commands.groups import Comparison, Rows
from methodic.commands.inputs import inputs
from methodic.durations import parse_budget
from methodic.errors import InputError

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet


def run_command(
    data: o.Data,
    target: o.Target = None,
    *,
    how: Comparison,
    rows: Rows,
    out: o.Out = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare training methods on DATA, keep the best model, say how sure that is."""
    started = monotonic()  # reading the data is part of the budget
    arguments.check_out(out)
    dataset, asked = _compared(data, target, how, rows)
    console.show_data(dataset, silent=json or quiet)
    from methodic.runs import run

    with console.running(out, silent=json or quiet) as progress:
        finished = run(dataset, out=out, progress=progress, started=started, **asked)
    console.show_run(finished, json)


def plan_command(
    data: o.Data,
    target: o.Target = None,
    *,
    how: Comparison,
    rows: Rows,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show what `run` would do with the same options, and for how long. Trains and writes nothing;
    --json prints the whole plan."""
    dataset, asked = _compared(data, target, how, rows)
    from methodic.runs import make_plan

    plan = make_plan(dataset, **asked)
    if json:
        console.show_json(plan.model_dump(mode="json"))
        return
    from methodic.report.terminal import plan_table

    console.show_data(dataset, silent=quiet)
    console.show(plan_table(plan), *plan.notes)


def _compared(
    data: str, target: Sequence[str] | None, how: Comparison, rows: Rows
) -> tuple[DataSet, dict[str, Any]]:
    """The data, and what `run` and `plan` hand on, after everything cheap was checked."""
    asked = how.checked()
    read = rows.reading(target)
    dataset, chosen = inputs(
        data,
        read,
        how.metric,
        how.device,
        how.recipes,
        how.recipe,
        how.workers,
        threads=how.threads,
    )
    return dataset, {**asked, "recipes": chosen}


def train_command(
    data: o.Data,
    recipe: o.OneRecipe,
    target: o.Target = None,
    steps: o.Steps = None,
    budget: o.TrainBudget = None,
    metric: o.Metric = None,
    seed: o.Seed = 0,
    out: o.Out = None,
    device: o.Device = "cpu",
    threads: o.Threads = None,
    compile: o.Compile = None,
    precision: o.Precision = "auto",
    *,
    rows: Rows,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Train one model by one method."""
    started = monotonic()  # reading the data is part of the budget
    if steps is not None and budget is not None:
        raise InputError("--steps and --budget both say how long", advice="Leave one out.")
    seconds = None if steps is not None else parse_budget(budget or "60s")
    arguments.check_out(out)
    arguments.speed(compile, precision, "auto", None)  # refuses unknown words
    read = rows.reading(target)
    dataset, chosen = inputs(data, read, metric, device, None, [recipe], threads=threads)
    (method,) = chosen
    console.show_data(dataset, silent=json or quiet)
    from methodic.runs import train_method

    with console.running(out, silent=json or quiet) as progress:
        finished = train_method(
            dataset,
            method,
            steps=steps,
            budget=seconds,
            seed=seed,
            metric=metric,
            device=device,
            threads=threads,
            compile=compile,
            precision=precision,
            out=out,
            progress=progress,
            command=arguments.typed(),
            started=started,
        )
    console.show_run(finished, json)
