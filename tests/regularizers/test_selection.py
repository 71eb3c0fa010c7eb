from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.regularizers.selection import Group, GroupLasso, first_weights, groups, selected
from methodic.types import ParameterSpec


def shrink(w, threshold, parts=None):
    """The proximal step at lr · weight = threshold."""
    step = GroupLasso("r", ("w",), parts or (Group(0, w.shape[1]),))
    weight = {"r.weight": torch.full((len(w),), float(threshold), dtype=w.dtype)}
    return step({"w": w}, weight, torch.ones(len(w), dtype=w.dtype))["w"]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 500), st.floats(0, 3))
def test_it_minimizes_its_objective_and_an_input_is_out_exactly_when_it_should(seed, threshold):
    """½‖x − w‖² + t·Σ‖x_g‖ is least at x; and x_g = 0 is best where ‖w_g‖ ≤ t (subgradient)."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(1, 4, 3, generator=generator, dtype=torch.float64)
    best = shrink(w, threshold)
    norms = w.norm(dim=2)
    assert torch.equal((best == 0).all(2), norms <= threshold)
    out = best.norm(dim=2) > 0
    # Where an input stays, the gradient vanishes: x − w + t·x/‖x‖ = 0.
    slope = best - w + threshold * best / best.norm(dim=2, keepdim=True).clamp(min=1e-12)
    torch.testing.assert_close(slope[out], torch.zeros_like(slope[out]), rtol=0, atol=1e-9)


def test_rows_of_a_category_go_together_and_pay_by_their_number():
    w = torch.tensor([[[3.0], [0.5], [2.0], [1.0], [0.1], [0.1]]])
    out = shrink(w, 1.0, (Group(0, 2), Group(2, 2, 2)))
    norm, bound = 5**0.5, 2**0.5
    expected = [2.0, 0.0, 2 * (1 - bound / norm), 1 - bound / norm, 0.0, 0.0]
    torch.testing.assert_close(out[0, :, 0], torch.tensor(expected))


def test_weights_of_several_first_layers_are_one_group():
    a = torch.tensor([[[0.6], [0.6]]])
    b = torch.tensor([[[0.8], [0.0]]])
    step = GroupLasso("r", ("a", "b"), (Group(0, 2),))
    out = step({"a": a, "b": b}, {"r.weight": torch.tensor([0.7])}, torch.ones(1))
    torch.testing.assert_close(out["a"][0], torch.tensor([[0.6 * 0.3], [0.0]]))
    torch.testing.assert_close(out["b"][0], torch.tensor([[0.8 * 0.3], [0.0]]))


def test_a_lasso_of_single_numbers_is_a_mutant():
    w = torch.tensor([[[0.6, 0.8], [0.1, 0.1]]])
    single = w - w.clamp(-0.5, 0.5)
    assert not torch.allclose(shrink(w, 0.5), single)


def test_it_finds_the_inputs_that_matter():
    """Two outputs that need inputs 0 and 3 only: the others end at exact zeros."""
    generator = np.random.default_rng(0)
    x = torch.tensor(generator.normal(size=(200, 8)))
    truth = torch.zeros(8, 2, dtype=torch.float64)
    truth[0], truth[3] = torch.tensor([2.0, -1.0]), torch.tensor([0.0, 1.5])
    y = x @ truth + 0.1 * torch.tensor(generator.normal(size=(200, 2)))
    w, lr = torch.zeros(1, 8, 2, dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    step, weight = GroupLasso("r", ("w",), (Group(0, 8),)), torch.tensor([0.2]).double()
    for _ in range(500):
        slope = (x.T @ (x @ w[0] - y) / 200).unsqueeze(0)
        w = step({"w": w - lr * slope}, {"r.weight": weight}, lr)["w"]
    specs = {"w": ParameterSpec((8, 2), "zeros", first=True)}
    used = selected({"w": w}, specs, numbers=8, categories=0)
    assert used.tolist() == [[True, False, False, True] + [False] * 4]
    # At the optimum, the gradient of an input that is left out is at most the weight.
    slope = (x.T @ (x @ w[0] - y) / 200).norm(dim=1)
    assert (slope[~used[0]] <= 0.2 + 1e-9).all()
    torch.testing.assert_close(slope[used[0]], torch.full((2,), 0.2).double())


def test_selected_inputs_count_all_weights_of_an_input():
    specs = {
        "a": ParameterSpec((6, 2), "zeros", first=True),
        "b": ParameterSpec((6, 1), "zeros", first=True),
        "head": ParameterSpec((2, 1), "zeros"),
    }
    a, b = torch.zeros(2, 6, 2), torch.zeros(2, 6, 1)
    a[0, 0, 1] = 1e-30
    b[0, 1] = 1
    a[1, 3, 0] = -1
    used = selected({"a": a, "b": b, "head": torch.ones(2, 2, 1)}, specs, 2, 2)
    assert used.tolist() == [[True, True, False, False], [False, False, True, False]]
    assert first_weights(specs) == ("a", "b")
    with pytest.raises(InputError, match="no weights"):
        selected({"head": a}, {"head": specs["head"]}, 2, 0)


def test_groups_of_a_table():
    assert groups(5, 5, 0) == (Group(0, 5),)
    assert groups(11, 5, 2) == (Group(0, 5), Group(5, 2, 3))
    assert groups(6, 0, 2) == (Group(0, 2, 3),)
    for rows, numbers, categories in ((4, 5, 0), (6, 5, 0), (8, 5, 2), (5, 5, 2)):
        with pytest.raises(InputError, match="can't tell which weights"):
            groups(rows, numbers, categories)


def test_a_network_without_weights_of_inputs_is_refused():
    with pytest.raises(InputError, match="belong to single inputs"):
        GroupLasso("r", (), ())


def test_what_is_not_a_number_stays_so():
    w = torch.full((1, 1, 2), float("nan"))
    assert shrink(w, 0.5).isnan().all()
