"""Which words of a column have a code of their own."""

from __future__ import annotations

import numpy as np
import polars as pl

from methodic.data.encoding import categories
from methodic.data.encoding.categories import BUCKETS, MANY, MOST, RARE, Categories, fit


def column(*cells: str | None) -> pl.Series:
    return pl.Series("c", cells, dtype=pl.String)


def test_few_categories_all_have_codes() -> None:
    words = [f"w{i:03}" for i in range(MANY)]
    found = fit(column(*words, None))
    assert found == Categories(tuple(words), missing=True)
    codes = found.codes(column("w000", "w255", "new", None))
    assert codes.tolist() == [1, 256, 0, 257]
    assert len(found.meanings) == found.size == 258


def test_rare_ones_of_many_share_a_code_with_the_unseen() -> None:
    often = [f"w{i:03}" for i in range(MANY)]
    found = fit(column(*often * RARE, *["rare"] * (RARE - 1), "once"))
    assert (found.words, found.pooled, found.missing) == (tuple(often), True, False)
    assert found.codes(column("w000", "rare", "once", "new", None)).tolist() == [1, 0, 0, 0, 0]
    assert found.meanings[0] == "rare or unseen in training"


def test_beyond_the_limit_words_are_hashed(monkeypatch) -> None:
    often = [f"a{i:04}" for i in range(MOST)]
    more = [f"b{i:04}" for i in range(500)]
    found = fit(column(*often * (RARE + 1), *more * RARE))
    assert (found.words, found.buckets, found.pooled) == (tuple(often), BUCKETS, False)
    codes = found.codes(column(*more, "new", None, "a0000"))
    assert codes[-1] == 1
    assert codes[-2] == 0, "missing, which training had none of"
    hashed = codes[:-2]
    assert hashed.min() > MOST
    assert hashed.max() < found.size == 1 + MOST + BUCKETS
    assert len(np.unique(hashed)) > 350, "they are spread"
    again = found.codes(column("new", *more))
    assert again.tolist() == [codes[500], *codes[:500]], "a code depends on the word alone"


def test_ties_at_the_limit_do_not_depend_on_the_order_of_rows(monkeypatch) -> None:
    monkeypatch.setattr(categories, "MOST", 300)
    words = [f"w{i:03}" for i in range(400)] * RARE
    found = fit(column(*words))
    assert found.words == tuple(sorted(set(words))[:300])
    assert fit(column(*reversed(words))) == found


def test_yes_and_no_in_other_words_than_in_training() -> None:
    found = fit(column("True", "False"))
    said = column("1", "0", "Yes", "no", "TRUE", "f", "Ja", "2", "maybe", None)
    assert found.codes(said).tolist() == [2, 1, 2, 1, 2, 1, 2, 0, 0, 0]
    found = fit(column("N", "Y", None))
    assert found.codes(column("Y", "n", "1", "False", None)).tolist() == [2, 1, 2, 1, 3]
    assert found.codes(column("Y", "0").cast(pl.Enum(["0", "Y"]))).tolist() == [2, 1]


def test_spellings_that_training_told_apart_stay_apart() -> None:
    found = fit(column("No", "YES", "Yes", "no"))
    assert found.codes(column("no", "No", "YES", "Yes", "1")).tolist() == [4, 1, 2, 3, 0]
    assert fit(column("yes", "maybe")).codes(column("1", "true")).tolist() == [0, 0]
