"""Recipes of every shape, for property tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from methodic.errors import InputError
from methodic.recipes import io
from methodic.recipes.types import Recipe

WORDS = st.text("abcdefghij0123456789_.-", min_size=1, max_size=8).map(lambda text: "r" + text)
# Text that YAML could take for something else, and any other text.
TEXTS = st.sampled_from(
    ["", "yes", "true", "null", "~", "1e-3", "0x1F", "1_000", ".5", "a: b", "#", "- x",
     "2020-01-01", "zwei\nZeilen", " padded ", "'", '"', "&a", "*a", "!x",
     "\t", "λ", "\x85", "\u2028"]
) | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)  # fmt: skip


def _floats(low: float, high: float) -> SearchStrategy[Any]:
    return st.floats(low, high, allow_nan=False)


def _or_range(low: float, high: float) -> SearchStrategy[Any]:
    ends = st.tuples(_floats(low, high), _floats(low, high)).map(sorted)
    apart = ends.filter(lambda pair: pair[0] < pair[1])
    return st.one_of(
        _floats(low, high),
        apart.map(lambda pair: {"uniform": pair}),
        apart.filter(lambda pair: pair[0] > 0).map(lambda pair: {"log_uniform": pair}),
        st.lists(_floats(low, high), min_size=2, max_size=3, unique=True).map(
            lambda some: {"choice": some}
        ),
    )


POSITIVE = _or_range(1e-12, 1e3)
NOT_NEGATIVE = st.just(0.0) | _or_range(0.0, 1e3)
FRACTION = st.just(0.0) | _or_range(0.0, 0.999)
TINY = _or_range(1e-3, 0.999)
DECAYS = {"weight_decay": NOT_NEGATIVE, "decays": st.sampled_from(["weights", "all"])}


def _kind(kind: str, **fields: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind)}, optional=fields)


MODELS = st.one_of(
    _kind("auto"),
    _kind("linear", embedding=st.integers(1, 1024)),
    _kind(
        "mlp",
        width=st.integers(1, 512),
        depth=st.integers(1, 9),
        activation=st.sampled_from(["relu", "mish", "identity"]),
        dropout=FRACTION,
        normalization=st.sampled_from(["none", "batch", "layer"]),
    ),
)
OBJECTIVES = st.one_of(
    _kind("supervised", weight=NOT_NEGATIVE),
    _kind("cross_entropy", weight=NOT_NEGATIVE, label_smoothing=FRACTION),
    _kind("mean_squared_error"),
)
ADAM = {"lr": POSITIVE, "beta1": FRACTION, "beta2": FRACTION, "epsilon": POSITIVE, **DECAYS}
OPTIMIZERS = st.one_of(
    _kind("sgd", lr=POSITIVE, momentum=FRACTION, **DECAYS),
    _kind("sgd", lr=POSITIVE, momentum=_floats(0.1, 0.9), nesterov=st.booleans()).filter(
        lambda sgd: "momentum" in sgd or not sgd.get("nesterov")
    ),
    _kind("rmsprop", lr=POSITIVE, alpha=FRACTION, centered=st.booleans(), **DECAYS),
    _kind("adam", **ADAM),
    _kind("adamw", **ADAM),
)
SCHEDULES = st.one_of(
    _kind("constant", warmup=FRACTION),
    _kind("exponential", final=TINY, warmup=FRACTION),
    _kind("cosine", final=FRACTION),
)
REGULARIZERS = st.one_of(
    _kind("l1", weight=NOT_NEGATIVE),
    _kind("l2", weight=NOT_NEGATIVE),
    _kind("proximal_l1", weight=NOT_NEGATIVE),
    _kind("ema", decay=TINY),
)
TURNS = st.fixed_dictionaries(
    {},
    optional={
        "objectives": st.lists(OBJECTIVES, min_size=1, max_size=3).filter(
            lambda some: any(each.get("weight") != 0 for each in some)
        ),
        "parameters": st.lists(WORDS, max_size=2),
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "clip": st.fixed_dictionaries({}, optional={"norm": NOT_NEGATIVE, "value": NOT_NEGATIVE}),
    },
)


@st.composite
def _recipes(draw: st.DrawFn) -> Recipe:
    names = draw(st.lists(WORDS | TEXTS, min_size=1, max_size=3, unique=True))
    stages = [
        {
            "name": name,
            "share": 1 / len(names),
            "batch": draw(st.sampled_from(["full"]) | st.integers(1, 10**6)),
            "turns": draw(st.lists(TURNS, min_size=1, max_size=2)),
            "regularizers": draw(st.lists(REGULARIZERS, max_size=3)),
        }
        for name in names
    ]
    header = ("about", "source", "use_when", "not_when")
    return Recipe.model_validate(
        {
            "name": draw(WORDS),
            **{field: draw(TEXTS) for field in header},
            "model": draw(MODELS),
            "stages": stages,
            "stop": draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "steps": st.none() | st.integers(1, 10**9),
                        "epochs": _floats(1e-3, 1e3),
                        "patience": st.integers(1, 100),
                        "keep": st.sampled_from(["best", "last"]),
                    },
                )
            ),
        }
    )


@pytest.fixture(scope="session")
def recipes() -> SearchStrategy[Recipe]:
    """Draws valid recipes, ranges and odd texts included."""
    return _recipes()


def _choice(options: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    some = st.lists(options, min_size=2, max_size=4, unique_by=repr)
    return some.map(lambda drawn: {"choice": drawn})


def _whole(low: int, high: int) -> SearchStrategy[Any]:
    ends = st.lists(st.integers(low, high), min_size=2, max_size=2, unique=True).map(sorted)
    return st.integers(low, high) | ends.map(lambda pair: {"integer": pair})


BOOLS = st.booleans() | _choice(st.booleans())
NETWORKS = st.one_of(
    _kind(
        "mlp",
        width=_whole(1, 99) | _choice(st.integers(1, 99)),
        depth=_whole(1, 9),
        dropout=FRACTION,
        activation=_choice(st.sampled_from(["relu", "mish", "gelu", "tanh"])),
        normalization=_choice(st.sampled_from(["none", "batch", "rms"])),
    ),
    _kind("tabm", width=_choice(st.integers(1, 99)), submodels=_whole(1, 9)),
    _kind("cnn", channels=st.lists(_whole(1, 64), min_size=1, max_size=3)),
    _kind("cnn", channels=_choice(st.lists(st.integers(1, 64), min_size=1, max_size=3))),
)
RULES = st.one_of(
    _kind("adam", **{**ADAM, "amsgrad": BOOLS}),
    _kind("soap", lr=POSITIVE, frequency=_whole(1, 50)),
    st.fixed_dictionaries(
        {"kind": st.just("sgd"), "momentum": st.just(0.5), "nesterov": BOOLS, "lr": POSITIVE}
    ),
)
CHANGES = st.lists(
    _kind("ema", decay=TINY) | _kind("swa", every=_whole(1, 9)) | _kind("mixup"), max_size=2
)


@st.composite
def _spaces(draw: st.DrawFn) -> dict[str, Any]:
    turn = {
        "optimizer": RULES | _choice(RULES),
        "schedule": _choice(SCHEDULES),
        "clip": _choice(st.fixed_dictionaries({}, optional={"norm": NOT_NEGATIVE})),
        "layer_decay": st.sampled_from([0.5, {"uniform": [0.25, 0.75]}]),
    }
    stage = {
        "batch": _choice(st.just("full") | st.integers(1, 99)),
        "regularizers": CHANGES | _choice(CHANGES),
    }
    one = st.fixed_dictionaries({}, optional={**stage, **turn})
    turns = st.lists(st.fixed_dictionaries({}, optional=turn), min_size=1, max_size=2)
    several = st.fixed_dictionaries({"turns": turns}, optional=stage)
    stages = draw(st.lists(one | several, min_size=1, max_size=2))
    named = [{"name": f"s{i}", "share": 1 / len(stages), **each} for i, each in enumerate(stages)]
    stop = st.fixed_dictionaries({}, optional={"patience": _choice(st.none() | st.integers(1, 9))})
    data = {
        "name": "space",
        "model": draw(NETWORKS | _choice(NETWORKS)),
        "stages": named,
        "stop": draw(stop),
    }
    try:
        io.from_data(data, "drawn")
    except InputError as error:  # options that differ in defaults that are written out
        assume("twice" not in error.problem)
        raise
    return data


@pytest.fixture(scope="session")
def search_spaces() -> SearchStrategy[dict[str, Any]]:
    """Draws valid spaces as their files have them: ranges of all kinds, inside choices, too."""
    return _spaces()
