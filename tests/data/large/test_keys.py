"""Keys: equal rows have equal ones, and where rows are cut into pieces leaves no trace."""

import numpy as np
import polars as pl

from methodic.data.large.keys import Digests, hashes, mixed, uniform
from methodic.data.large.keys import keys as keys_of


def cells(frame):
    return {column.name: hashes(column) for column in frame}


def keys(frame, columns):
    return keys_of(cells(frame), columns)


def test_equal_rows_have_equal_keys_whatever_their_type():
    whole = pl.DataFrame({"a": [1, 2, 1, None], "b": ["x", "y", "x", "x"]})
    broken = whole.with_columns(pl.col("a").cast(pl.Float32))
    found = keys(whole, ["a", "b"])
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3
    assert (keys(broken, ["a", "b"]) == found).all()
    assert (keys(whole, ["b"]) != found).all()


def test_the_order_of_columns_counts():
    frame = pl.DataFrame({"a": [1, 2], "b": [2, 1]})
    found = keys(frame, ["a", "b"])
    assert found[0] != found[1]


def test_draws_are_uniform_and_other_for_other_seeds():
    names = mixed(np.arange(20_000, dtype=np.uint64))
    one, other = uniform(names, 1), uniform(names, 2)
    assert 0 <= one.min() < 1e-3
    assert 0.999 < one.max() < 1
    assert np.abs(np.histogram(one, 10, (0, 1))[0] - 2000).max() < 200
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_digests_know_no_pieces():
    frame = pl.DataFrame({"a": np.arange(100), "b": [str(i) for i in range(100)]})
    whole, cut = Digests(), Digests()
    whole.add(cells(frame))
    for piece in frame.iter_slices(7):
        cut.add(cells(piece))
    assert whole.of_columns() == cut.of_columns()
    assert cut.rows == 100
    other = Digests()
    other.add(cells(frame.reverse()))
    assert other.of_columns()["a"] != whole.of_columns()["a"]
