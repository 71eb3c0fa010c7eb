"""Samples of rows in pieces, and the kinds that columns have in them."""

import polars as pl

from methodic.data.large.sample import Kinds, Sample


def test_a_sample_does_not_depend_on_where_pieces_end():
    rows = pl.DataFrame({"a": range(1000), "y": ["x", "z"] * 500})
    found = []
    for size in (7, 100, 1000):
        sample = Sample(50, ("y",))
        for piece in rows.iter_slices(size):
            sample.add(piece)
        found.append(sample.rows())
    assert all(each.equals(found[0]) for each in found)
    assert 50 <= found[0].height <= 54


def test_classes_count_as_they_are_written():
    """Those of folders are names: "01" is not "1", and "None" is one."""
    names = [each for each in ("01", "1", "None", "x") for _ in range(300)]
    sample = Sample(1, ("y",))
    for piece in pl.DataFrame({"y": names}).iter_slices(100):
        sample.add(piece)
    assert set(sample.rows()["y"]) == {"x", "01", "1", "None"}


def test_a_piece_without_values_fits_to_any_kind():
    sample = Sample(50, ("y",))
    for cells in ([1.5, 2.5], ["", None], [3.5, 4.5]):
        column = pl.Series("a", [None, None], pl.String) if "" in cells else pl.Series("a", cells)
        sample.add(pl.DataFrame([column, pl.Series("y", [0, 1])]))
    assert sample.rows()["a"].to_list() == [1.5, 2.5, None, None, 3.5, 4.5]
    nothing = Sample(50, ("y",))
    nothing.add(pl.DataFrame({"a": pl.Series([None], dtype=pl.String), "y": [1]}))
    assert nothing.rows()["a"].dtype == pl.String


def test_kinds_without_a_common_one_are_mixed():
    kinds = Kinds()
    dates = pl.Series([1, 2]).cast(pl.Date)
    kinds.add(pl.DataFrame({"a": [1, 2], "b": [1, 2], "c": dates, "d": ["x", "y"]}))
    assert kinds.mixed() == set()
    moments = dates.cast(pl.Datetime("us"))
    nothing = pl.Series([None, None], dtype=pl.String)
    kinds.add(pl.DataFrame({"a": [1.5, 2], "b": ["x", "1"], "c": moments, "d": nothing}))
    kinds.add(pl.DataFrame({"a": nothing, "b": nothing, "c": nothing, "d": nothing}))
    assert kinds.mixed() == {"b"}
