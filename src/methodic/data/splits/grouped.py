"""Parts in which the rows of one of the user's groups stay together.

N rows, G groups.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from methodic.data.splits.stratified import Rows, numbered, random_numbers
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_DRAWS = 64  # parts are drawn so often, and those nearest to the shares are taken
_WORK = 4_000_000  # rows looked at in all draws together, about; few draws suffice for many rows
_MOST = 0.3  # of all rows in one group: equal rows don't join groups to such ones


def groups(column: pl.Series, equal: Rows) -> Rows:
    """The group of each row, [N] from 0: the user's, joined where a row of both is equal.

    A row without a group is one by itself. Where few values are possible, equal rows can join
    nearly all groups; then they join none.

    Args:
        column: the user's groups.
        equal: the number of each row's group of equal rows, [N].
    """
    own = named(column)
    joined = _joined(own, equal)
    largest, before = np.bincount(joined).max(), np.bincount(own).max()
    if largest > max(_MOST * len(own), before) or joined.max() + 1 < min(3, own.max() + 1):
        return own
    return joined


def named(column: pl.Series) -> Rows:
    """The user's group of each row, [N] from 0; a row without one is one by itself."""
    own = numbered(column.rank("dense").fill_null(0).to_numpy())
    alone = column.is_null().to_numpy()
    return numbered(np.where(alone, len(own) + np.arange(len(own)), own)) if alone.any() else own


def _joined(one: Rows, two: Rows) -> Rows:
    """Rows that share either number, directly or through others, by one number."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, m = int(one.max()) + 1, int(two.max()) + 1
    edges = coo_array((np.ones(len(one), dtype=bool), (one, n + two)), shape=(n + m, n + m))
    return numbered(connected_components(edges, directed=False)[1][one])


def assigned(
    group: Rows, stratum: Rows, shares: tuple[float, float], seed: int, what: str, where: str
) -> Rows:
    """The part of each row, [N]: 0 training, 1 validation, 2 test; groups stay whole.

    Of several random draws the one is taken whose parts are nearest to the shares, in rows and in
    each stratum; a stratum without training rows is worst of all.

    Args:
        group, stratum: of each row, [N] from 0 without gaps.
        shares: of validation and test rows; 0 of test rows makes none.
        seed: another one draws others.
        what: the column of groups, for the error.
        where: the data, for the error.

    Raises:
        InputError: fewer groups than parts.
    """
    size = np.bincount(group)
    wanted = [(part, share) for part, share in ((2, shares[1]), (1, shares[0])) if share]
    _enough(len(size), len(wanted) + 1, "parts", what, where)
    expected = np.array([1 - sum(shares), *shares])

    def draws() -> Iterator[Rows]:
        for order in orders(group, stratum, seed, "groups"):
            part = np.zeros(len(size), dtype=np.int64)
            begin = 0
            for i, (name, share) in enumerate(wanted):
                rows = np.cumsum(size[order[begin : len(order) - len(wanted) + i]])
                end = begin + 1 + int(np.abs(rows - share * len(group)).argmin())
                part[order[begin:end]] = name
                begin = end
            yield part

    return _nearest(draws(), group, stratum, expected)


def dealt(
    group: Rows, stratum: Rows, folds: int, seed: int, repetition: int, what: str, where: str
) -> Rows:
    """The fold of each row, [N] from 0; groups stay whole and each is tested once.

    The largest groups are dealt first, each to the fold with the fewest rows (Graham 1969).

    Args:
        group, stratum: of each row, [N] from 0 without gaps.
        folds: parts to deal into.
        seed, repetition: another one of either deals anew.
        what: the column of groups, for the error.
        where: the data, for the error.

    Raises:
        InputError: fewer groups than folds.
    """
    size = np.bincount(group)
    _enough(len(size), folds, "folds", what, where)

    def draws() -> Iterator[Rows]:
        for order in orders(group, stratum, seed, f"group folds {repetition}"):
            order = order[np.argsort(-size[order], kind="stable")]
            fold = np.empty(len(size), dtype=np.int64)
            load = [(0, i) for i in range(folds)]
            for each in order.tolist():
                rows, least = load[0]
                fold[each] = least
                heapq.heapreplace(load, (rows + int(size[each]), least))
            yield fold

    return _nearest(draws(), group, stratum, np.full(folds, 1 / folds))


def _enough(groups: int, needed: int, parts: str, what: str, where: str) -> None:
    if groups < needed:
        raise InputError(
            f"{where}: '{what}' has too few groups for {needed} {parts}",
            found=f"{groups} group{'s' if groups != 1 else ''} (rows that are equal join theirs)",
            accepted=f"at least {needed}: rows of one group stay together",
        )


def orders(group: Rows, stratum: Rows, seed: int, name: str) -> Iterator[Rows]:
    """Random orders of the groups, each stretch of which has about its share of every stratum.

    Args:
        group, stratum: of each row, [N] from 0; groups without gaps.
        seed, name: another one of either gives others.
    """
    size = np.bincount(group)
    usual = _usual(group, stratum, len(size))
    many = np.bincount(usual)
    start = np.cumsum(many) - many
    for draw in range(int(np.clip(_WORK // len(group), 4, _DRAWS))):
        random = random_numbers(seed, f"{name} {draw}", len(size))
        order = np.lexsort((random, usual))
        offset = (random_numbers(seed, f"{name} {draw} offsets", len(many)) >> np.uint64(11)) * (
            2.0**-53
        )
        place = np.empty(len(size))
        inside = np.arange(len(size)) - start[usual[order]]
        place[order] = (inside + offset[usual[order]]) / many[usual[order]]
        yield np.argsort(place, kind="stable")


def _usual(group: Rows, stratum: Rows, count: int) -> Rows:
    """The commonest stratum of each group, [G]."""
    pair, rows = np.unique(group * (stratum.max() + 1) + stratum, return_counts=True)
    owner, value = np.divmod(pair, stratum.max() + 1)
    order = np.lexsort((rows, owner))  # the last pair of each group is its largest
    last = np.flatnonzero(np.r_[owner[order][1:] != owner[order][:-1], True])
    found = np.empty(count, dtype=np.int64)
    found[owner[order][last]] = value[order][last]
    return found


def _nearest(
    draws: Iterator[Rows],
    group: Rows,
    stratum: Rows,
    expected: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Rows:
    """Of several parts of the groups, those nearest to the expected shares; by row, [N]."""
    kinds = int(stratum.max()) + 1
    total = np.bincount(stratum, minlength=kinds)
    ideal = expected[:, None] * total
    best, least = None, np.inf
    for draw in draws:
        part = draw[group]
        found = np.bincount(part * kinds + stratum, minlength=len(expected) * kinds)
        found = found.reshape(len(expected), kinds)
        rows = np.abs(found.sum(axis=1) - expected * len(group)).sum() / len(group)
        each = (np.abs(found - ideal) / np.maximum(total, 1)).sum() / kinds
        never = (found[0] == 0)[total > 0].sum()
        worth = 10 * never + rows + each
        if worth < least:
            best, least = part, worth
    assert best is not None
    return best
