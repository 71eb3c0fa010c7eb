from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from methodic import rng
from methodic.rng import Draws, Noise

N = 1 << 17


def uniforms(seed: int = 0, name: str = "site", step: int = 0, n: int = N) -> torch.Tensor:
    return Draws({name: Noise((n,))})(rng.keys([seed], "step", step))[name][0]


def test_uniforms_are_uniform() -> None:
    x = uniforms().numpy()
    assert x.min() >= 0
    assert x.max() < 1
    assert stats.kstest(x, "uniform").pvalue > 1e-4
    counts = np.bincount((x * 256).astype(int), minlength=256)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_normals_are_normal() -> None:
    x = Draws({"a": Noise((N,), "normal")})(rng.keys([3], "step", 5))["a"][0].double().numpy()
    assert np.isfinite(x).all()
    assert abs(x.mean()) < 5 / math.sqrt(N)
    assert abs(x.var() - 1) < 5 * math.sqrt(2 / N)
    assert stats.kstest(x, "norm").pvalue > 1e-4


def test_a_counter_without_its_second_mixing_would_not_pass() -> None:
    # What these tests would say of a weak generator: plain counters, scaled.
    weak = (np.arange(N) * 0x7FEB352D % 2**32) / 2**32
    assert abs(np.corrcoef(weak[:-1], weak[1:])[0, 1]) > 0.01
    x = uniforms().double().numpy()
    for lag in (1, 2, 3, 64, 128):
        assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 5 / math.sqrt(N)


@pytest.mark.parametrize("bit", range(0, 32, 5))
def test_each_input_bit_changes_half_of_the_output_bits(bit: int) -> None:
    x = rng.counters("any", 20_000)
    flipped = x ^ (1 << bit if bit < 31 else -(2**31))
    changed = (rng.mix(x) ^ rng.mix(flipped)).numpy().view(np.uint32)
    share = np.unpackbits(changed.view(np.uint8)).mean()
    assert abs(share - 0.5) < 0.02


def test_streams_do_not_know_each_other() -> None:
    streams = [
        uniforms(seed, name, step)
        for seed, name, step in [
            (0, "a", 0),
            (1, "a", 0),
            (0, "b", 0),
            (0, "a", 1),
            (2**40, "a", 0),
        ]
    ]
    for a, b in combinations(streams, 2):
        assert not torch.equal(a, b)
        assert abs(np.corrcoef(a.numpy(), b.numpy())[0, 1]) < 5 / math.sqrt(N)


def test_keys_are_told_apart_by_every_part() -> None:
    paths = [(), ("a",), ("b",), (0,), (1,), ("a", 0), ("a", 1), (0, "a"), ("a", "a"), (0, 0)]
    keys = {rng.key(seed, *path) for seed in (0, 1, 2, 2**32, 2**63, 2**64 - 1) for path in paths}
    assert len(keys) == 6 * len(paths)
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_the_numbers_never_change() -> None:
    # Stored runs are resumed by later versions and on other machines: these are part of the format.
    assert rng.key(0, "order", 3) == -7739034683243983269
    assert rng.key(7, "step", 1, 2) == 2664275921117663357
    assert rng.keys([0], "order", 3).flatten().tolist() == [1892716123, -1801884427]
    assert rng.order([0], 0, 8).tolist() == [[1, 0, 6, 4, 5, 7, 3, 2]]
    drawn = [0.885388195514679, 0.04828941822052002, 0.683242678642273]
    assert rng.host_uniform(0, "split", 3).tolist() == drawn


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=4),
    st.integers(0, 2**40),
    st.integers(1, 5),
)
def test_a_table_of_keys_holds_the_same_keys(seeds: list[int], first: int, count: int) -> None:
    table = rng.key_table(seeds, "step", 1, first=first, count=count)
    assert table.shape == (count, 2, len(seeds), 1)
    for i in range(count):
        assert torch.equal(table[i], rng.keys(seeds, "step", 1, first + i))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500)), min_size=1, max_size=4),
    st.integers(500, 2**40),
    st.integers(1, 5),
)
def test_a_table_of_keys_by_each_member_s_own_clock(
    members: list[tuple[int, int]], first: int, count: int
) -> None:
    seeds, born = [seed for seed, _ in members], [start for _, start in members]
    table = rng.key_table(seeds, "step", first=first, count=count, born=born)
    for i in range(count):
        for m, (seed, start) in enumerate(members):
            assert torch.equal(table[i, :, m], rng.keys([seed], "step", first + i - start)[:, 0])


SITES = {"dropout/0": Noise((5, 7)), "init": Noise((3,), "normal"), "mask": Noise((130,))}


@pytest.mark.parametrize("extra", [{"a": Noise((9,))}, {"a": Noise((200,), "normal")}])
@pytest.mark.parametrize("first", [True, False])
def test_another_site_changes_no_other_site(extra: dict[str, Noise], first: bool) -> None:
    keys = rng.keys([0, 5], "step", 2)
    alone = Draws(SITES)(keys)
    crowd = Draws(extra | SITES if first else SITES | extra)(keys)
    for name, values in alone.items():
        assert torch.equal(values, crowd[name])
    assert set(crowd) == set(SITES) | set(extra)


@pytest.mark.parametrize("width", [2, 3, 8])
def test_a_member_draws_alike_alone_and_in_company(width: int) -> None:
    draws, seeds = Draws(SITES), [11 * i + 3 for i in range(width)]
    together = draws(rng.keys(seeds, "step", 9))
    for place, seed in enumerate(seeds):
        alone = draws(rng.keys([seed], "step", 9))
        for name, values in alone.items():
            assert values.shape == (1, *SITES[name].shape)
            assert torch.equal(values[0], together[name][place])


def test_draws_without_sites_are_empty() -> None:
    draws = Draws({})
    assert not draws
    assert draws(rng.keys([0], "step", 0)) == {}
    assert Draws(SITES)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(0, 50), st.lists(st.integers(0, 2**40), min_size=1))
def test_order_is_each_members_own_permutation(rows: int, epoch: int, seeds: list[int]) -> None:
    order = rng.order(seeds, epoch, rows)
    assert order.shape == (len(seeds), rows)
    assert torch.equal(order.sort(dim=1).values, torch.arange(rows).expand(len(seeds), rows))
    for place, seed in enumerate(seeds):
        assert torch.equal(order[place], rng.order([seed], epoch, rows)[0])


def test_orders_are_all_equally_likely() -> None:
    drawn = rng.order(list(range(6000)), 0, 4)
    codes = (drawn * torch.tensor([64, 16, 4, 1])).sum(dim=1).unique(return_counts=True)[1]
    assert len(codes) == 24
    assert stats.chisquare(codes.numpy()).pvalue > 1e-4
    assert not torch.equal(rng.order([0], 0, 50), rng.order([0], 1, 50))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    uniforms()
    rng.order([0], 0, 10)
    first = rng.host_uniform(1, "split", 5)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(123)
    assert np.array_equal(first, rng.host_uniform(1, "split", 5))
    assert first.dtype == np.float64
    torch.set_rng_state(before)


def test_a_foreign_generator_is_lent_and_given_back() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with rng.drawing(-3):
        first = torch.rand(3)
        with rng.drawing(4):
            other = torch.rand(3)
        after = torch.rand(3)
    with rng.drawing(-3):
        assert torch.equal(torch.cat([first, after]), torch.rand(6))
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(KeyError), rng.drawing(1):
        raise KeyError
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(-3)
    assert torch.equal(first, torch.rand(3)), "the numbers that users know for this seed"


def test_lending_a_generator_leaves_nothing_behind() -> None:
    """torch.manual_seed queues calls for a GPU that isn't there, one more each time."""
    if torch.cuda.is_available():
        pytest.skip("nothing is queued")
    before = len(torch.cuda._queued_calls)
    for seed in range(3):
        with rng.drawing(seed):
            torch.rand(1)
    assert len(torch.cuda._queued_calls) == before
