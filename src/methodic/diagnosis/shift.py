"""Test rows that are unlike the training rows: column by column, and told apart by a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from methodic.diagnosis.findings import Finding
from methodic.diagnosis.views import Array, View

APART = 0.1
"""A column has moved if the two sides' distributions are so far apart somewhere."""
AUC = 0.6
"""From here on a classifier that tells the sides apart is a finding."""
_P = 1e-3  # by chance, after correction for the number of columns
_Z = 4.0  # standard errors above a coin
_NEW = 0.05  # of the test rows have a category that training doesn't know
_MOST = 5_000  # rows of a side that the classifier sees
_FEWEST = 50
_SHOWN = 5
_COMMON = 20  # rows of a category that tells the sides apart
_ROUNDS = 20


@dataclass(frozen=True)
class Moved:
    """How far a column has moved.

    Args:
        name: of the column.
        distance: largest difference of the distribution functions (numbers, Kolmogorov and
            Smirnov), or half the sum of the differences of shares (categories); of missing values
            the difference of shares, where that is larger.
        p: of so large a distance by chance.
        how: in words, with numbers.
    """

    name: str
    distance: float
    p: float
    how: str


def shifted(
    train: Sequence[View], test: Sequence[View], targets: Sequence[tuple[View, View]]
) -> list[Finding]:
    """The columns that moved, and whether a classifier can tell the sides apart; then the target.

    Args:
        train, test: the same columns of both sides.
        targets: of each target both sides.
    """
    n, m = (len(side[0].values) if side else 0 for side in (train, test))
    if min(n, m) < _FEWEST:
        return []
    columns = [moved(a, b) for a, b in zip(train, test, strict=True)]
    told = [each for each in columns if each.distance >= APART and each.p * len(columns) <= _P]
    told.sort(key=lambda each: -each.distance)
    auc, sure = _told_apart(train, test)
    found = []
    if told or sure:
        more = f"; and {len(told) - _SHOWN} more columns" if len(told) > _SHOWN else ""
        evidence = [each.how for each in told[:_SHOWN]]
        evidence.append(
            f"A classifier tells test rows from training rows with an AUC of {auc:.2f} (0.5 is a "
            f"coin; {min(n, _MOST) + min(m, _MOST):,} rows){more}."
        )
        found.append(
            Finding(
                name="shift",
                what="Your test rows are unlike the training rows"
                + (f": {_names(told)} moved." if told else ", by several columns together."),
                evidence=tuple(evidence),
                advice="Scores on validation rows, which choose, say less about the test rows. If "
                "the columns will go on moving, split by --time; columns that tell when or where a "
                "row is from, rather than what it is, may be left out with --drop.",
                serious=False,
                columns=tuple(each.name for each in told),
                numbers={"auc": auc, **{each.name: each.distance for each in told}},
            )
        )
    return found + [each for a, b in targets for each in _target(a, b)]


def moved(train: View, test: View) -> Moved:
    """How far one column has moved between the sides."""
    from scipy import stats

    x, y = (view.values[~np.isnan(view.values)] for view in (train, test))
    gone = [float(np.isnan(view.values).mean()) for view in (train, test)]
    missing, p_missing = abs(gone[0] - gone[1]), _two_shares(train.values, test.values)
    if len(x) == 0 or len(y) == 0:
        distance, p, how = 0.0, 1.0, ""
    elif train.words is None:
        distance, p = _distance(x, y), 1.0
        n = len(x) * len(y) / (len(x) + len(y))
        p = float(stats.kstwobign.sf(distance * np.sqrt(n)))
        how = f"median {np.median(x):.4g} in training, {np.median(y):.4g} in the test"
    else:
        distance, p, how = _categories(View(train.name, x, train.words), test, y)
    if missing > distance:
        distance, p = missing, p_missing
        how = f"missing in {gone[0]:.1%} of training rows, {gone[1]:.1%} of test rows"
    return Moved(train.name, distance, p, f"'{train.name}' is {distance:.2f} apart: {how}.")


def _distance(x: Array, y: Array) -> float:
    """The largest difference of the two distribution functions."""
    every = np.sort(np.concatenate([x, y]))
    below = [np.searchsorted(np.sort(side), every, side="right") / len(side) for side in (x, y)]
    return float(np.abs(below[0] - below[1]).max())


def _two_shares(x: Array, y: Array) -> float:
    """p of the difference of two shares of missing values."""
    from scipy import stats

    a, b = np.isnan(x), np.isnan(y)
    share = (a.sum() + b.sum()) / (len(a) + len(b))
    spread = np.sqrt(share * (1 - share) * (1 / len(a) + 1 / len(b)))
    if spread == 0:
        return 1.0
    return float(2 * stats.norm.sf(abs(a.mean() - b.mean()) / spread))


def _categories(train: View, test: View, y: Array) -> tuple[float, float, str]:
    """Half the sum of the differences of shares, its p by a χ² test, and the largest difference."""
    from scipy import stats

    assert train.words is not None
    assert test.words is not None
    place = {word: i for i, word in enumerate(dict.fromkeys((*train.words, *test.words)))}
    mine = np.array([place[word] for word in train.words], dtype=np.int64)
    theirs = np.array([place[word] for word in test.words], dtype=np.int64)
    counts = np.stack(
        [
            np.bincount(where[side.astype(np.int64)], minlength=len(place))
            for where, side in ((mine, train.values), (theirs, y))
        ]
    ).astype(np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    # Rare categories differ by chance; together they tell more.
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < 5
    pooled = np.concatenate([counts[:, ~rare], counts[:, rare].sum(axis=1, keepdims=True)], axis=1)
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        return 0.0, 1.0, ""
    p = float(stats.chi2_contingency(pooled, correction=False).pvalue)
    distance = float(np.abs(np.diff(pooled / pooled.sum(axis=1, keepdims=True), axis=0)).sum() / 2)
    words = list(place)
    new = float(shares[1][shares[0] == 0].sum())
    if new >= _NEW:
        unknown = [words[i] for i in np.argsort(-shares[1]) if shares[0][i] == 0 and shares[1][i]]
        shown = ", ".join(f"'{word}'" for word in unknown[:3])
        return distance, p, f"{new:.1%} of test rows hold what training doesn't know, as {shown}"
    most = int(np.abs(shares[0] - shares[1]).argmax())
    return (
        distance,
        p,
        f"'{words[most]}' {shares[0][most]:.1%} in training, {shares[1][most]:.1%} in the test",
    )


def _told_apart(train: Sequence[View], test: Sequence[View]) -> tuple[float, bool]:
    """The AUC of boosted trees that tell the sides apart, held out; and whether it is a finding."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    random = np.random.Generator(np.random.Philox(3))
    tables = []
    for side in _same_codes(train, test):
        rows = random.permutation(len(side))[:_MOST]
        tables.append(side[rows])
    n, m = map(len, tables)
    x, y = np.concatenate(tables), np.r_[np.zeros(n), np.ones(m)]
    half = random.permutation(n + m) % 2 == 0
    scores = np.empty(n + m)
    for fit, seen in ((half, ~half), (~half, half)):
        # Not balanced: with weights of rows the binning alone takes ten times as long as the trees.
        model = HistGradientBoostingClassifier(
            max_iter=_ROUNDS,
            learning_rate=0.2,
            early_stopping=False,
            random_state=0,
        )
        if len(np.unique(y[fit])) < 2:
            return 0.5, False
        with threadpool_limits(1):  # see `alone`
            scores[seen] = model.fit(x[fit], y[fit]).predict_proba(x[seen])[:, 1]
    # Each half has a model of its own, so their scores are compared inside of it.
    found = [_auc(scores[part & (y == 0)], scores[part & (y == 1)]) for part in (half, ~half)]
    auc = float(np.mean(found))
    error = np.sqrt((n + m + 1) / (12 * n * m))
    return auc, auc >= AUC and auc - 0.5 >= _Z * error


def _same_codes(train: Sequence[View], test: Sequence[View]) -> tuple[Array, Array]:
    """Both sides as tables in which a category has one code, and all rare ones share one.

    A word that a single row has, such as its title, is on one side only, whatever the sides are.
    """
    sides: tuple[list[Array], list[Array]] = ([], [])
    for a, b in zip(train, test, strict=True):
        both = [a.values, b.values]
        if a.words is not None and b.words is not None and a.words != b.words:
            place = {word: i for i, word in enumerate(dict.fromkeys((*a.words, *b.words)))}
            code = np.array([place[word] for word in b.words], dtype=np.float64)
            both[1] = b.values.copy()
            known = ~np.isnan(both[1])
            both[1][known] = code[both[1][known].astype(np.int64)]
            every = np.concatenate(both)
            count = np.bincount(every[~np.isnan(every)].astype(np.int64), minlength=len(place))
            common = np.append(np.where(count >= _COMMON, np.arange(len(place)), -1.0), np.nan)
            both = [common[np.where(np.isnan(x), len(place), x).astype(np.int64)] for x in both]
        sides[0].append(both[0])
        sides[1].append(both[1])
    return np.stack(sides[0], axis=1), np.stack(sides[1], axis=1)


def _auc(low: Array, high: Array) -> float:
    """The chance that a value of ``high`` is above one of ``low``, ties counted half."""
    from scipy import stats

    if len(low) == 0 or len(high) == 0:
        return 0.5
    ranks = stats.rankdata(np.concatenate([low, high]))
    above = ranks[len(low) :].sum() - len(high) * (len(high) + 1) / 2
    return float(above / (len(low) * len(high)))


def _target(train: View, test: View) -> list[Finding]:
    found = moved(train, test)
    if found.distance < APART or found.p > _P:
        return []
    return [
        Finding(
            name="shift",
            what=f"The target '{train.name}' is distributed differently in your test rows.",
            evidence=(found.how,),
            advice="Probabilities and means that fit the training rows are off there. See that "
            "both sides were collected alike.",
            serious=False,
            columns=(train.name,),
            numbers={train.name: found.distance},
        )
    ]


def _names(told: Sequence[Moved]) -> str:
    shown = ", ".join(f"'{each.name}'" for each in told[:3])
    return shown + (f" and {len(told) - 3} more" if len(told) > 3 else "")
