"""A run's folder, read and checked: the plan, how far it came, what was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from methodic.diagnosis.findings import NAME as FINDINGS
from methodic.diagnosis.findings import Findings
from methodic.errors import InputError
from methodic.evidence import anytime, cost
from methodic.evidence.ablation import Ablation
from methodic.evidence.anytime import Anytime
from methodic.evidence.closer.analysis import Analysis
from methodic.evidence.closer.representation import NAME as REPRESENTATION
from methodic.evidence.closer.representation import Representations
from methodic.evidence.cost import Cost
from methodic.evidence.design import standings
from methodic.evidence.importance import Importance, importance
from methodic.evidence.leaderboard import Leaderboard
from methodic.evidence.tuned import Tuned, tuned
from methodic.evidence.whole import whole
from methodic.files import read_json
from methodic.metrics import get_metric
from methodic.plan import (
    FORMAT,
    BaselineRecord,
    CurvePoint,
    MemberRecord,
    Plan,
    RunState,
    UnitRecord,
    settled,
)
from methodic.tuning import NAME as SEARCH
from methodic.tuning import SearchRecord, Setting

_V = TypeVar("_V", bound=BaseModel)
_SCORES = "scores.json"
"""Test scores by name, for comparisons of finished runs; no unit's record."""
_COPY = "Restore the file from a copy, or start a new run."


@dataclass(frozen=True)
class Folder:
    """Everything a report reads. ``leaderboard`` is None until the run has reached a verdict."""

    plan: Plan
    state: RunState
    leaderboard: Leaderboard | None
    screened: tuple[UnitRecord, ...]
    confirmed: tuple[UnitRecord, ...]
    baselines: tuple[BaselineRecord, ...]
    trained: tuple[UnitRecord, ...] = ()  # of a run that trained one method only
    ablated: tuple[UnitRecord, ...] = ()  # without one ingredient each
    analysis: Analysis | None = None  # of the model that is kept
    ablation: Ablation | None = None  # what mattered
    findings: Findings | None = None  # mostly about the data; None where nobody looked
    representations: Representations | None = None  # of methods that learn without targets
    search: SearchRecord | None = None  # what a search tried; None where settings were a grid
    frozen: Plan | None = None  # as it was before a search had found its settings

    @cached_property
    def anytime(self) -> tuple[Anytime, ...]:
        """How good the confirmed methods were on the way, best method first."""
        metric = get_metric(self.plan.metric, self.plan.data.task)
        goal = anytime.target(metric, self.confirmed, self.baselines)
        found = anytime.anytime(self.confirmed, metric, goal)
        return tuple(sorted(found, key=lambda each: _place(self, each.name)))

    @cached_property
    def costs(self) -> tuple[Cost, ...]:
        """What each confirmed row costs, best first; nothing where it was not measured."""
        found = cost.costs(self.confirmed, self.baselines)
        return tuple(sorted(found, key=lambda each: _place(self, each.name)))

    @cached_property
    def tuned(self) -> tuple[Tuned, ...]:
        """What the search did for each method, best first."""
        return () if self.search is None else tuned(self.search)

    @cached_property
    def spaces(self) -> dict[str, dict[str, object]]:
        """Method → path → range that was searched."""
        from methodic.recipes.spaces import dimensions

        recipes = [each.recipe for each in self.plan.contenders]
        return {each.name: {one.path: one.range for one in dimensions(each)} for each in recipes}

    @cached_property
    def importance(self) -> tuple[Importance, ...]:
        """Which of the searched numbers mattered."""
        return () if self.search is None else importance(self.search, self.spaces)


@dataclass(frozen=True)
class Tried:
    """One setting of one method, over the seeds that screened it."""

    method: str
    setting: int
    numbers: Setting
    scores: tuple[float, ...]  # validation, of the members that neither diverged nor are infinite
    diverged: int

    @property
    def mean(self) -> float | None:
        """The mean score; None when no member kept a finite one."""
        return sum(self.scores) / len(self.scores) if self.scores else None


def load(folder: Path) -> Folder:
    """Read RUN/.

    A folder without run.json belongs to a run that was stopped before its first unit of work; its
    state is "interrupted" after 0 seconds. A missing leaderboard or missing records are no error.

    Args:
        folder: the run's folder, which holds plan.json.

    Raises:
        InputError: not a run's folder; a damaged file; a file of a newer format.
    """
    if not (folder / "plan.json").is_file():
        raise InputError(
            f"{folder}: this is not the folder of a run",
            found="no plan.json in it" if folder.is_dir() else "no such folder",
            accepted="the folder that `methodic run` named at its end",
        )
    plan = _read(folder / "plan.json", "plan", Plan)
    get_metric(plan.metric, plan.data.task)
    state = RunState(status="interrupted")
    if (folder / "run.json").exists():
        state = _read(folder / "run.json", "run state", RunState)
    found = sorted((folder / "records").glob("*.json"))
    paths = [path for path in found if path.name != _SCORES]
    baselines = [path for path in paths if path.name.startswith("baseline-")]
    again = _COPY
    if state.status != "finished":
        again = f"Delete this file, and its unit of work is done again: methodic resume {folder}"
    units = [_unit(path, again) for path in paths if path not in baselines]
    screened = [unit for unit in units if unit.unit.phase == "screen"]
    search = _optional(folder / SEARCH, "search", SearchRecord)
    return Folder(
        plan=settled(
            plan, search if state.found or state.status == "finished" else None, state.found
        ),
        frozen=plan,
        state=state,
        leaderboard=_optional(folder / "leaderboard.json", "leaderboard", Leaderboard),
        analysis=_optional(folder / "analysis.json", "analysis", Analysis),
        ablation=_optional(folder / "ablation.json", "ablation", Ablation),
        findings=_optional(folder / FINDINGS, "list of findings", Findings),
        representations=_optional(folder / REPRESENTATION, "look at features", Representations),
        search=search,
        screened=tuple(screened if plan.search is None else whole(screened)),
        confirmed=tuple(unit for unit in units if unit.unit.phase == "confirm"),
        trained=tuple(unit for unit in units if unit.unit.phase == "train"),
        ablated=tuple(unit for unit in units if unit.unit.phase == "ablate"),
        baselines=tuple(_read(path, "record", BaselineRecord, again) for path in baselines),
    )


def members(
    records: Iterable[UnitRecord],
) -> list[tuple[MemberRecord, tuple[CurvePoint, ...]]]:
    """Each member's record with its curve, in the order of the records."""
    return [pair for unit in records for pair in zip(unit.members, unit.curves, strict=True)]


def tried(folder: Folder) -> list[Tried]:
    """What the screening measured, by method and setting, in the plan's order."""
    found: dict[tuple[str, int], list[MemberRecord]] = defaultdict(list)
    for record, _ in members(folder.screened):
        found[record.member.recipe, record.member.setting].append(record)
    result = []
    for contender in folder.plan.contenders:
        for setting, numbers in enumerate(contender.settings or ({},)):
            records = found.get((contender.recipe.name, setting), [])
            if records:
                result.append(_tried(contender.recipe.name, setting, numbers, records, folder))
    return result


def _tried(
    method: str, setting: int, numbers: Setting, records: list[MemberRecord], run: Folder
) -> Tried:
    sound = [record for record in records if record.status != "diverged"]
    scores = [record.validation.get(run.plan.metric) for record in sound]
    return Tried(
        method=method,
        setting=setting,
        numbers=numbers,
        scores=tuple(x for x in scores if x is not None and math.isfinite(x)),
        diverged=len(records) - len(sound),
    )


def best(folder: Folder) -> dict[str, Tried]:
    """The setting of each method that the screening chooses, best method first."""
    metric = get_metric(folder.plan.metric, folder.plan.data.task)
    known = {(each.method, each.setting): each for each in tried(folder)}
    chosen = [(each.recipe, each.setting) for each in standings(folder.screened, metric)]
    return {pair[0]: known[pair] for pair in chosen if pair in known}


def _place(folder: Folder, name: str) -> int:
    """Where a row stands in the ranking; at its end without one."""
    board = folder.leaderboard
    names = [row.name for row in board.rows] if board is not None else []
    return names.index(name) if name in names else len(names)


def _unit(path: Path, advice: str) -> UnitRecord:
    record = _read(path, "record", UnitRecord, advice)
    if record.unit.id != path.stem:
        raise _damaged(path, "record", f"the record of {record.unit.id}", advice)
    return record


def _optional(path: Path, what: str, kind: type[_V]) -> _V | None:
    return _read(path, what, kind) if path.exists() else None


def _read(path: Path, what: str, kind: type[_V], advice: str = _COPY) -> _V:
    document: Any = read_json(path, what, advice=advice)
    version = document.get("format") if isinstance(document, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise InputError(
            f"{path}: this {what} was written by a newer version of Methodic",
            found=f"format {version}",
            accepted=f"format {FORMAT} or older",
            advice="Update Methodic: pip install --upgrade methodic",
        )
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        raise _damaged(path, what, f"{field}: {first['msg']}", advice) from None


def _damaged(path: Path, what: str, found: str, advice: str) -> InputError:
    return InputError(f"{path}: this {what} is damaged", found=found, advice=advice)
