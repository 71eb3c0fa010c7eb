"""What every update rule must do, whatever its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contract.rule_table import ROWS
from reference.trajectories import (
    as_arrays,
    coefficients,
    drive,
    lr_at,
    normal,
    probed,
    valley_gradient,
)

every_rule = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
elementwise = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.rule.scope == "element"], ids=lambda row: row.name
)
BELOW_ONE = {"momentum", "dampening", "alpha", "rho", "beta1", "beta2", "beta3"}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def company(row, members):
    """Numbers that differ from member to member."""
    numbers = {}
    for name, value in row.numbers.items():
        away = np.linspace(1.0, 0.6 if name in BELOW_ONE else 1.7, members)
        numbers[name] = value * away
    return numbers


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@every_rule
@pytest.mark.parametrize(
    ("members", "size"),
    [(2, 1), (8, 7), (3, 16), (3, 33), (8, 65), (2, 129), (8, 1001)],
)
def test_a_member_alone_and_in_company_is_equal_to_the_bit(row, members, size):
    start = random(members, size)
    gradients = random(4, members, size, seed=1)
    mask = (torch.arange(size) % 3 != 0).float()
    numbers = company(row, members)
    together = drive(row.rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 4, mask)
    for m in range(members):
        own = {name: n[m : m + 1] for name, n in numbers.items()}
        alone = drive(
            row.rule,
            start[m : m + 1].clone(),
            lambda _, t, m=m: gradients[t - 1, m : m + 1].clone(),
            lambda _, own=own: own,
            4,
            mask,
        )
        for (w, state), (own_w, own_state) in zip(together, alone, strict=True):
            assert torch.equal(w[m : m + 1], own_w)
            assert state.keys() == own_state.keys()
            for name in state:
                assert torch.equal(state[name][m : m + 1], own_state[name])


@every_rule
def test_coefficients_do_not_depend_on_the_members_and_steps_beside_them(row):
    steps = np.arange(1.0, 38.0)[:, None]
    numbers = as_arrays(company(row, 5))
    table = row.rule.coefficients(steps, numbers)
    for m in range(5):
        own = {name: n[m : m + 1] for name, n in numbers.items()}
        for t in range(len(steps)):
            alone = row.rule.coefficients(steps[t : t + 1], own)
            assert alone.keys() == table.keys()
            for name, column in alone.items():
                assert column.shape == (1, 1)
                assert column[0, 0] == table[name][t, m]


@every_rule
def test_a_scheduled_rate_is_read_at_its_step(row):
    steps = np.array([[1.0], [2.0]])
    scheduled = as_arrays(row.numbers) | {"lr": np.array([[0.5], [0.25]])}
    table = row.rule.coefficients(steps, scheduled)
    for t, lr in enumerate([0.5, 0.25]):
        fixed = row.rule.coefficients(steps[t : t + 1], as_arrays(row.numbers | {"lr": lr}))
        for name, column in fixed.items():
            assert column[0, 0] == table[name][t, 0]


@every_rule
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arguments_are_not_written_to_and_shapes_and_types_are_kept(row, dtype):
    w, g = random(3, 21, dtype=dtype), random(3, 21, seed=1, dtype=dtype)
    state = {
        name: random(*slot.shape, seed=2, dtype=dtype).abs()
        for name, slot in row.rule.initial(w).items()
    }
    c = coefficients(row.rule, 3, company(row, 3), dtype)
    _, c = probed(row.rule, w, state, c, 3)
    arguments = {"w": w, "g": g, **state, **{f"c {name}": each for name, each in c.items()}}
    before = {name: tensor.clone() for name, tensor in arguments.items()}
    probed(row.rule, w, state, c, 3)
    weights = row.rule.evaluation_weights(w, state)
    assert weights.shape == w.shape
    change, following = row.rule.update(g, w, state, c)
    for name, tensor in arguments.items():
        assert torch.equal(tensor, before[name]), f"{name} was written to"
    assert change.shape == w.shape
    assert following.keys() == state.keys()
    for name, slot in following.items():
        assert slot.shape == state[name].shape, name
    for result in (change, *following.values()):
        assert result.dtype == dtype
        shared = [name for name, t in arguments.items() if t.data_ptr() == result.data_ptr()]
        assert not shared, f"a result is the memory of {shared}"


@elementwise
def test_state_starts_as_zeros_like_the_parameter(row):
    for shape in [(1, 5), (4, 3, 2)]:
        w = random(*shape, dtype=torch.float64)
        for tensor in row.rule.initial(w).values():
            assert tensor.shape == w.shape
            assert tensor.dtype == w.dtype
            assert not tensor.any()


@every_rule
def test_state_has_a_member_axis_and_memory_of_its_own(row):
    w = random(4, 6)
    slots = row.rule.initial(w)
    for tensor in slots.values():
        assert len(tensor) == 4
    assert len({tensor.data_ptr() for tensor in slots.values()} | {w.data_ptr()}) == len(slots) + 1


@every_rule
def test_only_a_rule_that_averages_is_evaluated_elsewhere(row):
    start = random(2, 5, dtype=torch.float64)
    w, state = drive(row.rule, start, valley_gradient, lambda _: company(row, 2), 5)[-1]
    assert torch.equal(row.rule.evaluation_weights(w, state), w) != row.rule.averages


@every_rule
def test_two_runs_are_equal_to_the_bit(row):
    start = random(2, 9)
    numbers = company(row, 2)
    first, second = (
        drive(row.rule, start, lambda w, _: w + torch.sin(3 * w), lambda _: numbers, 10)[-1][0]
        for _ in range(2)
    )
    assert not torch.equal(first, start)
    assert torch.equal(first, second)


@every_rule
def test_a_convex_quadratic_is_brought_near_its_minimum(row):
    curvature = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    target = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    start = torch.zeros(1, 4, dtype=torch.float64)

    def numbers(t):
        rate = row.numbers["lr"] * (1 - t / 600 if row.falling else 1)
        return row.numbers | {"weight_decay": 0.0, "lr": rate}

    path = drive(row.rule, start, lambda w, _: curvature * (w - target), numbers, 600)
    ends = row.rule.evaluation_weights(*path[-1])
    assert float((ends - target).abs().max()) < 0.03


@every_rule
def test_a_parameter_that_does_not_decay_moves_as_without_decay(row):
    mask = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    start = random(1, 4, dtype=torch.float64)
    gradients = random(5, 1, 4, seed=1, dtype=torch.float64)

    def weights(numbers):
        path = drive(row.rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 5, mask)
        return path[-1][0]

    decayed = weights(row.numbers | {"weight_decay": 0.3})
    plain = weights(row.numbers | {"weight_decay": 0.0})
    assert torch.equal(decayed[:, mask == 0], plain[:, mask == 0])
    if row.rule.decay:
        assert not torch.isclose(decayed[:, mask == 1], plain[:, mask == 1], atol=1e-6).any()


@every_rule
def test_every_step_and_slot_equals_the_literal_version(row):
    start = random(1, 6, seed=3, dtype=torch.float64)
    rates = [lr_at(0.2 * row.numbers["lr"], t) for t in range(26)]
    path = drive(
        row.rule, start, valley_gradient, lambda t: row.numbers | {"lr": rates[t]}, len(rates) - 1
    )
    w, state = start[0].tolist(), {}
    for t, (ours, slots) in enumerate(path, start=1):
        n, point = row.numbers | row.switches | {"lr": rates[t]}, w
        if row.point is not None:
            point = row.point(w, state, n, normal(len(w), t).tolist())
            n["point"] = point
        g = valley_gradient(torch.tensor([point], dtype=torch.float64))[0].tolist()
        w, state = row.literal(w, g, state, n, t)
        assert np.isfinite(w).all()
        np.testing.assert_allclose(ours[0].numpy(), w, rtol=1e-9, atol=1e-11)
        for name, slot in slots.items():
            np.testing.assert_allclose(slot[0].numpy(), state[name], rtol=1e-9, atol=1e-11)
        if row.rule.averages:
            x = row.rule.evaluation_weights(ours, slots)[0].numpy()
            np.testing.assert_allclose(x, state["x"], rtol=1e-9, atol=1e-11)


@elementwise
def test_another_shape_gives_the_same_numbers(row):
    start, gradients = random(2, 12), random(3, 2, 12, seed=1)
    numbers = company(row, 2)
    flat = drive(row.rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 3)
    w, state = start.view(2, 3, 4), row.rule.initial(start.view(2, 3, 4))
    for t in range(1, 4):
        c = coefficients(row.rule, t, numbers, torch.float32)
        c = {name: each.unsqueeze(-1) for name, each in c.items()}
        _, c = probed(row.rule, w, state, c, t)
        change, state = row.rule.update(gradients[t - 1].view(2, 3, 4), w, state, c)
        w = w + change
    assert torch.equal(w.flatten(1), flat[-1][0])
