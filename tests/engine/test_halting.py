"""Trainings that halt on their way, and go on later in other company, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from methodic.data.batches import Rows
from methodic.engine import checkpoint, loop
from methodic.engine.checkpoint import Standing, joined
from methodic.engine.evaluation import Judge
from tests.engine.conftest import MakeCohort
from tests.engine.test_checkpoint import LOOKS, make_cohort, same

ALL = tuple(sorted({*LOOKS, 10}))  # 10: the end of the first stage


@pytest.fixture
def whole(rows: Rows, judge: Judge) -> loop.Trained:
    return loop.train(make_cohort(), rows, judge, ALL)


def halted(until: int, rows: Rows, judge: Judge, start: Standing | None = None) -> Standing:
    trained = loop.train(make_cohort(), rows, judge, ALL, start=start, until=until)
    assert trained.standing is not None
    return trained.standing


def alike(trained: loop.Trained, whole: loop.Trained, places: list[int]) -> None:
    assert torch.equal(trained.flat, whole.flat[places])
    for name, value in trained.buffers.items():
        assert same(value, whole.buffers[name][places])
    assert [same(fate, whole.fates[p]) for fate, p in zip(trained.fates, places, strict=True)]
    for fate, curve, place in zip(trained.fates, trained.curves, places, strict=True):
        assert repr(fate) == repr(whole.fates[place])
        assert repr(list(curve)) == repr(list(whole.curves[place]))


@pytest.mark.parametrize("until", ALL)
def test_going_on_in_other_company(
    until: int, whole: loop.Trained, rows: Rows, judge: Judge, tmp_path: Path
) -> None:
    """From every evaluation, the end of a stage included; by way of a file; with gaps."""
    checkpoint.save(tmp_path, 1, "it", halted(until, rows, judge), 0.0)
    standing, _ = checkpoint.read(tmp_path, 1, "it", torch.device("cpu"))
    for places in ([3, 0, 2], [1], [2, 3]):
        some = joined([standing], places)
        alike(loop.train(make_cohort(places=places), rows, judge, ALL, start=some), whole, places)


def test_rung_after_rung(whole: loop.Trained, rows: Rows, judge: Judge) -> None:
    standing = None
    for until in (3, 9, 10, 21):
        standing = halted(until, rows, judge, standing)
    alike(loop.train(make_cohort(), rows, judge, ALL, start=standing), whole, list(range(4)))


def test_halting_trains_no_further(rows: Rows, judge: Judge) -> None:
    trained = loop.train(make_cohort(), rows, judge, ALL, until=12)
    assert trained.steps_taken == 12
    assert [point.step for point in trained.curves[3]] == [3, 6, 9, 10, 12]
    assert trained.standing is not None
    assert loop.train(make_cohort(), rows, judge, ALL).standing is None


def test_members_of_several_units(whole: loop.Trained, rows: Rows, judge: Judge) -> None:
    """Two cohorts halt; some of each go on together."""
    first = loop.train(make_cohort(places=[0, 1]), rows, judge, ALL, until=9).standing
    second = loop.train(make_cohort(places=[2, 3]), rows, judge, ALL, until=9).standing
    assert first is not None
    assert second is not None
    both = joined([second, first], [1, 2])
    alike(loop.train(make_cohort(places=[3, 0]), rows, judge, ALL, start=both), whole, [3, 0])


def test_who_has_ended_may_stand_at_an_earlier_stage(
    whole: loop.Trained, rows: Rows, judge: Judge
) -> None:
    """The wild one diverges in the second stage's first steps; its neighbours go on without it."""
    early = loop.train(make_cohort(places=[1]), rows, judge, ALL, until=21).standing
    late = loop.train(make_cohort(places=[0, 3]), rows, judge, ALL, until=21).standing
    assert early is not None
    assert late is not None
    early = replace(early, stage=0, state=replace(early.state, rules=[], average={}))
    both = joined([early, late], [0, 1, 2])
    alike(loop.train(make_cohort(places=[1, 0, 3]), rows, judge, ALL, start=both), whole, [1, 0, 3])


def test_a_copy_goes_on_with_other_numbers(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    """As a population's members do: weights and averages of one, the rate of another."""
    looks = [10, 20, 30, 40]
    averaged = {"regularizers": [{"kind": "ema", "decay": 0.9}]}
    before = loop.train(make_cohort([0.1, 0.2], **averaged), rows, judge, looks, until=20).standing
    assert before is not None
    rates = [0.2, 0.02]
    again = make_cohort(rates, seeds=[1, 1], **averaged)
    trained = loop.train(again, rows, judge, looks, start=joined([before], [1, 1]))
    assert not torch.equal(trained.flat[0], trained.flat[1])
    for member, rate in enumerate(rates):
        single = make_cohort([rate], seeds=[1], **averaged)
        alone = loop.train(single, rows, judge, looks, start=joined([before], [1]))
        assert torch.equal(alone.flat[0], trained.flat[member])
