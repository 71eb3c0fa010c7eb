"""Labels, several numbers and weighted rows: stored, drawn again, chosen and analysed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from methodic.evidence import ensemble, predictions
from methodic.evidence.closer.analysis import analyse
from methodic.evidence.closer.classes import MOST_CLASSES, by_class, by_label
from methodic.evidence.closer.slices import Column
from methodic.evidence.numbers import bootstrap
from methodic.metrics import METRICS, get_metric

N = 300
RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random((N, 3)) < [0.5, 0.2, 0.7]).astype(np.int64)
SAID = np.clip(0.3 * LABELS + 0.5 * RANDOM.random((N, 3)), 0, 1).astype(np.float32)
NUMBERS = RANDOM.normal(size=(N, 2)) * [1.0, 100.0]
GUESS = NUMBERS + RANDOM.normal(size=(N, 2)) * [0.5, 20.0]
WEIGHTS = RANDOM.uniform(0.1, 4, N)


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_numbers_are_kept_to_the_bit(tmp_path: Path, outputs: int) -> None:
    made = RANDOM.normal(size=(2, 5, outputs)) / 3
    predictions.write(tmp_path / "p.parquet", made, numbers=True)
    assert np.array_equal(predictions.read(tmp_path / "p.parquet"), made)
    if outputs > 1:
        predictions.write(tmp_path / "p.parquet", made)
        assert predictions.read(tmp_path / "p.parquet").dtype == np.float32


def test_an_interval_over_weighted_rows() -> None:
    metric = METRICS["rmse"]
    truth, guess = NUMBERS[:, 0], GUESS[None, :, :1]
    found = bootstrap.over_rows(metric, truth, guess, weights=WEIGHTS)
    assert found.mean == pytest.approx(metric.score(truth, guess[0], WEIGHTS))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.mean < found.high
    same = bootstrap.over_rows(metric, truth, guess, weights=np.full(N, 2.5))
    alike = bootstrap.over_rows(metric, truth, guess)
    assert (same.low, same.high) == pytest.approx((alike.low, alike.high))
    # Few heavy rows make a score less sure.
    heavy = np.where(np.arange(N) < 10, 1000.0, 1.0)
    wide = bootstrap.over_rows(metric, truth, guess, weights=heavy)
    assert wide.low is not None
    assert wide.high is not None
    assert alike.low is not None
    assert alike.high is not None
    assert wide.high - wide.low > 2 * (alike.high - alike.low)


def test_a_difference_over_weighted_rows() -> None:
    metric, a, b = METRICS["rmse"], GUESS[None, :, :1], 0.9 * GUESS[None, :, :1]
    found = bootstrap.difference_over_rows(metric, NUMBERS[:, 0], a, b, weights=WEIGHTS)
    scores = [metric.score(NUMBERS[:, 0], each[0], WEIGHTS) for each in (a, b)]
    assert found.mean == pytest.approx(scores[0] - scores[1])


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_an_ensemble_of_several_targets(kind: str) -> None:
    truth = LABELS if kind == "labels" else NUMBERS
    made = np.stack([SAID if kind == "labels" else GUESS] * 6).astype(np.float64)
    noise = np.random.default_rng(1).normal(size=made.shape)
    made = np.clip(made + 0.2 * noise, 0, 1) if kind == "labels" else made + noise * [1.0, 100.0]
    metric = METRICS["average_precision" if kind == "labels" else "r2"]
    names = [("a", seed) for seed in range(6)]
    found = ensemble.choose(metric, truth, made, names, "a", weights=WEIGHTS)
    assert found is not None
    assert found.gain.low is not None
    assert found.gain.low > 0, "the mean of noisy ones is better"
    shares = np.zeros(6)
    for _, seed, share in found.members:
        shares[seed] = share
    mean = ensemble.mean(made, shares)
    assert found.validation == pytest.approx(metric.score(truth, mean, WEIGHTS))


def test_rows_that_weigh_nothing_choose_nothing() -> None:
    """One network is good where rows count, the other where they don't."""
    first = np.arange(N) < N // 2
    good = NUMBERS[:, :1]
    made = np.stack([np.where(first[:, None], good, 9.0), np.where(first[:, None], 9.0, good)])
    shares = ensemble.greedy(METRICS["rmse"], NUMBERS[:, 0], made, np.where(first, 1.0, 1e-6))
    assert shares.tolist() == [1.0, 0.0]
    shares = ensemble.greedy(METRICS["rmse"], NUMBERS[:, 0], made, np.where(first, 1e-6, 1.0))
    assert shares.tolist() == [0.0, 1.0]


def test_each_label_by_itself() -> None:
    names = ("a", "b", "c")
    found = by_label(names, LABELS, SAID)
    assert found.confusion == ()
    for c, row in enumerate(found.rows):
        two = np.stack([1 - SAID[:, c], SAID[:, c]], 1)
        alone = by_class(("no", "yes"), LABELS[:, c], two)
        yes = alone.rows[1]
        assert (row.name, row.rows) == (names[c], yes.rows)
        assert (row.precision, row.recall, row.f1) == (yes.precision, yes.recall, yes.f1)
        assert found.roc[c].area == pytest.approx(alone.roc[0].area)


def test_of_many_labels_the_worst_are_listed() -> None:
    count = MOST_CLASSES + 5
    truth = (RANDOM.random((50, count)) < 0.3).astype(np.int64)
    found = by_label([str(i) for i in range(count)], truth, RANDOM.random((50, count)))
    assert len(found.rows) == MOST_CLASSES + 1
    assert found.rows[-1].name == "5 other labels"
    assert sum(row.rows for row in found.rows) == truth.sum()


def test_an_analysis_of_labels() -> None:
    harder = (np.arange(N) % 3 == 0).astype(np.int64)
    said = np.where(harder[:, None] == 1, 1 - SAID, SAID)
    found = analyse(
        "net",
        "multilabel",
        ("a", "b", "c"),
        get_metric("average_precision", "multilabel"),
        LABELS,
        said,
        LABELS,
        SAID,
        [Column("kind", harder, ("easy", "hard"))],
        "a",
        ("b", "c"),
    )
    assert set(found.scores) >= {"exact_match", "micro_f1", "average_precision", "log_loss"}
    assert all(value is not None for value in found.scores.values())
    assert found.classes is not None
    assert found.calibration is not None
    yes = METRICS["log_loss"].score(LABELS, said)
    assert found.calibration.log_loss == pytest.approx(yes, rel=1e-5)
    assert found.slices[0].column == "kind"
    assert found.slices[0].value == "hard"
    assert found.targets == ()
    assert found.residuals is None


def test_an_analysis_of_several_numbers() -> None:
    found = analyse(
        "net",
        "regression",
        (),
        get_metric("r2", "regression"),
        NUMBERS,
        GUESS,
        NUMBERS,
        GUESS,
        [],
        "u",
        ("v",),
        WEIGHTS,
    )
    assert [each.name for each in found.targets] == ["u", "v"]
    for t, each in enumerate(found.targets):
        assert each.scores["rmse"] == pytest.approx(
            METRICS["rmse"].score(NUMBERS[:, t], GUESS[:, t : t + 1], WEIGHTS)
        )
        assert each.residuals is not None
        assert each.residuals.bias == pytest.approx((NUMBERS - GUESS)[:, t].mean())
    both = [each.scores["r2"] for each in found.targets]
    assert found.scores["r2"] == pytest.approx(np.mean(both))  # type: ignore[arg-type]
    assert found.residuals is None
    assert "by their weights" in found.notes[-1]


def test_a_label_that_no_test_row_has_is_said() -> None:
    truth = LABELS.copy()
    truth[:, 1] = 0
    metric = get_metric("micro_f1", "multilabel")
    found = analyse("n", "multilabel", ("a", "b", "c"), metric, truth, SAID, LABELS, SAID, [])
    assert "No test row has this label: b." in found.notes
