"""The comparison of cohorts.py with its reference notices another training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SIZES = (5, 16, 4)
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def mlps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import _mlps

    yield _mlps
    for name in [name for name in sys.modules if name.startswith("_") and name in _OURS]:
        del sys.modules[name]


_OURS = {path.stem for path in BENCHMARKS.glob("_*.py")}

Rule = Callable[[int, Any, Any, Any], tuple[Any, Any, Any]]


def adam(
    beta1: float = 0.9, corrected: bool = True, squared: bool = True, factor: float = 1.0
) -> Rule:
    """Adam, or something that is nearly Adam."""

    def rule(t: int, m: Any, v: Any, g: Any) -> tuple[Any, Any, Any]:
        m = beta1 * m + (1 - beta1) * g
        v = 0.999 * v + 0.001 * (g * g if squared else abs(g))
        due = m / (1 - beta1**t), v / (1 - 0.999**t)
        first, second = due if corrected else (m, v)
        return factor * first / (np.sqrt(second) + 1e-8), m, v

    return rule


def trained(mlps: Any, rule: Rule, before: Any, batches: Any) -> Any:
    """As the reference, with another rule."""
    x, y = mlps.table(SIZES)
    w = [each.astype(np.float64) for each in before]
    m, v = ([np.zeros_like(each) for each in w] for _ in range(2))
    for t, rows in enumerate(batches, 1):
        hidden = np.maximum(x[rows] @ w[0] + w[1], 0)
        z = hidden @ w[2] + w[3]
        p = np.exp(z - z.max(1, keepdims=True))
        slope = p / p.sum(1, keepdims=True)
        slope[np.arange(len(rows)), y[rows]] -= 1
        slope /= len(rows)
        back = (slope @ w[2].T) * (hidden > 0)
        for i, g in enumerate((x[rows].T @ back, back.sum(0), hidden.T @ slope, slope.sum(0))):
            way, m[i], v[i] = rule(t, m[i], v[i], g)
            w[i] = w[i] - mlps.CHECK_LR * way
    return w


WRONG = {
    "no correction": adam(corrected=False),
    "beta1 of 0.7": adam(beta1=0.7),
    "no square": adam(squared=False),
    "a rate 5% higher": adam(factor=1.05),
}


def test_only_the_same_training_is_let_in(mlps: Any) -> None:
    generator = np.random.default_rng(3)
    before = [generator.standard_normal(shape) / 4 for shape in ((5, 16), (16,), (16, 4), (4,))]
    batches = np.split(generator.permutation(mlps.ROWS), 100)[: mlps.CHECKED]
    import _bench

    right = trained(mlps, adam(), before, batches)
    assert mlps.deviation(before, right, batches, SIZES) < 1e-9
    for name, rule in WRONG.items():
        wrong = trained(mlps, rule, before, batches)
        assert mlps.deviation(before, wrong, batches, SIZES) > _bench.SAME, name
    others = np.split(generator.permutation(mlps.ROWS), 100)[: mlps.CHECKED]
    wrong = trained(mlps, adam(), before, others)
    assert mlps.deviation(before, wrong, batches, SIZES) > _bench.SAME, "other rows"
