"""Shares and columns of parts, as users type them."""

from __future__ import annotations

import polars as pl
import pytest

from methodic.data.splits.given import check, for_training, parts_of, share_of
from methodic.errors import InputError


@pytest.mark.parametrize(
    ("typed", "share"),
    [("0.2", 0.2), (".25", 0.25), ("20%", 0.2), (" 12.5 % ", 0.125), ("2e-1", 0.2)],
)
def test_shares(typed: str, share: float) -> None:
    assert share_of(typed) == pytest.approx(share)


@pytest.mark.parametrize("typed", ["fold", "test.csv", "0.2.1", "", "20 percent", "%"])
def test_what_is_no_number_is_no_share(typed: str) -> None:
    assert share_of(typed) is None


@pytest.mark.parametrize("typed", ["0", "1", "-0.2", "100%", "1.5", "20", "250%"])
def test_numbers_that_are_no_shares(typed: str) -> None:
    with pytest.raises(InputError, match="between 0 and 1") as caught:
        share_of(typed)
    assert caught.value.found == typed


def test_a_forgotten_percent_sign_is_guessed() -> None:
    with pytest.raises(InputError) as caught:
        share_of("20")
    assert caught.value.advice == "Did you mean 20%?"


def test_a_split_is_a_share_or_a_column() -> None:
    check(None, ["a"])
    check("a", ["a"])
    check("10%", ["a"])
    check("0.2", ["0.2"])
    with pytest.raises(InputError, match="no file, no share and no column") as caught:
        check("fold", ["a", "folds"], "t.csv")
    assert caught.value.problem.startswith("t.csv: ")
    assert caught.value.advice == "Did you mean the column 'folds'?"


def test_a_split_beside_test_rows_is_refused() -> None:
    check(None, ["a"], "t.csv", own_test=True)
    with pytest.raises(InputError, match="nothing to split off"):
        check("20%", ["a"], "t.csv", own_test=True)


def test_words_for_parts() -> None:
    cells = ["train", "Training", " TEST ", "testing", "val", "Valid", "validation", "dev"]
    assert parts_of(pl.Series("part", cells)).tolist() == [0, 0, 2, 2, 1, 1, 1, 1]


def test_categories_are_texts() -> None:
    column = pl.Series("part", ["train", "test"], dtype=pl.Enum(["test", "train"]))
    assert parts_of(column).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("cells", "found"),
    [(["train", "test", "holdout"], "'holdout'"), (["train", "test", None], "nothing")],
)
def test_a_cell_that_names_no_part(cells: list[str | None], found: str) -> None:
    with pytest.raises(InputError, match="row 3") as caught:
        parts_of(pl.Series("part", cells), "t.csv")
    assert "the column 'part'" in caught.value.problem
    assert caught.value.found == found
    assert "train, validation or test" in str(caught.value.accepted)


def test_numbers_name_no_parts() -> None:
    with pytest.raises(InputError, match="row 1") as caught:
        parts_of(pl.Series("is_test", [0, 1, 0]))
    assert caught.value.found == "'0'"


@pytest.mark.parametrize(
    ("cells", "lacking"), [(["train", "val"], "the test"), (["test", "val"], "training")]
)
def test_a_part_without_rows(cells: list[str], lacking: str) -> None:
    with pytest.raises(InputError, match=f"no row is for {lacking.removeprefix('the ')}") as caught:
        parts_of(pl.Series("part", cells))
    assert caught.value.found == ", ".join(f"'{cell}'" for cell in sorted(cells))


def test_which_cells_say_that_a_row_is_for_training() -> None:
    cells = pl.Series("part", ["Train", "fit ", "val", None, "else", "test"])
    assert for_training(cells).to_list() == [True, True, False, False, False, False]
    assert for_training(pl.Series("part", [[1], [2]])).to_list() == [False, False]
