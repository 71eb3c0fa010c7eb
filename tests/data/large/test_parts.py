"""Parts that each row tells by itself: near the shares, groups whole, times in order."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from methodic.data.large.keys import KEY
from methodic.data.large.parts import ENOUGH, Parts
from methodic.data.loading import load
from methodic.data.splits.given import TEST, TRAIN, VALIDATION
from methodic.errors import InputError

ROWS = 20_000


def stored(tmp_path, **more):
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 4))
    columns = {f"x{i}": x[:, i] for i in range(4)}
    pl.DataFrame({**columns, **more, "y": x[:, 0] > 0}).write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def divided(data, seed=0):
    parts = Parts(data, data.large.rows, seed)
    frames = list(data.large.frames(data.schema))
    return pl.concat(frames), np.concatenate([parts(frame) for frame in frames])


def shares(parts):
    return np.bincount(parts, minlength=3) / len(parts)


def test_usual_shares_and_another_split_for_another_seed(tmp_path):
    data = load(stored(tmp_path), "y", memory=10**6)
    _, parts = divided(data)
    assert np.abs(shares(parts) - [0.7, 0.15, 0.15]).max() < 0.015
    _, again = divided(data)
    assert (parts == again).all()
    assert 0.3 < (divided(data, 1)[1] != parts).mean() < 0.7


def test_very_many_rows_give_no_more_than_enough(tmp_path):
    data = load(stored(tmp_path), "y", memory=10**6)
    frame, _ = divided(data)
    assert np.abs(shares(Parts(data, 20 * ENOUGH, 0)(frame)) - [0.9, 0.05, 0.05]).max() < 0.01


def test_equal_rows_go_together(tmp_path):
    path = stored(tmp_path)
    frame = pl.read_parquet(path)
    pl.concat([frame.head(5000), frame, frame.head(5000)]).write_parquet(path)
    frame, parts = divided(load(path, "y", memory=10**6))
    assert (parts[:5000] == parts[5000:10_000]).all()
    assert (parts[:5000] == parts[-5000:]).all()


def test_groups_stay_whole(tmp_path):
    who = np.random.default_rng(1).integers(0, 500, ROWS)
    data = load(stored(tmp_path, who=who), "y", group="who", memory=10**6)
    frame, parts = divided(data)
    counted = pl.DataFrame({"key": frame[KEY], "part": parts}).group_by("key").n_unique()
    assert counted.height == 500
    assert (counted["part"] == 1).all()
    assert np.abs(shares(parts) - [0.7, 0.15, 0.15]).max() < 0.06


def test_a_share_that_was_asked_for(tmp_path):
    _, parts = divided(load(stored(tmp_path), "y", split="30%", memory=10**6))
    assert abs(shares(parts)[TEST] - 0.3) < 0.015
    assert abs(shares(parts)[VALIDATION] - 0.15 * 0.7 / 0.85) < 0.015


def test_later_rows_are_tested(tmp_path):
    days = [date(2020, 1, 1) + timedelta(days=int(i)) for i in np.arange(ROWS)[::-1] // 20]
    frame, parts = divided(load(stored(tmp_path, day=days), "y", time="day", memory=10**6))
    assert np.abs(shares(parts) - [0.7, 0.15, 0.15]).max() < 0.03
    by_part = [frame.filter(parts == part)["day"] for part in (TRAIN, VALIDATION, TEST)]
    assert by_part[0].max() < by_part[1].min()
    assert by_part[1].max() < by_part[2].min()


def test_a_column_of_parts_is_followed(tmp_path):
    part = np.where(np.arange(ROWS) < 15_000, "train", "test")  # no piece has both
    _, parts = divided(load(stored(tmp_path, part=part), "y", split="part", memory=10**6))
    assert (parts[15_000:] == TEST).all()
    assert (parts[:15_000] != TEST).all()
    assert abs((parts[:15_000] == VALIDATION).mean() - 0.15) < 0.02


def test_time_and_groups_together_are_refused(tmp_path):
    path = stored(tmp_path, who=np.arange(ROWS) // 9, when=np.arange(ROWS))
    data = load(path, "y", group="who", time="when", memory=10**6)
    with pytest.raises(InputError, match="not by both"):
        Parts(data, ROWS, 0)
