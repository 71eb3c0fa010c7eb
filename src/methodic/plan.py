"""What will run, frozen before it runs; and the records of what did.

Both are plain, typed values that round-trip through JSON; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from methodic.recipes.types import Recipe
from methodic.tuning import Found, SearchPlan, SearchRecord, Segment, Setting

FORMAT = 1
"""Version of plan.json and of the records; a newer one is refused."""

Task = Literal["binary", "multiclass", "multilabel", "regression"]
Phase = Literal["screen", "confirm", "train", "ablate"]
Precision = Literal["float32", "bfloat16"]
MemoryFormat = Literal["contiguous", "channels_last"]
Batches = Literal["own", "shared"]
Equal = Literal["seconds", "steps", "samples", "flops"]
Splits = Literal["one", "cv"]


class Value(BaseModel):
    """Base of plans and records: immutable, unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reading(Value):
    """How data are read: what a user says about them beside their place."""

    targets: tuple[str, ...] = ()  # columns to predict; none: the obvious one
    task: str | None = None
    drop: tuple[str, ...] = ()  # columns that the user left out
    test: str | None = None  # where the user's own test rows are
    split: str | None = None  # the test rows' share, or a column that names each row's part
    weight: str | None = None  # the column of row weights
    group: str | None = None  # rows of one group stay on one side
    time: str | None = None  # test rows come after the others
    schema_file: str | None = None  # what the columns mean, as the user wrote it
    memory: int | None = None  # bytes for rows, beyond which they are streamed; None: half the free
    skip_broken: bool = False  # images that can't be read are left out
    unlabelled: str | None = None  # where further rows without targets are
    labels: str | None = None  # so many rows (100, or 5%) keep their targets, for an experiment
    teacher: str | None = None  # a trained model whose predictions are soft targets


class DataFacts(Value):
    """What a plan needs to know about the data, and what ties it to them."""

    name: str
    source: str | None  # where to read them again; None for data that live in memory, or partly so
    fingerprint: str
    task: Task
    target: str
    classes: tuple[str, ...]  # names (of a multilabel task the labels), empty for regression
    rows: tuple[int, int, int]  # training, validation, test
    numeric: int  # encoded columns
    categorical: int
    split_seed: int
    others: tuple[str, ...] = ()  # further targets
    reading: Reading = Reading()  # how to read them again
    unlabelled: int = 0  # training rows without a target, beside ``rows``


class Machine(Value):
    """Choices made by measuring, before the plan was frozen."""

    device: str
    capability: str  # of the processor, e.g. AVX512
    torch: str
    workers: int
    threads: int  # per worker
    compiled: bool = False
    precision: Precision = "float32"  # of gradients and of what validation rows see of a network
    memory_format: MemoryFormat = "contiguous"  # of images, in a network of the user's own
    width: int = 0  # members of a unit that train at once, at most; 0: all of them


class Tried(Value):
    """What a step cost with one choice for the machine, before the plan was frozen."""

    what: str
    milliseconds: float


class NetworkFacts(Value):
    """A user's own network, which every method trains in place of its recipe's."""

    name: str  # of its class
    start: Literal["factory", "module"]  # each member's own weights by its seed, or the module's
    parameters: int  # numbers that are trained
    fingerprint: str  # of names, shapes and types; of a module's values too
    together: bool  # members of a cohort train at once, under vmap; else one after the other
    reason: str  # why


class Contender(Value):
    """A recipe in the comparison, every default written out; its lr may be a range."""

    recipe: Recipe
    settings: tuple[Setting, ...]  # one per point of the screening grid; () before a search
    batch: tuple[int, ...]  # rows of a batch, by stage
    steps: tuple[int, ...]  # optimizer steps of the screening, by stage
    confirm_steps: tuple[int, ...]  # of the confirmation; empty where there is none
    milliseconds: float  # measured, one step of one screening cohort
    eager: bool = False  # its steps can't be machine code, whatever the machine says

    def setting(self, place: int) -> Setting:
        """One of its settings; while a search goes on, they don't stand here yet."""
        return self.settings[place] if place < len(self.settings) else {}


class Member(Value):
    """One model in training: one recipe with concrete numbers and one seed."""

    recipe: str
    setting: int  # index into Contender.settings
    seed: int
    off: str = ""  # the ingredient that it trains without, in an ablation


class Origin(Value):
    """Where the weights of a member come from: the place of one in an earlier unit of work."""

    unit: str
    place: int


class Unit(Value):
    """A cohort as a unit of work: members of one shape that train together.

    Units of a search train on from ``origins``, each member with the setting of the segment, and
    halt where the last segment ends.
    """

    id: str
    phase: Phase
    block: int  # blocks of seeds are dropped whole, for every method alike
    members: tuple[Member, ...]
    steps: tuple[int, ...]  # by stage
    evaluate: tuple[int, ...]  # optimizer steps after which validation rows are scored
    judged: int | None = None  # so many of them, evenly spread; None: all
    predict_test: bool = False
    split: int = 0  # of the data; 0: the run's own, others in repeated cross-validation
    origins: tuple[Origin, ...] = ()  # by member; (): everybody begins at the first step
    segments: tuple[Segment, ...] = ()  # (): one, with the contender's settings

    @property
    def until(self) -> int:
        """Optimizer steps of the whole run at its end."""
        return self.segments[-1].until if self.segments else sum(self.steps)


class BaselinePlan(Value):
    """An honest rival of another kind."""

    kind: Literal["constant", "linear", "gradient_boosting"]
    iterations: int = 0  # gradient boosting: at most so many trees (per class)


class ConfirmPlan(Value):
    """How the finalists will be chosen and confirmed."""

    finalists: int  # at most so many, the winner of the screening included
    simplest: str  # this recipe is confirmed too
    seeds: tuple[int, ...]
    block: int  # seeds per block
    scale: float = 1.0  # planned seconds of a confirmation cohort ÷ of a screening cohort
    evaluations: int = 20  # of each member
    splits: Splits = "one"  # "cv": each seed on a fold of its own, in repeated cross-validation
    folds: int = 0  # of a repetition of cross-validation
    detect: float | None = None  # the difference that is to be found; it chooses among the seeds


class Inference(Value):
    """What a trained model costs its user; clocks, so they differ from run to run."""

    parameters: int  # 0 where the word has no meaning
    bytes: int
    row_microseconds: float  # of a row among many, predicted in one pass
    single_milliseconds: float  # of a row by itself


class Amendment(Value):
    """What was dropped because the machine turned out slower than measured.

    ``blocks``: of seeds, that were dropped; of a search how many settings each study tried instead.
    """

    phase: Phase | Literal["search"]
    blocks: tuple[int, ...]
    reason: str


class Plan(Value):
    """Everything that will run. Running it again gives the same results."""

    format: int = FORMAT
    command: str
    data: DataFacts
    metric: str
    budget: float | None  # seconds to the verdict
    machine: Machine
    contenders: tuple[Contender, ...]
    baselines: tuple[BaselinePlan, ...]
    screen: tuple[Unit, ...]
    confirm: ConfirmPlan | None  # None: one method is trained, nothing is compared
    train: tuple[Unit, ...] = ()
    notes: tuple[str, ...] = ()  # what the plan decided, in words
    network: NetworkFacts | None = None  # the user's own; None: each recipe's
    tried: tuple[Tried, ...] = ()  # a pair for each choice: without it and with it
    batches: Batches = "own"  # each member's order of rows by its seed, or one
    equal: Equal = "seconds"  # what every method gets the same of
    search: SearchPlan | None = None  # in place of ``screen``: settings are asked for one by one


def settled(plan: Plan, search: SearchRecord | None, found: Sequence[Found]) -> Plan:
    """The plan with what a search tried as the settings of its methods.

    Args:
        plan: as it was frozen.
        search: what was tried; None leaves the plan as it is.
        found: what goes on of it; where it has another batch than its contender, confirmation
            takes as many steps as see equally many rows.
    """
    if search is None:
        return plan
    chosen = {each.recipe: each for each in found}
    tried = [candidate for study in search.studies for candidate in study.candidates]
    contenders = []
    for contender in plan.contenders:
        name = contender.recipe.name
        changes: dict[str, object] = {
            "settings": tuple(each.setting for each in tried if each.recipe == name)
        }
        if name in chosen:
            changes |= {"batch": chosen[name].batch, "confirm_steps": chosen[name].steps}
        contenders.append(contender.model_copy(update=changes))
    return plan.model_copy(update={"contenders": tuple(contenders)})


Status = Literal["finished", "stopped", "diverged"]
"""finished: all steps; stopped: a stop criterion held; diverged: frozen where last finite."""


class MemberRecord(Value):
    """What the training of one member measured."""

    member: Member
    numbers: dict[str, float]  # path → number, as trained
    status: Status
    why: str = ""  # the stop criterion, or when it diverged
    steps_taken: int
    batches_seen: int
    best_step: int  # the step of the weights that were kept
    validation: dict[str, float | None]  # metric → score of the kept weights; None: not finite
    seconds: float  # share of the cohort's wall time


class CurvePoint(Value):
    """One evaluation of one member on its way."""

    step: int
    train_loss: float | None
    validation_loss: float | None
    score: float | None


class UnitRecord(Value):
    """What one unit of work measured; RUN/records/<id>.json."""

    format: int = FORMAT
    unit: Unit
    members: tuple[MemberRecord, ...]
    curves: tuple[tuple[CurvePoint, ...], ...]  # by member
    seconds: float
    threads: int
    notes: tuple[str, ...] = ()  # checkpoints that could not be used on the way, in words
    inference: Inference | None = None  # of one member, where test rows were predicted
    waited: float = 0.0  # seconds, since it last went on, for rows that are read from a file


class BaselineRecord(Value):
    """What a baseline measured; RUN/records/baseline-<kind>.json."""

    format: int = FORMAT
    kind: str
    about: str  # one line: which model, which settings
    validation: dict[str, float | None]
    seconds: float
    inference: Inference | None = None
    split: int = 0  # of the data, as in `Unit`


class RunState(Value):
    """How far a run has come; RUN/run.json."""

    format: int = FORMAT
    status: Literal["running", "interrupted", "finished"]
    finalists: tuple[str, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    seconds: float = 0.0
    winner: str | None = None
    found: tuple[Found, ...] = ()  # by a search; the finalists are chosen among these
    notes: tuple[str, ...] = ()  # what a reader has to know, as that another machine went on
