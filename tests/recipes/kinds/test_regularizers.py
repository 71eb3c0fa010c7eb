from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from methodic.recipes.kinds.regularizers import Regularizer

REGULARIZER = TypeAdapter(Regularizer)
KINDS = [kind for kind in get_args(get_args(Regularizer)[0]) if not kind.__name__.startswith("Own")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_defaults(kind: Any) -> None:
    assert REGULARIZER.validate_python({"kind": kind().kind}) == kind()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "elastic_net", "l1_ratio": 1.5},
        {"kind": "proximal_elastic_net", "l1_ratio": -0.1},
        {"kind": "group_lasso", "weight": -1},
        {"kind": "max_norm", "limit": 0},
        {"kind": "mixup", "alpha": -0.2},
        {"kind": "cutout", "share": 1},
        {"kind": "label_noise", "amount": 1},
        {"kind": "input_noise", "deviation": -1},
        {"kind": "gradient_noise", "gamma": -1},
        {"kind": "sam", "rho": -0.1},
        {"kind": "ema", "decay": 1},
        {"kind": "swa", "start": 1},
        {"kind": "swa", "every": 0},
        {"kind": "mixup", "share": 0.5},
    ],
)
def test_limits(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=list(wrong)[1]):
        REGULARIZER.validate_python(wrong)
