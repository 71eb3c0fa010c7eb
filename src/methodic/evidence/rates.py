"""Which learning rate: a range test proposes, short runs of several seeds confirm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from methodic.errors import InputError
from methodic.evidence.numbers.statistics import paired
from methodic.metrics import Metric, get_metric
from methodic.plan import Task

SMOOTHING = 0.9
FALLEN = 0.1
"""The span begins where so much of the whole fall of the loss is done."""
BEYOND = 3.0
"""It ends so many times above the rate of the lowest loss: that fell on its way through others."""
RISEN = 4.0
"""A loss so many times the lowest one has diverged."""

_FAR = 10.0  # rates whose ratio is this large should differ, if enough rows looked at them


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sweep(_Value):
    """A range test: the loss while the rate rises from step to step.

    Args:
        rates: of the steps, rising.
        losses: on the steps' batches, the mean over seeds, smoothed.
        low, high: the span of rates that it proposes.
        diverged: the rate at which the loss rose beyond all bounds, if it did.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    low: float
    high: float
    diverged: float | None


class Tried(_Value):
    """A rate in short runs, by seed; None where a run diverged."""

    rate: float
    scores: tuple[float | None, ...]
    losses: tuple[float | None, ...]

    @property
    def mean(self) -> float | None:
        """The mean score; None where a run diverged."""
        scores = [x for x in self.scores if x is not None]
        return math.fsum(scores) / len(scores) if len(scores) == len(self.scores) else None


class Rates(_Value):
    """The answer of `methodic.find_lr`.

    Args:
        recipe, data, task, metric: of what.
        sweep: what the range test saw.
        tried: rates in short runs, rising.
        best: the rate with the best mean score.
        low, high: rates around it that aren't noticeably worse.
        steps: of each short run.
        grid: rates that the screening of `methodic run` tries by itself; none for a fixed rate.
        seconds: that it took.
    """

    recipe: str
    data: str
    task: Task
    metric: str
    sweep: Sweep
    tried: tuple[Tried, ...]
    best: float
    low: float
    high: float
    steps: int
    grid: tuple[float, ...]
    seconds: float

    @property
    def seeds(self) -> int:
        """Runs of each rate."""
        return len(self.tried[0].scores)

    @property
    def text(self) -> tuple[str, ...]:
        """What was found, in sentences."""
        return told(self)


def check(low: float | None, high: float | None, rates: int, seeds: int, steps: int) -> None:
    """Refuse arguments of the finder that can't be meant.

    Raises:
        InputError: ends that are no rates, or too few rates, seeds or steps.
    """
    for option, value in (("--low", low), ("--high", high)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{option} must be a learning rate above 0", found=value)
    for option, count, least in (
        ("--rates", rates, 3),
        ("--seeds", seeds, 1),
        ("--steps", steps, 1),
    ):
        if count < least:
            raise InputError(f"{option} must be at least {least}", found=count)


def sweep(rates: Sequence[float], losses: Sequence[Sequence[float]]) -> Sweep:
    """What a range test says.

    Args:
        rates: of its steps, rising.
        losses: by step, of each seed; what isn't finite ends the test.

    Source: Smith 2017 (arXiv 1506.01186); here with a span instead of the steepest point, which
    depends on the smoothing.
    """
    means = [math.fsum(step) / len(step) for step in losses]
    end = next((i for i, x in enumerate(means) if not math.isfinite(x)), len(means))
    smooth = _smoothed(means[:end])
    lowest, highest, fall = math.inf, -math.inf, 0.0
    for i, loss in enumerate(smooth):
        highest = max(highest, loss)
        if loss < lowest:
            lowest, fall = loss, highest - loss
        # A log density may be below zero, where no multiple tells how far a loss has risen.
        size = lowest if lowest > 0 else max(-lowest, fall)
        if i >= len(means) // 10 and loss - lowest > (RISEN - 1) * size:
            end = i
            break
    smooth = smooth[:end]
    if not smooth:
        return Sweep(rates=(), losses=(), low=rates[0], high=rates[0], diverged=rates[0])
    at = min(range(len(smooth)), key=smooth.__getitem__)
    first = max(smooth[: at + 1])
    fallen = [i for i in range(at + 1) if first - smooth[i] >= FALLEN * (first - smooth[at])]
    begin = next((i for i in fallen if i >= smooth.index(first)), at)
    high = min(BEYOND * rates[at], rates[end - 1] if end < len(means) else math.inf)
    return Sweep(
        rates=tuple(rates[:end]),
        losses=tuple(smooth),
        low=min(rates[begin], high / 10),
        high=high,
        diverged=rates[end] if end < len(means) else None,
    )


def _smoothed(values: Sequence[float]) -> list[float]:
    """Exponential means, corrected for their start."""
    found, mean = [], 0.0
    for i, x in enumerate(values):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * x
        found.append(mean / (1 - SMOOTHING ** (i + 1)))
    return found


def spread(low: float, high: float, count: int) -> list[float]:
    """``count`` rates from low to high with equal ratios, in three digits."""
    ratio = (high / low) ** (1 / max(count - 1, 1))
    return [float(f"{low * ratio**i:.3g}") for i in range(count)]


def standing(tried: Sequence[Tried], metric: Metric) -> tuple[float, float, float] | None:
    """The best rate, and the rates around it that are within noise of it, from low to high.

    Best is the best mean score, of equal ones the lower loss. Another rate is noticeably worse if
    the 95% interval of its differences from the best, paired by seed, lies on the wrong side of 0;
    a single seed can't say that of any. None if every rate diverged somewhere.
    """
    sign = 1.0 if metric.greater_is_better else -1.0
    able = [each for each in tried if each.mean is not None]
    if not able:
        return None

    def rank(each: Tried) -> tuple[float, float]:
        losses = [math.inf if x is None else x for x in each.losses]
        return -sign * (each.mean or 0.0), math.fsum(losses)

    best = min(able, key=rank)

    def close(other: Tried) -> bool:
        if other.mean is None:
            return False
        ours, theirs = _numbers(best), _numbers(other)
        interval, _ = paired([sign * x for x in ours], [sign * x for x in theirs])
        return interval.low is None or interval.low <= 0

    ordered = sorted(tried, key=lambda each: each.rate)
    at = ordered.index(best)
    low = high = at
    while low > 0 and close(ordered[low - 1]):
        low -= 1
    while high < len(ordered) - 1 and close(ordered[high + 1]):
        high += 1
    return best.rate, ordered[low].rate, ordered[high].rate


def _numbers(tried: Tried) -> list[float]:
    return [x for x in tried.scores if x is not None]


def told(rates: Rates) -> tuple[str, ...]:
    """What was found, in sentences."""
    metric = get_metric(rates.metric, rates.task)
    best = next(each for each in rates.tried if each.rate == rates.best)
    lines = [
        f"{rates.recipe} on {rates.data}: learning rate {rates.best:g}; rates from {rates.low:g} "
        f"to {rates.high:g} are within noise of it.",
        f"Confirmed by {len(rates.tried)} rates × {rates.seeds} seeds × {rates.steps} steps: "
        f"{metric.title} {metric.format(best.mean)} on validation rows at the best one.",
    ]
    ends = (rates.tried[0].rate, rates.tried[-1].rate)
    if rates.best in ends:
        lines.append(f"It is the {'lowest' if rates.best == ends[0] else 'highest'} rate tried.")
    if rates.seeds > 1 and rates.high >= _FAR * rates.low:
        lines.append(
            f"So few validation rows can't tell rates so far apart; {_middle(rates):g}, in the "
            "middle of them, is the safer choice."
        )
    if rates.seeds == 1:
        lines.append("A single seed has no noise to compare with; the interval says nothing.")
    return (*lines, _grid(rates))


def _middle(rates: Rates) -> float:
    """The rate that was tried nearest to the middle of those within noise, in ratios."""
    middle = math.sqrt(rates.low * rates.high)
    return min((each.rate for each in rates.tried), key=lambda rate: abs(math.log(rate / middle)))


def _grid(rates: Rates) -> str:
    """Whether the screening of a run would have found it."""
    if not rates.grid:
        return "The recipe's rate is fixed: write this one, or a range around it, into its file."
    inside = [f"{x:g}" for x in rates.grid if rates.low <= x <= rates.high]
    listed = ", ".join(f"{x:g}" for x in rates.grid)
    if inside:
        return (
            f"`methodic run` needs no finder here: its screening tries {listed}, of which "
            f"{', '.join(inside)} {'is' if len(inside) == 1 else 'are'} within noise."
        )
    return (
        f"The screening of `methodic run` tries {listed}, none of which is within noise: give the "
        "recipe a range around this rate."
    )
