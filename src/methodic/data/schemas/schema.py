"""What the columns of a table mean: kinds, target, task, classes, and what was left out.

A schema is inferred once from the training table, travels with the model, and says what a later
table has to look like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from methodic.data.columns.cells import tidy
from methodic.data.columns.notations import NUMBERS, notation
from methodic.data.parallel import in_threads
from methodic.data.predicted.labels import several
from methodic.data.schemas.task import answers_of, task_of
from methodic.errors import InputError, unknown
from methodic.plan import Reading, Task

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["numeric", "categorical", "array", "date", "text", "image"]

TASKS = ("binary", "multiclass", "multilabel", "classification", "regression")
TRUTH = "yes/no"
"""The notation of a categorical column in which yes and no are spelt in several ways."""
ASKED = "asked for"
"""Why a column is left out that the user named."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Resize = Literal["crop", "pad", "stretch"]


class Column(_Frozen):
    """One input column; ``shape`` is that of a cell, for arrays, and of images channels first.

    ``resize`` says how an image gets its size: "crop" scales the short side and cuts the middle,
    "pad" scales the long side and adds black, "stretch" scales both. ``words`` are cells of
    numbers or dates that mean that there is none. ``numbers`` says how many a cell of text becomes.
    ``notation`` says how texts write numbers or dates (see `notations`), or `TRUTH`.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...] = ()
    resize: Resize = "crop"
    words: tuple[str, ...] = ()
    numbers: int = 0
    notation: str = ""

    @model_validator(mode="after")
    def _written_so(self) -> Self:
        known = {"numeric": NUMBERS, "categorical": (TRUTH,)}.get(self.kind, ())
        dates = self.kind == "date" and "%" in self.notation
        if self.notation and self.notation not in known and not dates:
            raise ValueError(f"'{self.notation}' is no way to write a {self.kind} column")
        return self

    @property
    def as_text(self) -> bool:
        """Whether files are read with its cells as they are written, even where all of them look
        like numbers: names, free text, and what only the notation tells."""
        return self.kind in ("categorical", "text") or self.notation != ""


class Dropped(_Frozen):
    """A column that is not used, and why."""

    name: str
    why: str


class Schema(_Frozen):
    """The input columns in order, the target, and the task.

    ``classes`` holds the class names in the order of their indices, or the labels of a multilabel
    task; empty for regression. Further columns to predict are ``others``. ``weight``, ``group``,
    ``time`` and ``part`` name columns that say something about rows: how much each counts, which
    belong together, when it was, and whether it is for training, validation or test.

    ``notations`` says how texts of a target or a weight write numbers (see `notations`), where that
    isn't plain. ``plain`` says that the class names are names as they stand, such as those of
    folders: "None" and "01" are neither missing nor a number.
    """

    columns: tuple[Column, ...]
    target: str
    task: Task
    classes: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()
    others: tuple[str, ...] = ()
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    part: str | None = None
    notations: tuple[tuple[str, str], ...] = ()
    plain: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """All columns to predict."""
        return (self.target, *self.others)

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that say something about rows and are no inputs, each once."""
        named = (self.weight, self.group, self.time, self.part)
        return tuple(dict.fromkeys(each for each in named if each is not None))

    def named(self, kind: Kind) -> list[str]:
        """The names of the columns of one kind."""
        return [column.name for column in self.columns if column.kind == kind]

    def notation(self, name: str) -> str:
        """How texts of this target or weight write numbers."""
        return dict(self.notations).get(name, "")

    def texts(self) -> list[str]:
        """Columns of a file to read as they are written, even where all cells look like numbers."""
        names = [column.name for column in self.columns if column.as_text]
        names += [name for name, _ in self.notations]
        return names + (list(self.targets) if self.plain else [])


def infer(
    frame: pl.DataFrame,
    targets: str | Sequence[str],
    reading: Reading | None = None,
    where: str = "data",
    said: Mapping[str, Column | None] | None = None,
    *,
    names: bool = False,
) -> Schema:
    """Read the schema off a table.

    Texts and truth values are categorical, numbers (also written as text) numeric, dates and times
    dates, polars Arrays numeric arrays. Texts of several words of which most differ are free text;
    numbers among which a few words stand (`kinds.MOST_MIXED`) are numeric, and the words missing.
    Left out, and recorded in ``dropped``: columns without any value, with one only, or nearly so
    (`kinds.NEARLY_CONSTANT`), other texts of which nearly all differ (`kinds.NEARLY_ALL`), row
    numbers (whole numbers, all different, in a column called id, index, row or the like), nested
    types, and ``drop``.

    The task: texts and truth values are classes. Whole numbers are classes when there are at most
    `task.FEW` different ones and each occurs twice or more, or when there are two; any other
    numbers mean regression.

    Args:
        frame: the training table; rows without a target are not looked at.
        targets: the column of ``frame`` to predict, or several.
        reading: what the user said: a task, which overrules the inference, columns to leave out,
            and columns that say something about rows.
        where: the table's name, for messages.
        said: columns whose kind isn't to be inferred; None in place of a kind leaves one out.
        names: texts of the target are names as they stand, see `Schema.plain`; a target that
            regression can learn is read as numbers all the same.

    Raises:
        InputError: no such column or task; the target also says something about rows, is
            constant, doesn't fit the task, or has a class of one row; no input column is left.
    """
    from methodic.data.columns.kinds import kind_of  # which makes columns

    reading, said = reading or Reading(), said or {}
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    for name in targets:
        if name not in frame.columns:
            raise unknown("column", name, frame.columns, where)
    target, others = targets[0], targets[1:]
    named = {"weight": reading.weight, "group": reading.group, "time": reading.time}
    part = reading.split if reading.split in frame.columns else None
    for role, asked in {**named, "split": part}.items():
        if asked is not None:
            _check_role(frame, role, asked, targets, where)
    kept = {*targets, *named.values(), part}
    if reading.task is not None and reading.task not in TASKS:
        raise unknown("task", reading.task, TASKS)
    found_several = several(frame, targets, reading.task, where)
    plain = names and found_several is None
    answer, plain = answers_of(frame[target], reading.task, names=plain)
    if answer.null_count():
        frame = frame.filter(answer.is_not_null())
    known_answers = answer.drop_nulls()
    chosen, classes = found_several or task_of(known_answers, reading.task, where, plain=plain)
    columns: list[Column] = []
    dropped: list[Dropped] = []
    known = {name: column or Dropped(name=name, why=ASKED) for name, column in said.items()}
    known |= {name: Dropped(name=name, why=ASKED) for name in reading.drop}
    inputs = [name for name in frame.columns if name not in kept]
    unsure = [name for name in inputs if name not in known]
    known |= zip(unsure, in_threads(kind_of, frame.select(unsure)), strict=True)
    for name in inputs:
        found = known[name]
        if isinstance(found, Column) and found.kind in ("array", "image"):
            taken = [column.name for column in columns if column.kind in ("array", "image")]
            if taken:
                found = Dropped(name=name, why=f"one array column is used, and '{taken[0]}' is it")
        (columns if isinstance(found, Column) else dropped).append(found)  # type: ignore[arg-type]
    if not columns:
        reasons = "; ".join(f"'{each.name}': {each.why}" for each in dropped)
        raise InputError(
            f"{where}: no input column is left beside the target '{target}'",
            found=reasons or "no other column",
            accepted="at least one column of numbers or categories that vary",
        )
    return Schema(
        columns=tuple(columns),
        target=target,
        task=chosen,
        classes=classes,
        dropped=tuple(dropped),
        others=others,
        part=part,
        notations=_notations(frame, targets if chosen == "regression" else (), reading.weight),
        plain=plain,
        **named,
    )


def _notations(
    frame: pl.DataFrame, targets: Sequence[str], weight: str | None
) -> tuple[tuple[str, str], ...]:
    """How the texts among these columns write numbers, where a cell doesn't tell by itself."""
    import polars as pl

    found = []
    for name in (*targets, *([] if weight is None else [weight])):
        if isinstance(frame[name].dtype, pl.String | pl.Categorical | pl.Enum):
            cells = tidy(frame[name], text=True).cast(pl.String).unique().sort()
            found.append((name, notation(cells) or ""))
    return tuple((name, written) for name, written in found if written in NUMBERS)


def _check_role(
    frame: pl.DataFrame, role: str, name: str, targets: Sequence[str], where: str
) -> None:
    """Refuse a column that can't say something about rows."""
    if name not in frame.columns:
        raise unknown("column", name, frame.columns, f"{where}: {role}")
    if name in targets:
        raise InputError(
            f"{where}: '{name}' is predicted, so it can't be the {role}, too",
            advice=f"Choose another --target or another --{role}.",
        )
    if frame[name].dtype.is_nested():
        raise InputError(
            f"{where}: '{name}' can't be the {role}",
            found=f"cells of type {frame[name].dtype}",
            accepted="a column of texts, numbers or dates",
        )
