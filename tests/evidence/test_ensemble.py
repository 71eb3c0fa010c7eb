"""Ensembles: chosen as the literal procedure does, judged on rows that did not choose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from methodic.evidence import ensemble
from methodic.evidence.ensemble import PARTS, ROUNDS, ROWS, choose, greedy, mean, worth_it
from methodic.metrics import METRICS, Metric

ACCURACY, LOSS, RMSE = METRICS["accuracy"], METRICS["log_loss"], METRICS["rmse"]
Array = np.ndarray[Any, Any]


def classes(networks: int, rows: int, spread: float, seed: int = 0) -> tuple[Array, Array]:
    """Networks of about equal strength whose errors are their own: [S, N, 3]."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, rows)
    logits = rng.normal(scale=spread, size=(networks, rows, 3))
    logits[:, np.arange(rows), truth] += 1.0
    odds = np.exp(logits)
    return truth, (odds / odds.sum(-1, keepdims=True)).astype(np.float32)


def literal(metric: Metric, truth: Array, predictions: Array, most: int = 16) -> list[int]:
    """The procedure word by word: lists of networks, means computed anew each time."""

    def value(bag: list[int]) -> float:
        score = metric.score(truth, np.mean([predictions[i].astype(float) for i in bag], axis=0))
        return score if metric.greater_is_better else -score

    order = sorted(range(len(predictions)), key=lambda i: -value([i]))[:most]
    bag = max((order[:k] for k in range(1, len(order) + 1)), key=value)
    while len(bag) < ROUNDS:
        better = max(order, key=lambda i: value([*bag, i]))
        if value([*bag, better]) <= value(bag) + 1e-15:
            break
        bag = [*bag, better]
    return sorted(bag)


@pytest.mark.parametrize("metric", [ACCURACY, LOSS], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_the_literal_procedure(metric: Metric, seed: int) -> None:
    truth, predictions = classes(7, 60, 1.0 + seed / 2, seed)
    bag = literal(metric, truth, predictions)
    weights = greedy(metric, truth, predictions)
    assert weights == pytest.approx(np.bincount(bag, minlength=7) / len(bag))
    assert weights.sum() == pytest.approx(1)


def test_greedy_repeats_what_deserves_it() -> None:
    """Truth between two networks, nearer to one: three parts to one."""
    truth = np.zeros(50)
    predictions = np.stack([np.full((50, 1), -1.0), np.full((50, 1), 2.5)])
    assert greedy(RMSE, truth, predictions) == pytest.approx([0.75, 0.25])


def test_greedy_never_ends_worse_than_the_best_one() -> None:
    for seed in range(5):
        truth, predictions = classes(5, 40, 2.0, seed)
        together = mean(predictions, greedy(ACCURACY, truth, predictions))
        alone = max(ACCURACY.score(truth, each) for each in predictions)
        assert ACCURACY.score(truth, together) >= alone


def test_a_part_of_very_many_rows_chooses() -> None:
    """Evenly spread, so that sorted rows do no harm; the others have no say."""
    truth, predictions = classes(4, 3 * ROWS + 1, 1.5)
    sorted_rows = np.argsort(truth, kind="stable")
    truth, predictions = truth[sorted_rows], predictions[:, sorted_rows]
    some = np.linspace(0, 3 * ROWS, ROWS).astype(int)
    expected = greedy(LOSS, truth[some], predictions[:, some])
    assert np.array_equal(greedy(LOSS, truth, predictions), expected)
    assert (np.bincount(truth[some]) / ROWS) == pytest.approx([1 / 3] * 3, abs=0.02)
    others = np.setdiff1d(np.arange(3 * ROWS + 1), some)
    predictions[:, others] = 1 / 3
    assert np.array_equal(greedy(LOSS, truth, predictions), expected)


def test_undefined_networks_take_no_part() -> None:
    truth, predictions = classes(3, 40, 1.0)
    predictions[1] = np.nan
    weights = greedy(LOSS, truth, predictions)
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1)
    assert greedy(LOSS, truth, np.full((2, 40, 3), np.nan)).sum() == 0


def test_the_mean_of_a_row_does_not_depend_on_other_rows() -> None:
    _, predictions = classes(9, 101, 1.0)
    weights = np.random.default_rng(1).dirichlet(np.ones(9))
    whole = mean(predictions, weights)
    assert whole.dtype == np.float32
    assert all(
        np.array_equal(mean(predictions[:, i : i + 1], weights)[0], whole[i]) for i in range(101)
    )
    np.testing.assert_allclose(whole, np.einsum("s,snc->nc", weights, predictions), rtol=1e-6)


def test_an_ensemble_that_helps_is_worth_it() -> None:
    truth, predictions = classes(10, 800, 1.5)
    names = [("a", s) for s in range(5)] + [("b", s) for s in range(5)]
    found = choose(ACCURACY, truth, predictions, names, "a")
    assert found is not None
    assert worth_it(found)
    assert found.gain.n == 800
    assert found.gain.mean > 0.05
    assert sum(weight for *_, weight in found.members) == pytest.approx(1)
    assert {(name, seed) for name, seed, _ in found.members} <= set(names)
    weights = np.array([{(n, s): w for n, s, w in found.members}.get(x, 0) for x in names])
    again = ACCURACY.score(truth, mean(predictions, weights))
    assert found.validation == again
    assert not found.shipped
    assert found.test is None


def test_the_mean_of_the_best_method_where_nothing_is_to_be_chosen() -> None:
    """The other method is no help: the mean of all seeds, each with the same weight."""
    truth, good = classes(6, 200, 1.5)
    names = [("a", s) for s in range(6)] + [("b", s) for s in range(2)]
    bad = np.full((2, 200, 3), 1 / 3, dtype=np.float32)
    found = choose(LOSS, truth, np.concatenate([good, bad]), names, "a")
    assert found is not None
    assert found.kind == "mean"
    assert found.members == tuple(("a", s, pytest.approx(1 / 6)) for s in range(6))
    assert (found.gain.low or 0) > 0, "a smaller loss is a gain"


def test_equal_networks_gain_nothing() -> None:
    truth, one = classes(1, 300, 1.5)
    found = choose(ACCURACY, truth, np.repeat(one, 6, axis=0), [("a", s) for s in range(6)], "a")
    assert found is not None
    assert (found.gain.mean, found.gain.low, found.gain.high) == (0, 0, 0)
    assert not worth_it(found)


def guesses(seed: int) -> tuple[Array, Array]:
    """Networks that know nothing: whatever looks like a gain is what choosing makes of noise."""
    rng = np.random.default_rng(seed)
    predictions = rng.dirichlet(np.ones(2), size=(20, 120)).astype(np.float32)
    return rng.integers(0, 2, 120), predictions


def test_choosing_among_noise_is_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged on the rows that chose, greedy selection always seems to help; cross-fitted, no."""
    names = [("a", s) for s in range(20)]
    gains, naive = [], []
    for seed in range(30):
        truth, predictions = guesses(seed)
        found = choose(ACCURACY, truth, predictions, names, "b")  # no mean: greedy alone
        assert found is not None
        assert found.kind == "greedy"
        gains.append((found.gain.mean, worth_it(found)))
        picked = mean(predictions, greedy(ACCURACY, truth, predictions))
        best = max(ACCURACY.score(truth, each) for each in predictions)
        naive.append(ACCURACY.score(truth, picked) - best)
    assert np.mean(naive) > 0.04
    assert abs(np.mean([gain for gain, _ in gains])) < 0.02
    assert sum(worth for _, worth in gains) <= 4


def test_every_class_is_in_every_part() -> None:
    truth = np.repeat([0, 1, 2], [100, 40, 10])
    part = ensemble._parts(truth, 150, 3)
    for number in range(PARTS):
        assert np.bincount(truth[part == number]).tolist() == [20, 8, 2]
    assert not np.array_equal(part, ensemble._parts(truth, 150, 4)), "the seed deals them"


def test_groups_stay_in_one_part() -> None:
    groups = np.repeat(np.arange(12), [30, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15])
    part = ensemble._parts_of_groups(groups, 3)
    assert all(len(set(part[groups == each])) == 1 for each in range(12))
    assert sorted(np.bincount(part)) == [16, 17, 18, 19, 30]
    equal = np.repeat(np.arange(12), 4)
    dealt = [ensemble._parts_of_groups(equal, seed) for seed in (3, 4)]
    assert not np.array_equal(*dealt), "the seed deals groups of one size"


def test_copies_in_one_group_are_no_new_evidence() -> None:
    """Five copies of a row, in one group, tell as much as one."""
    truth, predictions = classes(6, 200, 1.0)
    copied = np.repeat(truth, 5), np.repeat(predictions, 5, axis=1)
    names, groups = [("a", s) for s in range(6)], np.repeat(np.arange(200), 5)
    apart = choose(ACCURACY, *copied, names, "a")
    together = choose(ACCURACY, *copied, names, "a", groups=groups)
    alone = choose(ACCURACY, truth, predictions, names, "a")
    assert apart is not None
    assert together is not None
    assert alone is not None

    def width(found: ensemble.Ensemble) -> float:
        assert found.gain.low is not None
        assert found.gain.high is not None
        return found.gain.high - found.gain.low

    assert width(apart) < 0.6 * width(alone)
    assert width(together) == pytest.approx(width(alone), rel=0.25)


def test_too_little_to_choose_from() -> None:
    truth, predictions = classes(3, 4, 1.0)
    names = [("a", 0), ("a", 1), ("a", 2)]
    assert choose(ACCURACY, truth, predictions, names, "a") is None, "fewer rows than parts"
    truth, predictions = classes(3, 40, 1.0)
    four = np.arange(40) % 4
    assert choose(ACCURACY, truth, predictions, names, "a", groups=four) is None, "fewer groups"
    truth, predictions = classes(1, 40, 1.0)
    assert choose(ACCURACY, truth, predictions, names[:1], "a") is None
    nothing = np.full((2, 40, 3), np.nan, dtype=np.float32)
    assert choose(LOSS, truth, nothing, names[:2], "a") is None


def test_numbers() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    predictions = (truth + rng.normal(size=(6, 300)))[:, :, None]
    found = choose(RMSE, truth, predictions, [("a", s) for s in range(6)], "a")
    assert found is not None
    assert worth_it(found)
    assert found.validation == pytest.approx(1 / np.sqrt(6), rel=0.1)
    assert found.gain.mean == pytest.approx(1 - 1 / np.sqrt(6), rel=0.2)
