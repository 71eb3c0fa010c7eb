"""What rows without a target were worth: who is compared, by how much, and what is said."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from methodic.evidence import worth
from methodic.evidence.numbers.statistics import Interval, corrected_paired
from methodic.evidence.worth import Worth, kinds, sentence
from methodic.metrics import METRICS
from tests.evidence.conftest import World, recipe

GOOD = [0.95, 0.96, 0.94, 0.95, 0.96]
FAIR = [0.90, 0.92, 0.91, 0.89, 0.90]
ALIKE = [0.95, 0.95, 0.96, 0.94, 0.955]
SCOPE = "; with other labelled rows it may differ more than that"


def few_labels(metric: str = "accuracy") -> World:
    """The world with two methods more, that read rows without a target, and 500 of such rows."""
    world = World(metric)
    world.recipes += [recipe("beside", unlabelled=64), recipe("before", rows="all")]
    world.unlabelled = 500
    return world


def test_who_reads_rows_without_a_target() -> None:
    world = few_labels()
    assert kinds(world.plan()) == ({"beside", "before"}, {"plain", "moving", "fancy"})
    world.unlabelled = 0
    assert kinds(world.plan()) == (), "they read labelled rows alone, like the others"


def test_what_a_teacher_knows_is_not_what_rows_are_worth() -> None:
    world = few_labels()
    world.recipes.append(recipe("taught", unlabelled=64, objectives=[{"kind": "distillation"}]))
    assert not any("taught" in kind for kind in kinds(world.plan()))
    for name, score in (("taught", 0.99), ("beside", 0.9), ("plain", 0.8)):
        world.screen(name, [score]).test(name, [x * score for x in GOOD])
    found = world.board().worth
    assert found is not None
    assert (found.reads, found.without) == ("beside", "plain")


def test_the_screening_says_who_and_the_confirmation_by_how_much() -> None:
    world = few_labels()
    # On test rows "plain" and "before" are better: that must not choose them.
    for name, screened, tested in (
        ("beside", 0.93, GOOD),
        ("fancy", 0.90, FAIR),
        ("before", 0.80, [x + 0.03 for x in GOOD]),
        ("plain", 0.70, [x + 0.03 for x in FAIR]),
    ):
        world.screen(name, [screened]).test(name, tested)
    board = world.board()
    found = board.worth
    assert found is not None
    assert (found.reads, found.without, found.rows) == ("beside", "fancy", 500)
    test = stats.ttest_rel(GOOD, FAIR)
    low, high = test.confidence_interval()
    assert found.p == pytest.approx(test.pvalue)
    assert found.gain.mean == pytest.approx(0.048)
    assert (found.gain.low, found.gain.high) == pytest.approx((low, high))
    assert found.gain.n == 5
    assert found.detected
    assert board.verdict.endswith(
        f" Rows without targets gained +4.8 ± 1.6 points (beside against fancy, n = 5{SCOPE})."
    )


def test_of_errors_less_is_a_gain() -> None:
    world = few_labels("rmse")
    world.screen("beside", [2.0]).test("beside", [20.0, 20.4, 20.1, 20.2])
    world.screen("plain", [3.0]).test("plain", [30.0, 30.5, 31.0, 30.1])
    board = world.board()
    assert board.worth is not None
    assert board.worth.gain.mean == pytest.approx(10.225)
    assert board.worth.detected
    assert " Rows without targets lowered RMSE by 10.2 ± 0." in board.verdict
    world = few_labels("rmse")
    world.screen("beside", [3.0]).test("beside", [30.0, 30.5, 31.0, 30.1])
    world.screen("plain", [2.0]).test("plain", [20.0, 20.4, 20.1, 20.2])
    board = world.board()
    assert board.worth is not None
    assert board.worth.gain.mean == pytest.approx(-10.225)
    assert " did harm: they raised RMSE by 10.2 ± 0." in board.verdict


def test_chance_is_called_so() -> None:
    world = few_labels()
    world.screen("beside", [0.9]).test("beside", GOOD)
    world.screen("plain", [0.9]).test("plain", ALIKE)
    board = world.board()
    assert board.worth is not None
    assert not board.worth.detected
    assert " brought no detectable gain: +0.1 ± " in board.verdict
    assert board.verdict.endswith(f"(beside against plain, n = 5{SCOPE}).")


def test_one_seed_says_nothing_about_chance() -> None:
    world = few_labels()
    world.screen("beside", [0.9]).test("beside", [0.95])
    world.screen("plain", [0.8]).test("plain", [0.90])
    board = world.board()
    assert board.worth is not None
    assert (board.worth.gain.low, board.worth.gain.n, board.worth.detected) == (None, 1, False)
    assert board.verdict.endswith(
        " Rows without targets: +5.0 points (beside against plain, n = 1); one seed says nothing "
        "about chance."
    )


def test_only_seeds_that_both_finished_count() -> None:
    world = few_labels()
    world.screen("beside", [0.9]).test("beside", [0.95, None, 0.93, 0.96])
    world.screen("plain", [0.8]).test("plain", [0.90, 0.99, 0.91, None])
    found = world.board().worth
    assert found is not None
    assert found.gain.n == 2
    assert found.gain.mean == pytest.approx(0.035)


def test_splits_that_overlap_are_corrected_for() -> None:
    world = few_labels()
    world.confirm = world.confirm.model_copy(update={"splits": "cv", "folds": 5})
    world.screen("beside", [0.9]).test("beside", GOOD)
    world.screen("plain", [0.8]).test("plain", FAIR)
    found = world.board().worth
    assert found is not None
    assert (found.gain, found.p) == corrected_paired(GOOD, FAIR, 0.25)


def test_without_both_kinds_nothing_is_said() -> None:
    alone = few_labels().screen("beside", [0.9]).test("beside", GOOD)
    gone = few_labels().screen("beside", [0.9]).test("beside", [None, None])
    gone.screen("plain", [0.8]).test("plain", FAIR[:2])
    unconfirmed = few_labels().screen("beside", [0.9]).screen("plain", [0.8]).test("plain", FAIR)
    plain = World().screen("fancy", [0.9]).test("fancy", GOOD).screen("plain", [0.8])
    plain.test("plain", FAIR)
    for world in (alone, gone, unconfirmed, plain):
        board = world.board()
        assert board.worth is None
        assert "without targets" not in board.verdict


@pytest.mark.parametrize(
    ("metric", "mean", "half", "p", "words"),
    [
        ("accuracy", 0.061, 0.012, 0.001, "gained +6.1 ± 1.2 points"),
        ("accuracy", -0.0213, 0.008, 0.001, "did harm: −2.1 ± 0.8 points"),
        ("accuracy", 0.003, 0.011, 0.6, "no detectable gain: +0.3 ± 1.1 points"),
        ("accuracy", -0.00001, 0.011, 0.9, "no detectable gain: 0.0 ± 1.1 points"),
        ("log_loss", 0.123, 0.02, 0.001, "lowered log loss by 0.12 ± 0.02"),
        ("log_loss", 0.003, 0.02, 0.7, "no detectable gain: 0.00 ± 0.02 log loss"),
        ("log_loss", 0.013, 0.02, 0.7, "no detectable gain: −0.01 ± 0.02 log loss"),
        ("auc", 0.013, 0.002, 0.001, "gained +0.013 ± 0.002 AUC"),
    ],
)
def test_words(metric: str, mean: float, half: float, p: float, words: str) -> None:
    gain = Interval(mean=mean, low=mean - half, high=mean + half, n=10)
    found = Worth(reads="a", without="b", rows=1, gain=gain, p=p)
    said = sentence(found, METRICS[metric])
    assert words in said
    assert said.startswith("Rows without targets ")
    assert said.endswith(" (a against b, n = 10).")
    assert not math.isnan(found.p)


def test_it_is_a_part_of_the_ranking_for_programs() -> None:
    world = few_labels().screen("beside", [0.9]).test("beside", GOOD)
    board = world.screen("plain", [0.8]).test("plain", FAIR).board()
    assert board.worth is not None
    assert board.model_dump()["worth"]["gain"]["n"] == 5
    assert worth.Worth.model_validate_json(board.worth.model_dump_json()) == board.worth


def test_one_labelled_subset_limits_the_claim() -> None:
    for splits, said in (("one", True), ("cv", False)):
        world = few_labels()
        world.confirm = world.confirm.model_copy(update={"splits": splits, "folds": 5})
        world.screen("beside", [0.9]).test("beside", GOOD)
        verdict = world.screen("plain", [0.8]).test("plain", FAIR).board().verdict
        assert ("with other labelled rows it may differ" in verdict) == said
