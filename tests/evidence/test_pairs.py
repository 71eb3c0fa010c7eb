"""All pairs: paired tests, the correction for splits that overlap, effects, letters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from methodic.evidence.leaderboard import Row
from methodic.evidence.numbers.statistics import holm, t_interval
from methodic.evidence.pairs import compare, groups


def row(name: str, scores: dict[int, float]) -> Row:
    return Row(
        name=name,
        kind="baseline" if list(scores) == [-1] else "method",
        about="",
        setting={},
        validation=None,
        test=t_interval([*scores.values()]),
        groups=(),
        members=len(scores),
        diverged=0,
        seconds=1.0,
        steps=1,
    )


A = {1: 0.90, 4: 0.92, 7: 0.91, 10: 0.95}
B = {1: 0.88, 4: 0.89, 7: 0.90, 10: 0.91}
FIT = {-1: 0.87}


def test_pairs_by_seed_and_against_a_fit_without() -> None:
    scores = {"a": A, "b": B, "linear": FIT, "constant": {-1: 0.1}}
    rows = [row(name, each) for name, each in scores.items()]
    found = {(c.first, c.second): c for c in compare(rows, scores, True, None)}
    assert ("linear", "constant") not in found
    assert found["a", "b"].p == pytest.approx(stats.ttest_rel([*A.values()], [*B.values()]).pvalue)
    assert found["a", "linear"].p == pytest.approx(stats.ttest_1samp([*A.values()], 0.87).pvalue)
    listed = list(found.values())
    assert [c.adjusted for c in listed] == holm([c.p for c in listed])


def test_a_method_without_randomness_differs_from_what_is_far_away() -> None:
    """Its seeds can't tell; those of the others say how much seeds matter here."""
    flat = dict.fromkeys(A, 0.8)
    scores = {"a": A, "b": B, "linear": FIT, "near": {**dict.fromkeys(A, 0.865)}, "flat": flat}
    rows = [row(name, each) for name, each in scores.items()]
    found = {(c.first, c.second): c for c in compare(rows, scores, True, None)}
    typical = np.median([np.std([*each.values()], ddof=1) for each in (A, B)])
    expected = 2 * stats.t.sf(0.07 / (typical / 2), 3)
    assert found["linear", "flat"].p == pytest.approx(expected)
    assert found["linear", "flat"].p < 2 ** (1 - 4) < found["linear", "near"].p
    assert found["linear", "flat"].difference.low < 0.07 < found["linear", "flat"].difference.high
    alone = compare(rows[2::2], {"linear": FIT, "flat": flat}, True, None)
    assert [c.p for c in alone] == [2 ** (1 - 4)]


def test_only_common_seeds_make_pairs() -> None:
    scores = {"a": A, "b": {4: 0.80, 10: 0.85, 13: 0.10}}
    (found,) = compare([row(n, s) for n, s in scores.items()], scores, True, None)
    assert found.difference.n == 2
    assert found.difference.mean == pytest.approx(((0.92 - 0.80) + (0.95 - 0.85)) / 2)


def test_overlapping_splits_make_tests_stricter() -> None:
    """By the factor √(1/n + test/train) ÷ √(1/n), computed by hand."""
    scores = {"a": A, "b": B}
    rows = [row(n, s) for n, s in scores.items()]
    (plain,), (crossed,) = compare(rows, scores, True, None), compare(rows, scores, True, 0.25)
    assert crossed.p > plain.p
    gaps = np.array([*A.values()]) - np.array([*B.values()])
    error = gaps.std(ddof=1) * np.sqrt(1 / 4 + 0.25)
    assert crossed.p == pytest.approx(2 * stats.t.sf(gaps.mean() / error, 3))
    assert crossed.difference.high is not None
    assert crossed.difference.high - gaps.mean() == pytest.approx(stats.t.ppf(0.975, 3) * error)


def test_the_effect_and_how_often_one_is_better() -> None:
    scores = {"a": A, "b": B, "linear": {-1: 0.915}}
    rows = [row(n, s) for n, s in scores.items()]
    found = {(c.first, c.second): c for c in compare(rows, scores, True, None)}
    pair = found["a", "b"]
    assert pair.effect is not None
    assert pair.effect > 0
    beats = np.mean([(x > y) + (x == y) / 2 for x in A.values() for y in B.values()])
    assert pair.superiority == pytest.approx(beats)
    assert found["a", "linear"].superiority == 0.5
    below = {(c.first, c.second): c for c in compare(rows, scores, False, None)}
    assert below["a", "b"].superiority == pytest.approx(1 - beats)


def test_one_seed_is_listed_and_not_tested() -> None:
    scores = {"a": {1: 0.9}, "b": {1: 0.8}}
    (found,) = compare([row(n, s) for n, s in scores.items()], scores, True, None)
    assert (found.p, found.adjusted, found.difference.low) == (1.0, 1.0, None)
    assert found.effect is None


def test_baselines_with_splits_of_their_own_are_tested_like_methods() -> None:
    scores = {"a": A, "linear": B}
    rows = [row(n, s) for n, s in scores.items()]
    (found,) = compare(rows, scores, True, 0.25)
    assert found.difference.n == 4
    assert groups(rows, [found], scores) == {"a": ("a",), "linear": ("a",)}


def test_letters_of_fits_without_seeds() -> None:
    scores = {"linear": {-1: 0.9}, "constant": {-1: 0.1}}
    rows = [row(n, s) for n, s in scores.items()]
    assert compare(rows, scores, True, None) == []
    assert groups(rows, [], scores) == {"linear": ("a",), "constant": ("b",)}
