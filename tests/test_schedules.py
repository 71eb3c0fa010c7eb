"""Schedules: against words, against torch, and against what they promise."""

from __future__ import annotations

import inspect
import itertools
import json
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from reference import schedules as literal
from torch.optim import lr_scheduler as theirs

from methodic import schedules
from methodic.build import schedules as building
from methodic.build.own import Own
from methodic.errors import InputError
from methodic.recipes import io
from methodic.recipes.kinds import schedules as kinds
from methodic.recipes.numbers import is_number

SPEC = TypeAdapter(kinds.Schedule)
KINDS = {each.model_fields["kind"].default for each in get_args(get_args(kinds.Schedule)[0])}


def built(spec):
    return building.schedule(spec, Own({}))


def numbers_of(spec, prefix=""):
    """The Numbers of a schedule, by path."""
    found = {
        prefix + name: getattr(spec, name)
        for name, field in type(spec).model_fields.items()
        if is_number(field)
    }
    for i, part in enumerate(getattr(spec, "parts", ())):
        found |= numbers_of(part.schedule, f"{prefix}parts.{i}.schedule.")
    return found


def factors(fields, total, steps=None):
    """The factors of one member, [T]."""
    spec = SPEC.validate_python(fields)
    numbers = {name: np.array([value]) for name, value in numbers_of(spec).items()}
    at = np.arange(float(total)) if steps is None else np.array(steps, dtype=float)
    result = built(spec)(at[:, None], total, numbers)
    assert result.shape == (len(at), 1)
    assert result.dtype == np.float64
    return result[:, 0]


def written_out(fields):
    return SPEC.validate_python(fields).model_dump()


share = st.floats(0.02, 0.98)
level = st.floats(0, 1)
above = st.floats(1e-3, 1)
warmup = st.floats(0, 0.99)


ENDLESS = ("constant", "cyclic", "plateau", "joined")


def of(kind, **fields):
    if kind not in ENDLESS:
        fields["length"] = st.just(1.0) | st.floats(0.01, 1)
    return st.fixed_dictionaries({"kind": st.just(kind), "warmup": warmup, **fields})


ALONE = {
    "constant": of("constant"),
    "step": of("step", every=share, factor=above),
    "multi_step": of(
        "multi_step", milestones=st.sets(share, min_size=1, max_size=4).map(sorted), factor=above
    ),
    "exponential": of("exponential", final=above),
    "inverse_time": of("inverse_time", final=above, power=st.floats(0.1, 10)),
    "polynomial": of("polynomial", final=level, power=st.floats(0.1, 10)),
    "linear": of("linear", final=level),
    "cosine": of("cosine", final=level),
    "cosine_restarts": of(
        "cosine_restarts", cycles=st.integers(1, 5), growth=st.floats(1, 4), final=level
    ),
    "one_cycle": of(
        "one_cycle",
        peak=share,
        start=level,
        final=level,
        shape=st.sampled_from(["cosine", "linear"]),
    ),
    "cyclic": of("cyclic", cycles=st.integers(1, 6), low=st.floats(0, 0.9)).flatmap(
        lambda fields: st.sampled_from(
            [
                {**fields, "mode": "triangular"},
                {**fields, "mode": "triangular2"},
                {**fields, "mode": "exp_range", "fade": 0.2},
            ]
        )
    ),
    "wsd": of("wsd", decay=share, final=level, shape=st.sampled_from(["linear", "cosine", "sqrt"])),
    "flat_cosine": of("flat_cosine", flat=st.floats(0, 0.98), final=level),
    "log_cosine": of("log_cosine", cycles=st.integers(1, 6)),
}
ANY = {
    **ALONE,
    "plateau": of("plateau", factor=st.just(0.5)),
    "joined": st.tuples(st.one_of(*ALONE.values()), st.one_of(*ALONE.values()), share).map(
        lambda drawn: {
            "kind": "joined",
            "parts": [
                {"share": drawn[2], "schedule": drawn[0]},
                {"share": 1 - drawn[2], "schedule": drawn[1]},
            ],
        }
    ),
}


def test_every_kind_is_here():
    assert set(ANY) == KINDS - {"own"}, "one of the user's own: tests/build/test_own.py"


@pytest.mark.parametrize("kind", ANY)
def test_equals_the_literal_version(kind):
    @settings(deadline=None, max_examples=40)
    @given(ANY[kind], st.integers(1, 60))
    def check(fields, total):
        spec, steps = written_out(fields), [*range(total + 2), 10 * total]
        expected = [literal.factor(spec, step, total) for step in steps]
        np.testing.assert_allclose(factors(fields, total, steps), expected, rtol=1e-9, atol=1e-12)

    check()


@pytest.mark.parametrize("kind", ANY)
def test_stays_within_its_bounds_and_rises_in_the_warm_up(kind):
    @settings(deadline=None, max_examples=40)
    @given(ANY[kind], st.integers(1, 80))
    def check(fields, total):
        result = factors(fields, total, range(3 * total))
        spec = written_out(fields)
        assert (result <= 1 + 1e-12).all()
        assert (result >= 0).all()
        warm = round(spec["warmup"] * max(round(spec.get("length", 1) * total), 1))
        np.testing.assert_allclose(result[:warm], np.arange(1, warm + 1) / max(warm, 1))
        if "final" in spec:
            assert result[-1] == pytest.approx(spec["final"], abs=1e-12)

    check()


FALLING = ["step", "multi_step", "exponential", "inverse_time", "polynomial", "linear", "cosine"]


@pytest.mark.parametrize("kind", [*FALLING, "wsd", "flat_cosine"])
def test_falls_after_the_warm_up(kind):
    @settings(deadline=None, max_examples=30)
    @given(ANY[kind], st.integers(1, 80))
    def check(fields, total):
        after = factors({**fields, "warmup": 0.0}, total, range(2 * total))
        assert after[0] == pytest.approx(1)
        assert (np.diff(after) <= 1e-12).all()

    check()


STEADY = ["exponential", "linear", "cosine", "one_cycle", "cyclic", "wsd", "flat_cosine"]


@pytest.mark.parametrize("kind", STEADY)
def test_does_not_jump(kind):
    """What is continuous moves by little from one of many steps to the next."""

    @settings(deadline=None, max_examples=20)
    @given(ANY[kind])
    def check(fields):
        spec = {**written_out(fields), "warmup": 0.3}
        spec |= {"length": 1.0} if "length" in spec else {}
        result = factors(spec, 200_000, range(59_990, 200_000, 1))
        most = 0.05 if spec.get("shape") == "sqrt" else 0.01
        after = result[20:]  # at the start of one cycle, or of a triangle, it jumps down from 1
        assert np.abs(np.diff(after)).max() < most
        if kind not in ("one_cycle", "cyclic"):
            assert np.abs(np.diff(result)).max() < most

    check()


@pytest.mark.parametrize("kind", ANY)
def test_a_member_and_a_step_do_not_depend_on_those_beside_them(kind):
    @settings(deadline=None, max_examples=5)
    @given(st.data())
    def check(data):
        first = SPEC.validate_python(data.draw(ANY[kind]))
        own = numbers_of(first)
        scales = np.linspace(1.0, 0.9, 7)
        numbers = {k: v * scales if k != "growth" else v + scales for k, v in own.items()}
        schedule = built(first)
        together = schedule(np.arange(53.0)[:, None], 53, numbers)
        for m in range(7):
            mine = {name: values[m : m + 1] for name, values in numbers.items()}
            for step in (0, 1, 7, 26, 51, 52):
                alone = schedule(np.array([[float(step)]]), 53, mine)
                assert alone.shape == (1, 1)
                assert alone[0, 0] == together[step, m]

    check()


def test_every_schedule_with_an_end_has_a_length():
    for each in get_args(get_args(kinds.Schedule)[0]):
        kind = each.model_fields["kind"].default
        assert ("length" in each.model_fields) == (kind not in (*ENDLESS, "own")), kind
        assert kind in ENDLESS or kind == "own" or each.model_fields["length"].default == 1.0


@pytest.mark.parametrize("kind", [kind for kind in ALONE if kind not in ENDLESS])
def test_length_is_where_the_run_seems_to_end(kind):
    @settings(deadline=None, max_examples=30)
    @given(ANY[kind], st.integers(1, 60), st.integers(0, 40))
    def check(fields, ended, more):
        whole = {**fields, "length": 1.0}
        shorter = {**fields, "length": ended / (ended + more)}
        result = factors(shorter, ended + more, range(ended + more + 3))
        assert (result == factors(whole, ended, range(ended + more + 3))).all()  # bit for bit
        last = ended + 1  # where all of it is warm-up, its end comes one step later
        assert (result[last:] == result[last]).all()

        spec = SPEC.validate_python(whole)
        numbers = {name: np.array([value]) for name, value in numbers_of(spec).items()}
        at = np.arange(float(ended + 2))[:, None]
        without = {name: value for name, value in numbers.items() if name != "length"}
        curve = built(spec)
        assert (curve(at, ended, numbers) == curve(at, ended, without)).all()

    check()


def test_lengths_of_members_differ():
    numbers = {"warmup": np.zeros(2), "final": np.zeros(2), "length": np.array([1.0, 0.5])}
    at = np.arange(8.0)[:, None]
    first, second = schedules.linear(at, 8, numbers).T
    assert first.tolist() == [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert second.tolist() == [1, 0.75, 0.5, 0.25, 0, 0, 0, 0]


@pytest.mark.parametrize("length", [0.0, 1.5, -1.0, 100])
def test_a_length_is_a_share(length):
    with pytest.raises(InputError) as caught:
        io.from_data(
            {"name": "a", "stages": [{"schedule": {"kind": "cosine", "length": length}}]}, "a.yaml"
        )
    assert "schedule.length: is a share of the run" in caught.value.problem


TOTAL, WARM, FINAL = 40, 8, 0.05
REST = TOTAL - WARM


def torch_rates(after, steps=TOTAL, warm=0):
    """torch's rates for a base rate of 1; where asked, behind a linear warm-up."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = after(optimizer)
    if warm:
        rise = theirs.LinearLR(optimizer, start_factor=1 / warm, total_iters=warm - 1)
        scheduler = theirs.SequentialLR(optimizer, [rise, after(optimizer)], milestones=[warm])
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


def close(ours, rates):
    return np.allclose(ours, rates, rtol=1e-9, atol=1e-13)


# Behind a warm-up of 8 steps: name → (ours, torch's, other fields that must not pass).
GOLDEN = {
    "constant": ({}, lambda o: theirs.ConstantLR(o, factor=1.0), {}),
    "exponential": (
        {"final": FINAL},
        lambda o: theirs.ExponentialLR(o, gamma=FINAL ** (1 / REST)),
        {"final": 2 * FINAL},
    ),
    "cosine": (
        {"final": FINAL},
        lambda o: theirs.CosineAnnealingLR(o, T_max=REST, eta_min=FINAL),
        {"final": 2 * FINAL},
    ),
    "linear": (
        {"final": FINAL},
        lambda o: theirs.LinearLR(o, start_factor=1.0, end_factor=FINAL, total_iters=REST),
        {"final": 2 * FINAL},
    ),
    "polynomial": (
        {"power": 3.0},
        lambda o: theirs.PolynomialLR(o, total_iters=REST, power=3.0),
        {"power": 2.9},
    ),
    "step": (
        {"every": 6 / REST, "factor": 0.5},
        lambda o: theirs.StepLR(o, step_size=6, gamma=0.5),
        {"every": 7 / REST},
    ),
    "multi_step": (
        {"milestones": [5 / REST, 20 / REST], "factor": 0.3},
        lambda o: theirs.MultiStepLR(o, milestones=[5, 20], gamma=0.3),
        {"milestones": [6 / REST, 20 / REST]},
    ),
    "inverse_time": (
        {"final": FINAL, "power": 0.5},
        lambda o: theirs.LambdaLR(o, lambda t: (1 + (FINAL**-2 - 1) * t / REST) ** -0.5),
        {"power": 1.0},
    ),
    "flat_cosine": (
        {"flat": 0.5},
        lambda o: theirs.SequentialLR(
            o,
            [theirs.ConstantLR(o, factor=1.0), theirs.CosineAnnealingLR(o, T_max=REST // 2)],
            milestones=[REST // 2],
        ),
        {"flat": 0.4},
    ),
    "wsd": (
        {"decay": 0.25, "final": FINAL},
        lambda o: theirs.SequentialLR(
            o,
            [
                theirs.ConstantLR(o, factor=1.0),
                theirs.LinearLR(o, start_factor=1.0, end_factor=FINAL, total_iters=REST // 4),
            ],
            milestones=[REST * 3 // 4],
        ),
        {"decay": 0.5},
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("kind", GOLDEN)
def test_equals_torch_and_rejects_mutants(kind):
    fields, make, other = GOLDEN[kind]
    nested = kind in ("flat_cosine", "wsd")  # torch can't nest sequences
    warm = 0 if nested else WARM
    steps, total = (REST, REST) if nested else (TOTAL, TOTAL)
    rates = torch_rates(make, steps, warm)
    spec = {"kind": kind, "warmup": warm / total, **fields}
    assert close(factors(spec, total), rates)
    at = np.arange(float(total))
    mutants = {
        "a step late": factors(spec, total, at - 1),
        "a step early": factors(spec, total, at + 1),
        "other warm-up": factors({**spec, "warmup": (warm + 2) / total}, total),
    }
    if other:
        mutants["other numbers"] = factors({**spec, **other}, total)
    if kind not in ("constant", "step", "multi_step"):
        mutants["ends with the last step"] = factors(spec, total - 1, at)
    for name, mutant in mutants.items():
        assert not close(mutant, rates), name


def test_restarts_equal_torch():
    for growth, first, cycles in ((1, 10, 4), (2, 6, 3)):
        total = sum(first * growth**i for i in range(cycles))
        rates = torch_rates(
            lambda o, t=first, g=growth: theirs.CosineAnnealingWarmRestarts(
                o, T_0=t, T_mult=g, eta_min=FINAL
            ),
            total,
        )
        spec = {"kind": "cosine_restarts", "cycles": cycles, "growth": growth, "final": FINAL}
        assert close(factors(spec, total), rates)
        assert not close(factors({**spec, "cycles": cycles + 1}, total), rates)
        assert not close(factors({**spec, "growth": growth + 0.5}, total), rates)
        assert not close(factors({**spec, "final": 0.0}, total), rates)


@pytest.mark.parametrize(("ours", "strategy"), [("cosine", "cos"), ("linear", "linear")])
def test_one_cycle_equals_torch(ours, strategy):
    """torch's run ends with its last step; ours just after it: one step more there."""
    rates = torch_rates(
        lambda o: theirs.OneCycleLR(
            o,
            max_lr=1.0,
            total_steps=TOTAL + 1,
            pct_start=11 / (TOTAL + 1),
            anneal_strategy=strategy,
        ),
        TOTAL,
    )
    spec = {"kind": "one_cycle", "peak": 0.25, "shape": ours}
    assert close(factors(spec, TOTAL), rates)
    for other in ({"peak": 0.3}, {"start": 0.05}, {"final": 1e-3}):
        assert not close(factors({**spec, **other}, TOTAL), rates)
    turned = "linear" if ours == "cosine" else "cosine"
    assert not close(factors({**spec, "shape": turned}, TOTAL), rates)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_cyclic_equals_torch(mode):
    fade = {"fade": 0.3} if mode == "exp_range" else {}
    rates = torch_rates(
        lambda o: theirs.CyclicLR(
            o,
            base_lr=0.2,
            max_lr=1.0,
            step_size_up=5,
            mode=mode,
            gamma=0.3 ** (1 / TOTAL),
            cycle_momentum=False,
        )
    )
    spec = {"kind": "cyclic", "mode": mode, "cycles": 4, "low": 0.2, **fade}
    assert close(factors(spec, TOTAL), rates)
    assert not close(factors({**spec, "cycles": 5}, TOTAL), rates)
    assert not close(factors({**spec, "low": 0.21}, TOTAL), rates)
    for other in {"triangular", "triangular2"} - {mode}:
        changed = {**spec, "mode": other}
        changed.pop("fade", None)
        assert not close(factors(changed, TOTAL), rates)


def test_log_cosine_has_its_zeros_where_the_paper_says():
    """coslog4: 0 at the start and at (2^k − 1) / 15, 1 halfway between in log₂(1 + 15 t)."""
    total = 15
    result = factors({"kind": "log_cosine"}, total, [0, 1, 3, 7, 15])
    np.testing.assert_allclose(result, 0, atol=1e-12)
    middle = [(2 ** (k + 0.5) - 1) / 15 for k in range(4)]
    fine = 10_000_000
    peaks = factors({"kind": "log_cosine"}, fine, [round(m * fine) for m in middle])
    np.testing.assert_allclose(peaks, 1, atol=1e-6)
    other = factors({"kind": "log_cosine", "cycles": 3}, total, [0, 1, 3, 7, 15])
    assert not np.allclose(other, 0, atol=1e-3)


def test_joined_equals_torch():
    spec = {
        "kind": "joined",
        "parts": [
            {"share": 0.25, "schedule": {"kind": "constant"}},
            {"share": 0.5, "schedule": {"kind": "cosine", "final": 0.5}},
            {"share": 0.25, "schedule": {"kind": "exponential", "final": 0.1}},
        ],
    }
    rates = torch_rates(
        lambda o: theirs.SequentialLR(
            o,
            [
                theirs.ConstantLR(o, factor=1.0),
                theirs.CosineAnnealingLR(o, T_max=20, eta_min=0.5),
                theirs.ExponentialLR(o, gamma=0.1 ** (1 / 10)),
            ],
            milestones=[10, 30],
        )
    )
    assert close(factors(spec, TOTAL), rates)
    for at, fields in itertools.product(range(3), [{"warmup": 0.2}, {"kind": "linear"}]):
        parts = [dict(part) for part in spec["parts"]]
        parts[at] = {**parts[at], "schedule": {**parts[at]["schedule"], **fields}}
        if at == 0 and "kind" in fields:
            continue
        assert not close(factors({**spec, "parts": parts}, TOTAL), rates)


def test_marks_of_the_convention():
    cosine = {"kind": "cosine", "warmup": 0.4, "final": 0.2}
    assert factors(cosine, 10)[:5].tolist() == [0.25, 0.5, 0.75, 1.0, 1.0]
    np.testing.assert_allclose(factors(cosine, 10, [10, 500]), 0.2)
    exponential = {"kind": "exponential", "final": 0.0625}
    assert factors(exponential, 4) == pytest.approx([1, 0.5, 0.25, 0.125])
    stairs = {"kind": "step", "every": 0.1, "factor": 0.5}
    assert factors(stairs, 10).tolist() == [0.5**i for i in range(10)]


def test_each_member_has_its_own_positions():
    """Warm-ups of different length move what comes after them."""
    spec = SPEC.validate_python({"kind": "linear"})
    numbers = {"warmup": np.array([0.0, 0.5]), "final": np.array([0.0, 0.5])}
    result = built(spec)(np.arange(4.0)[:, None], 4, numbers)
    np.testing.assert_allclose(result[:, 0], [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(result[:, 1], [0.5, 1, 1, 0.75])


ERRORS = [
    ({"kind": "cosine", "warmup": 200}, "warmup: is a share of the run, not a count of steps"),
    ({"kind": "cosine", "warmup": 1}, "must be < 1"),
    ({"kind": "step", "every": 30}, "every: is a share of the run"),
    ({"kind": "step", "every": 0}, "must be > 0"),
    ({"kind": "multi_step", "milestones": [0.5, 100]}, "milestones.1: is a share of the run"),
    ({"kind": "multi_step", "milestones": [0.5, 0.5]}, "milestones must rise"),
    ({"kind": "multi_step", "milestones": []}, "at least one entry"),
    ({"kind": "wsd", "decay": 2}, "decay: is a share of the run"),
    ({"kind": "exponential", "final": 0}, "must be > 0"),
    ({"kind": "exponential", "final": 3}, "must be ≤ 1"),
    ({"kind": "cosine_restarts", "cycles": 0}, "a number ≥ 1"),
    ({"kind": "cosine_restarts", "cycles": 90}, "a millionth"),
    ({"kind": "cyclic", "mode": "exp_range"}, "needs a fade below 1"),
    ({"kind": "cyclic", "fade": 0.1}, "fade is for mode exp_range"),
    ({"kind": "cyclic", "mode": "triangle"}, "Did you mean 'triangular'"),
    ({"kind": "linear", "power": 2}, "'power' is a field of inverse_time, polynomial"),
    ({"kind": "plateau", "factor": 1}, "factor: must be < 1"),
    ({"kind": "cosin"}, "Did you mean 'cosine'"),
    (
        {"kind": "joined", "parts": [{"share": 0.5, "schedule": {"kind": "linear"}}]},
        "shares of joined schedules must add up to 1",
    ),
    (
        {"kind": "joined", "parts": [{"share": 0.5, "schedule": {"kind": "plateau"}}]},
        "there is no schedule 'plateau'",
    ),
]


@pytest.mark.parametrize(("fields", "said"), ERRORS)
def test_errors_teach(fields, said):
    text = json.dumps({"name": "a", "stages": [{"schedule": fields}]})
    with pytest.raises(InputError) as caught:
        io.from_yaml(text, "a.yaml")
    assert said in str(caught.value)
    assert "stages.0.schedule" in str(caught.value)


def test_torch_is_not_imported():
    code = "import sys, methodic.schedules; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_that_is_exported_is_documented():
    for name in schedules.__all__:
        if inspect.isfunction(getattr(schedules, name)):
            assert getattr(schedules, name).__doc__
