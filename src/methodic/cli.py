"""The command line: parse, check what is cheap to check, make one call, print.

Heavy libraries are imported inside the commands, after the checks: a misspelt option or name is
answered at once. Exit codes: 0 done, 2 the user's input, 1 our own fault, 130 interrupted.
"""

from __future__ import annotations

import math
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from methodic import arguments, console
from methodic import options as o
from methodic.durations import parse_budget
from methodic.errors import InputError

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet
    from methodic.recipes.types import Recipe

app = typer.Typer(
    name="methodic",
    help="Which training method should I use for my data and my budget, and how sure is that?",
    epilog="A first try: methodic run digits --budget 60s",
    add_completion=False,
    rich_markup_mode=None,  # plain help: drawing it with rich would take longer than all the rest
    pretty_exceptions_enable=False,
)


@app.command("run")
def run_command(
    data: o.Data,
    target: o.Target = None,
    budget: o.Budget = "60s",
    recipes: o.Recipes = None,
    recipe: o.RecipeFiles = None,
    metric: o.Metric = None,
    seed: o.Seed = 0,
    seeds: o.Seeds = None,
    out: o.Out = None,
    device: o.Device = "cpu",
    threads: o.Threads = None,
    workers: o.Workers = None,
    compile: o.Compile = None,
    precision: o.Precision = "auto",
    memory_format: o.MemoryFormat = "auto",
    width: o.Width = None,
    shared_batches: o.SharedBatches = False,
    task: o.Task = None,
    drop: o.Drop = None,
    split: o.Split = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare training methods on DATA, keep the best model, say how sure that is."""
    started = time.monotonic()  # reading the data is part of the budget
    seconds = parse_budget(budget)
    arguments.check_out(out)
    speed = arguments.speed(compile, precision, memory_format, width)
    dataset, chosen = _inputs(data, target, task, drop, split, metric, device, recipes, recipe)
    console.show_data(dataset, silent=json or quiet)
    from methodic.runs import run

    with console.running(out, silent=json or quiet) as progress:
        finished = run(
            dataset,
            budget=seconds,
            recipes=chosen,
            metric=metric,
            seed=seed,
            seeds=seeds,
            device=device,
            threads=threads,
            workers=workers,
            **speed,
            shared_batches=shared_batches,
            out=out,
            progress=progress,
            command=arguments.typed(),
            started=started,
        )
    console.show_run(finished, json)


@app.command("plan")
def plan_command(
    data: o.Data,
    target: o.Target = None,
    budget: o.Budget = "60s",
    recipes: o.Recipes = None,
    recipe: o.RecipeFiles = None,
    metric: o.Metric = None,
    seed: o.Seed = 0,
    seeds: o.Seeds = None,
    out: o.Out = None,
    device: o.Device = "cpu",
    threads: o.Threads = None,
    workers: o.Workers = None,
    compile: o.Compile = None,
    precision: o.Precision = "auto",
    memory_format: o.MemoryFormat = "auto",
    width: o.Width = None,
    shared_batches: o.SharedBatches = False,
    task: o.Task = None,
    drop: o.Drop = None,
    split: o.Split = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show what `run` would do with the same options, and for how long. Trains nothing."""
    seconds = parse_budget(budget)
    arguments.check_out(out)
    speed = arguments.speed(compile, precision, memory_format, width)
    dataset, chosen = _inputs(data, target, task, drop, split, metric, device, recipes, recipe)
    from methodic.runs import make_plan

    plan = make_plan(
        dataset,
        budget=seconds,
        recipes=chosen,
        metric=metric,
        seed=seed,
        seeds=seeds,
        device=device,
        threads=threads,
        workers=workers,
        **speed,
        shared_batches=shared_batches,
        command=arguments.typed(),
    )
    if json:
        console.show_json(plan.model_dump(mode="json"))
        return
    from methodic.report.terminal import plan_table

    console.show_data(dataset, silent=quiet)
    console.show(plan_table(plan), *plan.notes)


@app.command("train")
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
    task: o.Task = None,
    drop: o.Drop = None,
    split: o.Split = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Train one model by one method."""
    if steps is not None and budget is not None:
        raise InputError("--steps and --budget both say how long", advice="Leave one out.")
    seconds = None if steps is not None else parse_budget(budget or "60s")
    arguments.check_out(out)
    dataset, chosen = _inputs(data, target, task, drop, split, metric, device, None, [recipe])
    (method,) = chosen or ()
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
            out=out,
            progress=progress,
            command=arguments.typed(),
        )
    console.show_run(finished, json)


@app.command("predict")
def predict_command(
    model: o.Model, data: o.Data, out: o.Table = None, json: o.Json = False
) -> None:
    """Predict each row of DATA; classes come with their probabilities."""
    arguments.check_model(model)
    arguments.check_data(data)
    arguments.check_table(out)
    from methodic import bundle, files

    loaded = bundle.load(model)
    rows = _rows(data)
    predictions, unseen = loaded.predict_frame(rows), loaded.unseen(rows)
    if out is not None:
        parquet = out.suffix == ".parquet"
        files.write_with(out, predictions.write_parquet if parquet else predictions.write_csv)
    if json:
        shown = {"predictions": predictions.to_dicts()} if out is None else {"out": str(out)}
        console.show_json({"rows": predictions.height, "unseen": unseen, **shown})
        return
    console.tell_unseen(unseen)
    if out is None:
        sys.stdout.write(predictions.write_csv())
    else:
        console.show(f"{predictions.height} predictions in {out}")


@app.command("evaluate")
def evaluate_command(
    model: o.Model, data: o.Data, metric: o.Metric = None, json: o.Json = False
) -> None:
    """Score the predictions on DATA, which has the target column too."""
    arguments.check_model(model)
    arguments.check_data(data)
    arguments.check_metric(metric)
    from methodic import bundle
    from methodic.metrics import METRICS

    loaded = bundle.load(model)
    rows = _rows(data)
    task = loaded.card.data.task
    fitting = [each.name for each in METRICS.values() if task in each.tasks]
    scores = loaded.evaluate(rows, fitting if metric is None else [metric])
    unseen = loaded.unseen(rows)
    if json:
        finite = {name: score if math.isfinite(score) else None for name, score in scores.items()}
        console.show_json({"rows": rows.height, "unseen": unseen, "scores": finite})
        return
    console.tell_unseen(unseen)
    console.show(*(f"{name}: {score:.6g}" for name, score in scores.items()))


@app.command("resume")
def resume_command(
    folder: o.Folder,
    any_machine: o.AnyMachine = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Go on with a run that was stopped; the plan stays the same."""
    arguments.check_run(folder)
    from methodic.runs import resume

    with console.running(folder, silent=json or quiet) as progress:
        finished = resume(folder, progress, any_machine=any_machine)
    console.show_run(finished, json)


@app.command("reproduce")
def reproduce_command(
    folder: o.Folder,
    data: o.Again = None,
    split: o.Split = None,
    out: o.Out = None,
    workers: o.SameWorkers = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Execute a run's plan again, and say which numbers came out the same."""
    arguments.check_run(folder)
    arguments.check_file(split)
    if data is not None:
        arguments.check_data(data)
    if out is None or not (out / "plan.json").is_file():  # else it goes on there
        arguments.check_out(out)
    from methodic.runs import reproduce

    go_on = shlex.join(["methodic", "reproduce", str(folder), "--out"])
    with console.running(out, silent=json or quiet, go_on=go_on) as progress:
        result = reproduce(folder, data, out, test=split, workers=workers, progress=progress)
    console.show_reproduction(result, json)


@app.command("recipes")
def recipes_command(name: o.LibraryName = None, json: o.Json = False) -> None:
    """List the library of training methods, or print one of them as YAML."""
    from methodic.recipes import catalogue

    if name is not None:
        if json:
            console.show_json(catalogue.get(name).model_dump(mode="json"))
        else:
            sys.stdout.write(catalogue.text(name))
        return
    recipes = catalogue.all_recipes()
    if json:
        header = {"name", "about", "source", "use_when", "not_when"}
        console.show_json([each.model_dump(mode="json", include=header) for each in recipes])
        return
    from methodic.report.terminal import recipes_table

    console.show(recipes_table(recipes))


@app.command("report")
def report_command(folder: o.Folder, out: o.Page = None, json: o.Json = False) -> None:
    """Write the report of a run again: one self-contained page."""
    arguments.check_run(folder)
    if out is not None:
        arguments.check_writable(out, "--out")
    from methodic.report.page import write

    path = write(folder, out)
    if json:
        console.show_json({"report": str(path)})
    else:
        console.show(str(path))


# --- what commands share ----------------------------------------------------------------------


def _inputs(
    data: str,
    target: str | None,
    task: str | None,
    drop: Sequence[str] | None,
    split: Path | None,
    metric: str | None,
    device: str,
    recipes: str | None,
    files: Sequence[str] | None,
) -> tuple[DataSet, tuple[Recipe, ...] | None]:
    """Check everything that is cheap to check, then read the recipes, then the data."""
    arguments.check_data(data)
    arguments.check_file(split)
    arguments.check_task(task)
    arguments.check_device(device)
    arguments.check_metric(metric)
    names = arguments.check_recipes(recipes, files or ())
    from methodic.recipes import catalogue

    chosen = None if names is None else tuple(catalogue.get(name) for name in names)
    from methodic.data.dataset import load

    ignored = arguments.columns(drop or ())
    return load(data, target, task=task, drop=ignored, test=split), chosen


def _rows(data: str) -> Any:
    """The rows of DATA as they stand there."""
    from methodic.data import sources

    if data in sources.builtin_names():
        return sources.builtin(data)[0]
    return sources.read(Path(data))


# --- the entry --------------------------------------------------------------------------------


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        from methodic import __version__

        print(f"methodic {__version__}")
        raise typer.Exit


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    Args:
        args: what stands behind `methodic`; None takes the process's own.
    """
    given = list(sys.argv[1:] if args is None else args) or ["--help"]
    try:
        code = _answer(given)
        sys.stdout.flush()
    except BrokenPipeError:  # `methodic … | head` has read enough; Python would complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = console.DONE
    sys.exit(code)


def _answer(given: Sequence[str]) -> int:
    try:
        code = app(given, prog_name="methodic", standalone_mode=False)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        return console.end(error, as_json="--json" in given)
    return code if isinstance(code, int) else console.DONE
