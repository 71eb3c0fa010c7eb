"""What is measured of a trained model, on a clock that only the predictions move."""

from __future__ import annotations

import pytest
import torch

from methodic.baselines import Rows, fit
from methodic.engine.evaluation import outputs
from methodic.engine.loop import Trained, initial_state
from methodic.metrics import METRICS
from methodic.plan import BaselinePlan
from methodic.recipes.kinds.unlabelled import Reconstruction
from methodic.runs import cohorts
from methodic.runs.outcome import timing
from methodic.runs.outcome.timing import inference_cost
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MACHINE, PLAIN, MakePlan


class Clock:
    """Time that passes by prediction only: a millisecond a call and 10 µs a row, at first more."""

    def __init__(self, patch: pytest.MonkeyPatch, row: float = 1e-5) -> None:
        self.now, self.row, self.calls = 100.0, row, []
        patch.setattr(timing.time, "perf_counter", lambda: self.now)

    def predict(self, count: int) -> None:
        self.calls.append(count)
        disturbed = 0.005 if len(self.calls) % 2 else 0.0
        self.now += 1e-3 + self.row * count + disturbed


def test_the_best_of_a_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = inference_cost(clock.predict, 12, 48, 100)
    assert (found.parameters, found.bytes) == (12, 48)
    assert found.single_milliseconds == pytest.approx(1.01)
    assert found.row_microseconds == pytest.approx(1e6 * (1e-3 + 1e-5 * 100) / 100)
    assert set(clock.calls) == {1, 100}
    assert clock.now - 100.0 < 0.065


def test_many_rows_are_not_all_predicted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = inference_cost(clock.predict, 12, 48, 100_000)
    assert set(clock.calls) == {1, timing.MANY}
    assert found.row_microseconds == pytest.approx(10 + 1e3 / timing.MANY)


def test_a_slow_model_predicts_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its user waits for the end of the run; a row of 400 costs the same as a row of 2,000."""
    clock = Clock(monkeypatch, row=0.01)
    found = inference_cost(clock.predict, 12, 48, 100_000)
    assert max(clock.calls) == pytest.approx(timing._LONG / 0.011, abs=1)
    assert found.row_microseconds == pytest.approx(10_000, rel=0.01)


def test_a_long_pass_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, row=1.0)
    found = inference_cost(clock.predict, 0, 1, 7)
    assert clock.calls == [1, 1, 7]
    assert found.row_microseconds == pytest.approx(1e6, rel=0.01)


@pytest.mark.parametrize("more", [(), (Reconstruction(decoder=(5,)),)], ids=["plain", "decoder"])
def test_a_member_predicts_as_it_does_in_its_cohort(
    more: tuple[Reconstruction, ...],
    prepared: Prepared,
    make_plan: MakePlan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an objective adds isn't shipped, so it doesn't count."""
    net = cohorts.concrete(make_plan(PLAIN).contenders[0], 0)
    stage = net.stages[0]
    turn = stage.turns[0].model_copy(update={"objectives": (*stage.turns[0].objectives, *more)})
    net = net.model_copy(update={"stages": (stage.model_copy(update={"turns": (turn,)}),)})
    cohort = cohorts.cohort_of(prepared, [net, net], [3, 4], [1], MACHINE)
    state = initial_state(cohort)
    trained = Trained(state.flat, state.buffers, [], [], 0, 0)
    rows = prepared.rows["test"]
    decode = prepared.encoders.predictions
    expected = decode(
        outputs(cohort.model, cohort.layout, state.flat, state.buffers, rows, cohort.numbers)
    )
    seen: dict[int, torch.Tensor] = {}

    def keep(predict, parameters, held, count):  # type: ignore[no-untyped-def]
        seen.update({n: predict(n) for n in (1, count)})
        return parameters, held, count

    monkeypatch.setattr(timing, "inference_cost", keep)
    n = prepared.counts[2]
    parameters = 4 * 8 + 8 + 8 * 3 + 3
    assert timing.of_member(cohort, trained, rows, decode) == (parameters, 4 * parameters, n)
    assert torch.equal(seen[n][0], expected[0])
    assert seen[1].shape == (1, 1, 3)
    torch.testing.assert_close(seen[1][0, 0], expected[0, 0])


@pytest.mark.parametrize("kind", ["constant", "linear", "gradient_boosting"])
def test_a_baseline_predicts_rows_and_one_row(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    train, validation, test = (
        prepared.baseline_rows(part) for part in ("train", "validation", "test")
    )
    chosen = BaselinePlan(kind=kind, iterations=10)  # type: ignore[arg-type]
    metric = METRICS["accuracy"]
    result = fit(chosen, "multiclass", train, validation, test, metric, 3)
    found = timing.of_baseline(result, test)
    assert (found.parameters, found.bytes) == (result.model.parameters, result.model.bytes)
    assert found.row_microseconds > 0
    assert found.single_milliseconds > 0

    def keep(predict, parameters, held, count):  # type: ignore[no-untyped-def]
        assert predict(count).tolist() == result.predictions.tolist()
        assert predict(1).tolist() == result.predictions[:1].tolist()
        return "called"

    monkeypatch.setattr(timing, "inference_cost", keep)
    assert timing.of_baseline(result, test) == "called"
    assert isinstance(test, Rows)
