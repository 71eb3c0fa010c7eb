from types import SimpleNamespace

import numpy as np
import pytest

from methodic.baselines import fit, linear
from methodic.baselines.job import Rows
from methodic.metrics import METRICS
from methodic.plan import BaselinePlan

PLAN = BaselinePlan(kind="linear")


def test_the_penalty_is_chosen_on_validation_rows():
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(400, 30)), random.normal(size=30)

    def strength(noise):
        y = x @ weights + random.normal(size=400) * noise
        parts = [Rows(x[a:b], None, y[a:b]) for a, b in ((0, 40), (40, 220), (220, 400))]
        about = fit(PLAN, "regression", *parts, METRICS["rmse"], 1).about
        return float(about.rpartition("= ")[2])

    assert strength(0.01) < strength(20.0)


def test_equal_scores_take_the_stronger_penalty():
    x = np.repeat([[-1.0], [1.0]], 50, axis=0)
    rows = Rows(x, None, np.repeat([0, 1], 50))
    found = fit(PLAN, "binary", rows, rows, rows, METRICS["accuracy"], 2)
    assert found.about == "logistic regression, C = 0.01"


def test_many_rows_are_tuned_on_a_part_and_fitted_on_all(monkeypatch, bundled):
    rows = bundled("breast_cancer")
    whole = fit(PLAN, "binary", *rows, METRICS["accuracy"], 2)
    sizes = []
    real = linear._fitted_linear

    def spy(job, strength, x, part):
        sizes.append(len(part))
        return real(job, strength, x, part)

    monkeypatch.setattr(linear, "_fitted_linear", spy)
    monkeypatch.setattr(linear, "_tuning_part", lambda job, rows, columns: np.arange(100))
    found = fit(PLAN, "binary", *rows, METRICS["accuracy"], 2)
    assert sizes == [100] * 4 + [len(rows[0].target)]
    assert METRICS["accuracy"].score(rows[2].target, found.predictions) > 0.9
    assert whole.predictions.shape == found.predictions.shape


@pytest.mark.parametrize(("rows", "columns", "expected"), [(500, 9000, 500), (5000, 4000, 1000)])
def test_the_tuning_part(rows, columns, expected):
    job = SimpleNamespace(task="regression", y=np.arange(rows))
    part = linear._tuning_part(job, rows, columns)
    assert len(part) == len(set(part)) == expected
    assert part.max() < rows
    assert np.array_equal(part, linear._tuning_part(job, rows, columns))


def test_the_tuning_part_has_every_class():
    """Of one class alone there is no logistic regression."""
    job = SimpleNamespace(task="multiclass", y=np.repeat([0, 1, 2], [4998, 1, 1]))
    part = linear._tuning_part(job, 5000, 4000)
    assert 1000 <= len(part) <= 1003
    assert set(job.y[part]) == {0, 1, 2}


def test_what_did_not_converge_is_said(monkeypatch, bundled):
    monkeypatch.setattr(linear, "_WORK", 1.0)
    found = fit(PLAN, "multiclass", *bundled("digits"), METRICS["accuracy"], 10)
    assert found.about.endswith("stopped after 20 iterations")
