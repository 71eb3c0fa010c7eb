"""The command line: parse, check what is cheap to check, make one call, print.

Heavy libraries are imported inside the commands, after the checks: a misspelt option or name is
answered at once. Exit codes: 0 done, 2 the user's input, 1 our own fault, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from methodic import console
from methodic.commands import (
    ablating,
    comparing,
    describing,
    folders,
    labelling,
    library,
    models,
    rates,
    running,
)
from methodic.commands.groups import flat

app = typer.Typer(
    name="methodic",
    help="Which training method should I use for my data and my budget, and how sure is that?",
    epilog="A first try: methodic run digits --budget 60s",
    add_completion=False,
    rich_markup_mode=None,  # plain help: drawing it with rich would take longer than all the rest
    pretty_exceptions_enable=False,
)

for _name, _command in (
    ("run", running.run_command),
    ("plan", running.plan_command),
    ("train", running.train_command),
    ("schema", describing.schema_command),
    ("predict", models.predict_command),
    ("evaluate", models.evaluate_command),
    ("resume", folders.resume_command),
    ("reproduce", folders.reproduce_command),
    ("ablate", ablating.ablate_command),
    ("lr", rates.lr_command),
    ("labels", labelling.labels_command),
    ("recipes", library.recipes_command),
    ("report", folders.report_command),
    ("compare", comparing.compare_command),
    ("ranks", comparing.ranks_command),
):
    app.command(_name)(flat(_command))


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
