"""What the command line prints, and how it ends: results, notes, errors, exit codes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from methodic.errors import InputError, Interrupted

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet
    from methodic.evidence.sameness import Reproduction
    from methodic.report.terminal import Quiet
    from methodic.runs import Run

DONE, OURS, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done, our own fault, the user's input, stopped by Ctrl-C."""

_THEIRS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
"""What the system says of paths that a user may not look at, or that can't be."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What the system says of a stream that takes no more."""


def show(*parts: object) -> None:
    """Print text, and tables drawn by rich, to standard output."""
    from rich.console import Console

    from methodic.report import narrow

    console = Console(width=narrow.room(), highlight=False)
    for part in parts:
        console.print(part, markup=False, soft_wrap=isinstance(part, str))


def show_json(document: Any) -> None:
    """Print the one JSON document of `--json`."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(json.dumps(document, indent=1, ensure_ascii=plain, allow_nan=False))


def hand_over(text: str) -> None:
    """Write what a file or another program takes, in UTF-8 whatever the terminal's letters are."""
    if not isinstance(sys.stdout, TextIOWrapper):  # a caller's own, in memory
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def speak() -> None:
    """Let letters that the terminal doesn't have become "?", rather than end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def note(text: str) -> None:
    """Print something beside the result, to standard error."""
    print(text, file=sys.stderr)


@contextlib.contextmanager
def running(
    folder: Path | None, *, silent: bool, go_on: str = "methodic resume", again: str = ""
) -> Iterator[Quiet]:
    """Show how far a run is; turn Ctrl-C and SIGTERM into `Interrupted`, which says how to go on.

    Args:
        folder: where the run is kept, if that is known beforehand.
        silent: show nothing.
        go_on: the command that goes on, given the folder.
        again: how else to go on, with {folder} for the folder.
    """
    from methodic.report.terminal import Progress, Quiet

    try:
        with _sigterm_as_ctrl_c(), Quiet() if silent else Progress() as progress:
            yield progress
    except (KeyboardInterrupt, Interrupted) as stop:
        # A run that chose its folder itself names it as the message.
        named = [Path(str(stop))] if str(stop) else []
        marks = ("plan.json", "asked.json")  # of a run, and of several
        known = [
            each
            for each in [*named, folder]
            if each is not None and any((each / mark).is_file() for mark in marks)
        ]
        if known:
            advice = again.format(folder=known[0]) or f"Go on with it: {go_on} {known[0]}"
            kept = f"Stopped. Everything finished so far is in {known[0]}.\n  do: {advice}"
        else:
            kept = "Stopped before anything was kept."
        raise Interrupted(kept) from None


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """A batch system or a shutdown asks with SIGTERM for what a user asks for with Ctrl-C."""

    def stop(number: int, frame: object) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    usual = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def show_data(data: DataSet, *, silent: bool) -> None:
    """What the data are, before anything runs."""
    if not silent:
        from methodic.report.terminal import facts_table

        show(facts_table(data.describe()), *data.notes)


def show_run(run: Run, as_json: bool) -> None:
    """The result of a run: the ranking, the verdict, and where everything lies."""
    if as_json:
        board = run.leaderboard
        show_json(
            {
                "run": str(run.folder),
                "status": run.state.status,
                "leaderboard": None if board is None else board.model_dump(mode="json"),
                "findings": [each.model_dump(mode="json") for each in run.findings],
                "model": str(run.bundle_path),
                "report": str(run.report_path),
            }
        )
        return
    from methodic.report import doubts
    from methodic.report.terminal import findings, leaderboard_table, search_table

    if run.leaderboard is not None:
        board = run.leaderboard
        # What rows without a target mean for the claim stands in the plan, beside other notes.
        planned = run.plan.notes if run.plan.data.unlabelled else ()
        notes = dict.fromkeys((*planned, *board.notes))
        show(leaderboard_table(board))
        if run.search is not None:
            show(search_table(run.search))
        show(*notes, board.verdict)
        show(*findings(board, run.ablation))
    if run.diagnosis is not None:
        show(*doubts.lines(run.diagnosis))
    show(f"run: {run.folder}", f"model: {run.bundle_path}", f"report: {run.report_path}")


def show_reproduction(result: Reproduction, as_json: bool) -> None:
    """What came out the same when a run was executed again."""
    if as_json:
        show_json({**result.model_dump(mode="json"), "grade": result.grade})
        return
    from methodic.report.terminal import differences_table, reproduction_table

    show(reproduction_table(result))
    if result.differences:
        show(differences_table(result))
    counts = (
        f"to the bit {result.count('bit'):,} · to tolerance {result.count('tolerance'):,} · "
        f"different {result.count('different'):,}"
    )
    show(counts, result.verdict, f"first: {result.first}", f"again: {result.again}")


def tell_unseen(unseen: dict[str, int]) -> None:
    """Column → rows with a category that the model has never met."""
    for column, rows in unseen.items():
        note(f"{column}: {rows} cells hold a category that training never saw")


def end(error: BaseException, *, as_json: bool) -> int:
    """Tell the user why a command ended early.

    Args:
        error: what was raised.
        as_json: print {"error": …} to standard output, and nothing else.

    Returns:
        the exit code.
    """
    if os.environ.get("METHODIC_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.filename and error.errno in _THEIRS:
        from methodic.arguments import unreachable

        error = unreachable(error)
    if is_full(error):
        error = InputError(
            "standard output, or a temporary file, can't be written",
            found=error.strerror,
            advice="Make room where > leads to, and where temporary files lie (TMPDIR). A run that "
            "this stopped goes on with: methodic resume RUN",
        )
    if isinstance(error, InputError):
        parts = {
            "problem": error.problem,
            "found": error.found,
            "accepted": error.accepted,
            "advice": error.advice,
        }
        return _tell(str(error), parts, as_json, USAGE)
    if isinstance(error, Interrupted | KeyboardInterrupt):
        text = str(error) or "Stopped."
        return _tell(text, {"problem": text}, as_json, INTERRUPTED)
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        return _usage(error, as_json)
    text = (
        f"Sorry, this is a fault of Methodic's own: {type(error).__name__}: {error}\n"
        "  do: Set METHODIC_DEBUG=1 and run it again to see where."
    )
    return _tell(text, {"problem": text}, as_json, OURS)


def is_full(error: BaseException) -> TypeGuard[OSError]:
    """Whether a stream took no more; files that have names are told by those who write them."""
    return isinstance(error, OSError) and error.errno in _FULL and not error.filename


def _usage(error: Any, as_json: bool) -> int:
    """What the option parser refused; its classes live in other places in other versions."""
    message = str(error.format_message())
    context = getattr(error, "ctx", None)
    hint = f"\n  do: See {context.command_path} --help" if context is not None else ""
    return _tell(message + hint, {"problem": message}, as_json, int(error.exit_code))


def _tell(text: str, parts: Mapping[str, str | None], as_json: bool, code: int) -> int:
    if as_json:
        show_json({"error": {name: part for name, part in parts.items() if part is not None}})
    else:
        with contextlib.suppress(OSError):  # who can't be told has the exit code
            note(f"methodic: {text}" if code != INTERRUPTED else text)
    return code
