"""What mattered in a method: each ingredient off in turn, on the same seeds, by validation rows.

The numbers of the method stay as they were chosen with all its ingredients on. So an effect says
what a method loses when an ingredient is taken away from it, and not how good a method without it
could have become.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from methodic.evidence.numbers.digits import digits
from methodic.evidence.numbers.statistics import ALPHA, Interval, corrected_paired, holm, paired
from methodic.metrics import Metric, get_metric
from methodic.plan import MemberRecord, Plan, UnitRecord, Value
from methodic.recipes import spaces
from methodic.recipes.ingredients import Ingredient as Ingredient
from methodic.recipes.ingredients import ingredients as ingredients
from methodic.recipes.ingredients import without as without
from methodic.tuning import Setting


class Effect(Value):
    """What one ingredient does."""

    key: str
    words: str
    effect: Interval  # full − without, paired by seed; turned so that positive helps
    p: float  # paired t-test
    adjusted: float  # after Holm, over all ingredients
    detected: bool
    diverged: int = 0  # models without the ingredient that failed to train


class Ablation(Value):
    """What the ingredients of a method do, at the numbers that the run chose for it.

    An ingredient without which no pair of models trained to the end has no effect in numbers; the
    text says so.
    """

    recipe: str
    setting: Setting  # path → number
    metric: str
    seeds: int  # pairs, at most
    effects: tuple[Effect, ...]  # detected ones first, largest first
    text: tuple[str, ...]  # a sentence for each ingredient


def assess(
    plan: Plan, confirmed: Sequence[UnitRecord], ablated: Sequence[UnitRecord]
) -> Ablation | None:
    """What the ingredients of the ablated method do, from the scores on validation rows.

    Members are paired by seed; where one of a pair failed to train, the pair is left out and the
    text says so. Holm's correction is over all ingredients with at least two pairs. In
    cross-validation intervals and tests are corrected for splits that overlap.

    Args:
        plan: the run's.
        confirmed: records that hold the complete method, among others.
        ablated: records of units without an ingredient, of one method; they may hold the complete
            one too, on further seeds.

    Returns:
        None where nothing was ablated.
    """
    members = [each for record in ablated for each in record.members]
    found = next((each.member for each in members if each.member.off), None)
    if found is None:
        return None
    name, setting = found.recipe, found.setting
    contender = next(c for c in plan.contenders if c.recipe.name == name)
    metric = get_metric(plan.metric, plan.data.task)
    everyone = [each for record in confirmed for each in record.members] + members
    mine = [m for m in everyone if (m.member.recipe, m.member.setting) == (name, setting)]
    scores: dict[str, dict[int, float | None]] = {}
    for each in mine:
        scores.setdefault(each.member.off, {})[each.member.seed] = _score(each, metric)
    recipe = spaces.concrete(contender.recipe, contender.settings[setting])
    known = [each for each in ingredients(recipe) if each.key in scores]
    crossed = plan.confirm is not None and plan.confirm.splits == "cv"
    share = 1 / (plan.confirm.folds - 1) if plan.confirm is not None and crossed else None
    tried = [_paired(each, scores.get("", {}), scores[each.key], metric, share) for each in known]
    tested = [each for each in tried if each.n > 1]
    adjusted = dict(zip(map(id, tested), holm([each.p for each in tested]), strict=True))
    for one in tried:
        one.adjusted = adjusted.get(id(one), 1.0)
    tried.sort(key=_rank)
    return Ablation(
        recipe=name,
        setting=contender.settings[setting],
        metric=metric.name,
        seeds=max((each.n for each in tried), default=0),
        effects=tuple(each.value() for each in tried if each.effect is not None),
        text=tuple(_sentence(each, metric) for each in tried),
    )


@dataclass
class _Tried:
    ingredient: Ingredient
    effect: Interval | None  # None: no pair
    p: float
    failed: int  # without the ingredient
    failed_with: int  # with it, on the same seeds
    models: int  # without the ingredient
    adjusted: float = field(default=1.0)

    @property
    def n(self) -> int:
        return 0 if self.effect is None else self.effect.n

    @property
    def detected(self) -> bool:
        return self.n > 1 and self.adjusted <= ALPHA

    def value(self) -> Effect:
        assert self.effect is not None
        return Effect(
            key=self.ingredient.key,
            words=self.ingredient.words,
            effect=self.effect,
            p=self.p,
            adjusted=self.adjusted,
            detected=self.detected,
            diverged=self.failed,
        )


def _score(record: MemberRecord, metric: Metric) -> float | None:
    """On validation rows; None for a model that failed to train."""
    score = record.validation.get(metric.name)
    return None if record.status == "diverged" or score is None else score


def _paired(
    ingredient: Ingredient,
    full: Mapping[int, float | None],
    off: Mapping[int, float | None],
    metric: Metric,
    share: float | None,
) -> _Tried:
    seeds = [seed for seed in off if seed in full]
    pairs = [(a, b) for s in seeds if (a := full[s]) is not None and (b := off[s]) is not None]
    sign = 1.0 if metric.greater_is_better else -1.0
    effect, p = None, 1.0
    if pairs:
        first, second = ([sign * each[i] for each in pairs] for i in (0, 1))
        effect, p = (
            paired(first, second) if share is None else corrected_paired(first, second, share)
        )
    return _Tried(
        ingredient,
        effect,
        p,
        failed=sum(off[s] is None for s in seeds),
        failed_with=sum(full[s] is None for s in seeds),
        models=len(seeds),
    )


def _rank(each: _Tried) -> tuple[int, float]:
    """What no model trains without comes first, then what was detected, by size."""
    if each.effect is None:
        return (0 if each.failed else 3, 0.0)
    return (1 if each.detected else 2, -abs(each.effect.mean) if each.detected else 0.0)


# --- words ------------------------------------------------------------------------------------


def _sentence(each: _Tried, metric: Metric) -> str:
    words, failed = each.ingredient.words, _failures(each)
    if each.effect is None:
        return f"{words}: no pair of models trained to the end{failed}"
    mean, low, high = each.effect.mean, each.effect.low, each.effect.high
    if low is None or high is None:
        told = _told(words, mean, None, metric)
        return f"{told} on one seed, which says nothing about chance{failed}"
    if not each.detected:
        # The interval needn't be centred at zero; this is how far from zero it reaches.
        reach = max(abs(low), abs(high))
        return f"{words}: no detectable effect (±{digits(reach, reach, metric)}){failed}"
    return _told(words, mean, (high - low) / 2, metric) + failed


def _told(words: str, mean: float, half: float | None, metric: Metric) -> str:
    """ "dropout +0.9 ± 0.3 points"; of an error "dropout lowers RMSE by 0.9 ± 0.3"."""
    size = digits(abs(mean), half or abs(mean), metric)
    error = f" ± {digits(half, half, metric)}" if half is not None else ""
    unit = " points" if metric.percent else f" {metric.title}"
    if not metric.greater_is_better:
        return f"{words} {'lowers' if mean > 0 else 'raises'} {metric.title} by {size}{error}"
    return f"{words} {'+' if mean >= 0 else '−'}{size}{error}{unit}"


def _failures(each: _Tried) -> str:
    if not each.failed and not each.failed_with:
        return ""
    beside = f", and {each.failed_with} with it" if each.failed_with else ""
    return f"; without it {each.failed} of {each.models} models failed to train{beside}"
