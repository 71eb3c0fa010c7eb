from __future__ import annotations

import pytest
import torch

from methodic.regularizers.sharpness import SAM

RHO = {"r.rho": torch.tensor([0.05, 0.7], dtype=torch.float64)}


def example():
    generator = torch.Generator().manual_seed(0)
    gradient, flat = torch.randn(2, 2, 6, generator=generator, dtype=torch.float64)
    return gradient, torch.linalg.vector_norm(gradient, dim=1), flat


def test_it_goes_rho_up_the_gradient():
    gradient, norm, flat = example()
    away = SAM("r").point(gradient, norm, flat, RHO) - flat
    torch.testing.assert_close(torch.linalg.vector_norm(away, dim=1), RHO["r.rho"])
    torch.testing.assert_close(away, gradient * (RHO["r.rho"] / norm).unsqueeze(1))


def test_the_adaptive_form_equals_the_public_one():
    """As its authors' code has it: scale by |w| + 0.01 before the norm, and again in the step."""
    gradient, norm, flat = example()
    ours = SAM("r", adaptive=True).point(gradient, norm, flat, RHO)
    for m in range(2):
        scale = flat[m].abs() + 0.01
        length = (scale * gradient[m]).norm(p=2) + 1e-16
        theirs = flat[m] + scale**2 * gradient[m] * RHO["r.rho"][m] / length
        torch.testing.assert_close(ours[m], theirs)
        for mutant in (
            flat[m] + scale * gradient[m] * RHO["r.rho"][m] / length,
            flat[m] + scale**2 * gradient[m] * RHO["r.rho"][m] / norm[m],
        ):
            assert not torch.allclose(ours[m], mutant, rtol=1e-3)


def test_the_adaptive_form_does_not_see_the_scale_of_weights():
    """Twice the weights with half the gradient is the same function: so is its point."""
    gradient, norm, flat = example()
    flat = 50 * flat  # the shift of 0.01 is small beside it
    one = SAM("r", adaptive=True).point(gradient, norm, flat, RHO) / flat
    two = SAM("r", adaptive=True).point(gradient / 2, norm / 2, 2 * flat, RHO) / (2 * flat)
    torch.testing.assert_close(one, two, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_gradient_of_0_leaves_the_weights(adaptive):
    _, _, flat = example()
    zero = torch.zeros_like(flat)
    assert torch.equal(SAM("r", adaptive).point(zero, zero[:, 0], flat, RHO), flat)
