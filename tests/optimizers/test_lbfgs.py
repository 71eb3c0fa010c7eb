from __future__ import annotations

import pytest
import torch
from reference.trajectories import coefficients, valley, valley_gradient

from methodic import optimizers
from methodic.errors import InputError
from methodic.optimizers.lbfgs import LBFGS

START = torch.tensor([[-0.7, 1.3, 0.4, -1.1]], dtype=torch.float64)


def evaluate(w):
    return valley(w).detach(), valley_gradient(w)


def path(rule, numbers, steps, state=None, w=START):
    state = rule.initial(w) if state is None else state
    for t in range(1, steps + 1):
        c = coefficients(rule, t, numbers)
        change, state = rule.minimize(evaluate, w, state, c)
        w = w + change
    return w, state


def torchs(steps, decay=0.0, **options):
    w = torch.nn.Parameter(START.clone())
    optimizer = torch.optim.LBFGS([w], **options)

    def closure():
        optimizer.zero_grad()
        loss = valley(w).sum() + 0.5 * decay * (w**2).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return w.detach(), optimizer.state[w]


@pytest.mark.parametrize("searches", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_steps_and_memory_are_torchs(searches, decay):
    rule = LBFGS(decay=decay != 0, history=3, iterations=2, searches=searches)
    numbers = {"lr": 0.02 if not searches else 1.0, "weight_decay": decay}
    w, state = path(rule, numbers, 5)
    line = "strong_wolfe" if searches else None
    due, own = torchs(5, decay, lr=numbers["lr"], max_iter=2, history_size=3, line_search_fn=line)
    assert float((due - START).abs().max()) > 0.05
    torch.testing.assert_close(w, due, rtol=0, atol=1e-9)
    assert int(state["known"]) == len(own["ro"]) == 3
    assert int(state["n_iter"]) == own["n_iter"]
    for name in ("old_dirs", "old_stps", "ro"):
        torch.testing.assert_close(state[name][0], torch.stack(own[name]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("change", [{"history": 1}, {"iterations": 3}, {"searches": False}])
def test_another_one_is_told_apart(change):
    rule = LBFGS(**{"history": 3, "iterations": 2, **change})
    w, _ = path(rule, {"lr": 1.0}, 5)
    due, _ = torchs(5, max_iter=2, history_size=3, line_search_fn="strong_wolfe")
    assert not float((w - due).abs().max()) < 1e-5


def test_its_state_is_all_that_it_remembers():
    """A copy of the state goes on to the bit; another without does not."""
    rule, numbers = LBFGS(history=3, iterations=2), {"lr": 1.0}
    straight, _ = path(rule, numbers, 4)
    middle, state = path(rule, numbers, 2)
    copied = {name: value.clone() for name, value in state.items()}
    resumed, _ = path(rule, numbers, 2, copied, middle)
    assert torch.equal(resumed, straight)
    forgetful, _ = path(rule, numbers, 2, None, middle)
    assert not torch.allclose(forgetful, straight, atol=1e-6)


def test_arguments_are_not_written_to():
    rule = LBFGS(history=2, iterations=3)
    w, state = path(rule, {"lr": 1.0}, 3)
    before = {name: value.clone() for name, value in state.items()}
    kept = w.clone()
    rule.minimize(evaluate, w, state, coefficients(rule, 4, {"lr": 1.0}))
    assert torch.equal(w, kept)
    assert all(torch.equal(state[name], value) for name, value in before.items())


def test_a_convex_quadratic_is_solved_in_few_steps():
    curvature = torch.logspace(-1, 2, 12, dtype=torch.float64)
    target = torch.linspace(-2, 3, 12, dtype=torch.float64)
    w = torch.zeros(1, 12, dtype=torch.float64)
    rule = LBFGS(change_tolerance=1e-16)
    state = rule.initial(w)

    def quadratic(w):
        return 0.5 * (curvature * (w - target) ** 2).sum(1), curvature * (w - target)

    for t in range(1, 8):
        change, state = rule.minimize(quadratic, w, state, coefficients(rule, t, {"lr": 1.0}))
        w = w + change
    assert float((w - target).abs().max()) < 1e-5


def test_at_a_minimum_nothing_moves():
    w = torch.zeros(1, 3)
    rule = LBFGS()
    change, state = rule.minimize(
        lambda w: ((w**2).sum(1), 2 * w),
        w,
        rule.initial(w),
        coefficients(rule, 1, {"lr": 1.0}, torch.float32),
    )
    assert not change.any()
    assert state.keys() == rule.initial(w).keys()


def test_the_optimizer_is_torchs_with_a_search():
    w = torch.nn.Parameter(START.clone())
    optimizer = optimizers.LBFGS([w], history=3, iterations=2)

    def closure():
        optimizer.zero_grad()
        loss = valley(w).sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    due, _ = torchs(5, max_iter=2, history_size=3, line_search_fn="strong_wolfe")
    assert torch.equal(w.detach(), due)
    for options in ({"lr": -1.0}, {"history": 0}, {"iterations": 0}, {"change_tolerance": -1}):
        with pytest.raises(InputError):
            optimizers.LBFGS([w], **options)
