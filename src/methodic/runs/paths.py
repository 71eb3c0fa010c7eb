"""Where the files of a run lie."""

from __future__ import annotations

from pathlib import Path

WORK = "work"  # RUN/work: what only a running run needs


def record_path(folder: Path, name: str) -> Path:
    """Where a unit's or baseline's record lies."""
    return folder / "records" / f"{name}.json"


def predictions_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's predictions of the test rows lie."""
    return folder / "records" / f"{unit}.predictions.parquet"


def validation_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's predictions of the validation rows lie until the verdict."""
    return folder / WORK / f"{unit}.validation.parquet"


def weights_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's kept weights lie until the best are bundled."""
    return folder / WORK / f"{unit}.safetensors"


def checkpoints_path(folder: Path, unit: str) -> Path:
    """The folder of a unit's checkpoints, until it has its record."""
    return folder / WORK / "checkpoints" / unit


def counts_path(folder: Path) -> Path:
    """The folder of a run in which units under way say how many steps they have taken."""
    return folder / WORK / "steps"


def standing_path(folder: Path, unit: str) -> Path:
    """The folder with where a unit of a search halted, for those who go on from there."""
    return folder / WORK / "standings" / unit


def baseline_name(kind: str, split: int = 0) -> str:
    """What the files of a baseline are called, as a unit's by its id."""
    return f"baseline-{kind}-{split:03d}" if split else f"baseline-{kind}"
