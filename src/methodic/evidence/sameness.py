"""Two executions of one plan, compared number by number.

Three grades: the same *to the bit*; the same *to tolerance*, which is 1e-4 of the larger of two
numbers (of the largest one, within an array), as other kernels or another order of sums make it;
or *different*. What is chosen or counted, as a status or a step, is the same or different.
Clocks are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from methodic.evidence.leaderboard import Leaderboard
from methodic.evidence.numbers.statistics import Interval
from methodic.plan import FORMAT, BaselineRecord, CurvePoint, MemberRecord, UnitRecord, Value

TOLERANCE = 1e-4
KEPT = 1000
"""At most so many differences are listed; all are counted."""

Array = npt.NDArray[Any]
Grade = Literal["bit", "tolerance", "different"]
_WORST_FIRST: tuple[Grade, ...] = ("different", "tolerance", "bit")


class Difference(Value):
    """One thing that didn't come out the same to the bit."""

    what: str
    grade: Grade
    first: str  # as the first execution had it
    again: str


class Tally(Value):
    """How many things of one kind came out the same."""

    kind: str
    bit: int = 0
    tolerance: int = 0
    different: int = 0


class Reproduction(Value):
    """What running a plan again found; RUN/reproduction.json of the new run."""

    format: int = FORMAT
    first: str  # folders
    again: str
    tolerance: float = TOLERANCE
    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...]  # different ones first, at most `KEPT`
    reasons: tuple[str, ...]  # likely ones: what is another one than in the first execution
    verdict: str

    def count(self, grade: Grade) -> int:
        """How many things have that grade."""
        return sum(getattr(tally, grade) for tally in self.tallies)

    @property
    def grade(self) -> Grade:
        """Of all together: the worst one."""
        return next((grade for grade in _WORST_FIRST if self.count(grade)), "bit")


@dataclass
class Comparison:
    """Takes note of what is compared; the order of kinds is that of their first mention."""

    grades: dict[str, dict[Grade, int]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def exact(self, kind: str, what: str, first: object, again: object) -> None:
        """Compare what is the same or isn't."""
        same = type(first) is type(again) and first == again
        self._note(kind, what, "bit" if same else "different", _shown(first), _shown(again))

    def number(self, kind: str, what: str, first: float | None, again: float | None) -> None:
        """Compare two numbers; None is one that isn't finite."""
        self._note(kind, what, _grade(first, again), _shown(first), _shown(again))

    def array(self, kind: str, what: str, first: Array, again: Array) -> None:
        """Compare two arrays of numbers as one thing, and name where they are furthest apart."""
        if first.shape != again.shape or first.dtype != again.dtype:
            self._note(kind, what, "different", _form(first), _form(again))
            return
        if first.tobytes() == again.tobytes():
            self._note(kind, what, "bit", "", "")
            return
        grade, at = _apart(first, again)
        place = f", furthest apart at [{', '.join(map(str, at))}]"
        self._note(kind, what + place, grade, _shown(first[at].item()), _shown(again[at].item()))

    def curve(
        self, kind: str, what: str, first: Sequence[CurvePoint], again: Sequence[CurvePoint]
    ) -> None:
        """Compare two learning curves as one thing, each of its columns by itself."""
        steps, steps_again = [p.step for p in first], [p.step for p in again]
        if steps != steps_again or not steps:
            self.exact(kind, f"{what}: evaluated steps", steps, steps_again)
            return
        found = []
        for name in ("train_loss", "validation_loss", "score"):
            one, two = (
                np.array([getattr(p, name) for p in points], dtype=np.float64)
                for points in (first, again)
            )
            grade, (at,) = _apart(one, two)
            place = f"{what}: {name.replace('_', ' ')} at step {steps[at]}"
            found.append((grade, place, one[at].item(), two[at].item()))
        grade, place, mine, its = min(found, key=lambda each: _WORST_FIRST.index(each[0]))
        self._note(kind, place, grade, _shown(mine), _shown(its))

    def missing(self, kind: str, what: str, where: Literal["first", "again"]) -> None:
        """Something that only one of the two has; ``where`` it is missing."""
        words = ("missing", "there") if where == "first" else ("there", "missing")
        self._note(kind, what, "different", *words)

    def _note(self, kind: str, what: str, grade: Grade, first: str, again: str) -> None:
        counts = self.grades.setdefault(kind, {"bit": 0, "tolerance": 0, "different": 0})
        counts[grade] += 1
        if grade != "bit":
            self.differences.append(Difference(what=what, grade=grade, first=first, again=again))

    def tallies(self) -> tuple[Tally, ...]:
        """The counts by kind."""
        return tuple(
            Tally(
                kind=kind,
                bit=counts["bit"],
                tolerance=counts["tolerance"],
                different=counts["different"],
            )
            for kind, counts in self.grades.items()
        )

    def result(self, first: str, again: str, reasons: Sequence[str]) -> Reproduction:
        """Everything, with a verdict in words."""
        worst_first = sorted(self.differences, key=lambda each: each.grade != "different")
        return Reproduction(
            first=first,
            again=again,
            tallies=self.tallies(),
            differences=tuple(worst_first[:KEPT]),
            reasons=tuple(reasons),
            verdict=_verdict(self.tallies(), reasons),
        )


def compare_units(
    comparison: Comparison, first: Sequence[UnitRecord], again: Sequence[UnitRecord]
) -> None:
    """Scores, ends and curves of each member of the units that the first execution did."""
    known = {record.unit.id: record for record in again}
    for record in first:
        other = known.get(record.unit.id)
        if other is None or other.unit != record.unit:
            comparison.missing("units of work", record.unit.id, "again")
            continue
        for one, two, curve, curve_again in zip(
            record.members, other.members, record.curves, other.curves, strict=True
        ):
            name = f"{record.unit.id}, {_member(one)}"
            _compare_member(comparison, name, one, two)
            comparison.curve("learning curves", f"{name}: learning curve", curve, curve_again)


def _compare_member(
    comparison: Comparison, name: str, one: MemberRecord, two: MemberRecord
) -> None:
    for metric in one.validation:
        comparison.number(
            "validation scores",
            f"{name}: validation {metric}",
            one.validation[metric],
            two.validation.get(metric),
        )
    for word, value, value_again in (
        ("numbers", one.numbers, two.numbers),
        ("status", (one.status, one.why), (two.status, two.why)),
        ("best step", one.best_step, two.best_step),
        (
            "steps taken",
            (one.steps_taken, one.batches_seen),
            (two.steps_taken, two.batches_seen),
        ),
    ):
        comparison.exact("steps and ends", f"{name}: {word}", value, value_again)


def compare_predictions(
    comparison: Comparison,
    first: Mapping[str, Array],
    again: Mapping[str, Array],
) -> None:
    """Stored predictions of the test rows [M, N, C], by unit or baseline, member by member."""
    for name, stored in first.items():
        other = again.get(name)
        if other is None or len(other) != len(stored):
            comparison.missing("test predictions", f"{name}: test predictions", "again")
            continue
        for m, (one, two) in enumerate(zip(stored, other, strict=True)):
            what = f"{name}, member {m}: test predictions (row, output)"
            comparison.array("test predictions", what, one, two)


def compare_baselines(
    comparison: Comparison, first: Sequence[BaselineRecord], again: Sequence[BaselineRecord]
) -> None:
    """Validation scores and descriptions of the baselines."""
    known = {(record.kind, record.split): record for record in again}
    for record in first:
        other = known.get((record.kind, record.split))
        name = f"{record.kind}, split {record.split}" if record.split else record.kind
        if other is None:
            comparison.missing("baselines", name, "again")
            continue
        comparison.exact("baselines", f"{name}: model", record.about, other.about)
        for metric, value in record.validation.items():
            what = f"{name}: validation {metric}"
            comparison.number("baselines", what, value, other.validation.get(metric))


def compare_boards(comparison: Comparison, first: Leaderboard, again: Leaderboard) -> None:
    """The ranking, its scores, and what it chose."""
    kind = "ranking and verdict"
    for word, one, two in (
        ("ranking", [row.name for row in first.rows], [row.name for row in again.rows]),
        ("winner", first.winner, again.winner),
        ("shipped method", first.shipped, again.shipped),
    ):
        comparison.exact(kind, word, one, two)
    known = {row.name: row for row in again.rows}
    for row in first.rows:
        if row.name in known:
            other = known[row.name]
            comparison.exact(kind, f"{row.name}: setting", row.setting, other.setting)
            comparison.exact(kind, f"{row.name}: groups", row.groups, other.groups)
            for word, mine, its in (
                ("validation", row.validation, other.validation),
                ("test", row.test, other.test),
            ):
                if mine is not None or its is not None:
                    what = f"{row.name}: mean {word} {first.metric}"
                    comparison.number(kind, what, _mean(mine), _mean(its))


def compare_weights(
    comparison: Comparison, first: Mapping[str, Array], again: Mapping[str, Array]
) -> None:
    """Tensors of the shipped model, encoders included."""
    for name in sorted({*first, *again}):
        what = f"model/weights.safetensors: {name}"
        if name in first and name in again:
            comparison.array("shipped weights", what, first[name], again[name])
        else:
            comparison.missing("shipped weights", what, "first" if name in again else "again")


def _mean(interval: Interval | None) -> float | None:
    return None if interval is None else interval.mean


def _grade(first: float | None, again: float | None) -> Grade:
    if first is None or again is None:
        return "bit" if first is again else "different"
    if float(first).hex() == float(again).hex():
        return "bit"
    limit = TOLERANCE * max(abs(first), abs(again))
    return "tolerance" if math.isfinite(limit) and abs(first - again) <= limit else "different"


def _apart(first: Array, again: Array) -> tuple[Grade, tuple[int, ...]]:
    """The grade of two arrays of one form, and where they are furthest apart."""
    if first.tobytes() == again.tobytes():
        return "bit", (0,) * first.ndim
    one, two = first.astype(np.float64), again.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - two)
    apart[(one == two) | (np.isnan(one) & np.isnan(two))] = 0.0
    apart[np.isnan(apart)] = np.inf
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(apart)), apart.shape))
    largest = np.abs(one[np.isfinite(one)]).max(initial=0.0)
    return ("tolerance" if apart[at] <= TOLERANCE * largest else "different"), at


def _verdict(tallies: Sequence[Tally], reasons: Sequence[str]) -> str:
    counts = {
        grade: sum(getattr(tally, grade) for tally in tallies) for grade in reversed(_WORST_FIRST)
    }
    total = sum(counts.values())
    if counts["bit"] == total:
        return f"All {total:,} compared things came out the same, to the bit."
    if not counts["different"]:
        told = (
            f"Everything came out the same to tolerance (a relative {TOLERANCE:g}); "
            f"{counts['bit']:,} of {total:,} things to the bit."
        )
    else:
        parts = [tally.kind for tally in tallies if tally.different]
        told = f"{counts['different']:,} of {total:,} things came out differently: "
        told += f"{', '.join(parts)}."
    why = (
        f"A likely reason: {'; '.join(reasons)}."
        if reasons
        else "Software, processor and threads are the same, so a file of the first run was changed "
        "since, or Methodic itself was."
    )
    return f"{told} {why}"


def _member(record: MemberRecord) -> str:
    return f"setting {record.member.setting}, seed {record.member.seed}"


def _form(array: Array) -> str:
    return f"{array.dtype} [{', '.join(map(str, array.shape))}]"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return ", ".join(_shown(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_shown(each)}" for name, each in value.items())
    return "not finite" if value is None else str(value)
