import math

import numpy as np
import pytest

from methodic.evidence.closer.analysis import Analysis, analyse
from methodic.evidence.closer.slices import Column
from methodic.evidence.numbers.bootstrap import over_rows
from methodic.metrics import METRICS

NAMES = ("no", "yes", "maybe")


def probabilities(random, truth, count):
    logits = random.normal(size=(len(truth), count))
    logits[np.arange(len(truth)), truth] += 1.5
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def classified(rows=200, validation=100, count=3, names=NAMES, columns=(), metric="accuracy"):
    random = np.random.default_rng(0)
    truths = [random.integers(0, count, n) for n in (rows, validation)]
    predictions = [probabilities(random, truth, count) for truth in truths]
    task = "binary" if count == 2 else "multiclass"
    return [
        "adam", task, names, METRICS[metric],
        truths[0], predictions[0], truths[1], predictions[1], columns,
    ]  # fmt: skip


def numbers(rows=200, validation=100, columns=()):
    random = np.random.default_rng(0)
    truths = [random.normal(size=n) for n in (rows, validation)]
    predictions = [truth[:, None] + 0.3 * random.normal(size=(len(truth), 1)) for truth in truths]
    return [
        "adam", "regression", (), METRICS["rmse"],
        truths[0], predictions[0], truths[1], predictions[1], columns,
    ]  # fmt: skip


def finite_json(found: Analysis) -> None:
    """Every analysis survives JSON, where a number that isn't finite would come back as None."""
    assert Analysis.model_validate_json(found.model_dump_json()) == found


def test_classes_have_every_part_that_fits():
    case = classified()
    found = analyse(*case)
    assert (found.model, found.rows, found.notes) == ("adam", 200, ())
    fitting = {each.name for each in METRICS.values() if "multiclass" in each.tasks}
    assert set(found.scores) == fitting
    for name, score in found.scores.items():
        assert score == pytest.approx(METRICS[name].score(case[4], case[5]))
    assert found.interval == over_rows(METRICS["accuracy"], case[4], case[5][None])
    assert found.interval.low < found.scores["accuracy"] < found.interval.high
    assert len(found.classes.rows) == 3
    assert found.calibration.log_loss == pytest.approx(found.scores["log_loss"])
    assert found.residuals is None
    assert found.tried == 3  # the classes themselves
    finite_json(found)


def test_numbers_have_every_part_that_fits():
    case = numbers()
    found = analyse(*case)
    assert set(found.scores) == {e.name for e in METRICS.values() if "regression" in e.tasks}
    assert (found.classes, found.calibration) == (None, None)
    assert found.residuals.coverage == pytest.approx(0.9, abs=0.07)
    assert found.residuals.half_width == pytest.approx(0.3 * 1.64, rel=0.2)
    assert found.residuals.deviation**2 + found.residuals.bias**2 == pytest.approx(
        found.scores["rmse"] ** 2, rel=0.01
    )
    assert found.tried == 0
    finite_json(found)


def test_the_worst_slice_and_the_worst_class_are_named():
    codes = np.tile([0, 1, 2, 3], 100)
    case = classified(rows=400, columns=[Column("colour", codes, ("a", "b", "c", "d"))])
    case[5][codes == 2] = 1 / 3  # everything is "no" there
    found = analyse(*case, target="answer")
    assert (found.slices[0].column, found.slices[0].value) == ("colour", "c")
    assert found.tried == 4 + 3
    case = classified(rows=400)
    case[5][case[4] == 1] = case[5][case[4] == 1][:, [1, 0, 2]]
    found = analyse(*case, target="answer")
    assert [(each.column, each.value) for each in found.slices] == [("answer", "yes")]
    case = numbers(rows=400, columns=[Column("colour", codes, ("a", "b", "c", "d"))])
    case[5][codes == 1] += 2.0
    found = analyse(*case)
    assert [(each.column, each.value) for each in found.slices] == [("colour", "b")]
    assert found.slices[0].score == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("make", [classified, numbers])
def test_predictions_that_are_not_finite_give_a_note_and_nothing_else(make):
    case = make()
    case[5][3:5, 0] = np.nan
    found = analyse(*case)
    assert found.notes == ("2 rows of 200 predicted without a finite number: no analysis.",)
    assert set(found.scores.values()) == {None}
    parts = (found.interval, found.classes, found.calibration, found.residuals, found.tried)
    assert parts == (None, None, None, None, 0)
    finite_json(found)


def test_validation_predictions_that_are_not_finite():
    case = classified()
    case[7][0] = np.nan
    found = analyse(*case)
    assert found.calibration is None
    assert "no calibration" in found.notes[0]
    assert found.classes is not None
    case = numbers()
    case[7][0] = np.inf
    found = analyse(*case)
    assert found.residuals.half_width is None
    assert "No interval for new rows" in found.notes[0]


def test_an_absent_class_is_said():
    case = classified(metric="auc")
    case[4][case[4] == 2] = 0
    found = analyse(*case)
    assert found.notes == ("No test row is of this class: maybe.",)
    assert found.classes.rows[2].recall is None
    finite_json(found)
    case[4][:] = 0  # a constant target
    found = analyse(*case)
    assert found.notes == ("No test row is of these 2 classes: yes, maybe.",)
    assert (found.scores["auc"], found.interval) == (None, None)
    finite_json(found)


@pytest.mark.parametrize("make", [classified, numbers])
def test_one_test_row(make):
    found = analyse(*make(rows=1))
    assert found.rows == 1
    assert found.interval.low is None
    assert found.slices == ()
    finite_json(found)


def test_equal_probabilities():
    case = classified()
    case[5][:], case[7][:] = 1 / 3, 1 / 3
    found = analyse(*case)
    assert found.notes == ("The validation rows don't tell a temperature; it is left at 1.",)
    assert len(found.calibration.bins) == 1
    assert found.scores["auc"] == pytest.approx(0.5)
    assert found.scores["log_loss"] == pytest.approx(math.log(3))
    finite_json(found)


def test_numbers_without_spread_or_validation_rows():
    case = numbers()
    case[4][:], case[5][:] = 7.0, 7.0
    case[6][:], case[7][:] = 7.0, 7.0
    found = analyse(*case)
    assert (found.residuals.half_width, found.residuals.coverage) == (0.0, 1.0)
    assert found.scores["r2"] is None
    finite_json(found)
    found = analyse(*numbers(validation=8))
    assert found.residuals.half_width is None
    assert "more than 8 rows" in found.notes[0]
    huge = numbers()
    huge[4][:], huge[5][:] = 1e200, -1e200
    huge[4][0] = -1e200
    found = analyse(*huge)
    assert found.residuals is None
    assert "too large" in found.notes[0]
    finite_json(found)


def test_a_thousand_classes_stay_small():
    case = classified(rows=3000, validation=1000, count=1000, names=[f"c{i}" for i in range(1000)])
    found = analyse(*case)
    assert "40 of 1,000 classes" in found.notes[-1]
    assert len(found.model_dump_json()) < 200_000
    finite_json(found)
