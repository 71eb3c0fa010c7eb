"""Commands on the folder of a run: resume, reproduce, report."""

from __future__ import annotations

import shlex

from methodic import arguments, console
from methodic import options as o
from methodic.engine import forking


def resume_command(
    folder: o.Folder,
    any_machine: o.AnyMachine = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Go on with a run that was stopped; the plan stays the same."""
    arguments.check_run(folder)
    forking.begin()
    from methodic.runs import resume

    with console.running(folder, silent=json or quiet) as progress:
        finished = resume(folder, progress, any_machine=any_machine)
    console.show_run(finished, json)


def reproduce_command(
    folder: o.Folder,
    data: o.Again = None,
    split: o.TestRows = None,
    out: o.Out = None,
    workers: o.SameWorkers = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Execute a run's plan again, and say which numbers came out the same."""
    arguments.check_run(folder)
    arguments.check_machine(None, workers)
    if split is not None:
        arguments.check_data(str(split))
    if data is not None:
        arguments.check_data(data)
    if out is None or not (out / "plan.json").is_file():  # else it goes on there
        arguments.check_out(out)
    forking.begin()
    from methodic.runs import reproduce

    go_on = shlex.join(["methodic", "reproduce", str(folder), "--out"])
    with console.running(out, silent=json or quiet, go_on=go_on) as progress:
        result = reproduce(folder, data, out, test=split, workers=workers, progress=progress)
    console.show_reproduction(result, json)


def report_command(folder: o.Folder, out: o.Page = None, json: o.Json = False) -> None:
    """Write the report of a run again: one self-contained page."""
    arguments.check_run(folder)
    arguments.check_place(out)
    from methodic.report.page import write

    path = write(folder, out)
    if json:
        console.show_json({"report": str(path)})
    else:
        console.show(str(path))
