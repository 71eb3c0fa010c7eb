"""The command that compares methods at several numbers of labels: labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from methodic import arguments, console
from methodic import options as o
from methodic.commands.groups import Columns
from methodic.commands.inputs import inputs
from methodic.durations import parse_budget

At = Annotated[
    str, typer.Option(metavar="N|SHARE,…", help="Numbers of rows that keep their targets.")
]
Budget = Annotated[str, typer.Option(help="Time for all runs together: 90, 60s, 2m, 1h.")]
EachSeeds = Annotated[int, typer.Option(min=1, help="Seeds of each confirmation.")]
Runs = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where the runs go.", show_default="runs/…"),
]
Text = Annotated[
    Path | None, typer.Option("--table", metavar="FILE", help="A .md or .csv file of the table.")
]


def labels_command(
    data: o.Data,
    at: At = "1%,5%,10%,100%",
    target: o.Target = None,
    recipes: o.Recipes = None,
    recipe: o.RecipeFiles = None,
    budget: Budget = "8m",
    metric: o.Metric = None,
    seed: o.Seed = 0,
    seeds: EachSeeds = 5,
    out: Runs = None,
    table: Text = None,
    device: o.Device = "cpu",
    workers: o.Workers = None,
    *,
    rows: Columns,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare methods with few labels and with more: a run for each number of them."""
    seconds = parse_budget(budget, endless=True)
    arguments.check_written(table, arguments.TEXTS, "--table")
    read = rows.reading(target)
    dataset, chosen = inputs(data, read, metric, device, recipes, recipe, workers)
    console.show_data(dataset, silent=json or quiet)
    from methodic.files import write_text
    from methodic.report import label_tables, narrow
    from methodic.runs.label_curve import label_curve

    again = "Repeat the command with --out {folder}: what is finished stays."
    with console.running(out, silent=json or quiet, again=again) as progress:
        found = label_curve(
            dataset,
            at.split(","),
            recipes=chosen,
            budget=seconds,
            metric=metric,
            seed=seed,
            seeds=seeds,
            device=device,
            workers=workers,
            out=out,
            progress=progress,
            command=arguments.typed(),
        )
    if table is not None:
        write_text(table, label_tables.text(found, table.suffix[1:]))
    if json:
        console.show_json(found.model_dump(mode="json"))
        return
    console.show(narrow.drawn(label_tables.table(found)), *label_tables.words(found))
    if table is not None:
        console.show(f"written: {table}")
