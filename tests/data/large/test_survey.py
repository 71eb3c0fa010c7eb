"""The first look: a fair sample, all classes, the same wherever the file is cut."""

import json

import numpy as np
import polars as pl
import pytest

from methodic.data.large import survey
from methodic.data.large.parts import Parts
from methodic.data.loading import load
from methodic.errors import InputError

LIMIT = 1_000_000


def table(rows=20_000, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    kind = random.choice(["a", "b", "c"], rows)
    answer = np.where(x[:, 0] + x[:, 1] * (kind == "a") > 0, "yes", "no")
    columns = {f"x{i}": x[:, i] for i in range(3)}
    return pl.DataFrame({**columns, "kind": kind, "id": np.arange(rows), "y": answer}).sort("y")


@pytest.fixture
def path(tmp_path):
    table().write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_what_fits_is_read_whole(path):
    assert load(path, "y").large is None
    assert load(path, "y", memory=10**9).large is None


def test_without_a_word_rows_may_take_half_of_the_free_memory(path, monkeypatch):
    monkeypatch.setattr(survey, "usual", lambda: LIMIT)
    data = load(path, "y")
    assert data.large is not None
    assert "half of the free memory (1 MB)" in " ".join(data.notes)
    assert data.reading.memory == LIMIT  # so that the same rows are read again in the same way
    assert load(path, "y", memory=10**9).large is None


def test_what_can_not_be_read_in_pieces_is_read_whole_unless_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text(table(400).write_csv(), encoding="utf-16")
    with pytest.raises(InputError):
        load(path, "y", memory=LIMIT)
    monkeypatch.setattr(survey, "usual", lambda: 1000)
    assert load(path, "y").frame.height == 400


def test_small_files_are_not_looked_into(path, monkeypatch):
    monkeypatch.setattr(survey, "usual", lambda: survey._SWOLLEN * path.stat().st_size)
    monkeypatch.setattr(survey, "pieces_of", None)
    assert load(path, "y").large is None


def test_folders_of_images_are_counted_first(tmp_path, monkeypatch):
    import PIL.Image

    for number in range(60):
        folder = tmp_path / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        pixels = np.full((40, 40, 3), number, np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    monkeypatch.setattr(survey, "usual", lambda: 500_000)  # they take 864,000
    assert load(tmp_path).large is None  # too few to be counted
    monkeypatch.setattr(survey, "_MANY", 60)
    assert load(tmp_path).large is not None
    monkeypatch.setattr(survey, "usual", lambda: 1_000_000)
    assert load(tmp_path).large is None


def test_a_sample_stands_for_all(path):
    data = load(path, "y", memory=LIMIT)
    assert data.large is not None
    assert data.heights == (20_000, 0)
    assert 2_000 <= data.frame.height < 10_000
    whole = load(path, "y")
    assert data.schema == whole.schema  # the id is left out here, too
    assert abs(data.frame["x0"].mean() - whole.frame["x0"].mean()) < 0.1
    share = (data.frame["y"] == "yes").mean()  # the file is sorted by it
    assert abs(share - (whole.frame["y"] == "yes").mean()) < 0.05
    assert "piece by piece" in " ".join(data.notes)
    assert ("rows", "20,000") in data.describe()


def test_the_fingerprint_is_that_of_the_values(path, tmp_path):
    table().write_csv(tmp_path / "t.csv")
    first = load(path, "y", memory=LIMIT)
    assert first.fingerprint == load(tmp_path / "t.csv", "y", memory=2 * LIMIT).fingerprint
    table().with_columns(x0=-pl.col("x0")).write_parquet(path)
    other = load(path, "y", memory=LIMIT)
    assert other.fingerprint != first.fingerprint
    assert [k for k, v in first.digests.items() if other.digests[k] != v] == ["x0"]


def test_a_class_of_few_rows_is_known(path):
    rare = table().with_columns(
        y=pl.when(pl.col("id") < 3).then(pl.lit("rare")).otherwise(pl.col("y"))
    )
    rare.write_parquet(path)
    data = load(path, "y", memory=LIMIT)
    assert data.schema.classes == ("no", "rare", "yes")


def test_all_usable_rows_come_with_their_keys(path):
    gaps = table().with_columns(y=pl.when(pl.col("id") % 10 == 0).then(None).otherwise(pl.col("y")))
    gaps.write_parquet(path)
    data = load(path, "y", memory=LIMIT)
    frames = list(data.large.frames(data.schema))
    assert sum(frame.height for frame in frames) == 18_000
    keys = np.concatenate([frame[survey.KEY].to_numpy() for frame in frames])
    assert len(set(keys.tolist())) == 18_000


def test_a_cell_that_nobody_expected_is_named_by_its_row(path):
    frame = table().with_columns(pl.col("x1").cast(pl.String))
    odd = frame.with_row_index("at").with_columns(
        x1=pl.when(pl.col("at") == 15_123).then(pl.lit("inf")).otherwise(pl.col("x1"))
    )
    odd.drop("at").write_parquet(path)
    data = load(path, "y", memory=LIMIT)
    with pytest.raises(InputError, match="15,124"):
        list(data.large.frames(data.schema))


def test_files_of_other_columns_are_refused(tmp_path):
    table().write_csv(tmp_path / "1.csv")
    table().select("y", "kind", "x2", "x1", "x0", "id").write_csv(tmp_path / "2.csv")
    data = load(tmp_path / "*.csv", "y", memory=LIMIT)
    assert data.heights == (40_000, 0)
    table().drop("x1").with_columns(z=1).write_csv(tmp_path / "2.csv")
    with pytest.raises(InputError, match="other columns than the first ones") as caught:
        load(tmp_path / "*.csv", "y", memory=LIMIT)
    assert caught.value.found == "without 'x1', with 'z'"


def test_lines_need_not_have_all_cells(tmp_path):
    rows = table().to_dicts()
    for row in rows[10_000:]:
        del row["x1"]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load(path, "y", memory=LIMIT)
    assert data.large is not None
    found = pl.concat([frame["x1"] for frame in data.large.frames(data.schema)])
    assert found.null_count() == 10_000


def codes(rows=20_000):
    """A file whose first half has codes of digits, of which the second half shows what they are."""
    names = [f"0{i % 7}" if i < rows / 2 else f"A{i % 5}" for i in range(rows)]
    x = np.random.default_rng(0).normal(size=rows)
    return pl.DataFrame({"x": x, "code": names, "y": np.where(x > 0, "yes", "no")})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_is_of_one_kind_in_all_pieces(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    codes().write_csv(path) if kind == "csv" else codes().write_parquet(path)
    data = load(path, "y", memory=LIMIT)
    assert data.large is not None
    whole = load(path, "y")
    assert data.schema == whole.schema
    assert set(data.frame["code"]) == set(whole.frame["code"].cast(pl.String))
    found = {code for frame in data.large.frames(data.schema) for code in frame["code"]}
    assert found == set(data.frame["code"])


def test_a_schema_makes_categories_of_digits(tmp_path):
    path, said = tmp_path / "t.csv", tmp_path / "schema.yaml"
    codes().with_columns(zip=pl.Series([f"0{i % 90 + 10}" for i in range(20_000)])).write_csv(path)
    said.write_text("target: y\ncolumns: {zip: categorical}")
    data = load(path, schema=said, memory=LIMIT)
    assert data.large is not None
    assert set(data.frame["zip"]) == {f"0{i}" for i in range(10, 100)}
    found = {cell for frame in data.large.frames(data.schema) for cell in frame["zip"]}
    assert found == set(data.frame["zip"])


def test_test_rows_of_ones_own(path, tmp_path):
    table(20_000, seed=1).write_parquet(tmp_path / "test.parquet")
    data = load(path, "y", test=tmp_path / "test.parquet", memory=LIMIT)
    assert data.heights == (20_000, 20_000)
    assert data.test.height < 10_000
    assert data.reading.test == str((tmp_path / "test.parquet").resolve())
    few = tmp_path / "few.parquet"
    table(50, seed=1).write_parquet(few)
    assert load(path, "y", test=few, memory=LIMIT).test.height == 50


def test_whether_a_table_fits(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": range(100_000)}).write_parquet(path)
    assert survey.fits(path, 10**9)
    assert not survey.fits(path, 10**5)
    assert survey.fits(tmp_path / "none.csv", 10**5), "reading it says what is wrong"


def test_decimal_commas_are_read_alike_in_all_pieces(tmp_path):
    x = [f"{1 + i % 89},{125 + i % 7}" for i in range(20_000)]
    x[:3] = ["3,5", "1.234,50", "0,25"]
    path = tmp_path / "t.csv"
    frame = pl.DataFrame({"x": x, "z": range(20_000), "y": ["a", "b"] * 10_000})
    frame.write_csv(path, separator=";")
    data = load(path, "y", memory=LIMIT // 4)
    assert data.large is not None
    whole = load(path, "y")
    assert data.schema == whole.schema
    assert data.frame["x"].max() == 1234.5
    assert data.frame["x"].mean() == pytest.approx(whole.frame["x"].mean(), rel=0.1)
    found = pl.concat([each["x"] for each in data.large.frames(data.schema)])
    assert found.to_list() == whole.frame["x"].to_list()


def test_what_a_schema_says_is_followed_in_the_sample(tmp_path):
    path, said = tmp_path / "t.csv", tmp_path / "s.yaml"
    x = [f"1,{125 + i % 70}" for i in range(20_000)]
    frame = pl.DataFrame({"x": x, "z": range(20_000), "y": ["a", "b"] * 10_000})
    frame.write_csv(path, separator=";")
    said.write_text('columns: {x: {kind: numeric, notation: "1.234,5"}}')
    data = load(path, "y", memory=LIMIT // 4, schema=said, test=path)
    assert data.large is not None
    assert data.frame["x"].max() < 2
    assert data.test["x"].max() < 2
    assert all(each["x"].max() < 2 for each in data.large.frames(data.schema))


def test_columns_that_are_constant_in_the_first_rows_count(tmp_path):
    """A file sorted by region: prices are the same within the first one."""
    random = np.random.default_rng(0)
    rows = 40_000
    region = np.sort(random.integers(0, 20, rows))
    frame = pl.DataFrame(
        {
            "region": [f"r{each:02}" for each in region],
            "price": np.where(region == 0, 1.0, random.normal(size=rows)),
            "kind": random.choice(["a", "b"], rows),
            "y": random.choice(["yes", "no"], rows),
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "y", memory=LIMIT)
    parts = parts_of(data, rows)
    assert np.abs(np.bincount(parts, minlength=3) / rows - [0.7, 0.15, 0.15]).max() < 0.05


def parts_of(data, rows, seed=0):
    rule = Parts(data, rows, seed)
    return np.concatenate([rule(frame) for frame in data.large.frames(data.schema)])


def test_rows_without_a_group_are_groups_by_themselves(tmp_path):
    random = np.random.default_rng(0)
    rows = 40_000
    house = [None if i % 2 else f"h{i % 900}" for i in range(rows)]
    frame = pl.DataFrame(
        {"house": house, "x": random.normal(size=rows), "y": random.choice(["p", "q"], rows)}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "y", group="house", memory=LIMIT)
    parts = parts_of(data, rows)
    alone = parts[frame["house"].is_null().to_numpy()]
    assert np.abs(np.bincount(alone, minlength=3) / len(alone) - [0.7, 0.15, 0.15]).max() < 0.02
    sides = frame.with_columns(part=parts).drop_nulls().group_by("house").agg(
        pl.col("part").n_unique()
    )  # fmt: skip
    assert sides["part"].max() == 1


def test_groups_of_dates_among_words_stay_together(tmp_path):
    random = np.random.default_rng(0)
    rows = 40_000
    days = [f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(rows)]
    visit = ["unknown" if i > rows / 2 and i % 100 == 0 else day for i, day in enumerate(days)]
    frame = pl.DataFrame(
        {"visit": visit, "x": random.normal(size=rows), "y": random.choice(["p", "q"], rows)}
    )
    frame.write_csv(tmp_path / "t.csv")
    data = load(tmp_path / "t.csv", "y", group="visit", memory=LIMIT)
    sides = frame.with_columns(part=parts_of(data, rows)).group_by("visit").agg(
        pl.col("part").n_unique()
    )  # fmt: skip
    assert sides["part"].max() == 1


def test_rows_are_counted_as_what_they_become(tmp_path):
    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(300)]
    text = [" ".join(random.choice(words, 9)) for _ in range(3000)]
    frame = pl.DataFrame({"text": text, "y": random.choice(["p", "q"], 3000)})
    frame.write_parquet(tmp_path / "t.parquet")
    limit = int(4 * frame.estimated_size())
    assert load(tmp_path / "t.parquet", "y", memory=limit).large is not None
    (tmp_path / "s.yaml").write_text("columns: {text: {kind: text, numbers: 8}}")
    few = load(tmp_path / "t.parquet", "y", memory=limit, schema=tmp_path / "s.yaml")
    assert few.large is None


def test_images_are_counted_in_the_size_that_is_asked_for(tmp_path):
    import PIL.Image

    for number in range(40):
        folder = tmp_path / "images" / "ab"[number % 2]
        folder.mkdir(exist_ok=True, parents=True)
        pixels = np.full((40, 40, 3), number, np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "s.yaml").write_text("columns: {image: {kind: image, shape: [3, 128, 128]}}")
    assert load(tmp_path / "images", memory=2_000_000).large is None
    data = load(tmp_path / "images", memory=2_000_000, schema=tmp_path / "s.yaml")
    assert data.large is not None


def test_sets_of_labels_in_pieces(tmp_path):
    random = np.random.default_rng(0)
    labels = [[["a"], ["b", "c"], []][i % 3] for i in range(20_000)]
    frame = pl.DataFrame({"x": random.normal(size=20_000), "y": labels})
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "y", task="multilabel", memory=200_000)
    assert data.large is not None
    assert data.schema.classes == ("a", "b", "c")
