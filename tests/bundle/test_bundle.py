"""Bundles: what goes in comes out, on raw rows, and damage is noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from methodic import bundle, runs
from methodic.bundle import Bundle, Card, Part, Trained
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError
from methodic.files import file_hash, read_json, write_json
from methodic.recipes.types import Recipe

ROWS = 90


def method(**model: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "small",
            "model": {"kind": "mlp", "width": 8, "depth": 1, "dropout": 0.2, **model},
            "stages": [{"batch": 16, "optimizer": {"kind": "adam", "lr": 0.01}}],
        }
    )


@pytest.fixture(scope="module")
def data() -> DataSet:
    x = np.random.default_rng(0).normal(size=(ROWS, 2))
    frame = pl.DataFrame(
        {
            "a": x[:, 0],
            "b": [None if i % 11 == 0 else float(v) for i, v in enumerate(x[:, 1])],
            "colour": [("red", "green", "blue")[i % 3] for i in range(ROWS)],
            "kind": ["good" if a + (i % 3) > 1 else "bad" for i, a in enumerate(x[:, 0])],
        }
    )
    return load(frame, "kind", name="things")


@pytest.fixture(scope="module")
def folder(data: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that trained one network with batch norm: parameters, buffers and encoders."""
    out = tmp_path_factory.mktemp("bundle") / "run"
    runs.train_method(data, method(normalization="batch"), steps=60, out=out)
    return out


@pytest.fixture
def made(folder: Path) -> Bundle:
    return bundle.load(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder / "model", tmp_path / "model"))


def test_round_trip(made: Bundle, data: DataSet, tmp_path: Path) -> None:
    bundle.save(tmp_path / "again", made.card, made.encoders, made.networks)
    again = bundle.load(tmp_path / "again")
    assert again.card == made.card
    assert_frame_equal(again.predict_frame(data.frame), made.predict_frame(data.frame))
    (first,), (second,) = made.networks, again.networks
    assert second.buffers.keys() == first.buffers.keys() != set()
    assert all(torch.equal(second.buffers[k], v) for k, v in first.buffers.items())


def test_run_folder_or_model_folder(folder: Path, made: Bundle, data: DataSet) -> None:
    for path in (folder, str(folder), folder / "model"):
        assert_frame_equal(
            bundle.load(path).predict_frame(data.frame), made.predict_frame(data.frame)
        )


def test_predictions(made: Bundle, data: DataSet) -> None:
    found = made.predict_frame(data.frame)
    assert found.columns == ["prediction", "p_bad", "p_good"]
    sums = found["p_bad"] + found["p_good"]
    np.testing.assert_allclose(sums.to_numpy(), 1.0, rtol=1e-5)
    likelier = ["bad" if p > 0.5 else "good" for p in found["p_bad"]]
    assert found["prediction"].to_list() == likelier
    score = made.evaluate(data.frame, ["accuracy", "log_loss"])
    hits = (found["prediction"] == data.frame["kind"]).mean()
    assert score["accuracy"] == pytest.approx(hits)
    assert set(score) == {"accuracy", "log_loss"}


def test_columns_in_another_order_and_columns_too_many(made: Bundle, data: DataSet) -> None:
    rows = data.frame.select("colour", pl.lit(3).alias("extra"), "b", "a")
    assert_frame_equal(made.predict_frame(rows), made.predict_frame(data.frame))


def test_a_missing_column(made: Bundle, data: DataSet) -> None:
    with pytest.raises(InputError, match="a column is missing") as caught:
        made.predict_frame(data.frame.drop("b"))
    assert "'b'" in (caught.value.found or "")


def test_a_cell_that_is_no_number(made: Bundle, data: DataSet) -> None:
    rows = data.frame.with_columns(pl.lit("much").alias("a"))
    with pytest.raises(InputError, match="'a'"):
        made.predict_frame(rows)


def test_categories_that_training_did_not_have(made: Bundle, data: DataSet) -> None:
    rows = data.frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 4)
        .then(pl.lit("mauve"))
        .otherwise(pl.col("colour"))
        .alias("colour")
    )
    assert made.unseen(rows) == {"colour": 4}
    assert made.unseen(data.frame) == {}
    assert np.isfinite(made.predict_frame(rows)["p_bad"].to_numpy()).all()


def test_no_rows(made: Bundle, data: DataSet) -> None:
    found = made.predict_frame(data.frame[:0])
    assert found.height == 0
    assert found.columns == ["prediction", "p_bad", "p_good"]


def test_rows_do_not_influence_each_other(made: Bundle, data: DataSet) -> None:
    whole = made.predict_frame(data.frame)
    one = made.predict_frame(data.frame[5:6])
    np.testing.assert_allclose(one["p_bad"].to_numpy(), whole["p_bad"][5:6].to_numpy(), rtol=1e-5)


def test_pandas_rows(made: Bundle, data: DataSet) -> None:
    assert_frame_equal(made.predict_frame(data.frame.to_pandas()), made.predict_frame(data.frame))


def test_truth_is_needed_to_evaluate(made: Bundle, data: DataSet) -> None:
    with pytest.raises(InputError, match="no column 'kind'"):
        made.evaluate(data.frame.drop("kind"), ["accuracy"])
    with pytest.raises(InputError, match="rmse"):
        made.evaluate(data.frame, ["rmse"])


def test_the_card(made: Bundle, copy: Path, data: DataSet) -> None:
    card = made.card
    assert card.recipe.name == "small"
    assert card.data.fingerprint == data.fingerprint
    assert card.data.classes == ("bad", "good")
    text = (copy / "card.md").read_text()
    for part in ("# small on things", "target `kind`", data.fingerprint, "Trained by small"):
        assert part in text


def test_no_bundle(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no trained model here"):
            bundle.load(path)


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "card.md"])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_damaged_files(copy: Path, name: str, damage: str) -> None:
    file = copy / name
    if damage == "gone":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content if damage == "changed" else content[:-1])
    with pytest.raises(InputError, match="not as it was written") as caught:
        bundle.load(copy)
    assert name in caught.value.problem


Edit = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m.update(format=2), "newer version"),
        (lambda m: m.update(format="two"), "not a bundle's manifest"),
        (lambda m: m.update(files=[]), "not a bundle's manifest"),
        (lambda m: m.pop("files"), "not a bundle's manifest"),
        (lambda m: m["files"].pop("card.md"), "not as it was written"),
        (lambda m: m["files"].update({"card.md": "0"}), "not as it was written"),
    ],
)
def test_manifests(copy: Path, edit: Edit, message: str) -> None:
    manifest = read_json(copy / "manifest.json", "manifest")
    edit(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=message):
        bundle.load(copy)


def test_a_manifest_that_is_no_json(copy: Path) -> None:
    (copy / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json"):
        bundle.load(copy)


def _wider(document: dict[str, Any]) -> None:
    document["card"]["recipe"]["model"]["width"] = 9


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.pop("card"), "damaged"),
        (lambda d: d["card"].update(surprise=1), "damaged"),
        (lambda d: d.pop("encoders"), "damaged"),
        (lambda d: d["encoders"].update(vocabularies={}), "damaged"),
        (_wider, "don't fit the network"),
        (lambda d: d["card"]["recipe"]["model"].update(normalization="layer"), "don't fit"),
    ],
)
def test_documents_that_agree_with_their_manifest_but_not_with_themselves(
    copy: Path, edit: Edit, message: str
) -> None:
    document = read_json(copy / "bundle.json", "bundle")
    edit(document)
    write_json(copy / "bundle.json", document)
    manifest = read_json(copy / "manifest.json", "manifest")
    manifest["files"]["bundle.json"] = file_hash(copy / "bundle.json")
    write_json(copy / "manifest.json", manifest)
    with pytest.raises(InputError, match=message):
        bundle.load(copy)


def test_buffers_that_are_missing(made: Bundle, tmp_path: Path) -> None:
    (trained,) = made.networks
    bundle.save(tmp_path / "b", made.card, made.encoders, [Trained(trained.parameters, {})])
    with pytest.raises(InputError, match="don't fit the network"):
        bundle.load(tmp_path / "b")


def test_numbers_come_in_the_target_s_units(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    data = load(x, x[:, 0] * 50 + 1000)
    done = runs.train_method(data, method(), steps=150, out=tmp_path / "run")
    found = done.predict(x)
    assert found.columns == ["prediction"]
    assert found["prediction"].to_numpy() == pytest.approx(x[:, 0] * 50 + 1000, abs=40)


# --- several networks -------------------------------------------------------------------------


WEIGHTS = (0.5, 0.3, 0.2)


@pytest.fixture(scope="module")
def singles(data: DataSet, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Networks of other shapes, by other methods, on the same split."""
    out = tmp_path_factory.mktemp("singles")
    wide = method(width=16, depth=2).model_copy(update={"name": "wide"})
    made = []
    for i, one in enumerate((method(normalization="batch"), method(), wide)):
        runs.train_method(data, one, steps=40, out=out / str(i))
        made.append(bundle.load(out / str(i)))
    return made


def together(singles: list[Bundle]) -> tuple[Card, list[Trained]]:
    parts = tuple(
        Part(recipe=each.card.recipe, seed=i, weight=weight)
        for i, (each, weight) in enumerate(zip(singles, WEIGHTS, strict=True))
    )
    card = singles[0].card.model_copy(update={"ensemble": parts, "about": "Three together."})
    return card, [trained for each in singles for trained in each.networks]


@pytest.fixture
def several(singles: list[Bundle], tmp_path: Path) -> Path:
    card, networks = together(singles)
    bundle.save(tmp_path / "several", card, singles[0].encoders, networks)
    return tmp_path / "several"


def test_several_networks_predict_their_weighted_mean(
    several: Path, singles: list[Bundle], data: DataSet
) -> None:
    loaded = bundle.load(several)
    found = loaded.predict_frame(data.frame)
    assert found.columns == ["prediction", "p_bad", "p_good"]
    assert found.schema == singles[0].predict_frame(data.frame).schema
    each = [one.predict_frame(data.frame)["p_bad"].to_numpy() for one in singles]
    expected = sum(w * p.astype(float) for w, p in zip(WEIGHTS, each, strict=True))
    np.testing.assert_allclose(found["p_bad"].to_numpy(), expected, rtol=1e-6)
    assert np.abs(expected - np.mean(each, axis=0)).max() > 1e-3, "weights matter here"
    likelier = ["bad" if p > 0.5 else "good" for p in found["p_bad"]]
    assert found["prediction"].to_list() == likelier
    hits = (found["prediction"] == data.frame["kind"]).mean()
    assert loaded.evaluate(data.frame, ["accuracy"])["accuracy"] == pytest.approx(hits)
    assert loaded.predict_frame(data.frame[:0]).height == 0
    one = loaded.predict_frame(data.frame[7:8])
    np.testing.assert_allclose(one["p_bad"].to_numpy(), found["p_bad"][7:8].to_numpy(), rtol=1e-5)


def test_the_card_names_all_networks(several: Path) -> None:
    text = (several / "card.md").read_text()
    assert text.startswith("# small + wide on things")
    for part in ("mean of 3 networks", "0.500 of small, seed 0", "0.200 of wide, seed 2"):
        assert part in text
    assert bundle.load(several).card.parts[2].recipe.name == "wide"


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "card.md"])
def test_damaged_files_of_several(several: Path, name: str) -> None:
    content = bytearray((several / name).read_bytes())
    content[len(content) // 2] ^= 1
    (several / name).write_bytes(content)
    with pytest.raises(InputError, match="not as it was written"):
        bundle.load(several)


def test_several_that_do_not_fit_their_card(singles: list[Bundle], tmp_path: Path) -> None:
    card, networks = together(singles)
    encoders = singles[0].encoders
    bundle.save(tmp_path / "short", card, encoders, networks[:2])
    bundle.save(tmp_path / "mixed", card, encoders, [networks[2], networks[1], networks[0]])
    for name in ("short", "mixed"):
        with pytest.raises(InputError, match="don't fit the network"):
            bundle.load(tmp_path / name)
    heavy = [part.model_copy(update={"weight": 0.9}) for part in card.ensemble]
    wrong = card.model_copy(update={"ensemble": tuple(heavy)})
    bundle.save(tmp_path / "heavy", wrong, encoders, networks)
    with pytest.raises(InputError, match="damaged"):
        bundle.load(tmp_path / "heavy")


def test_bundles_from_before_there_were_ensembles(copy: Path, data: DataSet, made: Bundle) -> None:
    document = read_json(copy / "bundle.json", "bundle")
    del document["card"]["ensemble"]
    write_json(copy / "bundle.json", document)
    manifest = read_json(copy / "manifest.json", "manifest")
    manifest["files"]["bundle.json"] = file_hash(copy / "bundle.json")
    write_json(copy / "manifest.json", manifest)
    assert_frame_equal(bundle.load(copy).predict_frame(data.frame), made.predict_frame(data.frame))


def test_numbers_of_several_networks(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    data = load(x, x[:, 0] * 50 + 1000)
    made = []
    for i in range(2):
        done = runs.train_method(data, method(width=8 + i), steps=50, out=tmp_path / str(i))
        made.append(done.bundle)
    parts = tuple(
        Part(recipe=one.card.recipe, seed=0, weight=w)
        for one, w in zip(made, (0.75, 0.25), strict=True)
    )
    card = made[0].card.model_copy(update={"ensemble": parts})
    networks = [one.networks[0] for one in made]
    bundle.save(tmp_path / "both", card, made[0].encoders, networks)
    found = bundle.load(tmp_path / "both").predict_frame(x)["prediction"].to_numpy()
    first, second = (one.predict_frame(x)["prediction"].to_numpy() for one in made)
    np.testing.assert_allclose(found, 0.75 * first + 0.25 * second, rtol=1e-12)
    assert found.dtype == np.float64
