from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report.runs import METHODS, put, unit, unit_record
from report.whole import analysis

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


def test_what_a_run_may_leave_behind_is_read(make_whole: Any) -> None:
    run = make_whole()
    (run / "records" / "scores.json").write_text('{"adam": [[1000, 0.97]]}')
    off = unit("ablate-000-adam", "ablate", "adam", range(3, 4), (1000, 1001))
    put(run / "records" / "ablate-000-adam.json", unit_record(off))
    folder = load(run)
    assert folder.analysis == analysis("multiclass")
    assert folder.ablation is not None
    assert [record.unit.phase for record in folder.ablated] == ["ablate"]
    assert len(folder.confirmed) == 4
    for name in ("analysis.json", "ablation.json"):
        (run / name).unlink()
    assert (load(run).analysis, load(run).ablation) == (None, None)


@pytest.mark.parametrize("name", ["analysis", "ablation"])
def test_damage_to_them_is_named(make_whole: Any, name: str) -> None:
    run = make_whole()
    (run / f"{name}.json").write_text("{}")
    with pytest.raises(InputError, match=f"{name}.json: this {name} is damaged"):
        load(run)


def test_costs_and_progress_stand_in_the_order_of_the_ranking(make_whole: Any) -> None:
    folder = load(make_whole())
    assert folder.leaderboard is not None
    order = [row.name for row in folder.leaderboard.rows if row.test]
    assert [each.name for each in folder.costs] == order
    names = [each.name for each in folder.anytime]
    assert names == [name for name in order if name in METHODS]
    early, middle, end = folder.anytime[0].points
    assert early.score.mean < middle.score.mean < end.score.mean
    assert folder.costs[0].parameters == 12_000


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
