"""What is compared, and who goes on: grids, seeds, the ranking of the screening, the finalists."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

from methodic.asking import difference
from methodic.errors import InputError
from methodic.evidence.numbers.power import seeds_needed, upper_deviation
from methodic.evidence.numbers.statistics import ALPHA
from methodic.metrics import Metric
from methodic.plan import ConfirmPlan, MemberRecord, Phase, UnitRecord
from methodic.recipes.numbers import ranges
from methodic.recipes.ranges import Choice, LogUniform, Range
from methodic.recipes.types import Recipe

LARGEST_GRID = 64
"""At most so many settings of one recipe."""

_PHASES: tuple[Phase, ...] = ("screen", "confirm", "train")  # those with seeds of their own
_SEEDS_APART = 1_000_000


def grid(recipe: Recipe, points: int) -> tuple[dict[str, float], ...]:
    """A recipe's ranges as a list of settings: the product of their grids.

    Where the product would exceed `LARGEST_GRID`, the longest grids lose points one at a time,
    those of learning rates last, since the result depends on them most.

    Args:
        recipe: may hold any number of ranges, also none (which gives one empty setting).
        points: numbers per range, at least 1.

    Returns:
        Settings as path → number, the last path varying fastest.

    Example:
        >>> adam = Recipe.model_validate(
        ...     {"name": "adam", "stages": [{"optimizer": {"kind": "adam",
        ...      "lr": {"log_uniform": [0.001, 0.1]}}}]})
        >>> [setting["stages.0.turns.0.optimizer.lr"] for setting in grid(adam, 3)]
        [0.001, 0.01, 0.1]
    """
    if points < 1:
        raise ValueError(f"a grid needs at least 1 point, found {points}")
    found = ranges(recipe)
    axes = {path: _axis(each, points) for path, each in found.items()}
    asked = dict.fromkeys(found, points)
    while math.prod(map(len, axes.values())) > LARGEST_GRID:
        path = max(axes, key=lambda p: (len(axes[p]), not p.endswith(".lr")))
        asked[path] = len(axes[path]) - 1
        axes[path] = _axis(found[path], asked[path])
    return tuple(dict(zip(axes, numbers, strict=True)) for numbers in product(*axes.values()))


def _axis(each: Range, points: int) -> list[float]:
    """Different numbers inside the range; grids are rounded, so their ends may lie outside."""
    numbers = each.grid(points)
    if not isinstance(each, Choice):
        low, high = each.log_uniform if isinstance(each, LogUniform) else each.uniform
        numbers = [min(max(x, low), high) for x in numbers]
    return list(dict.fromkeys(numbers))


def seeds(seed: int, phase: Phase, n: int) -> tuple[int, ...]:
    """The first ``n`` seeds of a phase; different phases and different ``seed`` share none.

    Args:
        seed: of the whole run, at least 0.
        phase: what the seeds are for.
        n: how many; more seeds begin with the same ones.

    Example:
        >>> seeds(0, "screen", 3), seeds(0, "confirm", 3)
        ((0, 3, 6), (1, 4, 7))
    """
    kinds = len(_PHASES)
    if seed < 0 or not 0 <= n <= _SEEDS_APART // kinds:
        raise ValueError(f"seeds({seed}, {phase}, {n}) is out of range")
    first = seed * _SEEDS_APART + _PHASES.index(phase)
    return tuple(first + kinds * i for i in range(n))


def difference_of(text: str | float, metric: Metric, option: str = "--detect") -> float:
    """A difference of scores, as people write it, in units of the metric.

    Args:
        text: a number in the metric's units; for a metric in percent also "0.5%", which are points.
        metric: what the scores are.
        option: what to call it in an error.

    Raises:
        InputError: no number above 0, or a percentage of what isn't one.

    Example:
        >>> from methodic.metrics import METRICS
        >>> difference_of("0.5%", METRICS["accuracy"]), difference_of(0.02, METRICS["rmse"])
        (0.005, 0.02)
    """
    value, points = difference(text, option)
    example = "0.5% (points) or 0.005" if metric.percent else "0.01"
    accepted = f"a difference of {metric.name} above 0, such as {example}"
    if points and not metric.percent:
        raise InputError(f"{option}: not in units of {metric.name}", found=text, accepted=accepted)
    value *= 0.01 if points else 1.0
    if metric.percent and value >= 1:
        raise InputError(f"{option}: nothing that could be detected", found=text, accepted=accepted)
    return value


def seeds_to_detect(
    confirm: ConfirmPlan, records: Sequence[UnitRecord], metric: Metric, tests: int
) -> int | None:
    """How many seeds find the difference that the plan names, judged by a pilot.

    The pilot are the confirmed members so far, by their validation scores: test scores choose
    nothing. The deviation of a difference of two methods is √2 times the deviation within methods,
    of which the upper 80% bound is taken, since few seeds underestimate it every other time. The
    level is that of the strictest of Holm's steps, ``tests`` of them.

    Args:
        confirm: with ``detect`` and at most so many ``seeds``.
        records: of the pilot.
        metric: what the scores are.
        tests: pairs that will be tested.

    Returns:
        seeds for each method, from those of the pilot up to those of the plan; None where no
        method has two sound models.
    """
    assert confirm.detect is not None
    groups = list(_validated(records, metric).values())
    done = max((len(scores) for scores in groups), default=0)
    if not any(len(scores) > 1 for scores in groups):
        return None
    deviation = math.sqrt(2) * upper_deviation([g for g in groups if len(g) > 1])
    if deviation == 0:
        return done
    most = len(confirm.seeds)
    needed = seeds_needed(confirm.detect, deviation, ALPHA / max(tests, 1), most=most)
    return min(max(needed, done), most)


def _validated(records: Sequence[UnitRecord], metric: Metric) -> dict[str, list[float]]:
    """Finite validation scores of members that trained to the end, by method."""
    found: dict[str, list[float]] = {}
    for record in records:
        for each in record.members:
            score = _number(each, metric.name)
            if each.status != "diverged" and math.isfinite(score):
                found.setdefault(each.member.recipe, []).append(score)
    return found


@dataclass(frozen=True)
class Standing:
    """How a recipe did in the screening, at its best setting.

    Args:
        recipe: its name.
        setting: index into `Contender.settings`.
        scores: validation scores of the members that trained to the end, by seed.
        mean: of the scores; NaN without any.
        loss: mean validation loss of the same members; infinite where one is missing.
        diverged: members of this setting that diverged or have no finite score.
        members: members of this setting.
        seconds: mean time of training one of them.
    """

    recipe: str
    setting: int
    scores: tuple[float, ...]
    mean: float
    loss: float
    diverged: int
    members: int
    seconds: float


def standings(records: Sequence[UnitRecord], metric: Metric) -> list[Standing]:
    """Each recipe at its best setting, best recipe first.

    Settings, and then recipes, are ordered by: smaller share of diverged members, better mean
    validation score, lower mean validation loss; at last the lower index of a setting, or the name
    of a recipe. A diverged member counts as the worst possible score: no mean makes up for it.

    Args:
        records: of the screening.
        metric: what the scores are.
    """
    found: dict[str, dict[int, list[MemberRecord]]] = {}
    for record in records:
        for each in record.members:
            member = each.member
            found.setdefault(member.recipe, {}).setdefault(member.setting, []).append(each)

    def rank(standing: Standing) -> tuple[float, ...]:
        sign = -1 if metric.greater_is_better else 1
        mean = math.inf if math.isnan(standing.mean) else sign * standing.mean
        share = standing.diverged / standing.members
        return (share, mean, standing.loss, standing.setting)

    best = [
        min((_standing(name, i, members, metric) for i, members in settings.items()), key=rank)
        for name, settings in found.items()
    ]
    # The order of the records must not matter: they come as the workers finish.
    return sorted(best, key=lambda standing: (rank(standing)[:3], standing.recipe))


def _standing(recipe: str, setting: int, members: list[MemberRecord], metric: Metric) -> Standing:
    ordered = sorted(members, key=lambda each: each.member.seed)
    good = [
        each
        for each in ordered
        if each.status != "diverged" and math.isfinite(_number(each, metric.name))
    ]
    scores = tuple(_number(each, metric.name) for each in good)
    losses = [_number(each, "loss") for each in good]
    return Standing(
        recipe=recipe,
        setting=setting,
        scores=scores,
        mean=math.fsum(scores) / len(scores) if scores else math.nan,
        loss=math.fsum(losses) / len(losses)
        if losses and all(map(math.isfinite, losses))
        else math.inf,
        diverged=len(members) - len(scores),
        members=len(members),
        seconds=math.fsum(each.seconds for each in members) / len(members),
    )


def _number(record: MemberRecord, name: str) -> float:
    value = record.validation.get(name)
    return math.inf if value is None else value


def finalists(
    standings: Sequence[Standing], confirm: ConfirmPlan, kinds: Sequence[Collection[str]] = ()
) -> tuple[tuple[str, int], ...]:
    """Who is confirmed on fresh seeds, as (recipe, setting), best first.

    The winner and the runners-up, up to ``confirm.finalists``; and the simplest method at its best
    setting, even if that makes one more. A recipe without one finished member is left out.

    The best of each kind is confirmed, too, so that the kinds can be compared; where one of them
    has none, nothing is. Beyond one more than planned, they take the place of the last runners-up.

    Args:
        standings: of the screening, best first.
        confirm: how many.
        kinds: two kinds of methods, by name; none: there is nothing to compare.
    """
    able = [standing for standing in standings if standing.scores]
    chosen = able[: confirm.finalists]
    more = [each for each in able[confirm.finalists :] if each.recipe == confirm.simplest]
    leaders = _best_of_kinds(able, kinds)
    missing = [each for each in leaders if each not in [*chosen, *more]]
    spare = [e for e in chosen[1:] if e not in leaders and e.recipe != confirm.simplest]
    over = len(chosen) + len(more) + len(missing) - confirm.finalists - 1
    left = spare[-over:] if over > 0 else []
    chosen = [each for each in chosen if each not in left]
    found = [*chosen, *more, *missing]
    return tuple((each.recipe, each.setting) for each in able if each in found)


def _best_of_kinds(able: Sequence[Standing], kinds: Sequence[Collection[str]]) -> list[Standing]:
    """The best of each kind; nothing where one of them has none."""
    found = [[each for each in able if each.recipe in kind] for kind in kinds]
    return [each[0] for each in found] if all(found) else []
