import json

import pytest
from report.across_runs import scored
from report.runs import FINALISTS

from methodic.errors import InputError
from methodic.report.finished import Side, distinct, read, scores


@pytest.fixture
def two(tmp_path):
    return [scored(tmp_path, "one"), scored(tmp_path, "two")]


def test_runs_and_their_scores(two):
    first, second = read(two, "a comparison")
    assert (first.name, second.name) == ("one", "two")
    assert set(FINALISTS) < set(first.methods)
    found = scores(first)
    assert [seed for seed, _ in found["adam"]] == list(range(1000, 1010))
    assert found["linear"] == [(-1, 0.9)]


def test_anything_with_a_folder_is_a_run(two):
    sides = read(two, "x")
    assert [side.name for side in read([str(two[0]), _With(sides[1])], "x")] == ["one", "two"]


class _With:
    def __init__(self, side: Side) -> None:
        self.folder = side.path


def test_equal_names_are_told_apart_by_their_paths(tmp_path):
    paths = [scored(tmp_path, "a/run"), scored(tmp_path, "b/run"), scored(tmp_path, "c")]
    assert [side.name for side in read(paths, "x")] == [str(paths[0]), str(paths[1]), "c"]
    assert distinct(["a", "b", "a"], ["x", "y", "z"]) == ["x", "b", "z"]


def test_two_different_runs_are_needed(two):
    for few in ([], two[:1], str(two[0]), two[0]):
        with pytest.raises(InputError, match="a comparison needs at least two runs"):
            read(few, "a comparison")
    with pytest.raises(InputError, match="named twice"):
        read([two[0], two[1], two[0].parent / "." / "one"], "a comparison")
    with pytest.raises(InputError, match="not the folder of a run"):
        read([two[0], two[0].parent], "a comparison")


@pytest.mark.parametrize("until", ["plan", "screen"])
def test_a_run_that_is_not_finished(tmp_path, two, until):
    path = scored(tmp_path, "three", until=until)
    with pytest.raises(InputError, match="isn't finished") as caught:
        read([two[0], path], "a comparison")
    assert caught.value.found == "interrupted"
    assert str(path) in caught.value.advice


def test_a_run_that_confirmed_nothing(tmp_path, two):
    path = scored(tmp_path, "three", plan={"confirm": None})
    with pytest.raises(InputError, match="confirmed nothing"):
        read([two[0], path], "a comparison")


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"adam": 3}',
        '{"adam": [[1.5, 0.9]]}',
        '{"adam": [[1, "0.9"]]}',
        '{"adam": [[1, 0.9, 2]]}',
        '{"adam": [[1, NaN]]}',
        '{"adam": [[true, 0.9]]}',
        "{",
    ],
)
def test_damaged_scores(two, content):
    side = read(two, "x")[0]
    (side.path / "records" / "scores.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        scores(side)


def test_scores_that_were_not_finite(two):
    side = read(two, "x")[0]
    content = json.dumps({"adam": [[1, None], [2, 0.5]]})
    (side.path / "records" / "scores.json").write_text(content, encoding="utf-8")
    assert scores(side) == {"adam": [(1, None), (2, 0.5)]}


def test_a_run_of_an_older_version(two):
    side = read(two, "x")[0]
    (side.path / "records" / "scores.json").unlink()
    with pytest.raises(InputError, match="kept no test scores") as caught:
        scores(side)
    assert f"methodic reproduce {side.path}" in caught.value.advice
