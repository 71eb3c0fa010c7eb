"""Random parts, each class in proportion, equal rows together.

N rows, G groups of rows that stay together; a stratum is a class, or a range of a numeric target.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from methodic.data.columns.conform import class_codes
from methodic.data.images.arrays import hashable
from methodic.data.predicted.labels import matrix

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet

Rows = npt.NDArray[np.int64]

_BINS = 10  # of a numeric target
_ROWS_PER_BIN = 10


def equal_rows(dataset: DataSet) -> Rows:
    """The number of the group of equal rows that each row belongs to, [N] from 0.

    Equal means every input and target; a row's weight, time, group and part don't count. Groups are
    numbered by first appearance, so the hash that finds them leaves no trace.
    """
    frame = dataset.frame.drop(*dataset.schema.roles, strict=False)
    return numbered(hashable(frame).hash_rows().to_numpy())


def numbered(values: npt.NDArray[np.generic]) -> Rows:
    """Equal values by one number, counted from 0 in the order of first appearance."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    numbers: Rows = rank[inverse]
    return numbers


def strata(dataset: DataSet, rows: Rows) -> Rows:
    """The stratum of each of ``rows``: its class, its rarest label, or the range of its target.

    Of several numeric targets the first one counts.
    """
    schema = dataset.schema
    if schema.task == "multilabel":
        return _rarest(dataset, rows)
    target = dataset.frame[schema.target]
    if schema.task == "regression":
        return _ranges(target.to_numpy()[rows])
    return class_codes(target, schema).to_numpy()[rows].astype(np.int64)


def _ranges(values: npt.NDArray[np.generic]) -> Rows:
    bins = max(1, min(_BINS, len(values) // _ROWS_PER_BIN))
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    found: Rows = rank * bins // max(len(values), 1)
    return found


def _rarest(dataset: DataSet, rows: Rows) -> Rows:
    """Of each row's labels the rarest one, from 1; 0 for a row without any."""
    columns = [dataset.frame[name] for name in dataset.schema.targets]
    has = matrix(columns, dataset.schema).to_numpy()[rows] > 0
    stratum = np.zeros(len(rows), dtype=np.int64)
    for label in np.argsort(-has.sum(axis=0), kind="stable"):  # the rarest comes last and stays
        stratum[has[:, label]] = label + 1
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)


def random_numbers(seed: int, name: str, n: int) -> npt.NDArray[np.uint64]:
    """n random integers, a function of (seed, name): the raw counters of Philox (Salmon 2011)."""
    key = [seed % 2**64, zlib.crc32(name.encode())]
    raw: npt.NDArray[np.uint64] = np.random.Philox(key=np.array(key, dtype=np.uint64)).random_raw(n)
    return raw


def dealt(stratum: Rows, size: Rows, folds: int, seed: int, repetition: int) -> Rows:
    """The fold of each group of equal rows, [G]; −1 for those that always train.

    Args:
        stratum, size: of each group, [G].
        folds: parts to deal into.
        seed, repetition: another one of either shuffles anew.
    """
    total = np.bincount(stratum, weights=size)[stratum]
    stays = (2 * size > total) | (np.bincount(stratum)[stratum] < 2)
    random = random_numbers(seed, f"fold {repetition}", len(size))
    order = np.lexsort((random, stratum))
    order = order[~stays[order]]
    fold = np.full(len(size), -1, dtype=np.int64)
    # Dealing goes on from one class to the next, so that no part gets the rest of every class.
    fold[order] = np.arange(len(order)) % folds
    return fold


def assigned(stratum: Rows, size: Rows, shares: tuple[float, float], seed: int) -> Rows:
    """The part of each group of equal rows, [G]: 0 training, 1 validation, 2 test.

    Within a stratum the shuffled groups lie end to end; training takes the first rows, then come
    validation and test, and a group belongs where its middle lies. A group of more than half of its
    stratum fits nowhere but in training; the others are split as if it weren't there.

    Args:
        stratum, size: of each group, [G].
        shares: of validation and test rows among all.
        seed: another one gives other parts.
    """
    large = 2 * size > np.bincount(stratum, weights=size)[stratum]
    order = np.lexsort((random_numbers(seed, "split", len(size)), ~large, stratum))
    ordered, rows = stratum[order], np.where(large, 0, size)[order]
    start = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    which = np.repeat(np.arange(len(start)), np.diff(np.r_[start, len(order)]))
    total = np.add.reduceat(rows, start)
    end = np.cumsum(rows)
    before = np.r_[0, end[:-1]][start]
    middle = end - rows / 2 - before[which]
    validation = _systematic(shares[0] * total, seed, "validation")
    test = _systematic(shares[1] * total, seed, "test")
    # A stratum of two or three rows may have been asked for all of them.
    test = np.where(total - validation - test < 1, np.maximum(test - 1, 0), test)
    train = np.maximum(total - validation - test, 1)
    part = (middle > train[which]).astype(np.int64) + (middle > (train + validation)[which])
    part[start] = 0
    for wanted in (1, 2) if shares[1] else (1,):
        _fill(wanted, part, which, size[order])
    result = np.empty(len(order), dtype=np.int64)
    result[order] = part
    return result


def _fill(wanted: int, part: Rows, which: Rows, size: Rows) -> None:
    """Give a part that large groups left empty the smallest group that another can spare."""
    if (part == wanted).any():
        return
    other = part == 3 - wanted
    in_training = np.bincount(which, weights=part == 0)[which]
    spare = np.flatnonzero(((part == 0) & (in_training > 1)) | (other & (other.sum() > 1)))
    if len(spare):
        part[spare[np.argmin(size[spare])]] = wanted


def _systematic(wanted: npt.NDArray[np.float64], seed: int, name: str) -> Rows:
    """Whole numbers near ``wanted``: each rounded down or up, their sum too, without bias.

    One random offset serves all (systematic sampling, Madow and Madow 1944).
    """
    offset = float(random_numbers(seed, name, 1)[0] >> np.uint64(11)) * 2.0**-53
    edges = np.floor(np.r_[0.0, np.cumsum(wanted)] + offset)
    rounded: Rows = np.diff(edges).astype(np.int64)
    return rounded
