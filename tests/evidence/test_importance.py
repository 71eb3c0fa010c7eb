from __future__ import annotations

import logging
import math
import random
import subprocess
import sys

import pytest
from report.searched import ADAM, LR, MOMENTUM, OPTIMIZER, Search, conditional

from methodic.evidence.importance import FEWEST, MOST, Importance, importance
from methodic.recipes.ranges import LogUniform
from methodic.tuning import (
    METHOD,
    CandidateRecord,
    Rung,
    SearchPlan,
    SearchRecord,
    Setting,
    StudyRecord,
)


def search(settings: list[Setting], scores: list[float | None]) -> SearchRecord:
    """One method, each setting trained once to its end."""
    candidates = tuple(
        CandidateRecord(
            recipe="a",
            number=i,
            setting=setting,
            rungs=(Rung(step=10, until=1.0, score=score, loss=score, setting=setting),),
            status="diverged" if score is None else "finished",
            seconds=1.0,
        )
        for i, (setting, score) in enumerate(zip(settings, scores, strict=True))
    )
    study = StudyRecord(name="a", recipes=("a",), steps={"a": 10}, candidates=candidates)
    plan = SearchPlan(sampler="random", settings=len(settings), strategy="full")
    return SearchRecord(plan=plan, metric="accuracy", greater_is_better=True, studies=(study,))


def shares(found: Importance) -> dict[str, float]:
    return {each.path: each.share for each in found.shares}


def uniform(n: int, paths: str) -> list[Setting]:
    draw = random.Random(0)
    return [{path: draw.random() for path in paths} for _ in range(n)]


def test_the_number_that_decides_has_all_of_it() -> None:
    settings = uniform(60, "abc")
    (found,) = importance(search(settings, [float(s["b"]) for s in settings]), {})
    assert found.shares[0].path == "b"
    assert shares(found)["b"] > 0.9
    assert max(shares(found)["a"], shares(found)["c"]) < 0.05
    assert (found.settings, found.progress, found.why_not) == (60, 1.0, "")


def test_what_two_explain_together_is_nobodys() -> None:
    settings = uniform(120, "ab")
    scores = [float((s["a"] > 0.5) != (s["b"] > 0.5)) + 1e-6 * float(s["a"]) for s in settings]
    (found,) = importance(search(settings, scores), {})
    assert sum(shares(found).values()) < 0.5


def test_numbers_are_weighed_over_their_own_range() -> None:
    """The score moves in the low decades only: half of a logarithmic range, nothing of an even one.

    Optuna's evaluator integrates logarithmic ranges as if they were even; were it asked so, the
    rate would seem to matter next to nothing.
    """
    draw = random.Random(1)
    settings = [{"lr": 10 ** draw.uniform(-6, 0), "b": draw.random()} for _ in range(100)]
    scores = [min(math.log10(s["lr"]), -3) + 0.3 * s["b"] for s in settings]
    known = {"a": {"lr": LogUniform(log_uniform=(1e-6, 1.0))}}
    (found,) = importance(search(settings, scores), known)
    assert shares(found)["lr"] > 0.8


def test_trainings_that_went_astray_are_not_all_of_the_variance() -> None:
    settings = uniform(60, "ab")
    scores = [float(s["a"]) for s in settings]
    scores[7] = -1e9
    (found,) = importance(search(settings, scores), {})
    assert shares(found)["a"] > 0.85


def test_diverged_ones_teach() -> None:
    settings = uniform(60, "ab")
    scores = [None if s["a"] > 0.5 else 1.0 + 0.01 * s["b"] for s in settings]
    (found,) = importance(search(settings, scores), {})
    assert found.settings == 60
    assert shares(found)["a"] > shares(found)["b"]


def test_early_scores_where_most_were_compared() -> None:
    record = Search(methods=("adamw",), settings=27, strategy="halving").make()
    (found,) = importance(record, {})
    assert (found.settings, found.progress) == (27, 0.11)
    assert found.shares[0].path == LR


def test_conditional_numbers_among_those_that_have_them() -> None:
    record = Search(methods=("adamw",), draw=conditional, settings=48).make()
    (found,) = importance(record, {})
    among = {each.path: each.among for each in found.shares}
    assert among[OPTIMIZER] == 48
    assert among[ADAM] + among[MOMENTUM] == 48
    assert min(among.values()) >= FEWEST


def test_too_few_of_a_condition_are_left_out() -> None:
    settings = uniform(30, "ab")
    for setting in settings[:4]:
        setting["c"] = float(setting["a"])
    (found,) = importance(search(settings, [float(s["a"]) for s in settings]), {})
    assert set(shares(found)) == {"a", "b"}


def test_the_method_is_one_of_the_numbers() -> None:
    found = importance(Search(together=True, settings=60).make(), {})
    assert [each.name for each in found] == ["methods", "adamw", "momentum", "sgd"]
    assert "method" in shares(found[0])
    assert "method" not in shares(found[1])


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Search(settings=FEWEST - 1), "too few"),
        (Search(strategy="population"), "change while it trains"),
        (
            search([{"a": i / 20} for i in range(20)], [i / 20 for i in range(20)]),
            "only one number",
        ),
        (search([{}] * 20, [i / 20 for i in range(20)]), "nothing was searched"),
        (search(uniform(20, "ab"), [0.5] * 20), "score the same"),
        (search(uniform(20, "ab"), [None] * 20), "score the same"),
    ],
)
def test_it_says_why_not(record: Search | SearchRecord, words: str) -> None:
    made = record.make() if isinstance(record, Search) else record
    for found in importance(made, {}):
        assert words in found.why_not
        assert found.shares == ()


def test_the_same_twice_and_nothing_said(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna  # noqa: F401

    level = logging.getLogger("optuna").level
    record = Search(methods=("sgd",), settings=20).make()
    assert importance(record, {}) == importance(record, {})
    assert logging.getLogger("optuna").level == level
    assert capfd.readouterr() == ("", "")


def test_optuna_waits_until_it_is_needed() -> None:
    script = (
        "import sys, methodic.evidence.importance, methodic.report.page\n"
        "assert not {'optuna', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_of_very_many_an_even_part_is_enough() -> None:
    few, many = (
        importance(Search(methods=("adamw",), settings=n).make(), {})[0] for n in (MOST, 1500)
    )
    assert many.settings == 1500
    assert {each.among for each in many.shares} == {1500}
    assert shares(many)[LR] == pytest.approx(shares(few)[LR], abs=0.05)


def test_methods_are_compared_after_equally_much_training() -> None:
    """Early scores hang on the rate alone; one method's candidates all trained to the end."""
    found = Search(methods=("adamw", "sgd"), together=True, settings=60).make()
    (study,) = found.studies
    rng = random.Random(0)

    def early(each: CandidateRecord) -> CandidateRecord:
        rate = rng.random()
        last = Rung(step=900, until=1.0, score=0.0, loss=None, setting={LR: rate})
        first = last.model_copy(update={"until": 0.11, "step": 99, "score": rate})
        whole = last.model_copy(update={"score": 10 + rate})
        ended = each.recipe == "sgd"
        return each.model_copy(
            update={
                "setting": {LR: rate},
                "rungs": (first, whole) if ended else (first,),
                "status": "finished" if ended else "dropped",
            }
        )

    kept = study.model_copy(update={"candidates": tuple(map(early, study.candidates))})
    both, *_ = importance(found.model_copy(update={"studies": (kept,)}), {})
    assert both.progress == 0.11
    assert both.settings == 60
    assert shares(both)[METHOD] < 0.1
