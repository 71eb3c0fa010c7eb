"""The command line: parse, check what is cheap to check, make one call, print.

Heavy libraries are imported inside the commands, after the checks: a misspelt option or name is
answered at once. Exit codes: 0 done, 2 the user's input, 1 our own fault, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
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
    _open_closed()
    given = list(sys.argv[1:] if args is None else args) or ["--help"]
    console.speak()
    try:
        code = _answer(given)
        sys.stdout.flush()
    except BrokenPipeError:  # `methodic … | head` has read enough
        code = console.DONE
    except OSError as error:  # there is no place for an answer as JSON either
        code = console.end(error, as_json=False)
    _let_go()
    sys.exit(code)


def _open_closed() -> None:
    """Streams that whoever started this has closed (`>&-`) lead nowhere: Python has None there."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            os.set_inheritable(nowhere.fileno(), True)  # or files of other programs would lie there
            setattr(sys, name, nowhere)


def _let_go() -> None:
    """Drop what nobody takes; Python would complain about it at exit, with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _answer(given: Sequence[str]) -> int:
    try:
        code = app(given, prog_name="methodic", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) or console.is_full(error):
            raise
        return console.end(error, as_json="--json" in given)
    return code if isinstance(code, int) else console.DONE
