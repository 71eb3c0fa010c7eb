"""Checks of command-line arguments that cost nothing: they answer before a library is loaded."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from methodic.errors import InputError, nearest, unknown
from methodic.files import check_plain
from methodic.recipes import catalogue

if TYPE_CHECKING:
    from methodic.tuning import Sampler, Search, Strategy

TASKS = ("binary", "multiclass", "multilabel", "classification", "regression")
_NEW = "a folder, new or empty"
_SHOWN = 100  # letters of a path that is no path


@contextlib.contextmanager
def _looking() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unreachable(error) from None


def unreachable(error: OSError) -> InputError:
    """The error for a path that the system won't look at, for want of permission or its length."""
    name = str(error.filename or "this path")
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    return InputError(
        f"{shown}: it can't be told what is there",
        found=error.strerror or error,
        advice="Check the name, and that you may enter each folder on the way (ls -ld).",
    )


@_looking()
def check_data(source: str) -> None:
    """Refuse a data set that is no file or folder, no pattern of files and no built-in name.

    Raises:
        InputError: with the nearest built-in name, or the nearest file of the folder.
    """
    from methodic.data.sources import builtin_names
    from methodic.data.sources.places import files, is_pattern

    names = sorted(builtin_names())
    if source in names:
        return
    path = Path(source)
    if source and (path / "plan.json").is_file():
        raise InputError(f"{source}: a run's folder, not data", accepted="a file or folder of data")
    if source and path.exists():  # a folder too: of images
        return
    if is_pattern(source):
        files(path)
        return
    if path.suffix or os.sep in source:
        raise _no_file(path)
    raise unknown("data set or file", source, names)


@_looking()
def check_file(path: Path | None) -> None:
    """Refuse a file that doesn't exist; None is fine."""
    if path is not None and not path.is_file():
        raise _no_file(path)


def _no_file(path: Path) -> InputError:
    folder = path.parent
    near = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    guess = nearest(path.name, near)
    advice = f"Did you mean '{folder / guess}'?" if guess else None
    return InputError(f"{path}: no such file", advice=advice)


def check_recipes(names: str | None, files: Sequence[str]) -> tuple[str, ...] | None:
    """The methods asked for: names of the library and recipe files; None when none was named.

    The whole library by itself stays the word "all".

    Args:
        names: what stood behind --recipes, separated by commas; "all" is the whole library.
        files: what stood behind each --recipe.

    Raises:
        InputError: an unknown name, a missing file, or one method named twice.
    """
    if names is None and not files:
        return None
    listed = [name.strip() for name in (names or "").split(",") if name.strip()]
    wanted = [*listed, *files]
    if not wanted:
        raise InputError("--recipes: no name given", accepted=", ".join(catalogue.names()))
    if wanted == ["all"]:
        return ("all",)
    if "all" in listed:
        wanted = [*catalogue.names(), *(each for each in wanted if each != "all")]
    for name in wanted:
        if catalogue.is_file(name):
            check_file(Path(name))
        else:
            catalogue.check(name)
    twice = sorted({name for name in wanted if wanted.count(name) > 1})
    if twice:
        raise InputError(f"recipe '{twice[0]}' is named twice", advice="Leave one of the two out.")
    return tuple(wanted)


@_looking()
def check_out(folder: Path | None) -> None:
    """Refuse an output folder that holds a run, is a file or can't be written."""
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: --out names a file", accepted=_NEW)
    if (folder / "plan.json").exists() or (folder / "run.json").exists():
        raise InputError(
            f"{folder}: --out names a folder that holds a run already",
            advice=f"Choose another folder, or go on with it: methodic resume {folder}",
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: --out names a folder with files in it", accepted=_NEW)
    check_writable(folder, "--out")


@_looking()
def check_writable(path: Path, option: str) -> None:
    """Refuse a path whose nearest existing folder can't be written."""
    standing = path.absolute()
    while not standing.exists():
        standing = standing.parent
    if not standing.is_dir() and standing != path.absolute():
        raise InputError(f"{path}: {option} leads through a file", found=standing)
    if not os.access(standing, os.W_OK):
        raise InputError(
            f"{path}: {option} can't be written",
            found=f"no permission for {standing}",
            advice="Choose a place that you may write to.",
        )


def check_device(device: str) -> None:
    """Refuse what can't be a device's name; whether the machine has it shows later."""
    if not re.fullmatch(r"cpu|mps|(cuda|xpu)(:[0-9]+)?", device):
        raise unknown("device", device, ["cpu", "cuda", "cuda:0", "mps", "xpu"], "--device")


def check_task(task: str | None) -> None:
    """Refuse an unknown task; None lets the data decide."""
    if task is not None and task not in TASKS:
        raise unknown("task", task, TASKS, "--task")


def check_metric(metric: str | None) -> None:
    """Refuse an unknown score; None takes the task's own. Whether it fits the task shows later."""
    if metric is None:
        return
    from methodic.metrics import METRICS

    if metric not in METRICS:
        raise unknown("metric", metric, METRICS, "--metric")


def speed(
    compile: bool | None, precision: str, memory_format: str, width: int | None
) -> dict[str, Any]:
    """What commands hand on about the speed of a run, by the names of `methodic.run`'s arguments.

    Raises:
        InputError: an unknown word. Whether the machine and the network can do that shows later.
    """
    from methodic.asking import asked

    asked(precision, memory_format, width)
    return {
        "compile": compile,
        "precision": precision,
        "memory_format": memory_format,
        "width": width,
    }


def check_machine(threads: int | None, workers: int | None) -> None:
    """Refuse more threads or processes than any machine is faster with."""
    from methodic.asking import check_machine as check

    check(threads, workers)


def check_design(
    equal: str, splits: str, detect: str | None, seeds: int | None, finalists: str | None
) -> None:
    """Refuse unknown words, and wishes that don't fit each other."""
    from methodic.asking import check_design as check
    from methodic.asking import count_of_finalists

    check(equal, splits, detect, seeds)
    count_of_finalists(finalists)


def search(
    fields: str | None,
    sampler: str | None,
    settings: int | None,
    strategy: str | None,
    study: str | None,
) -> Search | None:
    """What the user wants of a search; None where nothing was said about one.

    Raises:
        InputError: an unknown word.
    """
    if (fields, sampler, settings, strategy, study) == (None,) * 5:
        return None
    from methodic.tuning import Search

    return Search(
        columns([fields or ""]),
        cast("Sampler | None", sampler),
        settings,
        cast("Strategy | None", strategy),
        study,
    )


def typed() -> str:
    """The command as it was typed, but for a password."""
    words = list(sys.argv[1:])
    if any(word.startswith("--study") for word in words):
        from methodic.tuning import without_password

        words = [without_password(word) for word in words]
    return shlex.join(["methodic", *words])


def columns(values: Sequence[str]) -> tuple[str, ...]:
    """Column names from a repeatable option that also takes commas."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


@_looking()
def check_model(path: Path) -> None:
    """Refuse a path that is neither a run's folder nor a saved model's."""
    if not path.is_dir():
        raise _no_file(path) if not path.exists() else _not_a_run(path)


@_looking()
def check_run(folder: Path) -> None:
    """Refuse a folder that holds no run."""
    if not folder.exists():
        raise _no_file(folder)
    if not (folder / "plan.json").is_file():
        raise _not_a_run(folder)


def _not_a_run(path: Path) -> InputError:
    if (path / "work").is_dir() and not (path / "records").exists():
        return InputError(
            f"{path}: this run was stopped before its plan was made",
            found="prepared data, and nothing measured or trained",
            advice="There is nothing to go on with: start it again, with this folder taken away or "
            "another --out.",
        )
    guess = _near_run(path)
    return InputError(
        f"{path}: not a run",
        accepted="the folder that 'methodic run' named at its end",
        advice=f"Did you mean '{guess}'?" if guess else None,
    )


def _near_run(path: Path) -> Path | None:
    """The run that ``path`` lies in, or the newest of those that lie in it."""
    inside = [path.parent] if (path.parent / "plan.json").is_file() else []
    if path.is_dir():
        plans = [each for each in path.glob("*/plan.json") if each.is_file()]
        plans.sort(key=lambda plan: plan.stat().st_mtime)
        inside += [plan.parent for plan in plans]
    return inside[-1] if inside else None


TABLES = (".csv", ".parquet")
TEXTS = (".md", ".csv")
SCHEMAS = (".yaml", ".yml")
"""Endings of files that commands write."""


@_looking()
def check_written(path: Path | None, endings: Sequence[str], option: str = "--out") -> None:
    """Refuse a file of an unknown format, or in a place that can't be written."""
    if path is None:
        return
    if path.suffix not in endings:
        raise InputError(
            f"{path}: unknown format", accepted=f"a name ending in {' or '.join(endings)}"
        )
    check_place(path, option)


@_looking()
def check_place(path: Path | None, option: str = "--out") -> None:
    """Refuse a folder in the place of a file, or a place that can't be written."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(
            f"{path}: {option} names a folder", accepted="a file, which may be there already or not"
        )
    check_plain(path)
    check_writable(path, option)
