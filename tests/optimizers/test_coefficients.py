from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.optimizers.coefficients import power, spread


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(0.0, 0.999999), min_size=1, max_size=5),
    st.lists(st.integers(0, 100_000), min_size=1, max_size=5),
)
def test_powers(bases, exponents):
    result = power(np.array(bases), np.array(exponents, dtype=np.float64)[:, None])
    expected = [[base**exponent for base in bases] for exponent in exponents]
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-300)


def test_spread_fills_every_column_and_shares_no_memory():
    lr = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    momentum = np.array([0.8, 0.9])
    table = spread(np.array([[1.0], [2.0], [3.0]]), {"lr": lr, "momentum": momentum})
    assert table["momentum"].tolist() == [[0.8, 0.9]] * 3
    assert table["lr"].tolist() == lr.tolist()
    for column in table.values():
        assert column.flags.writeable
        assert column.flags.c_contiguous
        assert not np.shares_memory(column, lr)
