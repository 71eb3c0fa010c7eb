"""The target in disguise: a column that is it in another form, or columns that add up to it.

These are exact relations, which real measurements don't have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from methodic.diagnosis.findings import Finding
from methodic.diagnosis.views import Array, View, table

_FEWEST = 20  # rows on which a relation is looked for
_KNOWN = 0.9  # of the rows have a value in the column
_LEVELS = 10  # different values of a number, or its order says nothing
_SAME = 1e-6  # of the target's deviation, between a copy and the target
_EXACT = 1e-9  # share of the target's variance that a sum leaves
_PART = 1e-3  # of the target's deviation, that a term of a sum has at least
_ADVICE = (
    "Would you know it when you have to predict? If not, the scores are worth nothing: leave it "
    "out with --drop {name}."
)


@np.errstate(over="ignore", invalid="ignore")  # sums of cells such as −1.8e308, for "no data"
def disguised(views: Sequence[View], targets: Sequence[View]) -> list[Finding]:
    """Columns that are a target in another form; for each target, or else sums that are.

    - Of classes: each value of the column is one class, and each class one value.
    - Of numbers: a copy (up to a factor and a shift), or another monotone function.
    - Of numbers: a weighted sum of columns is the target.
    """
    found: list[Finding] = []
    for target in targets:
        mine = [each for view in views if (each := _one(view, target)) is not None]
        found += mine or _sum(views, target)
    return found


def _one(view: View, target: View) -> Finding | None:
    both = ~(np.isnan(view.values) | np.isnan(target.values))
    rows = int(both.sum())
    if rows < max(_FEWEST, _KNOWN * len(both)):
        return None
    x, y = view.part(both), target.part(both)
    said = _renamed(x, y) if target.words is not None else _function(x, y)
    if said is None:
        return None
    what, evidence = said
    return Finding(
        name="disguised target",
        what=what,
        evidence=(f"{evidence}, in all {rows:,} rows that were looked at.",),
        advice=_ADVICE.format(name=view.column),
        serious=True,
        columns=(view.column,),
        numbers={"rows": rows},
    )


def _renamed(x: View, y: View) -> tuple[str, str] | None:
    pairs = np.unique(np.stack([x.values, y.values]), axis=1)
    values, classes = (len(np.unique(each)) for each in pairs)
    if not values == classes == pairs.shape[1] > 1:
        return None
    shown = ", ".join(f"{x.show(a)} is {y.show(b)}" for a, b in pairs.T[:4].tolist())
    return (
        f"'{x.name}' is the target '{y.name}' under other names.",
        f"{shown}{'' if classes <= 4 else ', …'}",
    )


def _function(x: View, y: View) -> tuple[str, str] | None:
    if x.words is not None:
        return None
    line = _line(x.values, y.values)
    if line is not None:
        factor, shift = line
        if (factor, shift) == (1.0, 0.0):
            return f"'{x.name}' is a copy of the target '{y.name}'.", "The two are equal"
        formula = f"'{y.name}' = {factor:.6g} × '{x.name}'" + (f" {shift:+.6g}" if shift else "")
        return f"'{x.name}' is the target '{y.name}' in other units.", formula
    if len(np.unique(x.values)) < _LEVELS:
        return None
    if not (_rising(x.values, y.values) or _rising(-x.values, y.values)):
        return None
    way = "rises" if _rising(x.values, y.values) else "falls"
    return (
        f"'{x.name}' is a monotone function of the target '{y.name}'.",
        f"Where '{y.name}' rises, '{x.name}' {way} or stays",
    )


def _line(x: Array, y: Array) -> tuple[float, float] | None:
    """(a, b) with y = a·x + b, to rounding."""
    scale = float(y.std())
    if scale == 0 or float(x.std()) == 0:
        return None
    if np.abs(x - y).max() <= _SAME * scale:
        return 1.0, 0.0
    middle = float(x.mean())
    factor = float(((x - middle) * (y - y.mean())).sum() / ((x - middle) ** 2).sum())
    shift = float(y.mean() - factor * middle)
    if not np.abs(factor * x + shift - y).max() <= _SAME * scale:
        return None
    return factor, 0.0 if abs(shift) <= _SAME * scale else shift


def _rising(x: Array, y: Array) -> bool:
    """Whether no row with a larger y has a smaller x."""
    order = np.lexsort((x, y))
    x, y = x[order], y[order]
    begin = np.flatnonzero(np.r_[True, y[1:] != y[:-1]])
    # x ascends within equal y; between them the last one meets the next first.
    return bool((x[begin[1:]] >= x[begin[1:] - 1]).all()) and len(begin) >= _LEVELS


def _sum(views: Sequence[View], target: View) -> list[Finding]:
    numbers = [view for view in views if view.words is None and not np.isnan(view.values).any()]
    n, spread = len(target.values), float(np.nanstd(target.values))
    if target.words is not None or len(numbers) < 2 or n < 5 * len(numbers) + _FEWEST:
        return []
    x = table(numbers)
    deviation = x.std(axis=0)
    varying = (deviation > 0) & np.isfinite(deviation)
    scaled = (x - x.mean(axis=0))[:, varying] / deviation[varying]
    y = target.values - target.values.mean()
    if not np.isfinite(y).all() or spread == 0:
        return []
    weights, *_ = np.linalg.lstsq(scaled, y, rcond=None)
    if float(((scaled @ weights - y) ** 2).mean()) > _EXACT * spread**2:
        return []
    named = [view for view, varies in zip(numbers, varying, strict=True) if varies]
    terms = [
        (view, float(weight / scale))
        for view, weight, scale in zip(named, weights, deviation[varying], strict=True)
        if abs(weight) > _PART * spread
    ]
    formula = " ".join(f"{weight:+.4g} × '{view.name}'" for view, weight in terms[:6]).lstrip("+")
    more = f" and {len(terms) - 6} more terms" if len(terms) > 6 else ""
    return [
        Finding(
            name="disguised target",
            what=f"The target '{target.name}' is a weighted sum of {len(terms)} columns.",
            evidence=(f"'{target.name}' = {formula}{more}, plus a constant, in {n:,} rows.",),
            advice="If the sum is known when you have to predict, compute it; if its terms aren't, "
            "leave them out with --drop.",
            serious=True,
            columns=tuple(dict.fromkeys(view.column for view, _ in terms)),
            numbers={"rows": n, "terms": len(terms)},
        )
    ]
