from __future__ import annotations

import pytest
import torch
from scipy import stats

from methodic.regularizers.corruption import Cutout, InputNoise, LabelNoise, Swap, exchanged
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


# --- cells of other rows ----------------------------------------------------------------------


def whole_batch() -> Batch:
    generator = torch.Generator().manual_seed(2)
    inputs = {
        "categorical": torch.randint(0, 9, (MEMBERS, ROWS, 2), generator=generator),
        "array": torch.randn(MEMBERS, ROWS, 1, 3, generator=generator),
        "numeric": torch.randn(MEMBERS, ROWS, 2, generator=generator),
    }
    return Batch(inputs, torch.randint(0, 4, (MEMBERS, ROWS), generator=generator))


def test_exchanged_cells_like_a_loop_over_them() -> None:
    batch = whole_batch()
    generator = torch.Generator().manual_seed(4)
    whether, which = torch.rand(2, MEMBERS, ROWS, 7, generator=generator)
    found, mask = exchanged(batch.inputs, whether, which, SHARES)
    names = [("numeric", i) for i in range(2)] + [("array", i) for i in range(3)]
    names += [("categorical", i) for i in range(2)]
    wanted = {name: x.clone() for name, x in batch.inputs.items()}
    for m in range(MEMBERS):
        for b in range(0, ROWS, 7):
            for c, (name, i) in enumerate(names):
                taken = bool(whether[m, b, c] < SHARES[m])
                other = int(which[m, b, c] * ROWS) if taken else b
                cell = batch.inputs[name][m].flatten(1)[other, i]
                assert bool(mask[m, b, c]) == bool(cell != batch.inputs[name][m].flatten(1)[b, i])
                assert found[name][m].flatten(1)[b, i] == cell
    for name, x in wanted.items():
        assert torch.equal(batch.inputs[name], x), "nothing is written to"
        assert found[name].dtype == x.dtype
    for m, share in enumerate(SHARES):
        numbers = mask[m][:, :5]  # whose values all differ: only a row's own is no change
        assert likely(numbers.sum(), numbers.numel(), share)


def test_swapped_rows_have_values_that_occur_each_in_its_column() -> None:
    batch = whole_batch()
    out = applied(Swap("r", 7, "r.share"), batch, share=SHARES)
    for name, x in out.inputs.items():
        before = batch.inputs[name]
        assert not torch.equal(x, before)
        for m in range(MEMBERS):
            for own, old in zip(x[m].flatten(1).T, before[m].flatten(1).T, strict=True):
                assert torch.isin(own, old).all()
    assert torch.equal(out.target, batch.target)
    still = applied(Swap("r", 7, "r.share"), batch, share=torch.full((3,), 1e-9))
    assert all(torch.equal(still.inputs[k], x) for k, x in batch.inputs.items())
    every = applied(Swap("r", 7, "r.share"), batch, share=torch.ones(3))
    assert likely((every.inputs["numeric"] == batch.inputs["numeric"]).sum(), 3000, 1 / ROWS)


def test_swap_reads_the_number_that_it_is_told() -> None:
    swap = Swap("o/corruption", 8, "o.corruption")
    assert set(swap.noise(5)) == {"o/corruption/whether", "o/corruption/which"}
    batch = batch_of()
    noise = Draws(swap.noise(ROWS))(keys(range(MEMBERS), "noise"))
    moved = swap(batch, noise, {"o.corruption": SHARES}).inputs["numeric"]
    share = (moved != batch.inputs["numeric"]).float().mean((1, 2))
    torch.testing.assert_close(share, SHARES, atol=0.02, rtol=0)


def test_the_last_row_is_no_further_than_the_batch() -> None:
    """A uniform number as close to 1 as it gets: rounding must not reach beyond the rows."""
    rows = Batch({"numeric": torch.randn(1, 100_003, 1)}, torch.zeros(1, 100_003))
    which = torch.full((1, 100_003, 1), 1 - 2.0**-24)
    found, _ = exchanged(rows.inputs, torch.zeros_like(which), which, torch.ones(1))
    assert torch.equal(found["numeric"], rows.inputs["numeric"][:, -1:].expand(1, 100_003, 1))
