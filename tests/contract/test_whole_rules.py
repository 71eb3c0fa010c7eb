"""What every rule must do that sees whole parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contract.whole_table import ROWS
from reference.trajectories import as_arrays

every_rule = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_shape = pytest.mark.parametrize(
    ("row", "shape"),
    [(row, shape) for row in ROWS for shape in row.shapes],
    ids=lambda x: x.name if hasattr(x, "name") else "x".join(map(str, x)),
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def company(row, members):
    below_one = {"momentum", "beta1", "beta2", "shampoo_beta"}
    found = {}
    for name, value in row.numbers.items():
        away = np.linspace(1.0, 0.6 if name in below_one else 1.7, members)
        found[name] = value * away
    return found


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def coefficients(rule, step, numbers, axes, dtype, mask=None):
    """At each member's own step: [M, 1, …]."""
    arrays = as_arrays(numbers)
    table = rule.coefficients(np.array([step], dtype=np.float64).reshape(1, -1), arrays)
    c = {n: torch.tensor(x[0], dtype=dtype).view(-1, *[1] * axes) for n, x in table.items()}
    if mask is not None and "weight_decay" in c:
        c["weight_decay"] = c["weight_decay"] * mask
    return c


def drive(rule, start, gradient, numbers, steps, mask=None):
    w, state, path = start, rule.initial(start), []
    for t in range(1, steps + 1):
        c = coefficients(rule, t, numbers(t), start.ndim - 1, start.dtype, mask)
        change, state = rule.update(gradient(w, t), w, state, c)
        w = w + change
        path.append((w, state))
    return path


@every_shape
@pytest.mark.parametrize("members", [2, 5])
def test_a_member_alone_and_in_company_is_equal_to_the_bit(row, shape, members):
    start, gradients = random(members, *shape), random(5, members, *shape, seed=1)
    numbers = company(row, members)
    together = drive(row.rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 5)
    for m in range(members):
        own = {name: n[m : m + 1] for name, n in numbers.items()}
        alone = drive(
            row.rule,
            start[m : m + 1].clone(),
            lambda _, t, m=m: gradients[t - 1, m : m + 1].clone(),
            lambda _, own=own: own,
            5,
        )
        for (w, state), (own_w, own_state) in zip(together, alone, strict=True):
            assert torch.equal(w[m : m + 1], own_w)
            assert state.keys() == own_state.keys()
            for name in state:
                assert torch.equal(state[name][m : m + 1], own_state[name]), name


@every_rule
def test_each_member_has_its_own_clock(row):
    """Members at different steps, as when some arrive later."""
    shape = row.shapes[0]
    start, gradients = random(2, *shape), random(8, 2, *shape, seed=1)
    numbers = company(row, 2)
    own = {name: n[1:] for name, n in numbers.items()}
    alone = drive(row.rule, start[1:], lambda _, t: gradients[t - 1, 1:], lambda _: own, 4)
    w, state = start, row.rule.initial(start)
    for t in range(1, 5):
        c = coefficients(row.rule, [t + 4, t], numbers, len(shape), torch.float32)
        g = torch.stack([gradients[t + 3, 0], gradients[t - 1, 1]])
        change, state = row.rule.update(g, w, state, c)
        w = w + change
    assert torch.equal(w[1:], alone[-1][0])


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


@every_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arguments_are_not_written_to_and_shapes_and_types_are_kept(row, shape, dtype):
    w, g = random(3, *shape, dtype=dtype), random(3, *shape, seed=1, dtype=dtype)
    state = row.rule.initial(w)
    for t in (1, 2, 3, 4):
        c = coefficients(row.rule, t, company(row, 3), len(shape), dtype)
        arguments = {"w": w, "g": g, **state, **{f"c {name}": each for name, each in c.items()}}
        before = {name: tensor.clone() for name, tensor in arguments.items()}
        change, following = row.rule.update(g, w, state, c)
        for name, tensor in arguments.items():
            assert torch.equal(tensor, before[name]), f"{name} was written to"
        assert change.shape == w.shape
        assert following.keys() == state.keys()
        for name, result in following.items():
            assert result.shape == state[name].shape
            assert result.dtype == dtype
        state = following


@every_rule
def test_a_gradient_of_zeros_does_no_harm(row):
    shape = row.shapes[0]
    start = random(2, *shape)
    numbers = company(row, 2) | {"weight_decay": np.zeros(2)}
    path = drive(row.rule, start, lambda w, _: torch.zeros_like(w), lambda _: numbers, 4)
    assert torch.equal(path[-1][0], start)
    assert all(value.isfinite().all() for value in path[-1][1].values())


@every_rule
def test_a_member_that_breaks_leaves_the_other_alone(row):
    shape = row.shapes[0]
    start, gradients = random(2, *shape), random(4, 2, *shape, seed=1)
    wild = gradients.clone()
    wild[1:, 0] = torch.nan
    numbers = company(row, 2)
    calm = drive(row.rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 4)[-1][0]
    beside = drive(row.rule, start, lambda _, t: wild[t - 1], lambda _: numbers, 4)[-1][0]
    assert torch.equal(calm[1], beside[1])
    assert not beside[0].isfinite().all()


@every_shape
def test_a_convex_quadratic_is_brought_near_its_minimum(row, shape):
    """With a falling rate, as signs and normalized steps need."""
    size = int(np.prod(shape))
    curvature = torch.linspace(0.5, 3.0, size, dtype=torch.float64).view(1, *shape)
    target = random(1, *shape, seed=5, dtype=torch.float64).abs() + 0.5
    start = torch.full((1, *shape), 0.2, dtype=torch.float64)
    numbers = row.numbers | {"weight_decay": 0.0}

    def at(t):
        return numbers | {"lr": numbers["lr"] * (1 - (t - 1) / 1500)}

    path = drive(row.rule, start, lambda w, _: curvature * (w - target), at, 1500)
    assert float((path[-1][0] - target).abs().max()) < row.near


@every_rule
def test_what_does_not_decay_moves_as_without_decay(row):
    shape = row.shapes[0]
    mask = torch.zeros(shape)
    start, gradients = random(1, *shape), random(4, 1, *shape, seed=1)
    decayed, plain = (
        drive(
            row.rule,
            start,
            lambda _, t: gradients[t - 1],
            lambda _, decay=decay: row.numbers | {"weight_decay": decay},
            4,
            mask,
        )[-1][0]
        for decay in (0.3, 0.0)
    )
    assert torch.equal(decayed, plain)


@every_shape
def test_every_step_and_slot_equals_the_literal_version(row, shape):
    if row.name.startswith("soap"):
        shape = (3, 3) if len(shape) == 2 else (4, 2, 1, 2)  # else eigenvectors are undetermined
    start = random(1, *shape, seed=3, dtype=torch.float64)
    gradients = random(13, 1, *shape, seed=4, dtype=torch.float64)
    path = drive(row.rule, start, lambda _, t: gradients[t - 1], lambda _: row.numbers, 13)
    w, state = start[0].numpy(), {}
    for t, (ours, slots) in enumerate(path, start=1):
        w, state = row.literal(w, gradients[t - 1, 0].numpy(), state, row.numbers | row.switches, t)
        np.testing.assert_allclose(ours[0].numpy(), w, rtol=1e-7, atol=1e-9)
        for name, slot in slots.items():
            if name == "growth":
                np.testing.assert_allclose(slot.item() * row.numbers["d0"], state["d"], rtol=1e-9)
            elif not name.endswith("_basis"):  # signs of eigenvectors are anyone's choice
                np.testing.assert_allclose(
                    slot[0].numpy().squeeze(), np.squeeze(state[name]), rtol=1e-7, atol=1e-9
                )
    assert float((path[-1][0] - start).abs().max()) > 1e-3
