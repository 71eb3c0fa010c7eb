"""What a trained model costs its user, by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from methodic.baselines import BaselineResult, calm
from methodic.baselines import Rows as BaselineRows
from methodic.data.batches import Rows
from methodic.engine.evaluation import outputs
from methodic.engine.loop import Trained
from methodic.engine.parts import Cohort
from methodic.models.around import inmost
from methodic.plan import Inference

MANY = 2048
"""Rows that are predicted in one pass, at most."""
_ENOUGH = 256  # rows of a pass, where by single rows more would take longer than
_LONG = 4.0  # seconds
_SECONDS = 0.02  # for each of the two measurements; a single pass may take longer


def inference_cost(
    predict: Callable[[int], object], parameters: int, bytes: int, rows: int
) -> Inference:
    """Time a model's predictions: many rows in one pass, and one row by itself.

    Many are all test rows, but at most `MANY`, and fewer of a slow model, since a row among more of
    them costs the same. Each is the best of the passes that fit into 20 ms, and at least one: what
    disturbs a clock only ever adds to it. The two together take 50 ms, unless a single pass takes
    longer.

    Args:
        predict: predicts the first so many test rows; what it returns is left alone.
        parameters: of the model; 0 where the word has no meaning.
        bytes: that it takes.
        rows: test rows, at least 1.
    """
    predict(1)  # the first call of a kind loads and allocates
    single = _best(lambda: predict(1))
    many = min(rows, MANY, max(_ENOUGH, int(_LONG / max(single, 1e-9))))
    together = _best(lambda: predict(many))
    return Inference(
        parameters=parameters,
        bytes=bytes,
        row_microseconds=1e6 * together / many,
        single_milliseconds=1e3 * single,
    )


def of_member(
    cohort: Cohort, trained: Trained, rows: Rows, decode: Callable[[Tensor], Tensor]
) -> Inference:
    """The cost of a cohort's first member: of encoded rows to probabilities or numbers.

    Args:
        cohort: any width.
        trained: its weights.
        rows: encoded test rows, on the cohort's device.
        decode: outputs → probabilities or numbers.
    """
    flat = trained.flat[:1]
    buffers = {name: value[:1] for name, value in trained.buffers.items()}
    numbers = {path: value[:1] for path, value in cohort.numbers.items()}

    def predict(count: int) -> object:
        some = rows.part(0, count)
        return decode(outputs(cohort.model, cohort.layout, flat, buffers, some, numbers)).cpu()

    views = cohort.layout.views(flat)  # what objectives added isn't shipped
    shipped = [views[name] for name in inmost(cohort.model).parameters()]
    held = sum(x.numel() * x.element_size() for x in (*shipped, *buffers.values()))
    return inference_cost(predict, sum(x.numel() for x in shipped), held, len(rows))


def of_baseline(result: BaselineResult, rows: BaselineRows, threads: int = 1) -> Inference:
    """The cost of a fitted baseline: of rows as they were read to probabilities or numbers.

    Args:
        result: of the fit.
        rows: the test rows.
        threads: at most so many.
    """

    def predict(count: int) -> object:
        some = replace(
            rows,
            numeric=None if rows.numeric is None else rows.numeric[:count],
            categorical=None if rows.categorical is None else rows.categorical[:count],
            target=rows.target[:count],
        )
        return result.model.predict(some)

    with calm(threads):
        return inference_cost(
            predict, result.model.parameters, result.model.bytes, len(rows.target)
        )


def _best(call: Callable[[], object]) -> float:
    """Seconds of the fastest call."""
    start = time.perf_counter()
    best = float("inf")
    while best == float("inf") or time.perf_counter() - start < _SECONDS:
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
    return best
