"""Outputs in chunks, scores, losses of single rows, and statistics measured anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from methodic.data.batches import Rows
from methodic.engine import evaluation, loop
from methodic.engine.evaluation import Judge, measured_buffers, outputs, row_losses
from methodic.engine.parts import Cohort, State
from methodic.metrics import get_metric
from methodic.types import Pass
from tests.engine.conftest import MakeCohort, make_rows

NORM = {"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch", "dropout": 0.5}


def trained(make_cohort: MakeCohort, rows: Rows) -> tuple[Cohort, State]:
    made = make_cohort([0.1, 0.2], model=NORM)
    stage = made.stages[0]
    state = loop.begin(stage, loop.initial_state(made))
    return made, loop.advance(made, stage, state, rows, 20, lambda _: None)


@pytest.mark.parametrize("chunk", [1, 7, 45, 90, 1000])
def test_in_chunks_as_at_once(
    make_cohort: MakeCohort, rows: Rows, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    made, state = trained(make_cohort, rows)
    run = Pass(made.layout.views(state.flat), state.buffers, {}, made.numbers, training=False)
    whole = made.model(run, rows.everything(2).inputs)
    monkeypatch.setattr(evaluation, "CHUNK", chunk)
    got = outputs(made.model, made.layout, state.flat, state.buffers, rows, made.numbers)
    torch.testing.assert_close(got, whole.detach())
    assert not got.requires_grad


def test_a_row_s_output_does_not_depend_on_the_rows_around_it(
    make_cohort: MakeCohort, rows: Rows
) -> None:
    """As it would if batch norm looked at the batch, or dropout dropped."""
    made, state = trained(make_cohort, rows)

    def of(some: Rows) -> torch.Tensor:
        return outputs(made.model, made.layout, state.flat, state.buffers, some, made.numbers)

    torch.testing.assert_close(of(rows)[:, 10:13], of(rows.part(10, 13)))


def test_statistics_measured_anew(make_cohort: MakeCohort, rows: Rows) -> None:
    made, state = trained(make_cohort, rows)
    measured = measured_buffers(made, state.flat, state.buffers, rows)
    hidden = rows.inputs["numeric"] @ made.layout.views(state.flat)["hidden.0.weight"]
    torch.testing.assert_close(measured["hidden.0.norm.mean"], hidden.mean(1))
    torch.testing.assert_close(measured["hidden.0.norm.variance"], hidden.var(1))
    assert not torch.equal(measured["hidden.0.norm.mean"], state.buffers["hidden.0.norm.mean"])


def test_scores_and_losses() -> None:
    rows = make_rows(1)
    out = torch.randn(2, len(rows), 2, generator=torch.Generator().manual_seed(0))
    judge = Judge(
        rows,
        get_metric("accuracy", "binary"),
        lambda each: torch.softmax(each, -1),
        np.asarray(rows.target.numpy()),
    )
    scores = judge(out)
    for m in range(2):
        hits = (out[m].argmax(-1) == rows.target).double().mean()
        assert scores.score[m] == pytest.approx(float(hits))
        assert scores.loss[m] == pytest.approx(float(F.cross_entropy(out[m], rows.target)))


def test_losses_of_rows() -> None:
    out = torch.randn(2, 5, 3)
    target = torch.tensor([0, 2, 1, 1, 0])
    expected = torch.stack([F.cross_entropy(each, target, reduction="none") for each in out])
    torch.testing.assert_close(row_losses(out, target), expected)
    numbers = torch.randn(5, 1)
    torch.testing.assert_close(
        row_losses(out[..., :1], numbers), ((out[..., 0] - numbers[:, 0]) ** 2)
    )
