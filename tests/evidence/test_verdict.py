import re

import pytest

from methodic.plan import RunState

GOOD = [0.95, 0.96, 0.94, 0.95, 0.96]
FAIR = [0.90, 0.92, 0.91, 0.89, 0.90]
ALIKE = [0.95, 0.95, 0.96, 0.94, 0.955]


def said(world) -> str:
    text = world.board().verdict
    assert len(re.split(r"(?<=[.!?])\s+", text)) == 2, text
    assert text.endswith(".")
    assert "nan" not in text
    assert "None" not in text
    return text


def test_one_clear_winner(world):
    world.screen("plain", [0.8]).screen("fancy", [0.9]).test("plain", FAIR).test("fancy", GOOD)
    world.baseline("constant", 0.3, 0.33)
    assert said(world) == (
        "Use fancy: on test rows accuracy 95.2% (95% interval 94.2% to 96.2%, 5 seeds), 4.8 "
        "points better (95% interval 3.2 to 6.4 points, p = 0.0012 after Holm's correction) than "
        "the next, plain. Training one model of fancy took 2.0 s for 200 steps."
    )


def test_who_takes_a_method_hears_how_often_it_failed(world):
    world.screen("plain", [0.8]).screen("fancy", [None], setting=1).screen("fancy", [0.9])
    world.test("plain", FAIR).test("fancy", [*GOOD, None])
    assert said(world).endswith(
        "Training one model of fancy took 2.0 s for 200 steps, and 1 of its 6 confirmed models "
        "diverged."
    )


def test_errors_have_their_own_units(numbers_world):
    world = numbers_world
    world.screen("plain", [3.0]).screen("fancy", [2.0])
    world.test("plain", [30.0, 30.5, 31.0]).test("fancy", [20.0, 20.4, 20.1])
    text = said(world)
    assert text.startswith(
        "Use fancy: on test rows RMSE 20.17 (95% interval 19.65 to 20.68, 3 seeds)"
    )
    assert "10 better (95% interval 9.1 to 12," in text


def test_a_winner_without_rivals(world):
    assert "nothing was confirmed beside it" in said(
        world.screen("fancy", [0.9]).test("fancy", GOOD)
    )


def test_when_the_best_are_alike_take_the_simplest(world):
    for name, scores in (("plain", ALIKE), ("moving", FAIR), ("fancy", GOOD)):
        world.screen(name, [0.9]).test(name, scores)
    text = said(world)
    assert "The best on test rows is fancy with accuracy 95.2% (" in text
    assert "can't be told apart from plain (p = 0." in text
    assert "take the simplest of them, plain, with accuracy 95.1% (" in text
    assert "Training one model of plain took 2.0 s for 200 steps; the model kept is fancy." in text
    assert "moving" not in text


def test_the_fewest_parts_count_where_the_simplest_is_not_among_them(world):
    world.screen("plain", [0.8]).screen("moving", [0.9]).screen("fancy", [0.9])
    world.test("plain", FAIR).test("moving", ALIKE).test("fancy", GOOD)
    assert "take the simplest of them, moving, with" in said(world)


def test_several_alike_are_listed(world):
    for name, scores in (("plain", ALIKE), ("moving", ALIKE[::-1]), ("fancy", GOOD)):
        world.screen(name, [0.9]).test(name, scores)
    text = said(world)
    assert "from plain and moving (smallest p = " in text or "from moving and plain (s" in text


def test_the_simplest_may_be_the_best_itself(world):
    world.screen("plain", [0.9]).screen("fancy", [0.9]).test("plain", GOOD).test("fancy", ALIKE)
    text = said(world)
    assert "The best on test rows is plain with accuracy 95.2%" in text
    assert text.count("95.2%") == 1


def test_nothing_learnt_is_said(world):
    world.screen("plain", [0.3]).test("plain", [0.30, 0.35, 0.33]).baseline("constant", 0.3, 0.33)
    text = said(world)
    assert "the simplest of them, constant, so nothing useful was learnt." in text
    assert "Fitting constant took 0.5 s; the model kept is plain." in text


def test_a_baseline_wins(world):
    world.screen("plain", [0.8]).screen("fancy", [0.9]).test("plain", FAIR).test("fancy", GOOD)
    world.baseline("gradient_boosting", 0.97, 0.99)
    text = said(world)
    assert text.startswith("Use gradient boosting here: on test rows accuracy 99.0%, 3.8 points")
    assert "than the best network, fancy, with accuracy 95.2% (" in text
    assert "Fitting gradient boosting took 0.5 s; the model kept is fancy" in text


def test_a_better_baseline_within_chance(world):
    world.screen("plain", [0.9]).screen("fancy", [0.9]).test("plain", FAIR).test("fancy", GOOD)
    world.baseline("gradient_boosting", 0.97, 0.955)
    text = said(world)
    assert text.startswith("The best on test rows is gradient boosting with accuracy 95.5%, but it")
    assert "take the simplest of them, fancy" in text


@pytest.mark.parametrize("network", [0.9, 0.7])
def test_one_seed_claims_nothing(world, network):
    world.screen("plain", [0.8]).test("plain", [network]).baseline("linear", 0.8, 0.8)
    text = said(world)
    assert "(one seed), which gives no interval" in text
    assert ("before the best network" in text) == (network < 0.8)
    assert "p =" not in text
    assert "better" not in text


def test_nothing_confirmed(world):
    world.state = RunState(status="interrupted")
    world.screen("plain", [0.8, 0.9]).baseline("linear", 0.5)
    text = said(world)
    assert text.startswith("Nothing is confirmed: plain leads the screening with validation acc")
    assert "resume the run" in text
    assert "interval" not in text
    world.baseline("gradient_boosting", 0.99, 0.99)
    text = said(world)
    assert "gradient boosting leads the screening with validation accuracy 99.0%, before" in text
    assert "Training one model of plain took 1.0 s" in text


def test_a_confirmation_that_diverged(world):
    world.screen("plain", [0.8, 0.9]).test("plain", [None, None]).baseline("constant", 0.3, 0.3)
    text = said(world)
    assert "Nothing is confirmed: plain leads" in text
    assert "every model of the confirmation diverged" in text
    assert "resume" not in text


def test_everything_diverged(world):
    world.screen("plain", [None, None]).screen("fancy", [None])
    assert said(world).startswith("All 3 models diverged, so there is no method to recommend")
    world.baseline("linear", 0.8, 0.81)
    text = said(world)
    assert "no model to keep; the best baseline, linear, has accuracy 81.0%" in text


def test_nothing_measured(world):
    assert said(world).startswith("Nothing has been measured yet")
    text = said(world.baseline("linear", 0.8))
    assert text.startswith("No network has been trained yet; the best baseline, linear, has valid")


def test_a_single_method_is_not_compared(world):
    world.recipes, world.confirm = world.recipes[:1], None
    world.test("plain", [0.9]).baseline("constant", 0.3, 0.33)
    text = said(world)
    assert text.startswith(
        "On test rows plain has accuracy 90.0% (one seed); constant has accuracy"
    )
    assert "nothing was compared" in text
    world.confirmed.clear()
    world.test("plain", [None])
    assert said(world).startswith("The only model diverged")
