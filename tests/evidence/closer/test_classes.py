import numpy as np
import pytest
from sklearn import metrics

from methodic.evidence.closer import classes
from methodic.evidence.closer.classes import Classes, by_class

NAMES = ("a", "b", "c", "d")


def some(rows=300, count=4, seed=0):
    """Truth and probabilities that go with it."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, count, rows)
    logits = random.normal(size=(rows, count))
    logits[np.arange(rows), truth] += 1.0
    odds = np.exp(logits)
    return truth, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def shares(truth, predicted, c):
    """Precision, recall and F1 of a class, row by row."""
    both = sum(t == c and p == c for t, p in zip(truth, predicted, strict=True))
    called = sum(p == c for p in predicted)
    true = sum(t == c for t in truth)
    precision, recall = both / called, both / true
    return precision, recall, 2 * precision * recall / (precision + recall)


def test_the_table_agrees_with_a_count_by_hand_and_with_sklearn():
    truth, prediction = some()
    predicted = prediction.argmax(axis=1)
    found = by_class(NAMES, truth, prediction)
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(truth, predicted)
    assert [row.name for row in found.rows] == list(NAMES)
    assert [row.rows for row in found.rows] == rows.tolist()
    for c, row in enumerate(found.rows):
        mine = (row.precision, row.recall, row.f1)
        assert mine == pytest.approx(shares(truth, predicted, c))
        assert mine == pytest.approx((precision[c], recall[c], f1[c]))
        assert row.precision != pytest.approx(row.recall, abs=1e-6)  # so they can't be swapped
    expected = metrics.confusion_matrix(truth, predicted)
    assert np.array_equal(found.confusion, expected)
    assert not np.array_equal(found.confusion, expected.T)


def literal_auc(positive, score):
    """The share of pairs in which the positive row has the higher score; ties count half."""
    pairs = [
        (a > b) + 0.5 * (a == b)
        for a, p in zip(score, positive, strict=True)
        for b, q in zip(score, positive, strict=True)
        if p and not q
    ]
    return sum(pairs) / len(pairs)


def literal_precision(positive, score):
    """Average precision: at each threshold, the gain in recall times the precision."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        called = score >= threshold
        recall = (called & positive).sum() / positive.sum()
        total += (recall - before) * (called & positive).sum() / called.sum()
        before = recall
    return total


def test_curves_agree_with_literal_ones_and_with_sklearn():
    truth, prediction = some(120)
    prediction = prediction.round(1)  # ties
    found = by_class(NAMES, truth, prediction)
    assert [curve.name for curve in found.roc] == list(NAMES)
    for c in range(4):
        positive, score = truth == c, prediction[:, c]
        area = found.roc[c].area
        assert area == pytest.approx(literal_auc(positive, score))
        assert area == pytest.approx(metrics.roc_auc_score(positive, score))
        assert found.precision_recall[c].area == pytest.approx(literal_precision(positive, score))
        x, y, _ = metrics.roc_curve(positive, score)
        assert found.roc[c].x == pytest.approx(x, abs=1e-5)
        assert found.roc[c].y == pytest.approx(y, abs=1e-5)
        precision, recall, _ = metrics.precision_recall_curve(positive, score)
        assert found.precision_recall[c].x == pytest.approx(recall[::-1], abs=1e-5)
        assert found.precision_recall[c].y == pytest.approx(precision[::-1], abs=1e-5)


def test_a_binary_task_has_one_curve_of_class_one():
    truth, prediction = some(count=2)
    found = by_class(("no", "yes"), truth, prediction)
    assert [curve.name for curve in found.roc] == ["yes"]
    assert found.roc[0].area == pytest.approx(metrics.roc_auc_score(truth, prediction[:, 1]))
    assert len(found.rows) == 2


def test_long_curves_are_thinned_and_keep_their_shape():
    truth, prediction = some(20_000, 2)
    found = by_class(("no", "yes"), truth, prediction)
    x, y, _ = metrics.roc_curve(truth, prediction[:, 1])
    roc, between = found.roc[0], found.precision_recall[0]
    assert len(x) > 1000
    for curve in (roc, between):
        assert 50 < len(curve.x) == len(curve.y) <= classes.MOST_POINTS
        assert list(curve.x) == sorted(curve.x)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert np.abs(np.interp(x, roc.x, roc.y) - y).max() < 0.02
    # Thinned by order alone, the curve of a good model loses its corner.
    good = np.concatenate([np.linspace(0.6, 1, 10_000), np.linspace(0, 0.3, 10_000)])
    by_class(("no", "yes"), np.repeat([1, 0], 10_000), np.stack([1 - good, good], axis=1))


def test_a_class_absent_from_the_test_rows_or_never_predicted():
    truth, prediction = some()
    truth[truth == 3] = 0
    prediction[:, 2] = 0.0
    found = by_class(NAMES, truth, prediction)
    assert found.rows[3].rows == 0
    assert found.rows[3].recall is None
    assert found.rows[3].precision == 0.0
    assert found.rows[3].f1 == 0.0
    assert found.rows[2].precision is None
    assert found.rows[2].recall == 0.0
    assert (found.roc[3].area, found.roc[3].x) == (None, ())
    assert found.roc[2].area == 0.5  # nothing but ties
    nobody = by_class((*NAMES, "e"), truth, np.pad(prediction, ((0, 0), (0, 1)))).rows[4]
    assert (nobody.precision, nobody.recall, nobody.f1) == (None, None, None)
    assert Classes.model_validate_json(found.model_dump_json()) == found


def test_one_row_and_equal_probabilities():
    one = by_class(("no", "yes"), np.array([1]), np.array([[0.4, 0.6]]))
    assert one.confusion == ((0, 0), (0, 1))
    assert one.roc[0].area is None
    truth = np.array([0, 1, 1, 0])
    flat = by_class(("no", "yes"), truth, np.full((4, 2), 0.5))
    assert flat.roc[0].area == 0.5
    assert flat.precision_recall[0].area == 0.5
    assert flat.confusion == ((2, 0), (2, 0))


def test_a_thousand_classes_make_a_bounded_table_that_counts_every_row():
    truth, prediction = some(5000, 1000)
    names = [f"class {i}" for i in range(1000)]
    found = by_class(names, truth, prediction)
    assert len(found.rows) == len(found.confusion) == classes.MOST_CLASSES + 1
    assert found.rows[-1].name == "960 other classes"
    assert sum(row.rows for row in found.rows) == 5000
    assert np.sum(found.confusion) == 5000
    assert [sum(line) for line in found.confusion] == [row.rows for row in found.rows]
    assert len(found.roc) == len(found.precision_recall) == classes.MOST_CURVES
    assert len(found.model_dump_json()) < 200_000
    # Those that are listed have the most wrong rows.
    predicted = prediction.argmax(axis=1)
    wrong = [int(((truth == c) != (predicted == c)).sum()) for c in range(1000)]
    listed = [wrong[names.index(row.name)] for row in found.rows[:-1]]
    assert min(listed) >= sorted(wrong, reverse=True)[classes.MOST_CLASSES]
