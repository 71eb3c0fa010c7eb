"""VICReg and Barlow Twins against literal versions and lightly's numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objectives import looking
from objectives.given import rejected
from reference import unlabelled as literal
from torch import Tensor

from methodic.objectives.decorrelation import BarlowTwins, VICReg, barlow, covariance, narrowness
from methodic.types import Pass

VICREG = {
    (25.0, 25.0, 1.0, 1.0): 37.41101608873514,
    (3.0, 2.0, 5.0, 0.3): 1.8593721719815424,
}
"""VICRegLoss(lambda, mu, nu) of lightly 1.6.0 for `looking.formula` times the last number."""
BARLOW = {0.005: 4.527153596131194, 0.3: 5.52337948012851}
"""BarlowTwinsLoss(lambda) of lightly 1.6.0 for `looking.formula`."""


class Given(VICReg):
    """Its projections are given."""

    both: Any

    def projected(self, model: Any, run: Pass, batch: Any) -> tuple[Tensor, Tensor]:
        return self.both  # type: ignore[no-any-return]


def vicreg(first: Tensor, second: Tensor, **weights: float) -> Tensor:
    made = Given("o", "s.it", looking.mlp(), False, (), (), (4,))
    object.__setattr__(made, "both", (first, second))
    numbers = {
        f"o.{name}": torch.full((len(first),), value, dtype=first.dtype)
        for name, value in weights.items()
        if value
    }
    (found,) = made(None, Pass({}, {}, {}, numbers, True), None).values()  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("case", VICREG)
def test_vicreg_is_lightlys(case: tuple[float, float, float, float]) -> None:
    first, second = (case[3] * x for x in looking.formula())
    names = ("invariance", "variance", "covariance")
    weights = dict(zip(names, case[:3], strict=True))
    ours, theirs = vicreg(first, second, **weights), torch.tensor([VICREG[case]]).double()
    torch.testing.assert_close(ours, torch.full_like(theirs, VICREG[case]), rtol=1e-12, atol=0)
    biased = [
        torch.relu(1 - (x.var(1, correction=0) + 1e-4).sqrt()).mean(1) for x in (first, second)
    ]
    right = narrowness(first) + narrowness(second)
    rejected(
        {
            **{f"without {n}": vicreg(first, second, **(weights | {n: 0.0})) for n in names},
            "variance twice": ours + 0.5 * case[1] * right,
            "half the covariance": ours - 0.5 * case[2] * (covariance(first) + covariance(second)),
            "biased variance": ours + 0.5 * case[1] * (sum(biased) - right),
        },
        torch.full_like(theirs, VICREG[case]),
    )


@pytest.mark.parametrize("redundancy", BARLOW)
def test_barlow_twins_is_lightlys(redundancy: float) -> None:
    first, second = looking.formula()
    weight = torch.full((1, 1), redundancy, dtype=torch.float64)
    theirs = torch.full((1,), BARLOW[redundancy], dtype=torch.float64)
    torch.testing.assert_close(barlow(first, second, weight), theirs, rtol=1e-12, atol=0)
    rejected(
        {
            "no redundancy": barlow(first, second, None),
            "more": barlow(first, second, 1.5 * weight),
            "of itself": barlow(first, first, weight),
        },
        theirs,
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 6), st.integers(1, 4), st.integers(0, 1000))
def test_like_the_literal_versions(rows: int, dims: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 2, rows, dims, generator=generator, dtype=torch.float64)
    pairs = [(first[m].tolist(), second[m].tolist()) for m in range(2)]
    found = vicreg(first, second, invariance=3.0, variance=2.0, covariance=0.5)
    assert looking.close(found, [literal.vicreg(a, b, 3.0, 2.0, 0.5) for a, b in pairs])
    weight = torch.tensor([[0.1], [0.7]], dtype=torch.float64)
    wanted = [literal.barlow_twins(a, b, float(w)) for (a, b), w in zip(pairs, weight, strict=True)]
    assert looking.close(barlow(first, second, weight), wanted)


@pytest.mark.parametrize("kind", [VICReg, BarlowTwins])
def test_they_are_losses_of_projections(kind: type[VICReg]) -> None:
    network = looking.mlp()
    objective = kind("o", "s.it", network, False, (), (), (4, 3))
    model = looking.extended(network, objective)
    weights = {"invariance": 3.0, "variance": 2.0, "covariance": 0.5, "redundancy": 0.1}
    run, rows = looking.given(objective, model, **weights), looking.batch(looking.table())
    first, second = objective.projected(model, run, rows)
    if kind is VICReg:
        wanted = vicreg(first, second, **{k: weights[k] for k in list(weights)[:3]})
    else:
        wanted = barlow(first, second, torch.full((2, 1), 0.1, dtype=torch.float64))
    assert torch.equal(looking.cost(objective, model, run, rows), wanted)
    own = list(objective.parameters())
    assert own == [
        "s.it.projector.0.weight",
        "s.it.projector.1.weight",
    ], "no bias: its true gradient is 0"


def test_features_that_are_all_alike_cost_and_those_that_are_spread_do_not() -> None:
    same = torch.ones(1, 6, 3, dtype=torch.float64)
    assert narrowness(same).item() == pytest.approx(1 - 1e-2)
    wide = 9 * torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0)).double()
    assert narrowness(wide).item() == 0
    assert covariance(torch.eye(4).double()[None, :, :1]).item() == 0
