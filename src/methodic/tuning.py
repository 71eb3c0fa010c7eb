"""What a search is, as values: how settings are chosen, how far each is trained, what came out.

They stand in plan.json and RUN/search.json; nothing here imports torch or optuna.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

FORMAT = 1
"""Version of RUN/search.json."""

NAME = "search.json"

Scalar = bool | int | float | str
"""What a field of a recipe has in place of a range; for a choice of parts, the option's label."""

Setting = dict[str, Scalar]
"""Path through the recipe → value, for all of its ranges that hold at once."""

Sampler = Literal["grid", "random", "sobol", "tpe", "gp", "cmaes"]
Strategy = Literal["full", "halving", "hyperband", "asha", "population"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchPlan(_Value):
    """How a run searches, frozen before it runs.

    ``settings``: of each study. ``together``: one study chooses among the methods, too; otherwise
    each method has a study of its own, and all get equally much. ``reduction``: one in so many
    goes on from rung to rung. ``rungs``: at most so many. ``parts``: a rung's members of one shape
    train in so many cohorts, so that all workers have some.
    """

    sampler: Sampler
    settings: int
    strategy: Strategy
    together: bool = False
    reduction: int = 3
    rungs: int = 3
    seed: int = 0
    parts: int = 1
    shared: str | None = None  # where other processes search along, without a password


class Rung(_Value):
    """How a candidate did when it was looked at."""

    step: int  # optimizer steps of the whole run by then
    score: float | None  # of its best weights until then, on validation rows; None: not finite
    loss: float | None
    setting: Setting  # with which it trained until here


class CandidateRecord(_Value):
    """One setting of one method, and how far it came.

    ``status``: finished (all steps, or a stop criterion of its recipe held); dropped (others did
    better); diverged; replaced (population-based: another one's copy stands in its place).
    ``parent``: the candidate whose weights it took over, in population-based training.
    """

    recipe: str
    number: int  # of the study, in the order of asking; 0 is the untuned one
    setting: Setting
    rungs: tuple[Rung, ...]
    status: Literal["finished", "dropped", "diverged", "replaced"]
    seconds: float  # share of its cohorts' wall time
    parent: int | None = None


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
    """A stretch of a training with one setting for each member of the unit."""

    until: int  # optimizer steps of the whole run
    settings: tuple[Setting, ...]


class Found(_Value):
    """What a search chose for a method; several stretches only from population-based training."""

    recipe: str
    candidate: int
    stretches: tuple[tuple[int, Setting], ...]  # until which step, with which setting
