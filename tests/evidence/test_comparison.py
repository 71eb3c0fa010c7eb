import math

import numpy as np
import pytest
from scipy import stats

from methodic.evidence.comparison import Entry, RunComparison, compare
from methodic.evidence.numbers.effects import effect_between, effect_size, superiority
from methodic.evidence.numbers.statistics import corrected, corrected_paired, holm, t_interval
from methodic.metrics import METRICS

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]


def entry(run, method, mean, seeds=range(10), noise=0.01, seed=0, **more):
    random = np.random.default_rng([seed, *map(ord, run + method)])
    scores = {s: mean + noise * float(random.normal()) for s in seeds}
    return Entry(run=run, method=method, scores=scores, **more)


def check(entries, metric=ACCURACY, **more) -> RunComparison:
    found = compare(entries, metric, **more)
    assert RunComparison.model_validate_json(found.model_dump_json()) == found
    return found


def test_common_seeds_are_paired():
    a, b = entry("one", "adam", 0.95), entry("two", "sgd", 0.93, seeds=range(3, 14))
    found = check([a, b])
    assert [row.name for row in found.rows] == ["adam", "sgd"]
    (pair,) = found.pairs
    x, y = ([each.scores[s] for s in range(3, 10)] for each in (a, b))
    wanted = stats.ttest_rel(x, y)
    assert pair.test == "paired"
    assert pair.p == pair.adjusted == pytest.approx(wanted.pvalue)
    ends = tuple(wanted.confidence_interval())
    assert (pair.difference.low, pair.difference.high) == pytest.approx(ends)
    assert pair.difference.n == 7
    assert pair.effect == pytest.approx(effect_size([i - j for i, j in zip(x, y, strict=True)]))
    wins = superiority([*a.scores.values()], [*b.scores.values()], True)
    assert pair.superiority == wins > 0.5
    assert found.rows[0].test == t_interval([*a.scores.values()])
    assert found.rows[0].groups == ("a",)
    assert found.rows[1].groups == ("b",)


def test_seeds_of_their_own_are_not_paired():
    a, b = entry("one", "adam", 0.95), entry("two", "sgd", 0.93, seeds=range(9, 21))
    (pair,) = check([a, b]).pairs
    x, y = [*a.scores.values()], [*b.scores.values()]
    assert pair.test == "welch"
    assert pair.p == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
    assert pair.effect == pytest.approx(effect_between(x, y))


def test_one_seed_gives_no_interval_and_says_so():
    found = check([entry("one", "adam", 0.95), entry("two", "sgd", 0.5, seeds=[0])])
    (pair,) = found.pairs
    assert (pair.test, pair.p, pair.adjusted, pair.effect) == ("none", 1.0, 1.0, None)
    assert pair.difference.low is None
    a, b = (each.scores for each in (entry("one", "adam", 0.95), entry("two", "sgd", 0.5)))
    assert pair.difference.mean == pytest.approx(a[0] - b[0])  # of the seed that both have
    assert found.rows[1].test.low is None
    assert found.rows[0].groups == found.rows[1].groups
    assert any("sgd: one seed" in note for note in found.notes)
    assert not any("Holm" in note for note in found.notes)
    assert found.verdict.endswith("but it can't be told apart from sgd.")


def test_names_tell_runs_apart_where_they_have_to():
    found = check(
        [
            entry("one", "adam", 0.95),
            entry("two", "adam", 0.93),
            entry("two", "sgd", 0.5),
        ]
    )
    assert [row.name for row in found.rows] == ["one: adam", "two: adam", "sgd"]
    assert found.runs == ("one", "two")
    assert [row.method for row in found.rows] == ["adam", "adam", "sgd"]
    with pytest.raises(ValueError, match="twice"):
        compare([entry("one", "adam", 0.9), entry("one", "adam", 0.8)], ACCURACY)


def test_holm_is_over_all_pairs_that_are_tested():
    entries = [entry("one", m, 0.9 + x) for m, x in (("a", 0.02), ("b", 0.012), ("c", 0.0))]
    found = check([*entries, entry("two", "d", 0.1, seeds=[5])])
    tested = [pair for pair in found.pairs if pair.test != "none"]
    assert len(tested) == 3
    assert len(found.pairs) == 6
    assert [pair.adjusted for pair in tested] == pytest.approx(holm([pair.p for pair in tested]))
    assert any("3 tests" in note for note in found.notes)
    for pair in tested:
        groups = {row.name: set(row.groups) for row in found.rows}
        assert (pair.adjusted <= 0.05) == (not groups[pair.first] & groups[pair.second])


def test_smaller_errors_come_first():
    found = check([entry("one", "a", 2.0), entry("two", "b", 1.0)], RMSE)
    assert [row.name for row in found.rows] == ["b", "a"]
    (pair,) = found.pairs
    assert pair.difference.mean < 0
    assert pair.superiority == 1.0
    assert "RMSE" in found.verdict
    assert "better than the next, a (95% interval 0.9" in found.verdict


def test_splits_that_overlap_are_corrected():
    a, b = entry("one", "a", 0.93), entry("two", "b", 0.92)
    found, usual = (check([a, b], ratio=ratio) for ratio in (0.25, None))
    x, y = [*a.scores.values()], [*b.scores.values()]
    assert found.pairs[0].p == corrected_paired(x, y, 0.25)[1] > usual.pairs[0].p
    assert found.rows[0].test == corrected(x, 0.25)
    assert any("new data" in note for note in found.notes)
    assert ", 10 splits)" in found.verdict
    assert ", 10 seeds)" in usual.verdict
    # Other splits of the same rows are neither pairs nor independent.
    c = entry("two", "b", 0.92, seeds=range(10, 20))
    assert check([a, c], ratio=0.25).pairs[0].test == "none"


def test_what_is_lost_and_what_is_noted():
    found = check([entry("one", "a", 0.9, lost=2), entry("two", "b", 0.9)], notes=["first"])
    assert found.notes[0] == "first"
    assert any("a: 2 of 12 confirmed models have no test score" in note for note in found.notes)
    for few in ([entry("one", "a", 0.9)], [entry("one", "a", 0.9), entry("t", "b", 0.9, seeds=[])]):
        with pytest.raises(ValueError, match="two methods"):
            compare(few, ACCURACY)


def test_the_same_models_can_not_be_told_apart():
    scores = entry("one", "a", 0.9).scores
    found = check([Entry(run=run, method="a", scores=scores) for run in ("one", "two")])
    (pair,) = found.pairs
    assert (pair.p, pair.superiority, pair.effect) == (1.0, 0.5, None)
    assert "can't be told apart from two: a (p = 1.00" in found.verdict


def claimed(adjust: bool, trials=400) -> float:
    """How often four equal methods of two runs are told apart."""
    count = 0
    for trial in range(trials):
        entries = [entry(f"run {i // 2}", f"m{i}", 0.9, seed=trial) for i in range(4)]
        found = compare(entries, ACCURACY)
        p = [pair.adjusted if adjust else pair.p for pair in found.pairs]
        count += min(p) <= 0.05
    return count / trials


def test_equal_methods_are_rarely_told_apart():
    assert claimed(adjust=True) <= 0.07
    assert claimed(adjust=False) > 0.12
    assert not math.isnan(claimed(adjust=True, trials=1))
