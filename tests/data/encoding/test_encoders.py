"""From rows to tensors and back."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.encoding.encoders import Encoders
from methodic.data.loading import load
from methodic.data.schemas.schema import Column, Schema, infer
from methodic.errors import InputError

N = 40
ROWS = pl.DataFrame(
    {
        "width": [None if i == 3 else i % 7 + 0.5 for i in range(N)],
        "colour": ["red", "blue", None, "red"] * (N // 4),
        "count": [i % 5 for i in range(N)],
        "shape": ["round", "flat"] * (N // 2),
        "image": pl.Series(np.arange(6.0 * N).reshape(N, 2, 3) % 11),
        "kind": ["x", "y", "y", "z"] * (N // 4),
    }
)
SCHEMA = infer(ROWS, "kind")
FITTED = Encoders.fit(ROWS, SCHEMA)


def one_row(**cells: Any) -> pl.DataFrame:
    return ROWS.head(1).with_columns(**{k: pl.lit(v) for k, v in cells.items()})


def test_what_the_network_needs_to_know() -> None:
    assert FITTED.width == 3  # two numbers and an indicator
    assert FITTED.columns == 2
    assert FITTED.cardinality == (1 + 2 + 1) + (1 + 2)
    assert FITTED.array_shape == (2, 3)
    assert FITTED.class_counts.tolist() == [10, 20, 10]


def test_inputs() -> None:
    got = FITTED.inputs(ROWS.head(4))
    numeric = got["numeric"]
    assert numeric.dtype == torch.float32
    assert torch.equal(torch.isnan(numeric), torch.tensor([[False, False]] * 3 + [[True, False]]))
    assert numeric[:3].tolist() == [[0.5, 0.0], [1.5, 1.0], [2.5, 2.0]]
    # colour: unseen 0, blue 1, red 2, missing 3; shape starts at 4: unseen 4, flat 5, round 6.
    assert got["categorical"].tolist() == [[2, 6], [1, 5], [3, 6], [2, 5]]
    assert got["categorical"].dtype == torch.int64
    assert got["array"].shape == (4, 2, 3)
    assert got["array"].dtype == torch.float32


def test_encoded_arrays_are_standardised() -> None:
    array = FITTED.encode(ROWS)["array"]
    assert array.mean().item() == pytest.approx(0, abs=1e-6)
    assert array.std(correction=0).item() == pytest.approx(1, rel=1e-6)


def test_kinds_that_the_data_lack_are_absent() -> None:
    frame = ROWS.select("colour", "kind")
    encoders = Encoders.fit(frame, infer(frame, "kind"))
    assert set(encoders.encode(frame)) == {"categorical"}
    assert (encoders.width, encoders.array_shape, encoders.numeric) == (0, (), None)
    frame = ROWS.select("count", "kind")
    encoders = Encoders.fit(frame, infer(frame, "kind"))
    assert set(encoders.encode(frame)) == {"numeric"}
    assert (encoders.columns, encoders.cardinality) == (0, 0)


@pytest.mark.parametrize(
    ("cells", "codes", "unseen"),
    [
        ({"colour": "green"}, [0, 6], {"colour": 1}),
        ({"colour": None}, [3, 6], {}),
        ({"shape": None}, [2, 4], {"shape": 1}),
        ({"shape": "?", "colour": "mauve"}, [0, 4], {"colour": 1, "shape": 1}),
        ({"shape": " flat "}, [2, 5], {}),
    ],
)
def test_unseen_categories(cells: dict, codes: list[int], unseen: dict[str, int]) -> None:
    frame = one_row(**cells)
    assert FITTED.inputs(frame)["categorical"].tolist() == [codes]
    assert FITTED.unseen(frame) == unseen


def test_later_rows_teach_nothing() -> None:
    before = copy.deepcopy(FITTED.state())
    FITTED.encode(one_row(colour="green", width=1e9))
    assert same_state(before, FITTED.state())


def same_state(one: tuple, two: tuple) -> bool:
    tensors = one[1].keys() == two[1].keys() and all(
        torch.equal(one[1][name], two[1][name]) for name in one[1]
    )
    return bool(one[0] == two[0] and tensors)


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(N)), st.integers(1, N - 1))
def test_neither_order_nor_batches_change_a_row(order: list[int], cut: int) -> None:
    whole = FITTED.encode(ROWS)
    shuffled = ROWS[order]
    pieces = [FITTED.encode(shuffled[:cut]), FITTED.encode(shuffled[cut:])]
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([piece[name] for piece in pieces]), tensor[order])


words = st.text(min_size=1, max_size=4)


@settings(deadline=None, max_examples=25)
@given(st.lists(words | st.none(), min_size=20, max_size=40), st.data())
def test_state_round_trip(cells: list[str | None], data: st.DataObject) -> None:
    n = len(cells)
    numbers = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=n)
    frame = pl.DataFrame(
        {
            "a": data.draw(numbers.map(lambda each: each[:n])),
            "b": cells,
            "y": [i % 2 for i in range(n)],
        }
    )
    # Some draws leave no usable column; that is another test's business.
    try:
        schema = infer(frame, "y")
    except InputError:
        return
    encoders = Encoders.fit(frame, schema)
    facts, tensors = encoders.state()
    again = Encoders.from_state(json.loads(json.dumps(facts)), tensors)
    assert again.schema == schema
    for name, tensor in encoders.encode(frame).items():
        assert torch.equal(again.encode(frame)[name], tensor)
    assert same_state(again.state(), encoders.state())


def test_rows_to_predict_in_any_order_without_target() -> None:
    frame = ROWS.drop("kind").select(*reversed(ROWS.columns[:-1]), pl.lit(1).alias("extra"))
    texts = frame.with_columns(pl.col("width", "count").cast(pl.String))
    for name, tensor in FITTED.encode(ROWS).items():
        assert torch.equal(FITTED.encode(texts)[name], tensor)


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (ROWS.drop("colour", "image"), ["new.csv", "2 columns", "'colour', 'image'"]),
        (one_row(width="wide"), ["new.csv", "'width'", "row 1", "'wide'"]),
        (one_row(width=float("inf")), ["new.csv", "'width'", "row 1", "inf"]),
    ],
)
def test_rows_that_cannot_be_predicted(frame: pl.DataFrame, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        FITTED.encode(frame, "new.csv")
    assert all(part in str(caught.value) for part in parts), caught.value


def test_no_rows() -> None:
    got = FITTED.encode(ROWS.head(0))
    assert [tuple(got[k].shape) for k in ("numeric", "categorical", "array")] == [
        (0, 3),
        (0, 2),
        (0, 2, 3),
    ]


def test_classes_there_and_back() -> None:
    codes = FITTED.target(ROWS)
    assert codes.dtype == torch.int64
    assert codes[:4].tolist() == [0, 1, 1, 2]
    logits = 5.0 * torch.nn.functional.one_hot(codes, 3).float()
    probabilities = FITTED.predictions(logits.expand(2, N, 3))
    assert probabilities.dtype == torch.float32
    assert probabilities.shape == (2, N, 3)
    assert torch.allclose(probabilities.sum(-1), torch.ones(2, N))
    assert FITTED.labels(probabilities[1]) == ROWS["kind"].to_list()


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (ROWS.drop("kind"), ["'kind' is missing"]),
        (one_row(kind="w"), ["'kind'", "row 1", "'w'", "'x', 'y', 'z'"]),
        (one_row(kind=None), ["'kind' has no value in row 1"]),
    ],
)
def test_bad_targets(frame: pl.DataFrame, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        FITTED.target(frame, "new.csv")
    assert all(part in str(caught.value) for part in ["new.csv", *parts]), caught.value


def test_numbers_there_and_back() -> None:
    data = load("diabetes")
    frame = data.frame.with_columns(pl.col("target") * 1e6 + 1e9)
    encoders = Encoders.fit(frame, data.schema)
    scaled = encoders.target(frame)
    assert (scaled.dtype, tuple(scaled.shape)) == (torch.float32, (442, 1))
    assert scaled.mean().item() == pytest.approx(0, abs=1e-6)
    assert scaled.std(correction=0).item() == pytest.approx(1, rel=1e-6)
    values = encoders.predictions(scaled)
    assert values.dtype == torch.float64
    assert values[:, 0].numpy() == pytest.approx(frame["target"].to_numpy(), rel=1e-7)
    assert encoders.class_counts.numel() == 0


def test_schema_travels_in_the_state() -> None:
    assert Schema.model_validate(FITTED.state()[0]["schema"]) == SCHEMA


IMAGES = np.random.default_rng(0).integers(0, 256, (N, 3, 4, 5), dtype=np.uint8)
MIXED = pl.DataFrame(
    {
        "picture": pl.Series(IMAGES),
        "note": [None if i == 2 else f"a note of {i % 9} words" for i in range(N)],
        "sold": [None if i == 1 else datetime(2024, 1, 1, i % 24) for i in range(N)],
        "size": [i % 7 + 0.5 for i in range(N)],
        "kind": ["x", "y"] * (N // 2),
    }
)
MIXED_SCHEMA = Schema(
    columns=(
        Column(name="picture", kind="image", shape=(3, 4, 5)),
        Column(name="note", kind="text", numbers=16),
        Column(name="sold", kind="date"),
        Column(name="size", kind="numeric"),
    ),
    target="kind",
    task="binary",
    classes=("x", "y"),
)


def test_images_stay_bytes_and_networks_scale_them() -> None:
    encoders = Encoders.fit(MIXED, MIXED_SCHEMA)
    for found in (encoders.inputs(MIXED), encoders.encode(MIXED)):
        assert found["array"].dtype == torch.uint8
        assert np.array_equal(found["array"].numpy(), IMAGES)
    assert encoders.array_shape == (3, 4, 5)
    scaled = IMAGES / 255
    means = scaled.mean(axis=(0, 2, 3))
    assert [mean for mean, _ in encoders.scaling] == pytest.approx(means.tolist())
    assert FITTED.scaling == ()
    facts, tensors = encoders.state()
    again = Encoders.from_state(json.loads(json.dumps(facts)), tensors)
    assert again.scaling == encoders.scaling


def test_dates_and_texts_become_numbers() -> None:
    encoders = Encoders.fit(MIXED, MIXED_SCHEMA)
    assert encoders.features.names[:3] == (
        "size",
        "sold (time of day, sine)",
        "sold (time of day, cosine)",
    )
    assert encoders.width == 1 + 2 + 16 + 2, "and a missing date and a missing text are shown"
    found = encoders.encode(MIXED)["numeric"]
    assert found.shape == (N, encoders.width)
    assert torch.isfinite(found).all()
    assert found[:, -2].nonzero().flatten().tolist() == [1]
    assert found[:, -1].nonzero().flatten().tolist() == [2]
    written = MIXED.with_columns(pl.col("sold").dt.strftime("%Y-%m-%d %H:%M:%S"))
    assert torch.equal(encoders.encode(written)["numeric"], found)


def test_enums_are_texts() -> None:
    words = ["blue", "more", "red"]
    enums = ROWS.with_columns(pl.col("colour").cast(pl.Enum(words)))
    encoders = Encoders.fit(enums, SCHEMA)
    assert same_state(encoders.state(), FITTED.state())
    for name, tensor in FITTED.encode(ROWS).items():
        assert torch.equal(FITTED.encode(enums)[name], tensor)
    green = one_row(colour="green").with_columns(pl.col("colour").cast(pl.Enum(["green"])))
    assert FITTED.inputs(green)["categorical"].tolist() == [[0, 6]]
    spaced = one_row(colour=" red ").with_columns(pl.col("colour").cast(pl.Enum([" red "])))
    assert FITTED.inputs(spaced)["categorical"].tolist() == [[2, 6]]


def test_rare_categories_are_not_called_unseen() -> None:
    words = [f"w{i % 300}" for i in range(900)] + ["rare"] * 100
    frame = pl.DataFrame({"a": [f"{word}" for word in words], "y": [0, 1] * 500})
    frame = frame.with_columns(pl.when(pl.int_range(1000) < 999).then("a").otherwise(pl.lit("z")))
    encoders = Encoders.fit(frame, infer(frame, "y"))
    assert encoders.categories["a"].pooled
    assert encoders.unseen(pl.DataFrame({"a": ["z", "new", "w1"]})) == {}
    assert encoders.sizes == (encoders.cardinality,)


@pytest.mark.parametrize("frame", [ROWS, MIXED, ROWS.head(0)])
def test_raw_inputs_are_encoded_alike(frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("methodic.data.encoding.encoders._BLOCK", 7)
    encoders = Encoders.fit(MIXED, MIXED_SCHEMA) if frame is MIXED else FITTED
    raw = encoders.inputs(frame)
    kept = copy.deepcopy(raw)
    found = encoders.encoded(raw)
    expected = encoders.encode(frame)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor)
        assert torch.equal(raw[name].nan_to_num(-7), kept[name].nan_to_num(-7))


def test_rows_without_a_target_teach_what_inputs_are() -> None:
    more = ROWS.with_columns(
        pl.lit(None, pl.String).alias("kind"),
        pl.lit("grey").alias("colour"),
        (pl.col("count") + 100).alias("count"),
    )
    both = Encoders.fit(pl.concat([ROWS, more]), SCHEMA)
    assert both.facts.vocabularies["colour"] == ("blue", "grey", "red")
    assert torch.equal(both.class_counts, FITTED.class_counts)
    assert both.numeric is not None
    assert FITTED.numeric is not None
    assert not torch.equal(both.numeric.center, FITTED.numeric.center)


def test_numbers_are_standardised_as_targets_are() -> None:
    numbers = ROWS.select("width", count=pl.col("count") * 0.7).drop_nulls()
    fitted = Encoders.fit(numbers, infer(numbers, "count"))
    values = numbers["count"].to_numpy()[:, None]
    assert torch.equal(fitted.standardised(values), fitted.target(numbers))
