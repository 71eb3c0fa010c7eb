"""Advice rests on records: learning rates at an end, curves that rise, pairs that are too close."""

from __future__ import annotations

import pytest

from methodic.evidence.advice import advice
from methodic.plan import CurvePoint
from methodic.tuning import SearchPlan

LR = "stages.0.turns.0.optimizer.lr"


def points(scores):
    return tuple(
        CurvePoint(step=20 * (i + 1), train_loss=1.0, validation_loss=1.0, score=score)
        for i, score in enumerate(scores)
    )


def told(world):
    return world.board().advice


def with_curves(world, name, curves, best_step=200):
    """Confirm a method whose seeds have these validation curves (ten points, 200 steps)."""
    world.test(name, [0.9 + i / 1000 for i in range(len(curves))])
    record = world.confirmed[-1]
    members = tuple(m.model_copy(update={"best_step": best_step}) for m in record.members)
    world.confirmed[-1] = record.model_copy(
        update={"curves": tuple(map(points, curves)), "members": members}
    )


def rising(start, seeds=5):
    return [[start + (0.02 + seed / 10000) * i for i in range(10)] for seed in range(seeds)]


def flat(seeds=5):
    return [[0.5 + ((i * 7 + seed * 3) % 5) / 1000 for i in range(10)] for seed in range(seeds)]


def test_the_largest_rate_was_the_best(world):
    world.screen("plain", [0.8], setting=0).screen("plain", [0.9], setting=1)
    with_curves(world, "plain", flat())
    (one,) = told(world)
    assert "largest tried (0.1): widen its range to higher" in one
    world.screened.clear()
    world.screen("plain", [0.9], setting=0).screen("plain", [0.8], setting=1)
    (one,) = told(world)
    assert "smallest tried (0.01)" in one


def test_after_a_search_the_ends_are_those_of_the_range(world):
    """The largest of two random rates is no end; the range goes from 0.01 to 1."""
    search = SearchPlan(sampler="random", settings=2, strategy="full")
    world.screen("plain", [0.8], setting=0).screen("plain", [0.9], setting=1)
    with_curves(world, "plain", flat())
    board, drawn = world.board(), world.plan().model_copy(update={"search": search})

    def said(*rates):
        contenders = [
            each.model_copy(update={"settings": tuple({LR: rate} for rate in rates)})
            for each in drawn.contenders
        ]
        plan = drawn.model_copy(update={"contenders": tuple(contenders)})
        return advice(board, plan, world.screened, world.confirmed)

    assert said(0.02, 0.1) == said(0.2, 0.0128) == said(0.1, 0.79) == ()
    (one,) = said(0.02, 0.81)
    assert "(0.81) lies at the upper end of its range (0.01 to 1): widen it to higher" in one
    (one,) = said(0.5, 0.012)
    assert "lower end of its range" in one


def test_curves_that_still_rise(world):
    with_curves(world, "plain", rising(0.5))
    (one,) = told(world)
    assert "still gained 6.1 points" in one
    assert "mean of 5 seeds" in one


def test_curves_that_are_flat_or_noisy_say_nothing(world):
    with_curves(world, "plain", flat())
    assert told(world) == ()


def test_errors_fall(numbers_world):
    with_curves(numbers_world, "plain", [[1 - x for x in curve] for curve in rising(0.5)])
    (one,) = told(numbers_world)
    assert "still gained 0.061" in one


def test_the_best_weights_came_early(world):
    with_curves(world, "plain", flat(), best_step=60)
    (one,) = told(world)
    assert "came after 30% of its steps" in one
    assert "more regularization" in one


def test_a_diverged_member_has_no_say(world):
    with_curves(world, "plain", rising(0.5, 2))
    record = world.confirmed[-1]
    gone = record.members[1].model_copy(update={"status": "diverged"})
    world.confirmed[-1] = record.model_copy(update={"members": (record.members[0], gone)})
    assert told(world) == ()


def test_how_many_seeds_would_tell_two_apart(world):
    world.test("plain", [0.90, 0.92, 0.94, 0.91]).test("fancy", [0.91, 0.95, 0.93, 0.94])
    found = [each for each in told(world) if "--seeds" in each]
    assert len(found) == 1
    n = int(found[0].rsplit("--seeds ", 1)[1].rstrip(")."))
    assert 4 < n < 100


def test_two_that_are_as_good_as_equal(world):
    world.test("plain", [0.90, 0.92, 0.94, 0.91]).test("fancy", [0.92, 0.90, 0.91, 0.9401])
    (one,) = told(world)
    assert "take the simpler one" in one


def test_nothing_is_said_where_one_is_clearly_better(world):
    world.test("plain", [0.50, 0.51, 0.52]).test("fancy", [0.90, 0.91, 0.92])
    assert told(world) == ()


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_single_training_gets_none(world, confirmed):
    world.confirm = None
    with_curves(world, "plain", rising(0.5))
    assert advice(world.board(), world.plan(), [], world.confirmed if confirmed else []) == ()
