from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.searched import Search

from methodic.evidence.tuned import After, best_of, counts, running_best, sentences, tuned
from methodic.tuning import SearchRecord

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=8)


def enumerated(scores: list[float], k: int, greater: bool) -> list[float]:
    """The literal version: the best of every subset of k, from the worst to the best."""
    best = [(max if greater else min)(some) for some in itertools.combinations(scores, k)]
    return sorted(best, reverse=not greater)


def quartile(rising: list[float], share: float) -> float:
    """The highest score that at least this share, from the best, of all subsets reach."""
    return next(x for x in rising[::-1] if sum(y >= x for y in rising) >= share * len(rising))


@given(SCORES, st.booleans())
def test_the_best_of_k_is_the_mean_over_all_subsets(scores: list[float], greater: bool) -> None:
    found = {after.settings: after for after in best_of(scores, greater)}
    assert set(found) == set(range(1, len(scores) + 1))
    for k, after in found.items():
        every = enumerated(scores, k, greater)
        assert after.score == pytest.approx(sum(every) / len(every), abs=1e-12)
        signed = every if greater else [-x for x in every]
        for name, share in (("high", 0.25), ("middle", 0.5), ("low", 0.75)):
            assert getattr(after, name) == (1 if greater else -1) * quartile(signed, share), name


def test_ends_are_the_mean_and_the_best() -> None:
    scores = [0.1, 0.9, 0.5]
    first, *_, last = best_of(scores, True)
    assert first.score == pytest.approx(0.5)
    assert (last.score, last.low, last.high) == (0.9, 0.9, 0.9)
    first, *_, last = best_of(scores, False)
    assert (first.score, last.score) == (pytest.approx(0.5), 0.1)


def test_drawing_with_replacement_would_be_found_out() -> None:
    """The plug-in estimator of arXiv 1909.03004 is too low, and not what is computed here."""
    scores = [0.1, 0.2, 0.3, 0.9]
    n, k = len(scores), 3
    plug = sum(x * ((i / n) ** k - ((i - 1) / n) ** k) for i, x in enumerate(scores, 1))
    (exact,) = [after.score for after in best_of(scores, True) if after.settings == k]
    assert plug < exact - 0.05
    every = enumerated(scores, k, True)
    assert exact == pytest.approx(sum(every) / len(every))


def test_it_is_unbiased() -> None:
    """Over many searches of 12 settings, the estimate for 4 is the mean best of 4 fresh ones."""
    draw = np.random.default_rng(0)
    estimates = [
        next(
            after.score for after in best_of(draw.random(12).tolist(), True) if after.settings == 4
        )
        for _ in range(2000)
    ]
    assert np.mean(estimates) == pytest.approx(4 / 5, abs=0.01)  # of uniform numbers


def test_large_searches_are_exact_and_short() -> None:
    scores = list(range(3000))
    found = best_of(scores, True)
    assert len(found) < 90
    for after in found:  # the mean of the largest of k of 0 … n − 1
        assert after.score == pytest.approx(after.settings * 3001 / (after.settings + 1) - 1)


def test_the_running_best_keeps_the_order() -> None:
    found = running_best([0.3, 0.1, 0.5, 0.4], True)
    assert [after.score for after in found] == [0.3, 0.3, 0.5, 0.5]
    assert [after.score for after in running_best([3.0, 1.0, 2.0], False)] == [3.0, 1.0, 1.0]
    assert found[2] == After(settings=3, score=0.5, low=0.5, middle=0.5, high=0.5)


def test_points_of_a_curve() -> None:
    assert counts(0) == []
    assert counts(1) == [1]
    many = counts(300)
    assert {*range(1, 17), 64, 256, 300} <= set(many)
    assert many == sorted(set(many))


# --- of a search ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_methods_stand_best_first(metric: str) -> None:
    found = tuned(Search(metric=metric, settings=24).make())
    best = [each.best or 0.0 for each in found]
    assert best == sorted(best, reverse=metric == "accuracy")
    assert {each.name for each in found} == {"adamw", "momentum", "sgd"}
    for each in found:
        assert each.drawn
        assert each.untuned is not None
        assert each.gain is not None
        assert each.gain >= 0, "better is above 0, whatever the metric"
        assert each.trainings == pytest.approx(24)
        assert each.curve[-1].score == each.best
        assert each.after(24) == each.curve[-1]
        assert each.after(25) is None


def test_dropped_candidates_count_with_the_score_they_had() -> None:
    record = Search(methods=("adamw",), settings=27, strategy="halving").make()
    (found,) = tuned(record)
    lasts = [one.rungs[-1].score for one in record.studies[0].candidates]
    assert found.after(1) is not None
    assert found.after(1).score == pytest.approx(sum(lasts) / 27)
    assert (found.settings, found.finished, found.dropped) == (27, 3, 24)
    assert found.trainings == pytest.approx(27 / 9 + 9 * (1 / 3 - 1 / 9) + 3 * (1 - 1 / 3))


def test_the_best_setting_is_among_those_trained_furthest() -> None:
    record = Search(methods=("adamw",), settings=27, strategy="halving").make()
    study = record.studies[0]
    early = next(one for one in study.candidates if one.status == "dropped")
    lucky = early.rungs[-1].model_copy(update={"score": 0.999})
    record = _swapped(record, early.number, rungs=(*early.rungs[:-1], lucky))
    (found,) = tuned(record)
    assert found.best is not None
    assert found.best < 0.999
    assert found.curve[-1].score == 0.999, "the curve takes it as it was"


def test_diverged_ones_are_as_bad_as_the_worst() -> None:
    record = Search(methods=("adamw", "sgd"), settings=8).make()
    first = record.studies[0].candidates[3]
    lost = first.rungs[-1].model_copy(update={"score": None})
    changed = _swapped(record, 3, rungs=(lost,), status="diverged")
    every = [[one.rungs[-1].score for one in study.candidates] for study in changed.studies]
    worst = min(x for scores in every for x in scores if x is not None)
    found = {each.name: each for each in tuned(changed)}["adamw"]
    assert found.diverged == every[0].count(None)
    filled = [worst if x is None else x for x in every[0]]
    assert found.curve[0].score == pytest.approx(sum(filled) / 8)


def test_settings_that_results_led_to_are_not_exchanged() -> None:
    record = Search(methods=("adamw",), sampler="tpe", settings=12).make()
    (found,) = tuned(record)
    assert not found.drawn
    scores = [one.rungs[-1].score for one in record.studies[0].candidates]
    assert [after.score for after in found.curve] == [max(scores[:k]) for k in range(1, 13)]
    assert found.curve[0].score == found.untuned


def test_population_based_training() -> None:
    (found,) = tuned(Search(methods=("adamw",), strategy="population", settings=20).make())
    assert not found.drawn
    assert found.settings == 24, "copies are candidates"
    assert found.dropped == 4
    assert found.trainings == pytest.approx(20, abs=0.1), "copies go on where others stood"


def test_a_method_that_only_diverged_stands_last() -> None:
    record = Search(methods=("adamw", "sgd"), settings=3).make()
    for number in range(3):
        record = _swapped(record, number, rungs=(), status="diverged")
    found = tuned(record)
    assert [each.name for each in found] == ["sgd", "adamw"]
    assert (found[1].best, found[1].curve, found[1].gain, found[1].setting) == (None, (), None, {})
    assert sentences(found, "accuracy")[0].startswith("Untuned, sgd has 9")


def test_words() -> None:
    found = tuned(Search(settings=40, seed=3).make())
    lines = sentences(found, "accuracy")
    assert lines[0].startswith("Untuned, adamw is best with 97.")
    assert "tuned, it reaches 97." in lines[0]
    assert lines[1].startswith("Tuning did most for ")
    halved = tuned(Search(settings=27, strategy="halving", metric="rmse").make())
    assert "dropped after" in sentences(halved, "rmse")[-1]
    alone = tuned(Search(methods=("sgd",), settings=1).make())
    assert sentences(alone, "accuracy") == ["Untuned, sgd has 95.6%; no other setting did better."]
    assert sentences([], "accuracy") == []


def test_one_study_for_several_methods() -> None:
    found = tuned(Search(together=True, settings=30).make())
    assert sum(each.settings for each in found) == 30
    assert all(each.untuned is not None for each in found), "each method's comes first"


def _swapped(record: SearchRecord, number: int, **changes: object) -> SearchRecord:
    """The record with another candidate in the first study."""
    study = record.studies[0]
    candidates = [
        one.model_copy(update=changes) if one.number == number else one for one in study.candidates
    ]
    first = study.model_copy(update={"candidates": tuple(candidates)})
    return record.model_copy(update={"studies": (first, *record.studies[1:])})


def test_order_does_not_matter_where_settings_were_drawn() -> None:
    scores = [random.Random(i).random() for i in range(9)]
    assert best_of(scores, True) == best_of(scores[::-1], True)


def test_an_early_score_is_no_measure_of_what_tuning_gained() -> None:
    """Halving drops untuned settings after a part of a training; whole ones are still compared."""
    found = list(tuned(Search(methods=("adamw", "sgd"), settings=16).make()))
    assert all(row.gain is not None for row in found)
    record = Search(methods=("adamw", "sgd"), settings=27, strategy="halving").make()
    dropped = [row for row in tuned(record) if row.untuned_share < 1]
    assert dropped
    assert all(row.gain is None and row.untuned is not None for row in dropped)
    early = found[0].model_copy(update={"untuned_share": 0.11, "untuned": 0.999, "gain": None})
    first, last = sentences([early, found[1]], "accuracy")
    assert first.startswith(f"Untuned, {found[1].name} has")
    assert "1 of 2 untuned settings" in last
    assert "isn't known" in last
    first, last = sentences([early], "accuracy")
    assert first.startswith("Tuned, ")
    assert "isn't known" in last
