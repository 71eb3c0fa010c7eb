"""What features are worth: numbers that can be worked out, and features made to fail."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.evidence.closer.representation import (
    SHOWN,
    Quality,
    effective_rank,
    idle,
    quality,
    rows_for,
    sketch,
)

RNG = np.random.default_rng


def classes(rows: int, seed: int, spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Three classes about the corners of a triangle, in five features."""
    random = RNG(seed)
    truth = random.integers(0, 3, rows)
    centers = np.array([[3, 0, 1, 0, 0], [0, 3, 0, 1, 0], [-3, -3, 0, 0, 1.0]])
    return centers[truth] + spread * random.normal(size=(rows, 5)), truth


def measured(task: str, *parts: np.ndarray) -> Quality:
    every = () if len(parts) == 5 else (parts[2],)
    found = quality(task, *parts, *every)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_classes_that_lie_apart() -> None:
    found = measured("multiclass", *classes(300, 0), *classes(200, 1))
    assert found.probe == found.neighbours == 1.0
    assert found.idle == 0.0
    noise = RNG(2).normal(size=(300, 5)), classes(300, 0)[1]
    found = measured("multiclass", *noise, RNG(3).normal(size=(400, 5)), classes(400, 1)[1])
    assert found.probe is not None
    assert abs(found.probe - 1 / 3) < 0.1
    assert 4.5 < found.rank <= 5.0


def test_a_plane_finds_what_neighbours_do_not_and_the_other_way_round() -> None:
    random = RNG(0)
    x = random.normal(size=(900, 40))
    straight = (x[:, 0] > 0).astype(np.int64)
    found = measured("binary", x[:500], straight[:500], x[500:], straight[500:])
    assert found.probe is not None
    assert found.neighbours is not None
    assert found.probe > 0.9 > found.neighbours + 0.1
    x = random.normal(size=(900, 2))
    crossed = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    found = measured("binary", x[:500], crossed[:500], x[500:], crossed[500:])
    assert found.probe is not None
    assert found.neighbours is not None
    assert found.neighbours > 0.9 > found.probe + 0.2


def test_neighbours_are_those_in_the_same_direction() -> None:
    far, near = np.array([[10.0, 0.0]] * 6), np.array([[0.0, 0.1]] * 6)
    known, answers = np.concatenate([far, near]), np.repeat([0, 1], 6)
    found = measured("binary", known, answers, np.array([[0.5, 0.01]]), np.array([0]))
    assert found.neighbours == 1.0, "although the others are closer"


def test_numbers_by_what_is_explained() -> None:
    random = RNG(0)
    x = random.normal(size=(600, 4))
    y = 100 + 30 * x[:, 0] - 7 * x[:, 2]
    found = measured("regression", x[:400], y[:400], x[400:], y[400:])
    assert found.probe == pytest.approx(1.0, abs=1e-4)
    assert found.neighbours is not None
    assert 0 < found.neighbours < 1
    both = np.stack([y, random.normal(size=600)], 1)
    found = measured("regression", x[:400], both[:400], x[400:], both[400:])
    assert found.probe == pytest.approx(0.5, abs=0.05), "one of two can be told"


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
def test_the_unit_of_a_target_does_not_count(size: float) -> None:
    random = RNG(0)
    x = random.normal(size=(60, 3))
    y = x[:, 0] + random.normal(size=60)
    one, other = (measured("regression", x[:40], u * y[:40], x[40:], u * y[40:]) for u in (1, size))
    assert one.probe is not None
    assert 0.1 < one.probe == pytest.approx(other.probe, rel=1e-3)
    assert one.neighbours == pytest.approx(other.neighbours)


def test_labels_one_by_one() -> None:
    random = RNG(0)
    x = random.normal(size=(600, 3))
    truth = np.stack([x[:, 0] > 0, x[:, 1] > 0.5, np.zeros(600), np.ones(600)], 1).astype(np.int64)
    found = measured("multilabel", x[:400], truth[:400], x[400:], truth[400:])
    assert found.probe is not None
    assert found.probe > 0.97
    assert found.neighbours is not None
    assert found.neighbours > 0.9
    one = measured("multilabel", x[:400], truth[:400, 2:3], x[400:], truth[400:, 2:3])
    assert one.probe == 1.0


def test_rows_of_one_class_teach_nothing() -> None:
    x, truth = classes(50, 0)
    found = measured("multiclass", x, np.zeros(50, dtype=np.int64), x, truth)
    assert (found.probe, found.neighbours) == (None, None)
    assert found.rank > 1


def test_what_can_not_be_looked_at() -> None:
    x, truth = classes(50, 0)
    bad = x.copy()
    bad[3, 2] = np.inf
    for known, seen in ((bad, x), (x, bad)):
        assert quality("multiclass", known, truth, seen, truth, seen) is None
    assert quality("multiclass", x[:0], truth[:0], x, truth, x) is None
    assert quality("multiclass", x, truth, x[:0], truth[:0], x) is None
    assert quality("multiclass", x, truth, x, truth, x[:0]) is None


def test_few_rows_have_few_neighbours() -> None:
    x, truth = classes(3, 4)
    assert measured("multiclass", x, np.arange(3), x, np.arange(3)).rank > 0
    assert len(truth) == 3


def literal_rank(x: np.ndarray) -> float:
    values = np.linalg.eigvalsh(np.atleast_2d(np.cov(x, rowvar=False)))
    shares = values[values > 1e-12 * values.max()] / values.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


@settings(deadline=None, max_examples=60)
@given(st.integers(3, 30), st.integers(1, 40), st.integers(0, 10_000))
def test_the_effective_rank_is_the_entropy_of_the_eigenvalues(
    rows: int, features: int, seed: int
) -> None:
    x = RNG(seed).normal(size=(rows, features)) * RNG(seed + 1).uniform(0.1, 3.0, features)
    found = effective_rank(x)
    assert found == pytest.approx(literal_rank(x), rel=1e-6)
    assert 1 - 1e-9 <= found <= min(rows - 1, features) + 1e-9
    assert effective_rank(7 * x + 3) == pytest.approx(found, rel=1e-6)


def test_collapsed_features() -> None:
    random = RNG(0)
    x, truth = classes(200, 0)
    constant = np.full((200, 8), 1.7) + 1e-7 * random.normal(size=(200, 8))
    found = measured("multiclass", constant, truth, constant, truth)
    assert found.idle == 1.0
    assert found.rank == 0.0
    nothing = np.zeros((200, 8))
    found = measured("multiclass", nothing, truth, nothing, truth)
    assert (found.rank, found.idle) == (0.0, 1.0)
    line = random.normal(size=(200, 1)) * np.arange(1, 9)
    found = measured("multiclass", line, truth, line, truth)
    assert found.rank == pytest.approx(1.0)
    assert found.idle == 0.0
    assert x.shape == (200, 5)


def test_idle_features_are_those_that_hardly_change() -> None:
    random = RNG(0)
    x = random.normal(size=(300, 6))
    x[:, 1] = 0.0
    x[:, 2] = 5.0 + 1e-4 * x[:, 2]  # constant, but for noise
    x[:, 3] *= 1e-3  # small, and it changes
    x[:, 4] *= 1e-13  # rounding beside the others
    assert idle(x).tolist() == [False, True, True, False, True, False]


def test_wide_features_are_looked_at_on_fewer_rows() -> None:
    assert rows_for(64) == 2000
    assert rows_for(2048) == 512
    assert rows_for(100_000) == 200
    assert rows_for(0) == 2000


@pytest.mark.parametrize("features", [1, 2, 7, 300])
def test_a_sketch_holds_the_directions_of_most_variance(features: int) -> None:
    random = RNG(0)
    x = random.normal(size=(120, features)) * np.linspace(5, 0.1, features)
    truth = random.integers(0, 3, 120)
    found = sketch(x.astype(np.float32), truth)
    points = np.array(found.points)
    assert points.shape == (120, 2)
    assert np.abs(points).max() == 1.0
    assert found.values == tuple(truth.tolist())
    centered = x - x.mean(0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    shares = s**2 / (s**2).sum()
    assert found.shares[0] == pytest.approx(shares[0], rel=1e-4)
    assert sum(found.shares) == pytest.approx(shares[:2].sum(), rel=1e-4)
    for k in range(min(features, 2)):
        along = abs(np.corrcoef(points[:, k], u[:, k])[0, 1])
        assert along == pytest.approx(1.0, abs=1e-3)
    assert points[np.abs(points[:, 0]).argmax(), 0] > 0, "a component has one sign"
    again = sketch(-x.astype(np.float32), truth)
    assert np.abs(np.array(again.points) - points).max() < 2.1e-3 or features == 300


def test_a_sketch_of_many_rows_and_of_other_targets() -> None:
    x = RNG(0).normal(size=(5000, 3))
    assert len(sketch(x, np.arange(5000)).points) == SHOWN
    assert len(sketch(x, np.arange(5000)).model_dump_json()) < 16_000
    numbers = sketch(x[:4], np.array([[1.25, 9.0]] * 4))
    assert numbers.values == (1.25,) * 4
    labels = sketch(x[:2], np.array([[1, 0, 1], [0, 0, 0]]))
    assert labels.values == (2.0, 0.0)
    same = sketch(np.ones((5, 3)), np.zeros(5, dtype=np.int64))
    assert same.shares == (0.0, 0.0)
    assert set(same.points) == {(0.0, 0.0)}


def test_features_that_answer_to_few_rows_are_not_idle() -> None:
    """Where labels are few, validation rows are, too; rank and idle features need neither."""
    random = RNG(5)
    rare = random.normal(size=(2000, 40)) * (random.random((2000, 40)) < 0.05)
    truth = np.arange(2000) % 2
    few = slice(0, 18)
    parts = rare[few], truth[few], rare[few], truth[few]
    assert measured("binary", *parts).idle > 0.2
    found = measured("binary", *parts, rare)
    assert found.idle == 0.0
    assert found.rank > 30
