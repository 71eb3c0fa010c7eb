"""What a search is, as values: how settings are chosen, how far each is trained, what came out.

They stand in plan.json and RUN/search.json; nothing here imports torch or optuna.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from methodic.errors import InputError, unknown

FORMAT = 1
"""Version of RUN/search.json."""

NAME = "search.json"

METHOD = "method"
"""What the choice among several methods is called: as a field, and as a dimension."""

Scalar = bool | int | float | str
"""What a field of a recipe has in place of a range; for a choice of parts, the option's label."""

Setting = dict[str, Scalar]
"""Path through the recipe → value, for all of its ranges that hold at once."""

Sampler = Literal["grid", "random", "sobol", "tpe", "gp", "cmaes"]
Strategy = Literal["full", "halving", "hyperband", "asha", "population"]


MOST = 100_000  # settings of a study


_SECRETS = re.compile(r"(?<=[?&])(?:password|passfile|sslpassword)=[^&#\s]*&?")
_PASSWORD = re.compile(r"(?<=://)([^:@/\s]*):[^@/\s]*@")


def without_password(url: str) -> str:
    """An address as records and people may see it.

    Example:
        >>> without_password("postgresql://ann:secret@host/db?password=secret&user=ann")
        'postgresql://ann@host/db?user=ann'
    """
    return _SECRETS.sub("", _PASSWORD.sub(r"\1@", url)).rstrip("?&")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchPlan(_Value):
    """How a run searches, frozen before it runs.

    ``settings``: of each study. ``together``: one study chooses among the methods, too; otherwise
    each method has a study of its own, and all get equally much. ``reduction``: one in so many
    goes on from rung to rung. ``rungs``: at most so many. ``rounds``: of a population, which is
    compared and copied after each but the last. ``parts``: a rung's members of one shape train in
    so many cohorts, so that all workers have some. ``timed``: seconds are counted, so the search
    may have to end early: it asks for few settings at a time.
    """

    sampler: Sampler
    settings: int
    strategy: Strategy
    together: bool = False
    reduction: int = 3
    rungs: int = 3
    rounds: int = 10
    seed: int = 0
    parts: int = 1
    timed: bool = False
    seconds: float = 0.0  # of workers, that were planned for it
    shared: str | None = None  # where other processes search along, without a password


class Rung(_Value):
    """How a candidate did when it was looked at."""

    step: int  # optimizer steps of the whole run by then
    until: float  # the share of the training that these are: of its last stage
    score: float | None  # of its best weights until then, on validation rows; None: not finite
    loss: float | None
    setting: Setting  # with which it trained until here


class CandidateRecord(_Value):
    """One setting of one method, and how far it came.

    ``status``: finished (all steps, or a stop criterion of its recipe held); dropped (others did
    better); diverged; replaced (population-based: another one's copy stands in its place).
    ``parent``: the candidate whose weights it took over, in population-based training.
    ``untuned``: its setting is the middle of all ranges, which is what the recipe has without a
    search, but for a weight decay of 0. A study asks for it first, but where several processes
    search along, one of them tries it.
    """

    recipe: str
    number: int  # of the study, in the order of asking
    setting: Setting
    rungs: tuple[Rung, ...]
    status: Literal["finished", "dropped", "diverged", "replaced"]
    seconds: float  # share of its cohorts' wall time
    parent: int | None = None
    untuned: bool = False


class StudyRecord(_Value):
    """A search for one method's numbers, or for a method among several."""

    name: str  # of the method, or "methods"
    recipes: tuple[str, ...]
    steps: dict[str, int]  # optimizer steps of a whole training, by recipe
    candidates: tuple[CandidateRecord, ...]


class SearchRecord(_Value):
    """What a search tried; RUN/search.json."""

    format: int = FORMAT
    plan: SearchPlan
    metric: str
    greater_is_better: bool
    studies: tuple[StudyRecord, ...]


class Segment(_Value):
    """A stretch of a unit's training, with one setting for each of its members."""

    until: int  # optimizer steps of the whole run
    settings: tuple[Setting, ...]


class Found(_Value):
    """What a search chose for a method.

    ``setting``: its place among the settings tried of this method. ``segments``: until which step
    which setting held, as shares of the whole training; more than one only where it changed on the
    way. ``batch``, ``steps``: of its confirmation, by stage.
    """

    recipe: str
    setting: int
    segments: tuple[tuple[float, Setting], ...]
    batch: tuple[int, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Search:
    """What a user wants of a search; None leaves a choice to the plan.

    Args:
        fields: what is searched for beside the ranges that the recipes have: names such as lr,
            weight_decay, width, batch, activation; "nuisance" (learning rate, weight decay, length
            of the schedule), "all", or "method": one search chooses among the methods, too.
        sampler: how settings are chosen.
        settings: how many, for each method; at least 2.
        strategy: how far each is trained: all to the end ("full"), ever fewer ("halving",
            "hyperband", "asha"), or "population", which changes numbers on the way.
        study: URL of a storage that several processes share, such as sqlite:///search.db.

    Raises:
        InputError: an unknown sampler or strategy, or a number out of range.

    Example:
        >>> Search(fields=("lr", "weight_decay"), sampler="tpe", settings=32).settings
        32
    """

    fields: Sequence[str] = ()
    sampler: Sampler | None = None
    settings: int | None = None
    strategy: Strategy | None = None
    study: str | None = None

    def __post_init__(self) -> None:
        for name, word, known in (
            ("sampler", self.sampler, get_args(Sampler)),
            ("strategy", self.strategy, get_args(Strategy)),
        ):
            if word is not None and word not in known:
                raise unknown(name, word, known, "search")
        if isinstance(self.fields, str):
            raise InputError("search: fields is a list of names", found=repr(self.fields))
        if self.settings is None:
            return
        try:
            count = 0 if isinstance(self.settings, bool) else operator.index(self.settings)
        except TypeError:
            count = 0
        if not 2 <= count <= MOST:
            raise InputError(
                "search: not a number of settings",
                found=repr(self.settings),
                accepted=f"a whole number from 2 to {MOST:,}",
            )
        object.__setattr__(self, "settings", count)  # records hold no numbers of numpy
