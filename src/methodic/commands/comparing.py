"""Commands over several runs: compare, ranks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from methodic import arguments, console
from methodic import options as o
from methodic.errors import InputError, nearest
from methodic.recipes import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

Sides = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN|METHOD",
        help="Folders of finished runs; or methods (names, files), with --data.",
    ),
]
Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN", help="Finished runs, each on other data.")
]
OnData = Annotated[
    str | None,
    typer.Option("--data", metavar="DATA", help="Train methods on these data."),
]
LaterBudget = Annotated[
    str | None,
    typer.Option("--budget", help="Time to the verdict: 90, 60s, 2m, 1h.", show_default="60s"),
]
LaterSeed = Annotated[
    int | None,
    typer.Option(
        "--seed", min=0, max=2**63 - 1, help="Where all random numbers start.", show_default="0"
    ),
]
FileOrFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="PATH", help="A .md or .csv file; with --data the run's folder."
    ),
]
TextFile = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="A .md or .csv file.")
]

_PAIRS = 15
"""So many pairs are shown on the terminal; --json and Markdown have all."""


def compare_command(
    sides: Sides,
    data: OnData = None,
    target: o.Target = None,
    budget: LaterBudget = None,
    metric: o.Metric = None,
    seed: LaterSeed = None,
    seeds: o.Seeds = None,
    out: FileOrFolder = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare finished runs on the same data and split; or methods, by training them on DATA."""
    runs, recipes = _told_apart(sides)
    if not runs:
        if data is None:
            raise InputError(
                "methods are compared on data, and none are named",
                advice=f"Name them: methodic compare {' '.join(sides)} --data digits",
            )
        if len(recipes) < 2:
            raise InputError("a comparison needs at least two methods", found=recipes[0])
        from methodic.commands.groups import Comparison, Rows
        from methodic.commands.running import run_command

        files = [name for name in recipes if catalogue.is_file(name)]
        names = [name for name in recipes if name not in files]
        how = Comparison(
            budget=budget or "60s",
            recipes=",".join(names) or None,
            recipe=files,
            metric=metric,
            seed=seed or 0,
            seeds=seeds,
        )
        run_command(data, target, how=how, rows=Rows(), out=out, json=json, quiet=quiet)
        return
    given: dict[str, object] = {"--data": data, "--target": target, "--budget": budget}
    given |= {"--metric": metric, "--seed": seed, "--seeds": seeds}
    if extra := [option for option, value in given.items() if value is not None]:
        raise InputError(
            f"{', '.join(extra)}: finished runs are compared as they are",
            advice=f"Leave {', '.join(extra)} out, or name methods in place of runs.",
        )
    arguments.check_written(out, arguments.TEXTS)
    from methodic.files import write_text
    from methodic.report import across, across_tables, narrow

    found = across.compare(runs)
    if out is not None:
        write_text(out, across_tables.comparison_text(found, out.suffix[1:]))
    if json:
        console.show_json(found.model_dump(mode="json"))
        return
    console.show(narrow.drawn(across_tables.methods_table(found)))
    if len(found.pairs) <= _PAIRS:
        console.show(narrow.drawn(across_tables.pairs_table(found)))
    else:
        console.show(f"{len(found.pairs)} pairs: --json shows them, and so does -o FILE.md.")
    console.show(*found.notes, found.verdict)
    if out is not None:
        console.show(f"written: {out}")


def ranks_command(runs: Runs, out: TextFile = None, json: o.Json = False) -> None:
    """Rank methods over finished runs on different data: mean ranks, and who differs."""
    for run in runs:
        arguments.check_run(run)
    arguments.check_written(out, arguments.TEXTS)
    from methodic.files import write_text
    from methodic.report import across, across_tables, narrow

    found = across.ranks(runs)
    if out is not None:
        write_text(out, across_tables.ranks_text(found, out.suffix[1:]))
    if json:
        console.show_json(found.model_dump(mode="json"))
        return
    table = narrow.drawn(across_tables.ranks_table(found))
    console.show(table, *across_tables.ranks_words(found))
    if out is not None:
        console.show(f"written: {out}")


def _told_apart(sides: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Folders of runs, and methods; one of the two is empty.

    Raises:
        InputError: both kinds, or something that is neither.
    """
    runs, recipes = [], []
    for each in sides:
        path = Path(each)
        if (path / "plan.json").is_file():
            runs.append(path)
        elif catalogue.is_file(each):
            arguments.check_file(path)
            recipes.append(each)
        elif each in catalogue.names():
            recipes.append(each)
        elif path.exists() or len(path.parts) > 1:
            arguments.check_run(path)
        else:
            guess = nearest(each, catalogue.names())
            raise InputError(
                f"there is no run and no method '{each}'",
                accepted=f"the folder of a run, a recipe file, or {', '.join(catalogue.names())}",
                advice=f"Did you mean '{guess}'?" if guess else None,
            )
    if runs and recipes:
        raise InputError(
            "runs and methods can't be compared with each other",
            found=f"runs: {', '.join(map(str, runs))}; methods: {', '.join(recipes)}",
            advice="Train the methods first (methodic run … --recipes), then compare the runs.",
        )
    return runs, recipes
