"""Predictions of files: piece by piece, and the same numbers as in one go."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pictures
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from methodic import bundle, cli, runs
from methodic.bundle import Bundle, model, streams
from methodic.data.columns.conform import conform_target
from methodic.data.images import columns, parallel
from methodic.data.loading import load
from methodic.data.sources import places
from methodic.engine.evaluation import CHUNK
from methodic.errors import InputError
from methodic.recipes.types import Recipe

SMALL = Recipe.model_validate(
    {
        "name": "small",
        "model": {"kind": "mlp", "width": 8, "depth": 1},
        "stages": [{"batch": 16, "optimizer": {"kind": "adam", "lr": 0.01}}],
    }
)
ROWS = 300


def table(rows: int = ROWS) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "a": generator.normal(size=rows).round(4),
            "b": [None if i % 7 == 0 else i % 5 for i in range(rows)],
            # All of them could be numbers, and are none.
            "zip": [("01", "1", "02", "x3")[i % 4] for i in range(rows)],
            "kind": [("good", "bad")[i % 3 == 0] for i in range(rows)],
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("streams") / "run"
    runs.train_method(load(table(), "kind"), SMALL, steps=20, out=out)
    return out


@pytest.fixture(scope="module")
def made(folder: Path) -> Bundle:
    return bundle.load(folder)


def end(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_blocks_end_where_chunks_end() -> None:
    assert model.BLOCK % CHUNK == 0


@pytest.mark.parametrize("block", [32, 96, 300, 1000])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pieces_give_the_numbers_of_the_whole(
    kind: str, block: int, made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table().drop("kind")
    whole = made.predict_frame(rows)
    path = tmp_path / f"rows.{kind}"
    rows.write_parquet(path, row_group_size=70) if kind == "parquet" else rows.write_csv(path)
    monkeypatch.setattr(model, "BLOCK", block)
    stream = streams.Predictions(made, str(path))
    pieces = list(stream)
    assert stream.rows == ROWS
    assert len(pieces) >= ROWS // block
    assert pl.concat(pieces).equals(whole)
    assert made.predict_frame(rows).equals(whole)
    assert stream.unseen == {}


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing_and_are_given_back(threads: int, made: Bundle) -> None:
    rows = table(3 * CHUNK + 5).drop("kind")
    before = torch.get_num_threads()
    whole = made.predict_frame(rows)
    try:
        torch.set_num_threads(threads)
        assert made.predict_frame(rows).equals(whole)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_texts_that_look_like_numbers_stay_texts(made: Bundle, tmp_path: Path) -> None:
    rows = table().filter(pl.col("zip") != "x3").drop("kind")
    rows.write_csv(tmp_path / "rows.csv")
    (found,) = streams.Predictions(made, str(tmp_path / "rows.csv"))
    assert_frame_equal(found, made.predict_frame(rows))
    other = made.predict_frame(rows.with_columns(pl.lit("1").alias("zip")))
    assert not found.equals(other)


def test_large_texts_come_in_pieces(
    made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table(4000).drop("kind")
    rows.write_csv(tmp_path / "rows.csv")
    monkeypatch.setattr(streams, "WHOLE", 0)
    monkeypatch.setattr(model, "BLOCK", 512)
    pieces = list(streams.Predictions(made, str(tmp_path / "rows.csv")))
    assert len(pieces) > 4
    assert pl.concat(pieces).equals(made.predict_frame(rows))


@pytest.mark.parametrize("suffix", places.TEXT)
def test_small_texts_come_whole(
    suffix: str, made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are called: pieces would be small files of their own, each read by itself."""
    separator = "\t" if suffix in (".tsv", ".tab") else ","
    rows = table(4000).drop("kind")
    rows.write_csv(tmp_path / f"rows{suffix}", separator=separator)
    monkeypatch.setattr(model, "BLOCK", 10_000)
    monkeypatch.setattr(streams, "pieces_of", lambda source: pytest.fail("read in pieces"))
    (found,) = streams.Predictions(made, str(tmp_path / f"rows{suffix}"))
    assert found.equals(made.predict_frame(rows))


def test_an_error_names_the_row_of_the_file(
    made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table().drop("kind").with_columns(pl.col("a").cast(pl.String))
    rows[200, "a"] = "much"
    rows.write_parquet(tmp_path / "rows.parquet")
    monkeypatch.setattr(model, "BLOCK", 64)
    with pytest.raises(InputError) as caught:
        list(streams.Predictions(made, str(tmp_path / "rows.parquet")))
    for word in ("rows.parquet", "'a'", "row 201"):
        assert word in caught.value.problem
    with pytest.raises(InputError, match="row 201"):
        made.predict_frame(rows)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_command_writes_what_python_returns(
    kind: str, folder: Path, made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table().drop("kind")
    rows.write_parquet(tmp_path / "rows.parquet")
    out = tmp_path / f"out.{kind}"
    monkeypatch.setattr(model, "BLOCK", 100)
    assert end("predict", str(folder), str(tmp_path / "rows.parquet"), "-o", str(out)) == 0
    expected = made.predict_frame(rows)
    if kind == "parquet":
        assert pl.read_parquet(out).equals(expected)
    else:
        assert out.read_text() == expected.write_csv()


def test_printed_and_as_json(
    folder: Path, made: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = table(20).drop("kind").with_columns(pl.lit("new").alias("zip"))
    rows.write_csv(tmp_path / "rows.csv")
    assert end("predict", str(folder), str(tmp_path / "rows.csv")) == 0
    printed = capsys.readouterr()
    assert printed.out == made.predict_frame(rows).write_csv()
    assert "zip: 20 cells" in printed.err
    assert end("predict", str(folder), str(tmp_path / "rows.csv"), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["unseen"]) == (20, {"zip": 20})
    assert document["predictions"] == made.predict_frame(rows).to_dicts()


def test_a_failure_leaves_the_old_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    rows = table().drop("kind").with_columns(pl.lit("much").alias("a"))
    rows.write_parquet(tmp_path / "rows.parquet")
    assert end("predict", str(folder), str(tmp_path / "rows.parquet"), "-o", str(out)) == 2
    assert out.read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv", "rows.parquet"]


def test_no_rows(folder: Path, tmp_path: Path) -> None:
    table().drop("kind")[:0].write_parquet(tmp_path / "rows.parquet")
    out = tmp_path / "out.csv"
    assert end("predict", str(folder), str(tmp_path / "rows.parquet"), "-o", str(out)) == 2
    assert not out.exists()


def test_evaluate_reads_what_training_read(
    folder: Path, made: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table().write_csv(tmp_path / "rows.csv")
    assert end("evaluate", str(folder), str(tmp_path / "rows.csv"), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    hits = made.predict_frame(table())["prediction"] == table()["kind"]
    assert document["scores"]["accuracy"] == pytest.approx(hits.mean())
    assert document["unseen"] == {}


@pytest.mark.parametrize(("cell", "value"), [("1,125", "1.125"), ("1.500", "1500")])
def test_files_are_read_in_the_notation_of_training(
    cell: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commas = [("3,5", "1.234,50", "0,25", "7")[i % 4] for i in range(ROWS)]
    rows = table().with_columns(pl.Series("a", commas))
    runs.train_method(load(rows, "kind"), SMALL, steps=5, out=tmp_path / "run")
    made = bundle.load(tmp_path / "run")
    expected = made.predict_frame(rows.drop("a").with_columns(a=pl.lit(float(value))))
    rows.with_columns(a=pl.lit(cell)).write_csv(tmp_path / "rows.csv")
    path = str(tmp_path / "rows.csv")
    assert pl.concat(list(streams.Predictions(made, path))).equals(expected)
    monkeypatch.setattr(streams, "WHOLE", 0)
    assert pl.concat(list(streams.Predictions(made, path))).equals(expected)


def test_numbers_to_predict_are_read_in_the_notation_of_training(tmp_path: Path) -> None:
    rows = table().with_columns(kind=pl.Series([f"{i},5" for i in range(ROWS)]))
    runs.train_method(load(rows, "kind"), SMALL, steps=5, out=tmp_path / "run")
    schema = bundle.load(tmp_path / "run").encoders.schema
    rows.with_columns(kind=pl.lit("1.500")).write_csv(tmp_path / "rows.csv")
    cells = streams.table(str(tmp_path / "rows.csv"), schema)["kind"]
    assert conform_target(cells, schema).to_list() == [1500] * ROWS


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pets")
    data = load(pictures.classes(folder / "pets", 20))
    runs.train_method(data, SMALL, steps=5, out=folder / "run")
    return folder


def cells(broken: set[int], rows: int = 70) -> pl.DataFrame:
    """Images as bytes; so many rows that the last one is a block of its own."""
    found = [b"lost" if i in broken else pictures.encoded(pictures.pixels(i)) for i in range(rows)]
    return pl.DataFrame({"image": found})


@pytest.mark.parametrize("broken", [{69}, {2, 5, 40, 69}, set(range(35)), set()])
def test_broken_images_are_left_out_wherever_blocks_end(
    broken: set[int], pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "BLOCK", 23)
    cells(broken).write_parquet(tmp_path / "rows.parquet")
    made = streams.Predictions(bundle.load(pets / "run"), str(tmp_path / "rows.parquet"), True)
    found = pl.concat(list(made))
    assert found[streams.ROW].to_list() == [i + 1 for i in range(70) if i not in broken]
    assert made.rows == 70 - len(broken)
    if broken:
        (note,) = (each for each in made.notes if "left out" in each)
        assert f"{len(broken)} of 70 images" in note
        assert all(f"row {i + 1}: " in note for i in broken)


def test_nothing_but_broken_images_is_refused(pets: Path, tmp_path: Path) -> None:
    cells(set(range(70))).write_parquet(tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="70 of 70 images can't be read"):
        list(streams.Predictions(bundle.load(pets / "run"), path, skip_broken=True))


def test_an_error_names_the_rows_of_broken_images(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "BLOCK", 32)
    cells({40, 41}).write_parquet(tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.parquet")
    with pytest.raises(InputError) as caught:
        list(streams.Predictions(bundle.load(pets / "run"), path))
    lines = str(caught.value.found).split("\n    ")
    assert [line.split(":")[0] for line in lines] == ["row 41", "row 42"]


def test_images_are_decoded_once(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(series: pl.Series, *arguments: object) -> object:
        calls.append(len(series))
        return parallel.decode_all(series, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(columns, "decode_all", counted)
    loaded = bundle.load(pets / "run")
    list(streams.Predictions(loaded, str(pets / "pets")))
    assert sum(calls) == 40
    calls.clear()
    monkeypatch.setattr(model, "BLOCK", 16)
    rows = streams.table(str(pets / "pets"), loaded.encoders.schema)
    loaded.evaluate(rows, ["accuracy"])
    assert loaded.unseen(rows) == {}
    assert sum(calls) == 40
    assert max(calls) <= 32, "in blocks, not all at once"
