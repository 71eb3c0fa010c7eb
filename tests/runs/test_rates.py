"""The learning-rate finder on small data: it proposes, confirms, and answers the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import methodic
from methodic.data.dataset import DataSet
from methodic.errors import InputError
from methodic.evidence import design
from methodic.evidence.rates import Rates
from methodic.recipes.types import Recipe
from methodic.runs.rates import find_lr
from tests.runs.conftest import LR, PLAIN, recipe

QUICK: dict[str, Any] = {"rates": 4, "seeds": 2, "steps": 40}
UNTIMED = {"seconds"}


@pytest.fixture(scope="module")
def found(iris: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Rates:
    return find_lr(iris, PLAIN, **QUICK, out=tmp_path_factory.mktemp("lr") / "plain.html")


def test_the_answer(found: Rates) -> None:
    assert found.low <= found.best <= found.high
    assert len(found.tried) >= 4
    assert [each.rate for each in found.tried] == sorted(each.rate for each in found.tried)
    assert all(len(each.scores) == 2 for each in found.tried)
    by_rate = {each.rate: each.mean for each in found.tried}
    best = by_rate[found.best]
    assert best is not None
    assert best == max(x for x in by_rate.values() if x is not None)
    assert best > 0.8, "iris is easy"
    assert found.grid == tuple(setting[LR] for setting in design.grid(PLAIN, 5))
    assert (found.sweep.rates[0], found.metric, found.steps) == (0.001, "accuracy", 40)


def test_the_same_again_to_the_bit(iris: DataSet, found: Rates) -> None:
    again = methodic.find_lr(iris, PLAIN, **QUICK)
    assert again.model_dump(exclude=UNTIMED) == found.model_dump(exclude=UNTIMED)
    other = find_lr(iris, PLAIN, **QUICK, seed=1)
    assert other.model_dump(exclude=UNTIMED) != found.model_dump(exclude=UNTIMED)


def test_a_rate_trains_alike_whatever_the_others_are(iris: DataSet, found: Rates) -> None:
    """The same rate among others: the same scores."""
    more = find_lr(iris, PLAIN, **{**QUICK, "rates": 7})
    known = {each.rate: each for each in found.tried}
    shared = [each for each in more.tried if each.rate in known]
    assert shared
    assert all(known[each.rate] == each for each in shared)


def test_the_picture(iris: DataSet, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "lr.html"
    found = find_lr(iris, PLAIN, **QUICK, out=out)
    page = out.read_text()
    assert found.text[0] in page
    assert 'id="sweep-data"' in page
    assert 'id="rates-data"' in page


def test_a_fixed_rate_and_the_best_one_at_an_end(iris: DataSet) -> None:
    """The span is far too low: rates beyond its end are tried."""
    fixed = recipe("fixed", optimizer={"kind": "sgd", "lr": 0.05})
    found = find_lr(iris, fixed, low=1e-4, high=2e-3, **QUICK)
    assert found.grid == ()
    assert len(found.tried) > 4
    assert found.tried[-1].rate > 2e-3


def test_what_diverges_is_said(iris: DataSet) -> None:
    with pytest.raises(InputError, match="every rate diverged") as caught:
        find_lr(iris, WILD, low=1e28, high=1e30, **QUICK)
    assert "--low" in str(caught.value.advice)


WILD = Recipe.model_validate(
    {
        "name": "wild",
        "model": {"kind": "mlp", "width": 8, "depth": 2},
        "stages": [{"batch": 32, "optimizer": {"kind": "sgd", "lr": 0.1}}],
    }
)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"low": 0.0}, "--low must be a learning rate above 0"),
        ({"high": float("inf")}, "--high must be"),
        ({"low": 1.0, "high": 0.1}, "--low must be below --high"),
        ({"rates": 2}, "--rates must be at least 3"),
        ({"seeds": 0}, "--seeds must be at least 1"),
        ({"steps": 0}, "--steps must be at least 1"),
        ({"recipe": "adamw_cosin"}, "Did you mean 'adamw_cosine'"),
        ({"metric": "rmse"}, "doesn't fit"),
    ],
)
def test_what_does_not_fit(iris: DataSet, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        find_lr(iris, **{"recipe": PLAIN, **QUICK, **wrong})
    assert words in str(caught.value)
