"""A trained model's numbers: those of one row depend neither on other rows nor on threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from methodic import bundle, runs
from methodic.bundle import Bundle, model
from methodic.data.loading import load
from methodic.engine.evaluation import CHUNK
from methodic.errors import InputError
from methodic.recipes import catalogue


def table(rows: int) -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=(rows, 3))
    colours = [("red", "green", None)[i % 3] for i in range(rows)]
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "colour": colours, "y": x[:, 0] + x[:, 2]})


@pytest.fixture(scope="module", params=["adam", "realmlp", "tabm"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out: Path = tmp_path_factory.mktemp("model") / "run"
    runs.train_method(load(table(80), "y"), catalogue.get(request.param), steps=3, out=out)
    return bundle.load(out)


def test_a_row_alone_and_in_company(made: Bundle) -> None:
    rows = table(200)
    whole = made.predicted(rows)
    for start, count in ((0, 1), (5, 2), (3, 31), (100, 64), (199, 1)):
        assert torch.equal(made.predicted(rows[start : start + count]), whole[start:][:count])


def test_blocks_and_threads_change_nothing(made: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(CHUNK + 100)
    whole, threads = made.predicted(rows), torch.get_num_threads()
    monkeypatch.setattr(model, "BLOCK", 1000)
    assert torch.equal(made.predicted(rows), whole)
    assert torch.get_num_threads() == threads


def test_errors_name_the_row_of_the_whole(made: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(300).with_columns(pl.col("a").cast(pl.String))
    rows[250, "a"] = "much"
    monkeypatch.setattr(model, "BLOCK", 64)
    with pytest.raises(InputError, match="row 251"):
        made.predicted(rows)
