"""The numeric encoder against its formula."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.encoding.numeric import MOST_ROWS, NumericEncoder, Work, fit_numeric, spread

NAN = float("nan")


def by_hand(x: float, center: float, scale: float) -> float:
    z = (x - center) / scale
    return z / math.sqrt(1 + (z / 3) ** 2)


def test_the_formula() -> None:
    cells = [1.0, 2.0, 4.0, 8.0, 100.0]
    encoder = fit_numeric(pl.DataFrame({"a": cells}))
    got = encoder(torch.tensor(cells)[:, None])[:, 0]
    expected = [by_hand(x, 4.0, 8.0 - 2.0) for x in cells]
    assert got.tolist() == pytest.approx(expected, rel=1e-6)
    # The comparison is sharp enough to tell standardising and hard clipping apart.
    standardised = [by_hand(x, float(np.mean(cells)), float(np.std(cells))) for x in cells]
    assert got.tolist() != pytest.approx(standardised, rel=1e-2)
    hard = [min(3.0, (x - 4.0) / 6.0) for x in cells]
    assert got.tolist() != pytest.approx(hard, rel=1e-3)


@pytest.mark.parametrize(
    ("cells", "scale"),
    [
        ([0.0, 1.0, 2.0, 3.0, 4.0], 2.0),
        ([0.0] * 9 + [10.0], 5.0),
        ([7.0] * 5, 1.0),
        ([None] * 5, 1.0),
        ([0.0, 1e-40, 2e-40], 1.0),
        ([-1e300, 0.0, 1e300], 1.0),
    ],
)
def test_scales(cells: list, scale: float) -> None:
    encoder = fit_numeric(pl.DataFrame({"a": cells}, schema={"a": pl.Float64}))
    assert encoder.scale.item() == scale
    assert torch.isfinite(encoder(torch.tensor([[0.0], [1e38], [-1e38]]))).all()


def test_missing_values_get_the_median_and_an_indicator() -> None:
    rows = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, None, 5.0], "c": [0.0, 1.0, None]})
    encoder = fit_numeric(rows)
    assert encoder.indicator.tolist() == [False, True, True]
    assert encoder.width == 5
    got = encoder(torch.tensor([[NAN, NAN, 1.0], [2.0, 3.0, NAN]]))
    assert got[0].tolist() == pytest.approx([0.0, 0.0, by_hand(1, 0.5, 0.5), 1.0, 0.0])
    assert got[1].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_infinities_and_leading_axes() -> None:
    encoder = fit_numeric(pl.DataFrame({"a": [1.0, 2.0, 3.0]}))
    got = encoder(torch.tensor([[[math.inf], [-math.inf]]]))
    assert got.shape == (1, 2, 1)
    assert got.flatten().tolist() == pytest.approx([3.0, -3.0])


def test_rows_are_encoded_by_themselves() -> None:
    raw = torch.randn(301, 7, generator=torch.Generator().manual_seed(0))
    raw[::5, 2] = NAN
    encoder = fit_numeric(pl.DataFrame(raw.numpy()).fill_nan(None))
    whole = encoder(raw)
    pieces = torch.cat([encoder(raw[:1]), encoder(raw[1:64]), encoder(raw[64:])])
    assert torch.equal(whole, pieces)


def test_it_travels_with_the_network() -> None:
    encoder = fit_numeric(pl.DataFrame({"a": [1.0, None, 3.0]}))
    raw = torch.tensor([[NAN], [2.5]])
    exported = torch.export.export(encoder, (raw,)).module()
    assert torch.equal(exported(raw), encoder(raw))
    names = ("center", "scale", "fill", "indicator")
    again = NumericEncoder(*(encoder.state_dict()[name] for name in names))
    assert torch.equal(again(raw), encoder(raw))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(width=32) | st.just(math.nan), min_size=1, max_size=80),
    st.sampled_from([1, 4000]),
)
def test_column_by_column_is_the_same_bit_for_bit(cells: list[float], times: int) -> None:
    finite = [each if math.isfinite(each) else None for each in cells]
    encoder = fit_numeric(
        pl.DataFrame({"a": finite, "b": [1.0] * len(cells)}, {"a": pl.Float64, "b": pl.Float64})
    )
    raw = torch.tensor(cells * times, dtype=torch.float32)
    whole = encoder(torch.stack([raw, raw], dim=-1))[:, :2]
    found, work = np.stack([raw.numpy()] * 2), Work(len(raw))
    for first in (0, 1):
        encoder.columns(first, found[first : first + 1], work)
    assert np.array_equal(found.T, whole.numpy())
    both = np.stack([raw.numpy()] * 2)
    encoder.columns(0, both, work)
    assert np.array_equal(both, found)


def test_quartiles_of_many_rows_are_estimated() -> None:
    values = np.random.default_rng(0).gamma(2.0, 3.0, MOST_ROWS + 1)
    values[7] = 1e9
    frame = pl.DataFrame({"a": [*values[:-1], None], "b": pl.Series(values) > 1e8})
    many = fit_numeric(frame.cast({"b": pl.Float64}))
    q25, q50, q75 = np.quantile(values, [0.25, 0.5, 0.75])
    assert many.center[0].item() == pytest.approx(q50, rel=0.02)
    assert many.scale[0].item() == pytest.approx(q75 - q25, rel=0.02)
    assert many.indicator.tolist() == [True, False]
    assert many.scale[1].item() == 0.5, "the rarest value counts for the range"
    again = fit_numeric(frame.cast({"b": pl.Float64}))
    assert torch.equal(many.center, again.center)


def test_rows_of_a_sample_lie_in_their_pieces() -> None:
    places, edges = spread(1_000_000), np.linspace(0, 1_000_000, 50_001)
    assert ((edges[:-1] <= places + 1) & (places < edges[1:])).all()
    assert len(np.unique(np.diff(places))) > 5, "they have no period"
