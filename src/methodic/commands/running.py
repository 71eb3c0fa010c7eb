"""Commands that train: run, plan, train."""

from __future__ import annotations

from time import monotonic

from methodic import arguments, console
from methodic import options as o
from methodic.commands.inputs import inputs
from methodic.durations import parse_budget
from methodic.errors import InputError


def run_command(
    data: o.Data,
    target: o.Target = None,
    budget: o.Budget = "60s",
    recipes: o.Recipes = None,
    recipe: o.RecipeFiles = None,
    metric: o.Metric = None,
    seed: o.Seed = 0,
    seeds: o.Seeds = None,
    finalists: o.Finalists = None,
    out: o.Out = None,
    device: o.Device = "cpu",
    threads: o.Threads = None,
    workers: o.Workers = None,
    compile: o.Compile = None,
    precision: o.Precision = "auto",
    memory_format: o.MemoryFormat = "auto",
    width: o.Width = None,
    shared_batches: o.SharedBatches = False,
    equal: o.Equal = "seconds",
    splits: o.Splits = "auto",
    detect: o.Detect = None,
    search: o.SearchFields = None,
    sampler: o.Sampler = None,
    settings: o.Settings = None,
    strategy: o.Strategy = None,
    study: o.Study = None,
    task: o.Task = None,
    drop: o.Drop = None,
    split: o.Split = None,
    weight: o.Weight = None,
    group: o.Group = None,
    time: o.Time = None,
    schema: o.SchemaFile = None,
    memory: o.Memory = None,
    skip_broken: o.SkipBroken = False,
    unlabelled: o.Unlabelled = None,
    labels: o.Labels = None,
    teacher: o.Teacher = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare training methods on DATA, keep the best model, say how sure that is."""
    started = monotonic()  # reading the data is part of the budget
    seconds = parse_budget(budget, endless=True)
    arguments.check_out(out)
    speed = arguments.speed(compile, precision, memory_format, width)
    arguments.check_design(equal, splits, detect, seeds, finalists)
    hunt = arguments.search(search, sampler, settings, strategy, study)
    read = arguments.reading(
        target,
        task,
        drop,
        split,
        weight,
        group,
        time,
        schema,
        memory,
        skip_broken,
        unlabelled=unlabelled,
        labels=labels,
        teacher=teacher,
    )
    dataset, chosen = inputs(data, read, metric, device, recipes, recipe, workers)
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
            finalists=finalists,
            device=device,
            threads=threads,
            workers=workers,
            **speed,
            shared_batches=shared_batches,
            equal=equal,
            splits=splits,
            detect=detect,
            search=hunt,
            out=out,
            progress=progress,
            command=arguments.typed(),
            started=started,
        )
    console.show_run(finished, json)


def plan_command(
    data: o.Data,
    target: o.Target = None,
    budget: o.Budget = "60s",
    recipes: o.Recipes = None,
    recipe: o.RecipeFiles = None,
    metric: o.Metric = None,
    seed: o.Seed = 0,
    seeds: o.Seeds = None,
    finalists: o.Finalists = None,
    out: o.Out = None,
    device: o.Device = "cpu",
    threads: o.Threads = None,
    workers: o.Workers = None,
    compile: o.Compile = None,
    precision: o.Precision = "auto",
    memory_format: o.MemoryFormat = "auto",
    width: o.Width = None,
    shared_batches: o.SharedBatches = False,
    equal: o.Equal = "seconds",
    splits: o.Splits = "auto",
    detect: o.Detect = None,
    search: o.SearchFields = None,
    sampler: o.Sampler = None,
    settings: o.Settings = None,
    strategy: o.Strategy = None,
    study: o.Study = None,
    task: o.Task = None,
    drop: o.Drop = None,
    split: o.Split = None,
    weight: o.Weight = None,
    group: o.Group = None,
    time: o.Time = None,
    schema: o.SchemaFile = None,
    memory: o.Memory = None,
    skip_broken: o.SkipBroken = False,
    unlabelled: o.Unlabelled = None,
    labels: o.Labels = None,
    teacher: o.Teacher = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show what `run` would do with the same options, and for how long. Trains nothing."""
    seconds = parse_budget(budget, endless=True)
    arguments.check_out(out)
    speed = arguments.speed(compile, precision, memory_format, width)
    arguments.check_design(equal, splits, detect, seeds, finalists)
    hunt = arguments.search(search, sampler, settings, strategy, study)
    read = arguments.reading(
        target,
        task,
        drop,
        split,
        weight,
        group,
        time,
        schema,
        memory,
        skip_broken,
        unlabelled=unlabelled,
        labels=labels,
        teacher=teacher,
    )
    dataset, chosen = inputs(data, read, metric, device, recipes, recipe, workers)
    from methodic.runs import make_plan

    plan = make_plan(
        dataset,
        budget=seconds,
        recipes=chosen,
        metric=metric,
        seed=seed,
        seeds=seeds,
        finalists=finalists,
        device=device,
        threads=threads,
        workers=workers,
        **speed,
        shared_batches=shared_batches,
        equal=equal,
        splits=splits,
        detect=detect,
        search=hunt,
        command=arguments.typed(),
    )
    if json:
        console.show_json(plan.model_dump(mode="json"))
        return
    from methodic.report.terminal import plan_table

    console.show_data(dataset, silent=quiet)
    console.show(plan_table(plan), *plan.notes)


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
    task: o.Task = None,
    drop: o.Drop = None,
    split: o.Split = None,
    weight: o.Weight = None,
    group: o.Group = None,
    time: o.Time = None,
    schema: o.SchemaFile = None,
    memory: o.Memory = None,
    skip_broken: o.SkipBroken = False,
    unlabelled: o.Unlabelled = None,
    labels: o.Labels = None,
    teacher: o.Teacher = None,
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
    read = arguments.reading(
        target,
        task,
        drop,
        split,
        weight,
        group,
        time,
        schema,
        memory,
        skip_broken,
        unlabelled=unlabelled,
        labels=labels,
        teacher=teacher,
    )
    dataset, chosen = inputs(data, read, metric, device, None, [recipe])
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
