from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import rules as literal

from methodic.optimizers.clipping import clip_adaptively, clip_by_norm, clip_by_value, global_norm

numbers = st.floats(-1e3, 1e3, allow_subnormal=False, width=32)
gradients = st.lists(numbers, min_size=1, max_size=9)
limits = st.floats(1e-3, 1e3)


def one(values):
    return torch.tensor([values], dtype=torch.float64)


@settings(deadline=None, max_examples=60)
@given(gradients, limits)
def test_equals_the_literal_version(g, limit):
    bound = torch.tensor([limit], dtype=torch.float64)
    np.testing.assert_allclose(
        clip_by_norm(one(g), bound)[0], literal.clip_by_norm(g, limit), rtol=1e-9, atol=1e-12
    )
    assert clip_by_value(one(g), bound)[0].tolist() == literal.clip_by_value(g, limit)
    assert math.isclose(float(global_norm(one(g))), math.hypot(*g), rel_tol=1e-12)


def torch_clip(limit, g, parts):
    """torch's clipping of one gradient that belongs to several parameters."""
    parameters = [torch.nn.Parameter(torch.zeros(n, dtype=torch.float64)) for n in parts]
    for parameter, part in zip(parameters, g.split(parts), strict=True):
        parameter.grad = part.clone()
    torch.nn.utils.clip_grad_norm_(parameters, limit)
    return torch.cat([parameter.grad for parameter in parameters])


def each_by_itself(flat, bounds, parts):
    """A mutant that limits each parameter's norm."""
    return torch.cat([clip_by_norm(part, bounds) for part in flat.split(parts, 1)], 1)


def by_largest(flat, bounds):
    """A mutant with the largest magnitude for the norm."""
    return clip_by_norm(flat, bounds, norm=flat.abs().amax(1))


def far(ours, theirs):
    return not torch.allclose(ours, theirs, rtol=3e-6, atol=0)  # torch adds 1e-6 to the norm


def test_equals_torch_and_rejects_mutants():
    g = torch.randn(1, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bound, parts = torch.tensor([1.3], dtype=torch.float64), [2, 3, 4]
    theirs = torch_clip(1.3, g[0], parts)
    assert not far(clip_by_norm(g, bound)[0], theirs)
    assert far(each_by_itself(g, bound, parts)[0], theirs)
    assert far(by_largest(g, bound)[0], theirs)
    assert far(clip_by_value(g, bound)[0], theirs)


def test_within_the_limit_nothing_changes_by_a_bit():
    g = torch.randn(5, 33, generator=torch.Generator().manual_seed(0))
    assert torch.equal(clip_by_norm(g, global_norm(g)), g)
    assert torch.equal(clip_by_value(g, g.abs().amax(1)), g)


@pytest.mark.parametrize("size", [1, 7, 33, 129, 1001])
def test_a_member_alone_and_in_company_is_equal_to_the_bit(size):
    g = torch.randn(8, size, generator=torch.Generator().manual_seed(0))
    bounds = torch.linspace(0.1, 2.0, 8) * size**0.5
    for clip in (clip_by_norm, clip_by_value):
        together = clip(g, bounds)
        for m in range(8):
            alone = clip(g[m : m + 1].clone(), bounds[m : m + 1])
            assert torch.equal(together[m : m + 1], alone)


def test_neighbours_of_a_member_that_is_not_finite_are_untouched():
    g = torch.ones(3, 4)
    g[1, 2] = math.nan
    for clip in (clip_by_norm, clip_by_value):
        clipped = clip(g, torch.full((3,), 0.5))
        assert clipped[1].isnan().any()
        assert torch.equal(clipped[[0, 2]], clip(torch.ones(2, 4), torch.full((2,), 0.5)))


def test_arguments_are_not_written_to():
    g = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    before, bounds = g.clone(), torch.full((2,), 0.1)
    clip_by_norm(g, bounds)
    clip_by_value(g, bounds)
    assert torch.equal(g, before)
    assert torch.equal(bounds, torch.full((2,), 0.1))


def agc(parameter, gradient, limit):
    """Adaptive clipping as its authors write it: unit-wise norms, one column of a matrix a unit."""
    if parameter.ndim <= 1:
        axes = tuple(range(parameter.ndim))
    else:
        axes = (0,) if parameter.ndim == 2 else (1, 2, 3)
    norm = parameter.pow(2).sum(axes, keepdim=True).sqrt()
    length = gradient.pow(2).sum(axes, keepdim=True).sqrt()
    most = norm.clamp(min=1e-3) * limit
    return torch.where(length > most, gradient * (most / length.clamp(min=1e-6)), gradient)


SHAPES = {"weight": (4, 3), "bias": (3,), "kernel": (5, 2, 3, 3), "zero": (4, 2), "one": (1, 1)}


def test_adaptive_clipping_equals_the_authors_formula():
    generator = torch.Generator().manual_seed(0)

    def drawn():
        return {
            name: torch.randn(2, *shape, generator=generator, dtype=torch.float64)
            for name, shape in SHAPES.items()
        }

    parameters, gradients = drawn(), drawn()
    parameters["zero"] = torch.zeros_like(parameters["zero"])
    limits = torch.tensor([0.1, 1.5], dtype=torch.float64)
    clipped = clip_adaptively(gradients, parameters, limits)
    assert clipped.keys() == gradients.keys()
    for name, ours in clipped.items():
        for m in range(2):
            theirs = agc(parameters[name][m], gradients[name][m], limits[m])
            torch.testing.assert_close(ours[m], theirs)
    whole = (
        gradients["weight"]
        * 0.1
        * (
            parameters["weight"].flatten(1).norm(dim=1) / gradients["weight"].flatten(1).norm(dim=1)
        ).view(2, 1, 1)
    )
    rows = agc(parameters["weight"][0].T, gradients["weight"][0].T, limits[0]).T
    assert not torch.allclose(clipped["weight"][0], whole[0])
    assert not torch.allclose(clipped["weight"][0], rows)


def test_adaptive_clipping_leaves_short_gradients_to_the_bit_and_zeros_at_zero():
    w, g = torch.randn(1, 4, 3), 1e-4 * torch.randn(1, 4, 3)
    out = clip_adaptively(
        {"w": g, "z": torch.zeros(1, 3)}, {"w": w, "z": torch.ones(1, 3)}, torch.ones(1)
    )
    assert torch.equal(out["w"], g)
    assert not out["z"].any()


@pytest.mark.parametrize("shape", [(1,), (7,), (1, 1), (3, 1), (33, 17), (2, 5, 3), (4, 2, 3, 3)])
def test_adaptive_clipping_alone_and_in_company_is_equal_to_the_bit(shape):
    generator = torch.Generator().manual_seed(0)
    g, w = torch.randn(2, 8, *shape, generator=generator)
    limits = torch.linspace(0.1, 2.0, 8)
    together = clip_adaptively({"a": g}, {"a": w}, limits)["a"]
    for m in range(8):
        at = slice(m, m + 1)
        alone = clip_adaptively({"a": g[at].clone()}, {"a": w[at].clone()}, limits[at])["a"]
        assert torch.equal(together[at], alone)
