"""The command that finds a learning rate: lr."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from methodic import arguments, console
from methodic import options as o
from methodic.commands.groups import Rows
from methodic.commands.inputs import inputs

Method = Annotated[str, typer.Option("--recipe", metavar="NAME|FILE", help="The method.")]
Low = Annotated[
    float | None, typer.Option(help="Where the range test starts.", show_default="by the recipe")
]
High = Annotated[
    float | None, typer.Option(help="Where the range test ends.", show_default="by the recipe")
]
Rates = Annotated[int, typer.Option(min=3, help="Rates to confirm.")]
Seeds = Annotated[int, typer.Option(min=1, help="Short runs of each rate.")]
Steps = Annotated[int, typer.Option(min=1, help="Steps of each short run.")]
Picture = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="The picture.", show_default="runs/lr-….html"),
]


def lr_command(
    data: o.Data,
    recipe: Method = "adamw_cosine",
    target: o.Target = None,
    low: Low = None,
    high: High = None,
    rates: Rates = 7,
    seeds: Seeds = 5,
    steps: Steps = 300,
    metric: o.Metric = None,
    seed: o.Seed = 0,
    out: Picture = None,
    device: o.Device = "cpu",
    threads: o.Threads = None,
    *,
    rows: Rows,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Find the learning rate of a method: a range test, confirmed by short runs."""
    arguments.check_place(out)
    from methodic.evidence.rates import check

    check(low, high, rates, seeds, steps)
    read = rows.reading(target)
    dataset, chosen = inputs(data, read, metric, device, None, [recipe], threads=threads)
    (method,) = chosen
    console.show_data(dataset, silent=json or quiet)
    from methodic.runs.rates import find_lr

    picture = out or Path("runs") / f"lr-{dataset.name}-{method.name}.html"
    with console.running(None, silent=json or quiet) as progress:
        found = find_lr(
            dataset,
            method,
            low=low,
            high=high,
            rates=rates,
            seeds=seeds,
            steps=steps,
            metric=metric,
            seed=seed,
            device=device,
            threads=threads,
            out=picture,
            progress=progress,
        )
    if json:
        console.show_json({**found.model_dump(mode="json"), "picture": str(picture)})
        return
    from methodic.report.narrow import drawn
    from methodic.report.rates import tried

    console.show(drawn(tried(found)), *found.text, f"picture: {picture}")
