"""What rows without a target were worth: the best method that reads them against the best without.

Both are chosen by the screening, on validation rows; the confirmation compares them on its own
seeds. So nothing that chose them speaks in the comparison, and as it is one that was planned, there
is nothing to correct it for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from methodic.evidence.design import Standing
from methodic.evidence.numbers.digits import digits
from methodic.evidence.numbers.statistics import ALPHA, Interval
from methodic.evidence.pairs import Scores, by_seed, typical_spread
from methodic.metrics import Metric, get_metric
from methodic.plan import Plan, Value
from methodic.recipes import catalogue


class Worth(Value):
    """The best method that reads rows without a target, against the best that doesn't."""

    reads: str  # the former
    without: str  # the latter
    rows: int  # training rows without a target
    gain: Interval  # in units of the metric, over the seeds of both; above 0: the former is better
    p: float  # of the paired t-test

    @property
    def detected(self) -> bool:
        """The difference isn't chance: at a level of 5%, by more than one seed."""
        return self.gain.n > 1 and self.p <= ALPHA


def kinds(plan: Plan) -> tuple[frozenset[str], ...]:
    """The methods of a plan that read rows without a target, and those that don't.

    Those that learn from a teacher are neither: what it knows would count as the rows' worth.
    Nothing where the data have no such rows.
    """
    if not plan.data.unlabelled:
        return ()
    recipes = [each.recipe for each in plan.contenders if not catalogue.needs_teacher(each.recipe)]
    reads = frozenset(each.name for each in recipes if catalogue.reads_unlabelled(each))
    return reads, frozenset(each.name for each in recipes) - reads


def worth(
    plan: Plan,
    standings: Sequence[Standing],
    scores: Mapping[str, Scores],
    overlap: float | None = None,
) -> Worth | None:
    """Compare the best of each kind.

    Args:
        plan: says which methods there are.
        standings: of the screening, best first.
        scores: test scores of the confirmation by name.
        overlap: as for `pairs.compare`.

    Returns:
        None where a kind is missing, or the two share no seed of the confirmation.
    """
    able = [each.recipe for each in standings if each.scores]
    best = [name for kind in kinds(plan) for name in [n for n in able if n in kind][:1]]
    if len(best) < 2:
        return None
    reads, without = best
    metric = get_metric(plan.metric, plan.data.task)
    first, second = scores.get(reads, {}), scores.get(without, {})
    if not metric.greater_is_better:
        first, second = second, first
    typical = typical_spread([*each.values()] for each in scores.values())
    found = by_seed(first, second, overlap, typical)
    if found is None:
        return None
    gain, p = found
    return Worth(reads=reads, without=without, rows=plan.data.unlabelled, gain=gain, p=p)


def sentence(found: Worth, metric: Metric, *, one_split: bool = False) -> str:
    """What came out, in a sentence.

    Args:
        found: of the comparison.
        metric: of its scores.
        one_split: all seeds had the same rows with a target, so the interval doesn't say how much
            others would change.

    Example:
        >>> from methodic.metrics import METRICS
        >>> gain = Interval(mean=0.061, low=0.049, high=0.073, n=10)
        >>> sentence(Worth(reads="a", without="b", rows=9, gain=gain, p=0.001), METRICS["accuracy"])
        'Rows without targets gained +6.1 ± 1.2 points (a against b, n = 10).'
    """
    gain = found.gain
    known = gain.low is not None and gain.high is not None
    scope = "; with other labelled rows it may differ more than that" if one_split and known else ""
    pair = f"({found.reads} against {found.without}, n = {gain.n}{scope})"
    if gain.low is None or gain.high is None:
        return (
            f"Rows without targets: {_signed(gain.mean, None, metric)} {pair}; one seed says "
            "nothing about chance."
        )
    half = (gain.high - gain.low) / 2
    if not found.detected:
        told = _signed(gain.mean, half, metric)
        return f"Rows without targets brought no detectable gain: {told} {pair}."
    if metric.greater_is_better:
        verb = "gained" if gain.mean > 0 else "did harm:"
        return f"Rows without targets {verb} {_signed(gain.mean, half, metric)} {pair}."
    verb = "lowered" if gain.mean > 0 else "did harm: they raised"
    return f"Rows without targets {verb} {metric.title} by {_size(gain.mean, half, metric)} {pair}."


def _signed(gain: float, half: float | None, metric: Metric) -> str:
    """ "+6.1 ± 1.2 points"; of an error as the change of it, so that a gain has a minus."""
    change = gain if metric.greater_is_better else -gain
    size = _size(gain, half, metric)
    sign = "" if float(size.split(" ")[0]) == 0 else "+" if change > 0 else "−"
    return f"{sign}{size} {'points' if metric.percent else metric.title}"


def _size(gain: float, half: float | None, metric: Metric) -> str:
    """ "6.1 ± 1.2"; points have one decimal at least, as scores have."""
    precision = half or abs(gain)
    if metric.percent:
        precision = min(precision, 0.005)
    error = "" if half is None else f" ± {digits(half, precision, metric)}"
    return f"{digits(abs(gain), precision, metric)}{error}"
