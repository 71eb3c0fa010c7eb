"""Findings about a run's data: made before anything trains, and written beside the plan."""

from __future__ import annotations

from pathlib import Path

from methodic.data.dataset import DataSet
from methodic.data.splits import split
from methodic.diagnosis import NAME, Findings, diagnose
from methodic.files import read_json, write_text
from methodic.plan import Splits
from methodic.report.progress import Quiet


def look(
    folder: Path, data: DataSet, seed: int, splits: Splits = "one", progress: Quiet | None = None
) -> Findings:
    """Look for leaks and lies in the data of a run, and write RUN/findings.json.

    Args:
        folder: the run's.
        data: what is to be trained on.
        seed: of the split.
        splits: "cv" if all rows are tested, in cross-validation.
        progress: told the serious findings at once, so that nobody has to wait for a run in vain.

    Raises:
        InputError: the file can't be written.
    """
    found = diagnose(data, split(data, seed), crossed=splits == "cv")
    write_text(folder / NAME, found.model_dump_json(indent=1) + "\n")
    if progress is not None:
        for each in found.serious:
            progress.say(f"careful: {each.what}")
    return found


def doubts(folder: Path) -> tuple[str, ...]:
    """What was found in the data of a run that makes its scores doubtful, a sentence each."""
    path = folder / NAME
    if not path.is_file():
        return ()
    return tuple(each.what for each in Findings.model_validate(read_json(path, "findings")).serious)
