"""What a user says about parts: the share of the test rows, or a column that names each part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import first, row_name, tidy
from methodic.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

TRAIN, VALIDATION, TEST = range(3)
PARTS = ("training", "validation", "test")

_WORDS = {
    **dict.fromkeys(("train", "training", "fit"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}


def share_of(split: str) -> float | None:
    """The share that was typed; None for what doesn't look like a number.

    Raises:
        InputError: a number, but no share.

    Example:
        >>> share_of("0.2"), share_of("20%"), share_of("fold")
        (0.2, 0.2, None)
    """
    found = re.fullmatch(r"\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)\s*(%?)\s*", split, re.IGNORECASE)
    if found is None:
        return None
    share = float(found[1]) / (100 if found[2] else 1)
    if not 0 < share < 1:
        whole = not found[2] and 1 < share < 100
        raise InputError(
            "--split must be a share of the rows between 0 and 1",
            found=split,
            accepted="a number such as 0.2, or 20%; a file of test rows; or a column",
            advice=f"Did you mean {share:g}%?" if whole else None,
        )
    return share


def check(
    split: str | None, columns: Sequence[str], where: str = "data", own_test: bool = False
) -> None:
    """Refuse what is neither a share nor one of the ``columns``, and both ways at once.

    Args:
        split: as it was typed.
        columns: of the data.
        where: the data, for the error.
        own_test: whether the user gave test rows, too.

    Raises:
        InputError: see above; the nearest column is named.
    """
    if split is None:
        return
    if own_test:
        raise InputError(
            f"{where}: test rows were given, so there is nothing to split off",
            found=f"test rows, and the split {split}",
            advice="Leave one of the two out.",
        )
    if split in columns or share_of(split) is not None:
        return
    guess = nearest(split, columns)
    raise InputError(
        f"{where}: --split is no file, no share and no column",
        found=split,
        accepted="a file of test rows, a share such as 20%, or a column that says train, "
        "validation or test",
        advice=f"Did you mean the column '{guess}'?" if guess else None,
    )


def parts_of(column: pl.Series, where: str = "data") -> npt.NDArray[np.int64]:
    """The part that each row's cell names, [N]: 0 training, 1 validation, 2 test.

    Cells say train, validation or test; capitals, and short forms such as valid, val or dev, are
    the same. Validation may be absent; it is made of training rows then.

    Raises:
        InputError: a cell names no part; no row is for training, or none for the test.
    """
    import polars as pl

    title = f"{where}: the column '{column.name}' divides the rows"
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise InputError(
            f"{title}, which holds no texts",
            found=str(column.dtype),
            accepted="train, validation or test in every row",
        )
    words = tidy(column, text=True).cast(pl.String).str.to_lowercase()
    known = pl.Series(list(_WORDS))
    bad = first(~words.is_in(known.implode()) | words.is_null())
    if bad is not None:
        cell = column[bad]
        raise InputError(
            f"{title}, and {row_name(bad)} names no part",
            found="nothing" if words[bad] is None else f"'{cell}'",
            accepted="train, validation or test in every row",
            advice="Write one of these words there; or give --split a share, such as 20%.",
        )
    codes: npt.NDArray[np.int64] = (
        words.replace_strict(_WORDS, return_dtype=pl.Int64).to_numpy().astype(np.int64)
    )
    for part in (TRAIN, TEST):
        if not (codes == part).any():
            raise InputError(
                f"{title}, and no row is for {PARTS[part]}",
                found=", ".join(f"'{word}'" for word in sorted(set(column.cast(pl.String)))),
                accepted="rows for training and for the test; validation may be absent",
            )
    return codes


def for_training(column: pl.Series) -> pl.Series:
    """Whether each cell says that its row is for training."""
    import polars as pl

    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return pl.repeat(value=False, n=len(column), eager=True)  # `parts_of` says what is wrong
    words = tidy(column, text=True).cast(pl.String).str.to_lowercase()
    return words.is_in([word for word, part in _WORDS.items() if part == TRAIN]).fill_null(False)
