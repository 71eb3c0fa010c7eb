from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from methodic.objectives.classes import CrossEntropy
from methodic.objectives.numbers import MeanSquaredError
from methodic.regularizers.mixing import CutMix, Mixup, box, partners, symmetric_beta
from methodic.rng import Draws, Noise, keys
from methodic.types import Batch, Pass


def draws(alpha, count=20_000, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(count, 1, generator=generator, dtype=dtype)
    normals = torch.randn(count, 2, generator=generator, dtype=dtype)
    return symmetric_beta(uniform, normals, torch.full((count,), alpha, dtype=dtype))[:, 0]


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 2.5, 30.0])
def test_shares_are_distributed_like_beta(alpha):
    found = draws(alpha).numpy()
    # The half below ½: above, shares that are nearly 1 are rounded to 1.
    below = found[found < 0.5]
    assert stats.binomtest(len(below), len(found), 0.5).pvalue > 0.01

    def p_value(other):
        return stats.kstest(below, lambda x: 2 * stats.beta(other, other).cdf(x)).pvalue

    assert p_value(alpha) > 0.01
    for other in (alpha * 1.5, alpha / 1.5):
        assert p_value(other) < 1e-4, "too weak a test"


def test_shares_from_the_engines_own_noise_are_distributed_like_beta():
    mixup = Mixup("r")
    noise = Draws(mixup.noise(3))(keys(range(4000), "noise"))
    numbers = {"r.alpha": torch.full((4000,), 0.8)}
    batch = Batch({"numeric": torch.zeros(4000, 3, 1)}, torch.zeros(4000, 3, dtype=torch.int64))
    share = mixup(batch, noise, numbers).share
    assert stats.kstest(share[:, 0].numpy(), stats.beta(0.8, 0.8).cdf).pvalue > 0.01


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 1, exclude_max=True, width=32),
    st.floats(-5, 5, width=32, allow_subnormal=False),
    st.floats(-5, 5, width=32, allow_subnormal=False),
    st.floats(0.0009765625, 1024, width=32),
)
def test_shares_are_finite_and_within_0_and_1(u, first, second, alpha):
    share = symmetric_beta(
        torch.tensor([[u]]), torch.tensor([[first, second]]), torch.tensor([alpha])
    )
    assert 0 <= float(share) <= 1


def batch_of(members=2, rows=5, seed=0, classes=True):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, 3, (members, rows), generator=generator)
    return Batch(
        {
            "numeric": torch.randn(members, rows, 4, generator=generator),
            "categorical": torch.randint(0, 9, (members, rows, 6), generator=generator),
        },
        target if classes else torch.randn(members, rows, 1, generator=generator),
    )


def given_noise(share):
    """Noise and numbers that lead to these shares: alpha = 1, so λ is uniform in its first half."""
    found = {"r/share": [], "r/sides": []}
    for x in share:
        # alpha = 1 and no angle: λ = ½ (1 ± √(1 − q)), so q = 1 − (2λ − 1)².
        found["r/share"].append([1 - (1 - (2 * x - 1) ** 2)])
        found["r/sides"].append([1.0 if x >= 0.5 else -1.0, 0.0])
    return {k: torch.tensor(v) for k, v in found.items()}, {"r.alpha": torch.ones(len(share))}


def test_mixup_is_the_convex_combination_of_a_row_and_the_next():
    batch = batch_of()
    noise, numbers = given_noise([0.75, 0.2])
    noise["r/categories"] = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(1))
    mixed = Mixup("r", 6)(batch, noise, numbers)
    torch.testing.assert_close(mixed.share, torch.tensor([[0.75], [0.2]]))
    following = [1, 2, 3, 4, 0]
    x, categories = batch.inputs["numeric"], batch.inputs["categorical"]
    for m, share in enumerate((0.75, 0.2)):
        for row, other in enumerate(following):
            expected = share * x[m, row] + (1 - share) * x[m, other]
            torch.testing.assert_close(mixed.inputs["numeric"][m, row], expected)
            assert mixed.target[m, row] == batch.target[m, row]
            assert mixed.other[m, row] == batch.target[m, other]
            own = noise["r/categories"][m, row] < share
            chosen = torch.where(own, categories[m, row], categories[m, other])
            assert torch.equal(mixed.inputs["categorical"][m, row], chosen)
    assert not torch.allclose(mixed.inputs["numeric"], 0.5 * (x + partners(x)), rtol=1e-2), (
        "a share of one half for all"
    )


def test_the_mixed_loss_has_the_gradient_of_a_mixed_target():
    """Cross-entropy is linear in its target, and squares differ by what doesn't depend on w."""
    w = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(5)).requires_grad_()
    noise, numbers = given_noise([0.75, 0.2])

    def model(run, inputs):
        return torch.bmm(inputs["numeric"], run.parameters["w"][..., : run.numbers["outputs"]])

    def slope(value):
        return torch.autograd.grad(value.sum(), w)[0]

    for objective, classes in ((CrossEntropy("o"), True), (MeanSquaredError("o"), False)):
        batch = batch_of(classes=classes)
        del batch.inputs["categorical"]
        mixed = Mixup("r")(batch, noise, numbers)
        run = Pass({"w": w}, {}, {}, {"outputs": 3 if classes else 1}, training=True)
        (ours,) = objective(model, run, mixed).values()
        output, share = model(run, mixed.inputs), mixed.share.unsqueeze(-1)
        if classes:
            hot = [torch.nn.functional.one_hot(y, 3).float() for y in (mixed.target, mixed.other)]
            target = share * hot[0] + (1 - share) * hot[1]
            theirs = -(target * output.log_softmax(-1)).sum(-1).mean(1)
        else:
            target = share * mixed.target + (1 - share) * mixed.other
            theirs = ((output - target) ** 2).flatten(1).mean(1)
        torch.testing.assert_close(slope(ours), slope(theirs))


def test_weights_of_rows_are_mixed_too():
    batch = batch_of(members=1)
    batch.weight = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    del batch.inputs["categorical"]
    noise, numbers = given_noise([0.75])
    mixed = Mixup("r")(batch, noise, numbers)
    torch.testing.assert_close(mixed.weight, torch.tensor([[1.25, 2.25, 3.25, 4.25, 4.0]]))


def test_a_target_counts_by_the_weight_of_the_row_that_it_comes_from():
    """Of mixed rows that weigh 100 and 1, the light one's class counts half of 1 and no more."""
    batch = batch_of(members=1, rows=4)
    batch.weight = torch.tensor([[100.0, 1.0, 0.0, 0.0]])
    del batch.inputs["categorical"]
    noise, numbers = given_noise([0.5])
    mixed = Mixup("r")(batch, noise, numbers)
    torch.testing.assert_close(mixed.weight * mixed.share, 0.5 * batch.weight)
    torch.testing.assert_close(mixed.weight * (1 - mixed.share), 0.5 * partners(batch.weight))
    assert bool(((mixed.share >= 0) & (mixed.share <= 1)).all()), "two rows of no weight, too"


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_loss_of_mixed_weighted_rows_is_that_of_their_targets_each_with_its_weight(share):
    batch = batch_of(members=1)
    batch.weight = torch.tensor([[100.0, 1.0, 3.0, 0.5, 20.0]])
    del batch.inputs["categorical"]
    noise, numbers = given_noise([share])
    mixed = Mixup("r")(batch, noise, numbers)

    def model(run, inputs):
        return inputs["numeric"][..., :3]

    run = Pass({}, {}, {}, {}, training=True)
    (ours,) = CrossEntropy("o")(model, run, mixed).values()
    costs = -model(run, mixed.inputs).log_softmax(-1)[0]
    rows = torch.arange(5)
    own, other = costs[rows, batch.target[0]], costs[rows, partners(batch.target)[0]]
    weight, weight2 = batch.weight[0], partners(batch.weight)[0]
    whole = (share * weight * own + (1 - share) * weight2 * other).sum()
    torch.testing.assert_close(ours[0], whole / batch.weight.sum())


def test_cutmix_of_tables_takes_whole_columns_and_counts_them():
    batch = batch_of()
    noise, numbers = given_noise([0.6, 0.3])
    noise["r/numeric"] = torch.tensor([[0.1, 0.5, 0.7, 0.9]] * 2)
    noise["r/categorical"] = torch.tensor([[0.2, 0.8, 0.4, 0.59, 0.61, 0.05]] * 2)
    mixed = CutMix("r", {"numeric": 4, "categorical": 6})(batch, noise, numbers)
    torch.testing.assert_close(mixed.share, torch.tensor([[0.6], [0.3]]))
    for m, share in enumerate((0.6, 0.3)):
        for name in ("numeric", "categorical"):
            x = batch.inputs[name]
            for column in range(x.shape[-1]):
                own = float(noise[f"r/{name}"][m, column]) < share
                expected = x[m, :, column] if own else x[m, [1, 2, 3, 4, 0], column]
                assert torch.equal(mixed.inputs[name][m, :, column], expected)
    assert torch.equal(mixed.other, batch.target[:, [1, 2, 3, 4, 0]])


def test_cutmix_of_images_cuts_one_box_and_counts_its_pixels():
    shape, rows = (2, 8, 10), 3
    images = torch.arange(rows, dtype=torch.float32).view(1, rows, 1).expand(64, rows, 160)
    batch = Batch({"array": images}, torch.zeros(64, rows, dtype=torch.int64))
    mixing = CutMix("r", {}, shape)
    noise = Draws(mixing.noise(rows))(keys(range(64), "noise"))
    mixed = mixing(batch, noise, {"r.alpha": torch.ones(64)})
    foreign = (mixed.inputs["array"] != images).view(64, rows, *shape)
    assert foreign.any()
    for m in range(64):
        for row in range(rows):
            assert torch.equal(foreign[m, row, 0], foreign[m, 0, 1]), "one box, in all channels"
        box_ = foreign[m, 0, 0]
        down, across = box_.any(1).nonzero()[:, 0], box_.any(0).nonzero()[:, 0]
        if len(down):
            inside = box_[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
            assert inside.all(), "a box without holes"
            assert inside.sum() == box_.sum()
        assert float(mixed.share[m]) == pytest.approx(1 - float(box_.float().mean()), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 40))
def test_a_box_has_its_side_and_its_centre(center, side, length):
    found = box(torch.tensor([center]), torch.tensor([side]), length)[0]
    for pixel in range(length):
        away = abs((pixel + 0.5) / length - center)
        if abs(away - side / 2) > 1e-5:
            assert bool(found[pixel]) == (away < side / 2)


def test_what_is_drawn_has_names_that_begin_with_the_path():
    assert Mixup("a.b", 2).noise(7) == {
        "a.b/share": Noise((1,)),
        "a.b/sides": Noise((2,), "normal"),
        "a.b/categories": Noise((7, 2)),
    }
    assert set(CutMix("a.b", {"numeric": 3}, (1, 4, 4)).noise(7)) == {
        "a.b/share",
        "a.b/sides",
        "a.b/numeric",
        "a.b/center",
    }


def test_a_single_row_is_its_own_partner():
    batch = batch_of(rows=1)
    del batch.inputs["categorical"]
    noise, numbers = given_noise([0.75, 0.2])
    mixed = Mixup("r")(batch, noise, numbers)
    torch.testing.assert_close(mixed.inputs["numeric"], batch.inputs["numeric"])
    assert np.array_equal(mixed.other, batch.target)
