from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report.runs import METHODS

from methodic.errors import InputError
from methodic.report.folder import best, load, tried
from methodic.report.page import write

Change = Callable[[dict[str, Any]], object]


def test_everything_is_read(make_run: Any) -> None:
    folder = load(make_run())
    assert folder.leaderboard is not None
    assert len(folder.screened) == 6
    assert len(folder.confirmed) == 4
    assert [each.kind for each in folder.baselines] == ["constant", "gradient_boosting", "linear"]
    assert folder.state.status == "finished"


def test_partial_runs_are_read(make_run: Any) -> None:
    run = make_run(until="plan")
    (run / "run.json").unlink()
    folder = load(run)
    assert folder.leaderboard is None
    assert folder.state.status == "interrupted"
    assert tried(folder) == []


def test_screening_leaves_out_what_diverged(make_run: Any) -> None:
    folder = load(make_run(until="screen"))
    settings = tried(folder)
    assert len(settings) == 30
    lost = [each for each in settings if each.diverged]
    assert [(each.method, each.setting, len(each.scores)) for each in lost] == [("sgd", 4, 2)]
    assert all(each.mean is not None and math.isfinite(each.mean) for each in settings)


def test_each_method_is_shown_at_its_best_setting(make_run: Any) -> None:
    chosen = best(load(make_run(until="screen")))
    assert set(chosen) == set(METHODS)
    for name, each in chosen.items():
        (rate,) = each.numbers.values()
        assert 1 / 4 < rate / METHODS[name][1] < 4
    means = [each.mean or 0 for each in chosen.values()]
    assert means == sorted(means, reverse=True)


def _set(key: str, value: object) -> Change:
    return lambda document: document.update({key: value})


@pytest.mark.parametrize("file", ["plan.json", "run.json", "records/screen-001-sgd.json"])
@pytest.mark.parametrize(
    ("change", "words"),
    [(_set("format", 2), "newer version"), (_set("surprise", 1), "damaged")],
)
def test_wrong_files_are_named(make_run: Any, file: str, change: Change, words: str) -> None:
    run: Path = make_run()
    document = json.loads((run / file).read_text())
    change(document)
    (run / file).write_text(json.dumps(document))
    with pytest.raises(InputError, match=words) as caught:
        write(run)
    assert file in str(caught.value)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "\x00\x01", '{"format": 1}'])
@pytest.mark.parametrize("file", ["plan.json", "leaderboard.json"])
def test_damaged_files_are_named(make_run: Any, file: str, content: str) -> None:
    run: Path = make_run()
    (run / file).write_text(content)
    with pytest.raises(InputError, match="damaged") as caught:
        load(run)
    assert file in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}'])
def test_a_damaged_record_can_be_done_again_while_the_run_is_not_finished(
    make_run: Any, content: str
) -> None:
    run: Path = make_run()
    for name in ("screen-001-sgd", "baseline-linear"):
        path = run / "records" / f"{name}.json"
        before = path.read_text()
        path.write_text(content)
        for status, words in (("finished", "from a copy"), ("interrupted", "Delete this file")):
            state = json.loads((run / "run.json").read_text())
            (run / "run.json").write_text(json.dumps(state | {"status": status}))
            with pytest.raises(InputError, match="damaged") as caught:
                load(run)
            assert words in (caught.value.advice or "")
            assert path.name in str(caught.value)
        path.write_text(before)


def test_a_record_under_another_name(make_run: Any) -> None:
    run: Path = make_run()
    path = run / "records" / "screen-001-sgd.json"
    path.rename(path.with_name("screen-009-sgd.json"))
    with pytest.raises(InputError, match=r"screen-009-sgd\.json: this record is damaged"):
        load(run)


def test_a_metric_from_elsewhere_is_an_error(make_run: Any) -> None:
    run: Path = make_run()
    document = json.loads((run / "plan.json").read_text())
    (run / "plan.json").write_text(json.dumps(document | {"metric": "beauty"}))
    with pytest.raises(InputError, match="beauty"):
        load(run)


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        load(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "nowhere")
