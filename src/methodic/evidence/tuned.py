"""Matched tuning: how good each method is after so many settings, and without any tuning.

A method that was tuned more looks better. So methods are compared at equal numbers of settings
(Dodge et al., arXiv 1909.03004; Schmidt et al., arXiv 2007.01547): what is the best validation
score of k settings, for k = 1, 4, 16, 64, …?

- Where settings were drawn without regard to results (random, Sobol, grid), every k of the n tried
  are as likely as any others, so the answer is the mean over all subsets. With scores sorted from
  the worst v₁ to the best vₙ, E = Σᵢ C(i−1, k−1)/C(n, k) · vᵢ. That is unbiased; drawing with
  replacement, as the first of these papers does, comes out too low (Tang et al., arXiv 2004.13705).
- Where results led to the next settings (TPE, GP, CMA-ES, population-based training), settings
  can't be exchanged. There it is the best one so far in the order of asking: one search, seen once.

The untuned setting is among the n, so that k = n is what the search found. Candidates that were
dropped early count with the score they had by then; diverged ones like the worst score of any
candidate of the search. Scores are of the validation rows that chose: all are a little too good,
those of more settings more so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from methodic.evidence.searched import Tuning, last, tunings
from methodic.metrics import METRICS
from methodic.plan import Value
from methodic.tuning import SearchRecord, Setting

COUNTS = (1, 4, 16, 64, 256, 1024)
"""Numbers of settings at which methods are compared."""

_POINTS = 60  # a curve has about so many, evenly spread over the logarithms of k
_INDEPENDENT = ("random", "sobol", "grid")


class After(Value):
    """The best validation score of so many settings.

    ``low``, ``middle``, ``high``: quartiles over subsets of the settings; all of them are the
    score itself where settings can't be exchanged.
    """

    settings: int
    score: float
    low: float
    middle: float
    high: float


class Tuned(Value):
    """What tuning did for one method.

    ``untuned`` is the score of the middle of all ranges (see `recipes.spaces.untuned`), after
    ``untuned_share`` of a whole training. ``best`` is that of the best candidate among those that
    trained furthest. ``gain`` is how much better ``best`` is than ``untuned``, above 0 for better,
    whatever the metric; None where ``untuned`` is an early score.
    """

    name: str
    settings: int
    finished: int
    dropped: int
    diverged: int
    drawn: bool  # settings were drawn without regard to results
    untuned: float | None
    untuned_share: float
    best: float | None
    setting: Setting
    gain: float | None
    curve: tuple[After, ...]
    trainings: float  # whole ones, spent on all candidates
    seconds: float

    def after(self, settings: int) -> After | None:
        """The best of so many settings; None where fewer were tried."""
        return next((each for each in self.curve if each.settings == settings), None)


def tuned(record: SearchRecord) -> tuple[Tuned, ...]:
    """Each method of a search, the best first; those without a score last."""
    found = tunings(record)
    greater = record.greater_is_better
    sign = 1.0 if greater else -1.0
    scores = [x for each in found for one in each.candidates if (x := last(one)) is not None]
    worst = min(scores, key=lambda x: sign * x, default=None)
    drawn = record.plan.sampler in _INDEPENDENT and record.plan.strategy != "population"
    rows = [_tuned(each, drawn, greater, worst) for each in found if each.candidates]
    rows.sort(key=lambda row: -math.inf if row.best is None else sign * row.best, reverse=True)
    return tuple(rows)


def _tuned(each: Tuning, drawn: bool, greater: bool, worst: float | None) -> Tuned:
    best = each.best
    top = None if best is None else last(best)
    plain = None if each.untuned is None else last(each.untuned)
    share = 0.0
    if each.untuned is not None and each.untuned.rungs:
        finished = each.untuned.status == "finished"
        share = 1.0 if finished else each.shares(each.untuned)[-1]
    gain = None
    if top is not None and plain is not None and share == 1:
        gain = top - plain if greater else plain - top
    curve: tuple[After, ...] = ()
    if top is not None and worst is not None:
        known = [worst if (x := last(one)) is None else x for one in each.candidates]
        curve = best_of(known, greater) if drawn else running_best(known, greater)
    return Tuned(
        name=each.name,
        settings=len(each.candidates),
        finished=each.count("finished"),
        dropped=each.count("dropped", "replaced"),
        diverged=each.count("diverged"),
        drawn=drawn,
        untuned=plain,
        untuned_share=share,
        best=top,
        setting={} if best is None else best.rungs[-1].setting,
        gain=gain,
        curve=curve,
        trainings=each.trainings,
        seconds=each.seconds,
    )


# --- the best of k ----------------------------------------------------------------------------


def best_of(scores: Sequence[float], greater_is_better: bool) -> tuple[After, ...]:
    """The expected best of k scores drawn without replacement, for k from 1 to all of them.

    Args:
        scores: one for each setting.
        greater_is_better: which of two is the better one.

    Returns:
        For each of `counts`: the mean over all subsets of that size, and the quartiles.

    Example:
        >>> [after.score for after in best_of([0.1, 0.2, 0.6], greater_is_better=True)]
        [0.3, 0.4666666666666667, 0.6]
    """
    rising = sorted(scores, reverse=not greater_is_better)
    return tuple(_drawn(rising, k) for k in counts(len(rising)))


def _drawn(rising: Sequence[float], k: int) -> After:
    """The best of k, of scores that are sorted from the worst to the best."""
    n = len(rising)
    # The chance that the i-th is the best of k, from i = n downwards: each is the one above it
    # times (i − k + 1)/i, so that no binomial coefficient is ever computed.
    weights = [k / n]
    for i in range(n - 1, k - 1, -1):
        weights.append(weights[-1] * (i - k + 1) / i)
    falling = rising[::-1][: n - k + 1]
    mean = math.fsum(w * v for w, v in zip(weights, falling, strict=True))
    beyond = 0.0  # the chance of one as good as this, or better
    quartiles: list[float] = []
    for w, v in zip(weights, falling, strict=True):
        beyond += w
        while len(quartiles) < 3 and beyond >= (0.25, 0.5, 0.75)[len(quartiles)] - 1e-12:
            quartiles.append(v)
    high, middle, low = quartiles
    return After(settings=k, score=mean, low=low, middle=middle, high=high)


def running_best(scores: Sequence[float], greater_is_better: bool) -> tuple[After, ...]:
    """The best score so far, in the order of asking.

    Args:
        scores: one for each setting.
        greater_is_better: which of two is the better one.
    """
    choose = max if greater_is_better else min
    found = [(k, choose(scores[:k])) for k in counts(len(scores))]
    return tuple(After(settings=k, score=x, low=x, middle=x, high=x) for k, x in found)


def counts(n: int) -> list[int]:
    """The numbers of settings at which a curve of ``n`` settings has its points.

    Example:
        >>> counts(5)
        [1, 2, 3, 4, 5]
    """
    even = (round(n ** (i / (_POINTS - 1))) for i in range(_POINTS))
    return sorted(
        {*even, *range(1, min(n, 16) + 1), *(k for k in COUNTS if k <= n), n} if n else ()
    )


# --- in words ---------------------------------------------------------------------------------


def sentences(found: Sequence[Tuned], metric: str) -> list[str]:
    """Which method is good untuned, which tuned, and for which tuning did most.

    Args:
        found: what `tuned` returned.
        metric: of the scores.
    """
    show = METRICS[metric]
    known = [row for row in found if row.best is not None]
    plain = [row for row in known if row.untuned is not None]
    whole = [row for row in plain if row.untuned_share == 1]
    lines = []
    if whole:
        sign = 1.0 if show.greater_is_better else -1.0
        first = max(whole, key=lambda row: sign * (row.untuned or 0.0))
        top = known[0]
        who = "it" if top is first else top.name
        then = f"tuned, {who} reaches {show.format(top.best)}"
        if top is first and not top.gain:
            then = "no other setting did better"
        verb = "is best with" if len(whole) > 1 else "has"
        lines.append(f"Untuned, {first.name} {verb} {show.format(first.untuned)}; {then}.")
        most = max(whole, key=lambda row: row.gain or 0.0)
        if len(whole) > 1 and most.gain:
            gain = show.format_difference(most.gain)
            lines.append(f"Tuning did most for {most.name}: better by {gain}.")
    elif known:
        lines.append(f"Tuned, {known[0].name} reaches {show.format(known[0].best)}.")
    return [*lines, *early(found)]


def early(found: Sequence[Tuned]) -> list[str]:
    """Why there is no gain for some methods; nothing where there is one for all.

    Args:
        found: what `tuned` returned.
    """
    plain = [row for row in found if row.best is not None and row.untuned is not None]
    shares = [row.untuned_share for row in plain if row.untuned_share < 1]
    if not shares:
        return []
    return [
        f"{len(shares)} of {len(plain)} untuned settings were dropped after "
        f"{100 * min(shares):.0f}% of a training or more, so their scores are early ones, and "
        "what tuning gained there isn't known."
    ]
