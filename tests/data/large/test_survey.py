"""The first look: a fair sample, all classes, the same wherever the file is cut."""

import numpy as np
import polars as pl
import pytest

from methodic.data.large import survey
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
