import warnings

import numpy as np
from threadpoolctl import threadpool_info

from methodic.baselines.job import Job, Rows, calm
from methodic.metrics import METRICS
from methodic.plan import BaselinePlan


def test_threads_are_limited_inside_only():
    import sklearn.ensemble  # noqa: F401  loads OpenMP

    before = [pool["num_threads"] for pool in threadpool_info()]
    with calm(1), warnings.catch_warnings():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_targets_in_and_out_of_their_units():
    rows = Rows(np.zeros((3, 1)), None, np.array([[10.0], [20.0], [30.0]]))
    job = Job(BaselinePlan(kind="linear"), "regression", rows, rows, METRICS["rmse"], 1)
    scaled = job.standardised(rows)
    assert scaled.mean() == 0
    assert np.isclose(scaled.std(), 1)
    assert np.allclose(job.numbers(scaled), rows.target)
    assert np.isclose(job.loss(np.full((3, 1), 20.0)), 1.0)
