"""All that becomes numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
import torch

from methodic.data.encoding import dates, features
from methodic.data.encoding.features import Features
from methodic.data.encoding.numeric import BUFFERS, NumericEncoder
from methodic.data.schemas.schema import infer

N = 60
WORDS = [*"abcdefghij"]
FRAME = pl.DataFrame(
    {
        "note": [
            None if i == 7 else " ".join(WORDS[(i * k) % 10] for k in range(1, 7)) + f" {i}"
            for i in range(N)
        ],
        "size": [None if i == 3 else i * 1e30 for i in range(N)],
        "sold": [None if i == 5 else datetime(2024, 1, 1) + timedelta(days=i) for i in range(N)],
        "count": [i % 5 for i in range(N)],
        "y": [i % 2 for i in range(N)],
    }
)
SCHEMA = infer(FRAME, "y")
MADE = Features(SCHEMA, {"sold": dates.fit(FRAME["sold"])})
NUMERIC = MADE.fit(FRAME)


def test_names_stand_beside_numbers() -> None:
    assert MADE.names[:4] == (
        "size",
        "count",
        "sold (days)",
        "sold (day of the year, sine)",
    )
    assert MADE.names[MADE.plain] == "note (words 1)"
    assert MADE.width == len(MADE.names) == len(set(MADE.names)) == 2 + 7 + 64
    assert MADE.tensor(FRAME, NUMERIC, raw=True).shape == (N, MADE.width)


def test_raw_numbers() -> None:
    raw = MADE.tensor(FRAME, NUMERIC, raw=True)
    assert raw.dtype == torch.float32
    assert raw[4, 1] == 4
    missing = torch.isnan(raw)
    assert missing.sum() == 3, "a missing cell is one missing number"
    assert missing[[3, 5, 7], [0, 2, MADE.plain]].all()
    assert raw[6, 2] - raw[4, 2] == 2


def test_encoded_numbers_are_finite_and_each_missing_cell_is_shown() -> None:
    found = MADE.tensor(FRAME, NUMERIC)
    assert found.shape == (N, MADE.width + 3)
    assert torch.isfinite(found).all()
    raw = MADE.tensor(FRAME, NUMERIC, raw=True)
    assert torch.equal(found[:, : MADE.width], NUMERIC(raw)[:, : MADE.width])
    assert [found[:, MADE.width + i].nonzero().flatten().tolist() for i in range(3)] == [
        [3],
        [5],
        [7],
    ]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    numeric = MADE.fit(FRAME)
    whole = MADE.tensor(FRAME, numeric)
    monkeypatch.setattr(features, "_BLOCK", 7)
    assert torch.equal(MADE.tensor(FRAME, numeric), whole)


def test_numbers_beyond_float32_become_infinite_without_a_word() -> None:
    frame = FRAME.head(1).with_columns(size=pl.lit(1e300))
    assert MADE.tensor(frame, NUMERIC, raw=True)[0, 0] == float("inf")
    assert MADE.tensor(frame, MADE.fit(FRAME))[0, 0] == pytest.approx(3)


def test_numbers_that_lie_close_beside_their_size_stay_apart() -> None:
    drawn = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "far": 1e8 + drawn.normal(0, 10, 500),
            "moment": drawn.integers(0, 3_600_000, 500) + 1_700_000_000_000,
            "usual": drawn.normal(2000, 10, 500),
            "y": [0, 1] * 250,
        }
    )
    made = Features(infer(frame, "y"), {})
    numeric = made.fit(frame.with_columns(far=pl.when(pl.col("y") == 0).then("far")))
    raw = made.tensor(frame, numeric, raw=True)
    assert min(len(np.unique(column)) for column in raw.numpy().T) > 490
    assert numeric.offset[2] == 0
    assert torch.equal(raw[:, 2], torch.tensor(frame["usual"].to_numpy()).float())
    found = made.tensor(frame, numeric)
    assert torch.equal(found[:, :3], numeric(raw)[:, :3])
    z = (frame["far"].to_numpy() - float(numeric.center[0])) / float(numeric.scale[0])
    np.testing.assert_allclose(found[:, 0], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-4, atol=1e-6)
    again = NumericEncoder(*(numeric.state_dict()[name] for name in BUFFERS))
    assert torch.equal(made.tensor(frame, again), found), "what is saved is enough"
    blank = made.tensor(frame.head(1).with_columns(far=None, moment=None), numeric)
    assert blank[0, :2].tolist() == [0, 0]


def test_no_rows() -> None:
    assert MADE.tensor(FRAME.head(0), NUMERIC, raw=True).shape == (0, MADE.width)
    assert np.array_equal(MADE.fit(FRAME.head(2)).center.shape, (MADE.width,))


def test_scales_of_many_rows_come_from_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST_ROWS", N - 1)
    monkeypatch.setattr(features, "spread", lambda rows: np.arange(10, rows, 2))
    some = MADE.fit(FRAME)
    monkeypatch.setattr(features, "MOST_ROWS", N)
    whole = MADE.fit(FRAME)
    drawn = MADE.fit(FRAME[[*range(10, N, 2), 5, 7]])
    assert torch.equal(some.indicator, whole.indicator), "gaps are seen wherever they are"
    assert some.indicator.sum() == 3
    assert torch.equal(some.center[:2], whole.center[:2]), "columns of numbers are looked at whole"
    assert torch.equal(some.center[2:], drawn.center[2:])
    assert not torch.equal(some.center[2:], whole.center[2:])
