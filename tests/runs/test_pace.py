"""How fast a run goes and how long it takes, on clocks that are set by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic.engine.keeper import Count
from methodic.plan import Plan
from methodic.runs import pace, paths
from methodic.runs.pace import Pace
from methodic.runs.plans.units import confirm_units
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, MOMENTUM, step=0.02, seeds=10)


def planned(plan: Plan) -> tuple[float, float]:
    """Seconds of all screening cohorts, and of one of confirmation."""
    by_name = {c.recipe.name: c.milliseconds / 1000 for c in plan.contenders}
    screen = [sum(u.steps) * by_name[u.members[0].recipe] for u in plan.screen]
    assert plan.confirm is not None
    return sum(screen), plan.confirm.scale * sum(screen) / len(screen)


def test_time_left_counts_what_lies_ahead(plan: Plan, tmp_path: Path, clock: Clock) -> None:
    screening, confirmation = planned(plan)
    counts = paths.counts_path(tmp_path)
    here = Pace(plan, counts, workers=2, finalists=2)
    here.begin()
    assert here.left() == pytest.approx((screening + 4 * confirmation) / 2)
    here.announce(plan.screen)
    first, *others = plan.screen
    one = sum(first.steps) * plan.contenders[0].milliseconds / 1000
    here.done(first, 3 * one, 10)  # three times as slow as planned
    ahead = screening - one + 4 * confirmation
    assert here.left() == pytest.approx(3 * ahead / 2)
    counts.mkdir(parents=True)
    half = sum(others[0].steps) * len(others[0].members) // 2
    (counts / others[0].id).write_text(str(half))
    assert 3 * (ahead - one) / 2 < here.left() < 3 * ahead / 2  # type: ignore[operator]
    here.skip(others)
    units = confirm_units(plan, [("plain", 0)])
    here.announce(units)
    assert here.left() == pytest.approx(3 * 2 * confirmation / 2), "one finalist, as it turned out"
    here.skip(units)
    assert here.left() == 0


def test_the_rate_counts_units_under_way(plan: Plan, tmp_path: Path, clock: Clock) -> None:
    counts = paths.counts_path(tmp_path)
    counts.mkdir(parents=True)
    one, two = plan.screen[:2]
    (counts / one.id).write_text("999999")  # of an execution that was killed
    here = Pace(plan, counts, workers=1, finalists=2)
    here.begin()
    here.announce(plan.screen)
    assert here.rate() == 0
    clock.now += 2
    (counts / one.id).write_text("1000")
    (counts / two.id).write_text("400")
    assert here.rate() == 700
    clock.now += 2
    (counts / two.id).write_text("")  # being written just now
    assert here.rate() == 350
    (counts / one.id).unlink()
    clock.now += 1
    assert here.rate() == 280, "never backwards"
    here.done(one, 5.0, 1600)
    assert here.rate() == 400
    clock.now += 100
    here.rate()
    clock.now += pace.WINDOW + 1
    assert here.rate() == 0, "the last seconds count"


def test_steps_are_counted_about_once_a_second(tmp_path: Path) -> None:
    path = tmp_path / "steps" / "a"
    count = Count(path)
    start = count._next - 1.0
    count.add(5, start + 0.5)
    assert not path.exists()
    count.add(5, start + 1.0)
    assert path.read_text() == "10"
    count.add(5, start + 1.9)
    assert path.read_text() == "10"
    count.add(5, start + 2.0)
    assert path.read_text() == "20"
    count.end()
    assert not path.exists()
    count.end()
    Count().add(5, start + 9)


def test_a_count_that_can_not_be_written_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    count = Count(tmp_path / "file" / "a")
    count.add(5, count._next + 1)
    count.end()
