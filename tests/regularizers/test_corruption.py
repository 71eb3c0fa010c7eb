from __future__ import annotations

import pytest
import torch
from scipy import stats

from methodic.regularizers.corruption import Cutout, InputNoise, LabelNoise
from methodic.regularizers.mixing import Mixup, partners
from methodic.rng import Draws, keys
from methodic.types import Batch

MEMBERS, ROWS = 3, 500
SHARES = torch.tensor([0.1, 0.3, 0.6])


def applied(part, batch, **numbers):
    noise = Draws(part.noise(batch.target.shape[1]))(keys(range(len(batch.target)), "noise"))
    return part(batch, noise, {f"r.{name}": value for name, value in numbers.items()})


def batch_of(rows=ROWS, classes=True):
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 4, (MEMBERS, rows), generator=generator)
    return Batch(
        {"numeric": torch.randn(MEMBERS, rows, 8, generator=generator)},
        target if classes else torch.randn(MEMBERS, rows, 2, generator=generator),
    )


def likely(count, total, share):
    """Within what a binomial distribution allows."""
    return stats.binomtest(int(count), int(total), float(share)).pvalue > 1e-4


def test_cutout_of_tables_sets_each_number_to_0_with_the_share():
    batch = batch_of()
    x = batch.inputs["numeric"]
    out = applied(Cutout("r", {"numeric": 8}), batch, share=SHARES).inputs["numeric"]
    gone = out == 0
    assert torch.equal(out[~gone], x[~gone])
    for m, share in enumerate(SHARES):
        assert likely(gone[m].sum(), gone[m].numel(), share)
        assert not likely(gone[m].sum(), gone[m].numel(), 1.3 * share)
        assert all(likely(column.sum(), ROWS, share) for column in gone[m].T)


def test_cutout_of_images_cuts_a_box_of_the_share_from_each():
    shape = (2, 12, 12)
    batch = Batch({"array": torch.ones(MEMBERS, ROWS, 288)}, torch.zeros(MEMBERS, ROWS))
    out = applied(Cutout("r", {}, shape), batch, share=SHARES).inputs["array"]
    gone = (out == 0).view(MEMBERS, ROWS, *shape)
    assert torch.equal(gone[:, :, 0], gone[:, :, 1]), "in all channels"
    down, across = gone[:, :, 0].any(-1).sum(-1), gone[:, :, 0].any(-2).sum(-1)
    assert torch.equal(gone[:, :, 0].sum((-1, -2)), down * across), "a box"
    for m, share in enumerate(SHARES):
        side = 12 * float(share) ** 0.5
        assert int(down[m].max()) in (int(side), int(side) + 1)
        assert int(across[m].max()) in (int(side), int(side) + 1)
        assert len(gone[m].flatten(1).unique(dim=0)) > 30, "elsewhere in each row"


def test_input_noise_is_normal_with_its_deviation():
    batch = batch_of()
    x = batch.inputs["numeric"]
    out = applied(InputNoise("r", {"numeric": 8}), batch, deviation=SHARES).inputs["numeric"]
    for m, deviation in enumerate(SHARES):
        away = ((out - x)[m] / deviation).flatten().numpy()
        assert stats.kstest(away, stats.norm.cdf).pvalue > 1e-3
        assert stats.kstest(1.4 * away, stats.norm.cdf).pvalue < 1e-6


def test_label_noise_moves_to_every_other_class_alike():
    batch = batch_of(rows=4000)
    noisy = applied(LabelNoise("r", 4), batch, amount=SHARES).target
    assert noisy.dtype == torch.int64
    assert int(noisy.min()) == 0
    assert int(noisy.max()) == 3
    for m, share in enumerate(SHARES):
        moved = (noisy - batch.target)[m] % 4
        assert likely((moved != 0).sum(), 4000, share)
        for away in (1, 2, 3):
            assert likely((moved == away).sum(), 4000, share / 3)


def test_label_noise_of_two_classes_is_the_other_one():
    batch = Batch({}, torch.tensor([[0, 1] * 50]))
    noisy = applied(LabelNoise("r", 2), batch, amount=torch.tensor([0.5])).target
    assert set(noisy.flatten().tolist()) == {0, 1}
    assert 20 < int((noisy != batch.target).sum()) < 80


def test_label_noise_of_numbers_is_normal():
    batch = batch_of(classes=False)
    noisy = applied(LabelNoise("r", 2), batch, amount=SHARES).target
    for m, deviation in enumerate(SHARES):
        away = ((noisy - batch.target)[m] / deviation).flatten().numpy()
        assert stats.kstest(away, stats.norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("classes", [True, False])
def test_label_noise_and_mixup_may_come_in_either_order(classes):
    batch, mixup, wrong = batch_of(9, classes), Mixup("m"), LabelNoise("r", 4 if classes else 2)
    noise = Draws(mixup.noise(9) | wrong.noise(9))(keys(range(MEMBERS), "noise"))
    numbers = {"m.alpha": torch.ones(MEMBERS), "r.amount": SHARES}
    after = wrong(mixup(batch, noise, numbers), noise, numbers)
    before = mixup(wrong(batch, noise, numbers), noise, numbers)
    assert torch.equal(after.target, before.target)
    assert torch.equal(after.other, before.other)
    assert torch.equal(after.other, partners(after.target))
    assert not torch.equal(after.target, batch.target)


def test_images_that_are_standardised_later() -> None:
    """Holes are filled with the channels' means, and noise is in units of their deviations."""
    shape = (2, 6, 6)
    pixels = torch.rand(1, 300, *shape, generator=torch.Generator().manual_seed(0))
    batch = Batch({"array": pixels}, torch.zeros(1, 300))
    cut = Cutout("p", {}, shape, (0.25, 0.75))
    noise = Draws(cut.noise(300))(keys([0], "noise"))
    got = cut(batch, noise, {"p.share": torch.tensor([0.3])}).inputs["array"]
    holes = got != pixels
    assert 0.1 < float(holes.float().mean()) < 0.3
    for channel, mean in enumerate((0.25, 0.75)):
        assert set(got[:, :, channel][holes[:, :, channel]].tolist()) == {mean}
    loud = InputNoise("p", {"array": 72}, (0.1, 0.4))
    noise = Draws(loud.noise(300))(keys([0], "noise"))
    moved = loud(batch, noise, {"p.deviation": torch.tensor([0.5])}).inputs["array"] - pixels
    for channel, deviation in enumerate((0.05, 0.2)):
        assert float(moved[:, :, channel].std()) == pytest.approx(deviation, rel=0.03)
