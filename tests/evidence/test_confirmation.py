import math

from methodic.evidence.confirmation import collect


def test_a_seed_counts_or_is_lost(make_record):
    records = [make_record("confirm", "a", [0.5, None, 0.5])]
    tests = {"a": [(0, 0.5), (1, 0.4), (2, math.nan)], "linear": [(-1, 0.9)]}
    found = collect(records, tests)
    assert found.scores == {"a": {0: 0.5}, "linear": {-1: 0.9}}
    assert found.lost == {"a": {1, 2}}


def test_half_lost_is_unreliable(make_record):
    def unreliable(scores):
        record = make_record("confirm", "a", scores)
        return collect([record], {"a": list(enumerate(x or 0.0 for x in scores))}).unreliable("a")

    assert not unreliable([0.5, 0.5, None])
    assert unreliable([0.5, None])
    assert unreliable([None])
    assert not collect([], {}).unreliable("a")
