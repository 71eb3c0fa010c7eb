"""The plan of a single training."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from methodic.data.dataset import DataSet
from methodic.plan import Plan, Unit
from methodic.runs.given import NOTHING
from methodic.runs.plans import single
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import LR, PLAIN, SetSpeeds


def test_a_single_method_takes_the_middle_of_its_ranges(
    iris: DataSet, prepared: Prepared, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    set_speeds({"plain": (0.01, 0.0)})

    def planned(steps: int | None, budget: float = 20.0) -> Plan:
        wishes = Wishes(recipes=(PLAIN,), metric="accuracy", budget=budget, seed=3)
        return single.make(iris, prepared, tmp_path, wishes, steps, NOTHING, time.monotonic())

    plan = planned(100)
    (unit,), (contender,) = plan.train, plan.contenders
    assert unit.steps == (100,)
    assert unit.members[0].seed == 3
    assert unit.predict_test
    assert contender.settings == ({LR: pytest.approx(0.1)},)
    assert plan.confirm is plan.budget is None
    assert any(LR in note for note in plan.notes)
    assert planned(None).train[0].steps[0] == pytest.approx(20 * single.SLACK / 0.01, rel=0.01)
    assert planned(None, 1e4).train[0].steps == (2000,)
    assert planned(None).budget == 20.0


def test_slow_evaluations_are_fewer_in_a_budget_and_not_in_so_many_steps(
    iris: DataSet, prepared: Prepared, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    """Early stopping looks at evaluations: the same steps have to be looked at each time."""

    def looks(steps: int | None, evaluation: float) -> int:
        set_speeds({"plain": (0.01, evaluation)})
        wishes = Wishes(recipes=(PLAIN,), metric="accuracy", budget=20.0, seed=3)
        plan = single.make(iris, prepared, tmp_path, wishes, steps, NOTHING, time.monotonic())
        return len(plan.train[0].evaluate)

    assert looks(100, 5.0) == looks(100, 0.0)
    assert looks(None, 5.0) < looks(None, 0.0)


def test_looks_that_would_take_long_see_fewer_rows(
    iris: DataSet,
    prepared: Prepared,
    set_speeds: SetSpeeds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At most a tenth of the training; but never fewer rows than say something."""
    monkeypatch.setattr(single, "LEAST_JUDGED", 3)
    whole = prepared.counts[1]

    def planned(steps: int | None, evaluation: float) -> Unit:
        set_speeds({"plain": (0.01, evaluation)})
        wishes = Wishes(recipes=(PLAIN,), metric="accuracy", budget=20.0, seed=3)
        plan = single.make(iris, prepared, tmp_path, wishes, steps, NOTHING, time.monotonic())
        (unit,) = plan.train
        said = [
            note for note in plan.notes if note.startswith(f"Looks on the way see {unit.judged}")
        ]
        assert len(said) == (unit.judged is not None)
        return unit

    assert planned(None, 0.01).judged is None
    assert planned(300, 5.0).judged is None, "so many steps are the same training each time"
    slow = planned(None, 1.0)
    training = sum(slow.steps) * 0.01
    assert slow.judged is not None
    assert 3 < slow.judged < whole
    looking = len(slow.evaluate) * slow.judged / whole
    assert looking == pytest.approx(training / 10, rel=0.15)
    assert training + looking <= 20 * single.SLACK
    assert planned(None, 100.0).judged == 3


def test_what_is_predicted_at_last_is_paid_from_the_budget(
    iris: DataSet, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test rows cost more than a look where training is in bfloat16."""

    def steps(ending: float) -> int:
        monkeypatch.setattr(single, "measure", lambda *_: (0.01, 0.0, ending))
        wishes = Wishes(recipes=(PLAIN,), metric="accuracy", budget=20.0, seed=3, compile=False)
        plan = single.make(iris, prepared, tmp_path, wishes, None, NOTHING, time.monotonic())
        return plan.train[0].steps[0]

    assert steps(0.0) - steps(5.0) == pytest.approx(5 / 0.01, rel=0.05)
