from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.recipes.difference import difference
from methodic.recipes.io import from_data
from methodic.recipes.types import Recipe


def recipe(*stages: dict[str, Any], **fields: Any) -> Recipe:
    return from_data({"name": "a", "stages": stages or [{}], **fields}, "test")


def with_optimizer(**optimizer: Any) -> Recipe:
    return recipe({"optimizer": optimizer})


PRETRAIN = {"name": "pretrain", "share": 0.5}
FINE_TUNE = {"name": "fine-tune", "share": 0.5}

TABLE = [
    (with_optimizer(kind="sgd"), with_optimizer(kind="sgd", lr=0.001), ["lr: 0.1 → 0.001"]),
    (
        with_optimizer(kind="sgd", lr=0.001, weight_decay=0.01),
        with_optimizer(kind="adamw"),
        ["optimizer: sgd → adamw"],
    ),
    (
        with_optimizer(kind="sgd", momentum=0.9),
        with_optimizer(kind="adam", beta1=0.8, lr=0.1),
        ["optimizer: sgd(momentum=0.9) → adam(beta1=0.8)"],
    ),
    (
        with_optimizer(kind="adam"),
        with_optimizer(kind="adam", lr={"log_uniform": [1e-4, 1]}),
        ["lr: 0.001 → log_uniform[0.0001, 1]"],
    ),
    (
        recipe(),
        recipe({"regularizers": [{"kind": "ema"}]}),
        ["added regularizer ema(decay=0.999)"],
    ),
    (
        recipe({"regularizers": [{"kind": "l1"}, {"kind": "l2", "weight": 0.5}]}),
        recipe({"regularizers": [{"kind": "l2", "weight": 1}]}),
        ["removed regularizer l1(weight=1e-05)", "l2 weight: 0.5 → 1"],
    ),
    (
        recipe({"regularizers": [{"kind": "l1"}, {"kind": "l2"}]}),
        recipe({"regularizers": [{"kind": "l2"}, {"kind": "l1"}]}),
        ["order of regularizers: l1, l2 → l2, l1"],
    ),
    (
        recipe(),
        recipe(
            {"batch": "full", "schedule": {"kind": "cosine"}, "clip": {"norm": 1}},
            model={"kind": "mlp", "width": 64},
            stop={"patience": 3},
        ),
        [
            "model: auto → mlp(width=64)",
            "batch: 128 → full",
            "schedule: constant → cosine",
            "clip norm: 0 → 1",
            "stop patience: none → 3",
        ],
    ),
    (
        recipe(PRETRAIN, FINE_TUNE),
        recipe(PRETRAIN, FINE_TUNE | {"batch": 64}),
        ["stage fine-tune: batch: 128 → 64"],
    ),
    (
        recipe(PRETRAIN, FINE_TUNE),
        recipe(FINE_TUNE | {"share": 1}),
        ["stage fine-tune: share: 0.5 → 1", "removed stage pretrain"],
    ),
    (recipe(PRETRAIN, FINE_TUNE), recipe(FINE_TUNE, PRETRAIN), [
        "stage pretrain: stage: pretrain → fine-tune",
        "stage fine-tune: stage: fine-tune → pretrain",
    ]),
    (recipe(), recipe({"turns": [{}, {}]}), ["added turn 2"]),
    (
        recipe({"turns": [{}, {}]}),
        recipe({"turns": [{}, {"parameters": ["head"]}]}),
        ["turn 2: parameters: [] → [head]"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "lines"), TABLE)
def test_in_words(a: Recipe, b: Recipe, lines: list[str]) -> None:
    assert difference(a, b) == lines


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_nothing_is_said_exactly_when_nothing_differs(recipes: Any, data: st.DataObject) -> None:
    a, b = data.draw(recipes), data.draw(recipes)
    header = {"name", "about", "source", "use_when", "not_when"}
    for first, second in ((a, b), (a, a.model_copy(update={"about": "else", "name": "b"}))):
        same = first.model_dump(exclude=header) == second.model_dump(exclude=header)
        assert (difference(first, second) == []) == same
    for part in ("model", "stages", "stop"):  # changes in one place only
        mixed = a.model_copy(update={part: getattr(b, part)})
        assert (difference(a, mixed) == []) == (getattr(a, part) == getattr(b, part))


def test_ranges_of_structure() -> None:
    def mlp(**fields: Any) -> Recipe:
        data = {"name": "a", "stages": [{}], "model": {"kind": "mlp", **fields}}
        return from_data(data, "a")

    a, b = mlp(width={"choice": [64, 128]}), mlp(width=64, depth={"integer": [1, 4]})
    assert difference(a, b) == [
        "range of model.width: choice[64, 128] → none",
        "range of model.depth: none → integer[1, 4]",
    ]
    assert difference(a, a) == []
