"""What enters a network: the same for a run that trains it and a bundle that predicts with it."""

from __future__ import annotations

import polars as pl

import methodic as mt
from methodic.bundle import inputs_of
from methodic.models import mlp
from methodic.models.inputs import Inputs
from methodic.runs.rows.preparation import prepare


def test_one_class_under_both_names() -> None:
    assert mlp.Inputs is Inputs
    assert Inputs() == Inputs(0, 0, 0, 0, (), ())


def test_a_run_and_a_bundle_agree() -> None:
    n = 200
    frame = pl.DataFrame(
        {
            "x": [float(i % 17) for i in range(n)],
            "small": ["ab"[i % 2] for i in range(n)],
            "gaps": [("red", "green", None)[i % 3] for i in range(n)],
            "y": [float(i % 5) for i in range(n)],
        }
    )
    prepared = prepare(mt.load(frame, target="y"), 0)
    inputs = prepared.inputs
    assert inputs == inputs_of(prepared.encoders)
    assert inputs.sizes == (1 + 2, 1 + 2 + 1), "unseen, the categories, missing where there was any"
    assert sum(inputs.sizes) == inputs.codes
    assert len(inputs.sizes) == inputs.categorical == 2
    assert (inputs.array, inputs.shape) == (0, ())
