"""A teacher: a trained model whose predictions for the training rows are soft targets.

N rows, C outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from methodic import bundle
from methodic.data.dataset import DataSet
from methodic.data.encoding.encoders import Encoders
from methodic.data.schemas.schema import Schema
from methodic.errors import InputError
from methodic.files import file_hash

if TYPE_CHECKING:
    import polars as pl

_MANIFEST = "manifest.json"
_SHOWN = 20


@dataclass(frozen=True)
class Teacher:
    """A bundle that can say something about each row of the data.

    Args:
        path: as the user named it.
        model: the bundle.
        order: of its outputs, one for each of ours.
    """

    path: str
    model: bundle.Bundle
    order: tuple[int, ...]

    @classmethod
    def of(cls, data: DataSet) -> Teacher | None:
        """The teacher that the data's reading names; None where it names none.

        Raises:
            InputError: no trained model there, or one for another task, other classes or other
                columns.
        """
        path = data.reading.teacher
        if path is None:
            return None
        model = bundle.load(path)
        theirs, ours = model.encoders.schema, data.schema
        _check_task(path, theirs, ours)
        _check_columns(path, theirs, ours)
        return cls(path, model, _order(path, theirs, ours))

    @property
    def manifest(self) -> Path:
        """The file that holds hashes of all files of the bundle."""
        return manifest(self.path)

    def says(self, frame: pl.DataFrame, encoders: Encoders) -> Tensor:
        """What it predicts for rows, float32 [N, C].

        Args:
            frame: rows in the form of the data.
            encoders: of the run.

        Returns:
            Probabilities in the order of our classes or labels; numbers standardised like our
            targets.
        """
        columns = [column.name for column in self.model.encoders.schema.columns]
        found = self.model.predicted(frame.select(columns), f"rows for the teacher {self.path}")
        found = found[:, list(self.order)]
        if encoders.schema.task == "regression":
            return encoders.standardised(found.double().numpy())
        return found.float().contiguous()

    def doubts(self, data: DataSet, split_seed: int) -> list[str]:
        """What it may know that it shouldn't, in sentences.

        Args:
            data: of the run.
            split_seed: of its split.
        """
        card = self.model.card
        same = card.data.fingerprint in (
            data.fingerprint,
            replace(data, unlabelled=None).fingerprint,
        )
        then, now = card.data.reading, data.reading
        ways = ("split", "group", "time", "test")
        alike = all(getattr(then, each) == getattr(now, each) for each in ways)
        if not (same and alike and card.data.split_seed == split_seed):
            return [
                f"The teacher {self.path} was trained on other data or another split, so it may "
                "have learnt from rows that are test rows here; if it has, scores of methods that "
                "learn from it are too good."
            ]
        if now.labels is not None and then.labels != now.labels:
            return [
                f"The teacher {self.path} has learnt from targets that --labels hides, so methods "
                "that learn from it know more than the labels."
            ]
        return []


def named(data: DataSet, teacher: Path | str | None) -> DataSet:
    """The data, with a teacher if one is given: that of `methodic.run(…, teacher=…)`.

    Raises:
        InputError: the rows are read piece by piece.
    """
    if teacher is None:
        return data
    if data.large is not None:
        raise InputError(
            f"{data.name}: a teacher is for rows that fit into memory, and these are read piece by "
            "piece",
            advice="Give the data more memory, or leave teacher out.",
        )
    path = str(Path(teacher).resolve())
    return replace(data, reading=data.reading.model_copy(update={"teacher": path}))


def manifest(path: Path | str) -> Path:
    """The file that holds hashes of all files of a bundle, which may lie in a run's folder."""
    folder = Path(path)
    inside = folder / "model" / _MANIFEST
    return inside if not (folder / _MANIFEST).exists() and inside.exists() else folder / _MANIFEST


def digest(path: Path | str | None) -> str | None:
    """A hash of a bundle; None where there is none."""
    if path is None:
        return None
    try:
        return file_hash(manifest(path))
    except OSError:
        return None


def _check_task(path: str, theirs: Schema, ours: Schema) -> None:
    classes = ("binary", "multiclass")
    if theirs.task == ours.task or {theirs.task, ours.task} <= set(classes):
        return
    raise InputError(
        f"{path}: the teacher was trained for another task",
        found=theirs.task,
        accepted=ours.task,
        advice="Name a model of the same task, or leave --teacher out.",
    )


def _check_columns(path: str, theirs: Schema, ours: Schema) -> None:
    known = {column.name for column in ours.columns}
    lacking = [column.name for column in theirs.columns if column.name not in known]
    if lacking:
        raise InputError(
            f"{path}: the teacher reads columns that aren't among the inputs here",
            found=f"without {_listed(lacking)}",
            accepted=_listed([column.name for column in theirs.columns]),
            advice="Name a model that was trained on these columns, or leave --teacher out.",
        )


def _order(path: str, theirs: Schema, ours: Schema) -> tuple[int, ...]:
    """Where each of our outputs stands among the teacher's."""
    if ours.task == "regression" and len(ours.targets) == len(theirs.targets) == 1:
        return (0,)
    numbers = ours.task == "regression"
    mine, known = (ours.targets, theirs.targets) if numbers else (ours.classes, theirs.classes)
    missing = [name for name in mine if name not in known]
    extra = [name for name in known if name not in mine]
    if missing or extra:
        found = [f"without {_listed(missing)}"] if missing else []
        found += [f"with {_listed(extra)}, which isn't here"] if extra else []
        what = "predicts other targets" if numbers else "tells other classes apart"
        raise InputError(
            f"{path}: the teacher {what}",
            found="; ".join(found),
            accepted=_listed(mine),
            advice="Name a model of the same classes, or leave --teacher out.",
        )
    return tuple(known.index(name) for name in mine)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return shown + (f", … ({len(names)} in all)" if len(names) > _SHOWN else "")
