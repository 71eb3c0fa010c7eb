"""The pictures of the learning-rate finder."""

from __future__ import annotations

import json

import pytest

from methodic.evidence.rates import Rates, Sweep, Tried
from methodic.report.figures import rates as figures

FOUND = Rates(
    recipe="adam",
    data="iris",
    task="multiclass",
    metric="accuracy",
    sweep=Sweep(rates=(1e-4, 1e-3, 1e-2), losses=(1.0, 0.8, 0.5), low=1e-4, high=0.1, diverged=0.3),
    tried=(
        Tried(rate=0.001, scores=(0.8, 0.9), losses=(0.5, 0.4)),
        Tried(rate=0.01, scores=(0.9, 0.95), losses=(0.3, 0.2)),
        Tried(rate=0.1, scores=(None, 0.5), losses=(None, 0.9)),
    ),
    best=0.01,
    low=0.001,
    high=0.01,
    steps=300,
    grid=(0.001, 0.01),
    seconds=3.0,
)


def test_the_range_test() -> None:
    figure = figures.sweep(FOUND)
    assert figure.data[0]["x"] == [1e-4, 1e-3, 1e-2]
    assert figure.data[0]["y"] == [1.0, 0.8, 0.5]
    band = figure.layout["shapes"][0]
    assert (band["x0"], band["x1"]) == (1e-4, 0.1)
    assert "It diverged at 0.3." in figure.caption
    assert figure.layout["xaxis"]["type"] == "log"
    json.loads(figure.json())


def test_the_short_runs() -> None:
    figure = figures.confirmation(FOUND)
    singles, means, lost = figure.data
    assert means["x"] == [0.001, 0.01]
    assert means["y"] == pytest.approx([0.85, 0.925])
    assert lost["x"] == [0.1]
    assert len(singles["x"]) == 5
    band, best = figure.layout["shapes"]
    assert (band["x0"], band["x1"], best["x0"]) == (0.001, 0.01, 0.01)
    assert "best rate is 0.01" in figure.caption
    assert "diverged" in figure.caption
    json.loads(figure.json())
