import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from methodic.errors import InputError
from methodic.evidence.predictions import read, write


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(*[st.integers(1, 4)] * 3).flatmap(
        lambda shape: arrays(np.float64 if shape[2] == 1 else np.float32, shape)
    )
)
def test_what_is_read_is_what_was_written(tmp_path_factory, predictions):
    path = tmp_path_factory.mktemp("p") / "a.parquet"
    write(path, predictions)
    found = read(path)
    assert found.dtype == predictions.dtype
    assert found.shape == predictions.shape
    assert np.array_equal(found, predictions, equal_nan=True)


def test_kinds_of_numbers(tmp_path):
    path = tmp_path / "a[0]*.parquet"  # a name, not a pattern
    write(path, np.full((1, 2, 3), 0.1))
    assert read(path).dtype == np.float32
    write(path, np.full((1, 2, 1), 0.1))
    assert read(path)[0, 0, 0] == 0.1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_empty_predictions_are_refused(tmp_path):
    for shape in [(0, 2, 2), (1, 0, 2), (2, 2)]:
        with pytest.raises(ValueError, match="none of them 0"):
            write(tmp_path / "a", np.zeros(shape))


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(InputError, match="can't be written"):
        write(tmp_path / "missing" / "a.parquet", np.zeros((1, 1, 2)))


def test_missing_and_damaged_files(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(InputError, match="no such file of predictions"):
        read(path)
    write(path, np.random.default_rng(0).random((2, 50, 3)))
    whole = path.read_bytes()
    for damaged in (b"", b"PAR1", whole[:-20], whole[: len(whole) // 2], b"x" * 500):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged"):
            read(path)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda f: f.drop("row"), "columns"),
        (lambda f: f.rename({"output_1": "output_7"}), "columns"),
        (lambda f: f.select("member", "row"), "columns"),
        (lambda f: f.cast({"output_0": pl.Float64}), "type"),
        (lambda f: f.with_columns(pl.lit(None, pl.Float32).alias("output_0")), "missing"),
        (lambda f: f[:-1], "rows"),
        (lambda f: f[1:], "rows"),
        (lambda f: f[:0], "rows"),
        (lambda f: f.reverse(), "rows"),
        (lambda f: f.sort("member", -pl.col("row")), "rows"),
        (lambda f: f.with_columns(pl.col("member") - 5), "rows"),
        (lambda f: f.filter(pl.col("member") != 1), "rows"),
    ],
)
def test_files_of_another_shape(tmp_path, change, found):
    path = tmp_path / "a.parquet"
    write(path, np.random.default_rng(0).random((3, 4, 2)))
    change(pl.read_parquet(path)).write_parquet(path)
    with pytest.raises(InputError, match="damaged") as caught:
        read(path)
    assert found in str(caught.value.found)
