import math

import pytest
from scipy import stats

from methodic.evidence.numbers.statistics import holm
from methodic.plan import Amendment, RunState

LR = "stages.0.turns.0.optimizer.lr"
GOOD = [0.95, 0.96, 0.94, 0.95, 0.96]
FAIR = [0.90, 0.92, 0.91, 0.89, 0.90]


def names(board):
    return [row.name for row in board.rows]


def row(board, name):
    return next(each for each in board.rows if each.name == name)


def full(world):
    world.screen("plain", [0.80, 0.82]).screen("plain", [0.86, 0.88], setting=1)
    world.screen("moving", [0.85, 0.83]).screen("fancy", [0.90, 0.91])
    world.test("plain", FAIR, setting=1).test("fancy", GOOD)
    world.baseline("constant", 0.3, 0.33).baseline("linear", 0.9, 0.87)
    return world


def test_rows_are_what_was_measured(world):
    board = full(world).board()
    assert names(board) == ["fancy", "plain", "linear", "constant", "moving"]
    fancy, plain, linear, _, moving = board.rows
    assert fancy.test.mean == pytest.approx(0.952)
    assert (fancy.test.n, fancy.validation.n) == (5, 2)
    assert plain.setting == {LR: 0.1}
    assert plain.validation.mean == pytest.approx(0.87)
    assert (plain.members, plain.diverged) == (2 + 2 + 5, 0)
    assert (plain.seconds, plain.steps) == (2.0, 200)  # of the confirmation
    assert (moving.seconds, moving.steps) == (1.0, 50)
    assert (moving.test, moving.groups) == (None, ())
    assert fancy.about == "about fancy"
    assert (linear.kind, linear.about, linear.seconds, linear.steps) == (
        "baseline",
        "about linear",
        0.5,
        0,
    )
    assert (linear.test.mean, linear.test.low, linear.test.n) == (0.87, None, 1)
    assert (board.winner, board.shipped) == ("fancy", "fancy")
    assert (board.metric, board.greater_is_better) == ("accuracy", True)


def test_every_pair_with_a_method_is_tested_and_corrected_together(world):
    board = full(world).board()
    pairs = {(c.first, c.second): c for c in board.comparisons}
    assert set(pairs) == {
        ("fancy", "plain"),
        ("fancy", "linear"),
        ("fancy", "constant"),
        ("plain", "linear"),
        ("plain", "constant"),
    }
    two, one = pairs["fancy", "plain"], pairs["plain", "linear"]
    assert two.p == pytest.approx(stats.ttest_rel(GOOD, FAIR).pvalue)
    assert two.difference.mean == pytest.approx(0.048)
    assert one.p == pytest.approx(stats.ttest_1samp(FAIR, 0.87).pvalue)
    assert one.difference.mean == pytest.approx(0.034)
    listed = list(board.comparisons)
    assert [c.adjusted for c in listed] == holm([c.p for c in listed])
    assert [r.groups for r in board.rows[:4]] == [("a",), ("b",), ("c",), ("d",)]


def test_a_baseline_above_a_method_is_compared_the_right_way_round(world):
    world.screen("plain", [0.5]).test("plain", FAIR).baseline("linear", 0.9, 0.95)
    (pair,) = world.board().comparisons
    low, high = stats.ttest_1samp(FAIR, 0.95).confidence_interval()
    assert (pair.first, pair.second) == ("linear", "plain")
    assert pair.difference.mean == pytest.approx(0.95 - 0.904)
    assert (pair.difference.low, pair.difference.high) == pytest.approx(
        (0.95 - 0.904 - (high - low) / 2, 0.95 - 0.904 + (high - low) / 2)
    )


def test_methods_that_differ_by_chance_share_a_letter(world):
    world.screen("plain", [0.9]).screen("fancy", [0.9])
    world.test("plain", [0.9, 0.8, 0.7]).test("fancy", [0.8, 0.9, 0.72])
    board = world.board()
    assert [r.groups for r in board.rows] == [("a",), ("a",), ()]


def test_two_baselines_differ_exactly_if_their_scores_do(world):
    world.screen("plain", [0.9]).test("plain", [0.90, 0.80, 0.70])
    world.baseline("linear", 0.5, 0.8).baseline("constant", 0.5, 0.79)
    board = world.board()
    groups = {r.name: set(r.groups) for r in board.rows}
    assert not groups["linear"] & groups["constant"]
    assert groups["linear"] & groups["plain"]
    assert groups["constant"] & groups["plain"]
    assert not any({c.first, c.second} == {"linear", "constant"} for c in board.comparisons)
    assert any("untested" in note for note in board.notes)
    world.tests["constant"] = [(-1, 0.8)]
    groups = {r.name: set(r.groups) for r in world.board().rows}
    assert groups["linear"] & groups["constant"]


def test_errors_are_ranked_from_small_to_large(numbers_world):
    world = numbers_world
    world.screen("plain", [3.0]).screen("fancy", [2.0]).screen("moving", [9.0])
    world.test("plain", [3.0, 3.1, 3.2]).test("fancy", [2.0, 2.1, 2.3])
    world.baseline("constant", 7.0, 7.5)
    board = world.board()
    assert names(board) == ["fancy", "plain", "constant", "moving"]
    assert (board.winner, board.greater_is_better) == ("fancy", False)


def test_a_baseline_can_win_but_a_network_is_shipped(world):
    world = full(world)
    world.tests["linear"] = [(-1, 0.99)]
    board = world.board()
    assert (board.winner, board.shipped) == ("linear", "fancy")


def test_pairs_leave_out_the_seeds_that_one_side_lost(world):
    world.screen("plain", [0.9]).screen("fancy", [0.9])
    world.test("plain", FAIR).test("fancy", [None, *GOOD[1:]])
    board = world.board()
    (pair,) = board.comparisons
    assert pair.p == pytest.approx(stats.ttest_rel(GOOD[1:], FAIR[1:]).pvalue)
    fancy = row(board, "fancy")
    assert (fancy.test.n, fancy.diverged, fancy.members) == (4, 1, 6)
    assert row(board, "plain").test.n == 5
    assert any(note.startswith("fancy: 1 of 5 confirmed") for note in board.notes)


def test_the_score_of_a_diverged_member_does_not_count_even_if_it_is_finite(world):
    world.screen("plain", [0.9]).test("plain", [None, 0.8, 0.8])
    world.tests["plain"][0] = (1, 0.1)
    assert row(world.board(), "plain").test.mean == pytest.approx(0.8)


def test_survivors_do_not_make_a_winner(world):
    world.screen("plain", [0.9]).screen("fancy", [0.9])
    world.test("plain", [0.8, 0.8, 0.7, 0.8]).test("fancy", [0.99, 0.98, None, None])
    board = world.board()
    assert names(board)[:2] == ["plain", "fancy"]
    assert board.winner == board.shipped == "plain"
    assert any("ranks after the others" in note for note in board.notes)
    world.tests["fancy"][2] = (3, 0.97)  # a finite score of a diverged member changes nothing
    assert world.board().winner == "plain"


def test_one_seed_gives_no_test(world):
    world.screen("plain", [0.9]).screen("fancy", [0.8]).test("plain", [0.7]).test("fancy", [0.9])
    board = world.board()
    (pair,) = board.comparisons
    assert (pair.p, pair.adjusted, pair.difference.low) == (1.0, 1.0, None)
    assert row(board, "plain").groups == row(board, "fancy").groups == ("a",)
    assert board.winner == "fancy"


def test_an_untested_pair_does_not_weaken_the_others(world):
    world.screen("plain", [0.9]).screen("fancy", [0.8]).screen("moving", [0.8])
    world.test("plain", FAIR).test("fancy", GOOD).test("moving", [0.5])
    board = world.board()
    tested = [c for c in board.comparisons if c.difference.n > 1]
    assert len(board.comparisons) == 3
    assert [c.adjusted for c in tested] == [c.p for c in tested]


def test_methods_without_common_seeds_are_not_told_apart(world):
    world.screen("plain", [0.9]).screen("fancy", [0.8]).test("plain", FAIR).test("fancy", GOOD)
    world.tests["fancy"] = [(seed + 50, x) for seed, x in world.tests["fancy"]]
    board = world.board()
    assert board.comparisons == ()
    assert row(board, "plain").groups == row(board, "fancy").groups


def test_a_run_that_has_only_screened(world):
    world.state = RunState(status="interrupted")
    world.screen("plain", [0.7, 0.8]).screen("fancy", [0.9, 0.95]).screen("moving", [0.99, None])
    world.baseline("linear", 0.91, 0.99).baseline("constant", 0.3)
    board = world.board()
    assert board.winner == board.shipped == "fancy"
    assert board.comparisons == ()
    assert names(board) == ["linear", "fancy", "plain", "constant", "moving"]
    assert any("not finished" in note for note in board.notes)
    assert "Nothing is confirmed" in board.verdict


def test_a_run_that_has_measured_nothing(world):
    board = world.board()
    assert names(board) == ["plain", "moving", "fancy"]
    assert all(r.validation is None and r.members == 0 for r in board.rows)
    assert (board.winner, board.shipped) == ("", "")


def test_a_single_method_needs_no_screening(world):
    world.recipes, world.confirm = world.recipes[:1], None
    world.test("plain", [0.9], setting=1).baseline("constant", 0.3, 0.33)
    board = world.board()
    plain = row(board, "plain")
    assert plain.setting == {LR: 0.1}
    assert plain.validation.mean == 0.9
    assert board.winner == board.shipped == "plain"


def test_notes_on_what_was_dropped_and_what_diverged(world):
    world = full(world)
    world.screen("moving", [None, 0.5], setting=1)
    world.state = RunState(
        status="finished",
        amendments=(Amendment(phase="confirm", blocks=(1, 2), reason="the machine is slower"),),
    )
    notes = " ".join(world.board().notes)
    assert "blocks 1, 2 of seeds (the machine is slower)" in notes
    assert "moving: 1 of 4 models diverged." in notes
    assert "5 t-tests over seeds" in notes
    assert "on this one split" in notes


def test_scores_that_are_not_finite_never_reach_the_ranking(world):
    world.screen("plain", [0.9]).baseline("linear", None, math.nan)
    world.baseline("constant", math.nan)
    board = world.board()
    assert row(board, "linear").validation is None
    assert row(board, "linear").test is None
    assert row(board, "constant").validation is None
