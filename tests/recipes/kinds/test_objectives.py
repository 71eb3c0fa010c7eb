from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from methodic.recipes.kinds.objectives import Objective

OBJECTIVE = TypeAdapter(Objective)
KINDS = [kind for kind in get_args(get_args(Objective)[0]) if not kind.__name__.startswith("Own")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_weight_and_defaults(kind: Any) -> None:
    assert kind().weight == 1.0
    assert OBJECTIVE.validate_python({"kind": kind().kind}) == kind()
    with pytest.raises(ValidationError, match="weight"):
        kind(weight=-1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "huber", "delta": 0},
        {"kind": "quantile", "quantile": 1},
        {"kind": "quantile", "quantile": 0},
        {"kind": "focal", "gamma": -1},
        {"kind": "cross_entropy", "label_smoothing": 1},
        {"kind": "hinge", "delta": 1},
        {"kind": "binary", "class_weights": "some"},
    ],
)
def test_limits(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=list(wrong)[1]):
        OBJECTIVE.validate_python(wrong)


def test_numbers_may_be_ranges() -> None:
    found = OBJECTIVE.validate_python({"kind": "quantile", "quantile": {"uniform": [0.1, 0.9]}})
    assert found.quantile.uniform == (0.1, 0.9)
    with pytest.raises(ValidationError, match="quantile"):
        OBJECTIVE.validate_python({"kind": "quantile", "quantile": {"uniform": [0.1, 1.0]}})
