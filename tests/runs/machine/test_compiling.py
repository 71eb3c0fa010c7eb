"""Compiling where it is predicted to pay, on imaginary machines."""

from __future__ import annotations

import pytest

from methodic.engine import forking
from methodic.errors import InputError
from methodic.plan import Machine
from methodic.runs.given import Given
from methodic.runs.machine import compiling
from methodic.runs.machine.compiling import COLD, FASTER, MARGIN, START, TRACE
from methodic.runs.plans import planning
from tests.runs import conftest
from tests.runs.conftest import COMPILED, FULL, MOMENTUM, PLAIN, MakePlan, recipe


def why(plan: object) -> str:
    (note,) = [n for n in plan.notes if "ompiled" in n and not n.startswith("A step")]  # type: ignore[attr-defined]
    return str(note)


@pytest.mark.parametrize(("budget", "cold"), [(10.0, False), (20.0, True), (30.0, True)])
def test_a_short_run_is_not_compiled(
    make_plan: MakePlan, budget: float, cold: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "fresh", lambda: True)
    plan = make_plan(PLAIN, MOMENTUM, step=0.01, budget=budget, cold=cold, compile=None)
    assert not plan.machine.compiled
    assert why(plan).startswith("Not compiled: ")


@pytest.mark.parametrize(("budget", "cold"), [(80.0, False), (600.0, True)])
def test_a_long_run_or_a_warm_cache_is(make_plan: MakePlan, budget: float, cold: bool) -> None:
    fast = make_plan(PLAIN, MOMENTUM, step=0.1, budget=budget, cold=cold, compile=None)
    slow = make_plan(PLAIN, MOMENTUM, step=0.1, budget=budget, compile=False)
    assert fast.machine.compiled
    assert not slow.machine.compiled
    assert why(fast).startswith("Compiled: ")
    assert why(slow) == "Not compiled, as asked."
    steps = [sum(each.contenders[0].steps) for each in (fast, slow)]
    assert steps[0] == pytest.approx(COMPILED * steps[1], rel=0.1), "the time goes into training"
    assert [each.contenders[0].milliseconds for each in (fast, slow)] == [50.0, 100.0]
    tried = {each.what: each.milliseconds for each in fast.tried}
    assert tried["compilation, all methods"] == 100.0
    assert tried["without compilation, all methods"] == 200.0
    assert not any("compilation" in each.what for each in slow.tried)


def test_finding_out_takes_its_time(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds of a search for compiled code are missing from training afterwards."""

    def steps(seconds: float) -> int:
        now = [0.0]

        def choose(*_: object) -> compiling.Choice:
            now[0] += seconds
            return compiling.Choice(False, "Not compiled.")

        monkeypatch.setattr(planning.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(planning, "choose", choose)
        return sum(make_plan(PLAIN, MOMENTUM, step=0.05, compile=None).contenders[0].steps)

    assert steps(20.0) < 0.8 * steps(0.0)


class Imaginary:
    """A survey that knows how many methods aren't in the cache."""

    def __init__(self, cold: int = 0, network: object = None, **machine: str) -> None:
        self.cold = cold
        self.given = Given(network)  # type: ignore[arg-type]
        chosen = {"device": "cpu", "capability": "AVX2", "torch": "2"} | machine
        self.machine = Machine(workers=2, threads=1, **chosen)  # type: ignore[arg-type]

    def uncompiled(self, recipes: object) -> int:
        assert self.cold >= 0, "nobody should ask"
        return self.cold


@pytest.mark.parametrize("fresh", [True, False])
def test_an_empty_cache_is_not_searched(fresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers import counts where each has to."""
    monkeypatch.setattr(forking, "fresh", lambda: fresh)
    monkeypatch.setattr(compiling, "anything_known", lambda: False)
    choice = compiling.choose(Imaginary(-1), [object_with_recipe()], 1e4, 2, None)  # type: ignore[arg-type, list-item]
    assert choice.compiled
    assert f"costs {2 * (START * fresh + TRACE) + COLD:.0f} s" in choice.why


def test_twice_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The saving must be more than twice the cost: all trace in each worker, one compiles."""
    monkeypatch.setattr(forking, "fresh", lambda: True)
    monkeypatch.setattr(compiling, "anything_known", lambda: True)
    for methods, workers, cold in ((2, 1, 2), (2, 2, 1), (6, 2, 0), (1, 2, 1)):
        cost = workers * (START + methods * TRACE) + cold * COLD
        enough = MARGIN * cost / (1 - 1 / FASTER)
        timed = [object_with_recipe() for _ in range(methods)]
        for seconds, compiled in ((enough * 1.01, True), (enough * 0.99, False)):
            choice = compiling.choose(Imaginary(cold), timed, seconds, workers, None)  # type: ignore[arg-type]
            assert choice.compiled is compiled, choice.why


@pytest.mark.parametrize(
    ("given", "why_not"),
    [
        ({"network": object()}, "a network of your own runs as it is"),
        ({"device": "cuda"}, "compiled steps run on the processor, not on cuda"),
        ({"precision": "bfloat16"}, "compiled steps are float32, not bfloat16"),
    ],
)
def test_where_nothing_can_be_compiled(given: dict[str, object], why_not: str) -> None:
    for asked in (None, True):
        survey = Imaginary(-1, **given)  # type: ignore[arg-type]
        choice = compiling.choose(survey, [object_with_recipe()], 1e4, 2, asked)  # type: ignore[arg-type, list-item]
        assert choice == compiling.Choice(False, f"Not compiled: {why_not}.")


def object_with_recipe() -> object:
    class Method:
        recipe = PLAIN

    return Method()


def test_what_turns_out_slower_is_not_compiled(
    make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conftest, "COMPILED", 0.5)
    plan = make_plan(PLAIN, step=0.1, budget=80.0, cold=False, compile=None)
    assert not plan.machine.compiled
    assert "Not compiled after all. A step of all methods takes 200 ms, and 100 ms" in why(plan)
    assert plan.contenders[0].milliseconds == 100.0
    asked = make_plan(PLAIN, step=0.1, budget=80.0, cold=False, compile=True)
    assert asked.machine.compiled


def test_a_compiler_that_fails(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on without; unless the user asked for it."""

    class Fails(float):
        def __truediv__(self, other: float) -> float:
            raise InputError("no machine code", found="Python.h")

    speeds = {"plain": (Fails(0.1), 0.0)}
    plan = make_plan(PLAIN, step=speeds, budget=600.0, compile=None)
    assert not plan.machine.compiled
    assert why(plan) == "Not compiled: no machine code (Python.h)."
    with pytest.raises(InputError, match="no machine code"):
        make_plan(PLAIN, step=speeds, budget=600.0, compile=True)


def test_no_compiler(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "missing_compiler", lambda: "no C++ compiler on this machine")
    for compile in (None, True):
        plan = make_plan(PLAIN, FULL, step=0.1, budget=600.0, compile=compile)
        assert not plan.machine.compiled
        assert why(plan) == "Not compiled: no C++ compiler on this machine."


def test_flags_override(make_plan: MakePlan) -> None:
    plan = make_plan(recipe("a"), step=0.1, budget=20.0, compile=True)
    assert plan.machine.compiled
    assert why(plan) == "Compiled, as asked."


def test_what_is_too_slow_when_compiled_is_refused(make_plan: MakePlan) -> None:
    """Nobody is planned with less than an epoch, whatever the flags."""
    speeds = {"plain": (0.1, 0.0)}
    assert make_plan(PLAIN, step=speeds, budget=20.0, compile=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "COMPILED", 0.001)
        with pytest.raises(InputError, match="too small"):
            make_plan(PLAIN, step=speeds, budget=20.0, compile=True)
