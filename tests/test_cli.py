from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from types import ModuleType, SimpleNamespace
from typing import Any

import polars as pl
import pytest

from methodic import cli
from methodic.errors import InputError, Interrupted
from methodic.evidence.sameness import Difference, Reproduction, Tally
from methodic.recipes import catalogue, io
from methodic.report import cells
from methodic.tuning import Search


def methodic(*args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(args)
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Stands in for methodic.runs: keeps what it was called with."""
    calls: dict[str, dict[str, Any]] = {}
    finished = SimpleNamespace(
        folder=tmp_path / "run",
        state=SimpleNamespace(status="finished"),
        leaderboard=None,
        diagnosis=None,
        findings=(),
        bundle_path=tmp_path / "run" / "model",
        report_path=tmp_path / "run" / "report.html",
    )

    def run(data: Any, **kwargs: Any) -> Any:
        calls["run"] = {"data": data, **kwargs}
        return finished

    def train(data: Any, recipe: Any, **kwargs: Any) -> Any:
        calls["train"] = {"data": data, "recipe": recipe, **kwargs}
        return finished

    def resume(folder: Path, progress: Any, **kwargs: Any) -> Any:
        calls["resume"] = {"folder": folder, "progress": progress, **kwargs}
        return finished

    def reproduce(folder: Path, data: Any, out: Any, **kwargs: Any) -> Any:
        calls["reproduce"] = {"folder": folder, "data": data, "out": out, **kwargs}
        if out is not None and out.name == "interrupted":
            out.mkdir()
            (out / "plan.json").touch()
            raise Interrupted(str(out))
        tally = Tally(kind="scores", bit=1200, tolerance=1, different=0)
        near = Difference(what="a [score]", grade="tolerance", first="0.1", again="0.10001")
        return Reproduction(
            first=str(folder),
            again="runs/again",
            tallies=(tally,),
            differences=(near,),
            reasons=(),
            verdict="Nearly.",
        )

    module = ModuleType("methodic.runs")
    module.__dict__.update(
        run=run, train_method=train, resume=resume, reproduce=reproduce, make_plan=run
    )
    monkeypatch.setitem(sys.modules, "methodic.runs", module)
    return calls


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    rows = "\n".join(f"{i},{i % 7},{'ab'[i % 2]},{i}" for i in range(60))
    path.write_text(f"x,z,label,id\n{rows}\n")
    return path


def test_run_passes_everything_on(
    runs: dict[str, dict[str, Any]], table: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("{name: mine, stages: [{}]}")
    options = (
        f"--target label --budget 2m --recipes adam,sgd --recipe {mine} --metric auc --seed 7 "
        f"--seeds 12 --out {tmp_path / 'new'} --device cuda:1 --threads 2 --workers 3 "
        "--task binary --drop id,z --no-compile --shared-batches --quiet "
        "--precision bfloat16 --memory-format contiguous --width 4 --equal steps --splits one "
        "--finalists all"
    ).split()
    assert methodic("run", str(table), *options) == 0
    call = runs["run"]
    data = call.pop("data")
    assert (data.schema.target, data.schema.task) == ("label", "binary")
    assert "id" not in data.frame.columns
    assert "z" not in data.frame.columns
    assert [recipe.name for recipe in call.pop("recipes")] == ["adam", "sgd", "mine"]
    assert type(call.pop("progress")).__name__ == "Quiet"
    assert call.pop("started") > 0
    assert call.pop("command").startswith("methodic")
    assert call == {
        "budget": 120.0,
        "metric": "auc",
        "seed": 7,
        "seeds": 12,
        "finalists": "all",
        "device": "cuda:1",
        "threads": 2,
        "workers": 3,
        "compile": False,
        "precision": "bfloat16",
        "memory_format": "contiguous",
        "width": 4,
        "shared_batches": True,
        "equal": "steps",
        "splits": "one",
        "detect": None,
        "search": None,
        "out": tmp_path / "new",
    }


@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_a_search_is_asked_for_is_passed_on(
    runs: dict[str, dict[str, Any]], table: Path, command: str
) -> None:
    options = [
        "--target",
        "label",
        "--search",
        "lr,width",
        "--sampler",
        "tpe",
        "--settings",
        "12",
        "--strategy",
        "hyperband",
        "--budget",
        "none",
        "--json",
    ]
    assert methodic(command, str(table), *options) in (0, 1)  # a plan isn't shown here
    call = runs["run"]
    assert call["search"] == Search(("lr", "width"), "tpe", 12, "hyperband")
    assert call["budget"] == math.inf


def test_wrong_words_about_a_search(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong, told in (
        (["--sampler", "tpo"], "tpe"),
        (["--strategy", "half"], "halving"),
        (["--settings", "1"], "2"),
    ):
        assert methodic("run", str(table), "--target", "label", *wrong) == 2
        assert told in capsys.readouterr().err


def test_a_password_is_not_part_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from methodic.arguments import typed

    for words in (
        ["--study", "postgresql://ann:secret@host/db"],
        ["--study=postgresql://ann:secret@host/db"],
    ):
        monkeypatch.setattr(sys, "argv", ["methodic", "run", "digits", *words])
        assert "secret" not in typed()
        assert "ann@host" in typed()


@pytest.mark.parametrize("command", ["run", "plan", "train"])
def test_rows_without_a_target_labels_and_a_teacher(
    runs: dict[str, dict[str, Any]], table: Path, tmp_path: Path, command: str
) -> None:
    more = tmp_path / "more.csv"
    more.write_text("x,z,id\n1,2,3\n4,5,6\n")
    model = tmp_path / "model"
    model.mkdir()
    options = f"--target label --unlabelled {more} --labels 20 --teacher {model} --json".split()
    method = ["--recipe", "adam"] if command == "train" else []
    assert methodic(command, str(table), *options, *method) in (0, 1)  # a plan isn't shown here
    data = runs["train" if command == "train" else "run"]["data"]
    reading = data.reading
    assert (reading.unlabelled, reading.labels, reading.teacher) == (str(more), "20", str(model))
    assert data.unlabelled.height == 2
    for wrong in (["--labels", "0"], ["--unlabelled", "none.csv"], ["--teacher", "nowhere"]):
        assert methodic(command, str(table), "--target", "label", *wrong, *method) == 2


def test_run_has_defaults(
    runs: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert methodic("run", "iris") == 0
    call = runs["run"]
    assert (call["budget"], call["recipes"], call["seed"], call["out"]) == (60.0, None, 0, None)
    assert type(call["progress"]).__name__ == "Progress"
    out = capsys.readouterr().out
    assert "iris" in out, "what the data are"
    assert "report.html" in out, "where everything lies"


def test_the_whole_library(runs: dict[str, dict[str, Any]]) -> None:
    assert methodic("run", "iris", "--recipes", "all") == 0
    assert runs["run"]["recipes"] == "all"


def test_lr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "lr.html"
    quick = ["--recipe", "sgd", "--rates", "3", "--seeds", "2", "--steps", "20", "--quiet"]
    assert methodic("lr", "iris", *quick, "--out", str(picture.parent)) == 2
    assert methodic("lr", "iris", *quick, "--out", str(picture)) == 0
    shown = capsys.readouterr().out
    assert "sgd on iris: learning rate" in shown
    assert "within noise" in shown
    assert f"picture: {picture}" in shown
    assert picture.exists()
    assert methodic("lr", "iris", *quick, "--out", str(picture), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["low"] <= found["best"] <= found["high"]


def test_train(runs: dict[str, dict[str, Any]]) -> None:
    assert methodic("train", "iris", "--recipe", "adam", "--steps", "50") == 0
    call = runs["train"]
    assert (call["recipe"].name, call["steps"], call["budget"]) == ("adam", 50, None)
    assert (call["compile"], call["precision"]) == (None, "auto")
    assert methodic("train", "iris", "--recipe", "adam", "--no-compile", "--precision=float32") == 0
    assert (runs["train"]["compile"], runs["train"]["precision"]) == (False, "float32")
    assert methodic("train", "iris", "--recipe", "adam", "--precision", "half") == 2
    assert methodic("train", "iris", "--recipe", "adam") == 0
    assert (runs["train"]["steps"], runs["train"]["budget"]) == (None, 60.0)
    assert 0 < runs["train"]["started"] <= monotonic(), "reading is part of the budget"
    assert methodic("train", "iris", "--recipe", "adam", "--steps", "5", "--budget", "1m") == 2


def test_resume(runs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    assert methodic("resume", str(tmp_path)) == 2
    (tmp_path / "plan.json").touch()
    assert methodic("resume", str(tmp_path)) == 0
    assert runs["resume"]["folder"] == tmp_path
    assert runs["resume"]["any_machine"] is False
    assert methodic("resume", str(tmp_path), "--any-machine") == 0
    assert runs["resume"]["any_machine"] is True


def test_more_workers_than_any_machine_has(
    runs: dict[str, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").touch()
    for command in ("reproduce", "ablate"):
        assert methodic(command, str(tmp_path), "--workers", "100000") == 2
        assert "--workers: no number of worker processes" in capsys.readouterr().err
    assert not runs


def test_reproduce(
    runs: dict[str, dict[str, Any]],
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    assert methodic("reproduce", str(run)) == 2
    run.mkdir()
    (run / "plan.json").touch()
    assert methodic("reproduce", str(run)) == 0
    call = runs["reproduce"]
    assert (call["folder"], call["data"], call["out"], call["workers"]) == (run, None, None, None)
    options = f"--data {table} --split {table} --out {tmp_path / 'new'} --workers 1".split()
    capsys.readouterr()
    assert methodic("reproduce", str(run), *options) == 0
    call = runs["reproduce"]
    assert (call["data"], call["test"], call["workers"]) == (str(table), table, 1)
    out = capsys.readouterr().out
    assert "to the bit 1,200 · to tolerance 1 · different 0" in out
    assert "a [score]" in out
    assert "Nearly." in out
    assert methodic("reproduce", str(run), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["grade"] == "tolerance"
    assert document["differences"][0]["what"] == "a [score]"
    # A folder that holds a reproduction already goes on; others have to be empty.
    assert methodic("reproduce", str(run), "--out", str(run)) == 0
    assert methodic("reproduce", str(run), "--out", str(tmp_path)) == 2


def test_a_reproduction_that_is_stopped_says_how_it_goes_on(
    runs: dict[str, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "a run {}", tmp_path / "interrupted"
    run.mkdir()
    (run / "plan.json").touch()
    assert methodic("reproduce", str(run), "--out", str(out)) == 130
    assert f"methodic reproduce '{run}' --out {out}" in capsys.readouterr().err


def test_a_run_nearby_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "iris-001" / "model").mkdir(parents=True)
    (tmp_path / "iris-001" / "plan.json").touch()
    for wrong in (tmp_path, tmp_path / "iris-001" / "model"):
        assert methodic("resume", str(wrong)) == 2
        assert f"Did you mean '{tmp_path / 'iris-001'}'?" in capsys.readouterr().err


def test_json_is_one_document(
    runs: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert methodic("run", "iris", "--json") == 0
    out, err = capsys.readouterr()
    assert set(json.loads(out)) == {
        "run",
        "status",
        "leaderboard",
        "findings",
        "model",
        "report",
    }
    assert err == ""
    assert type(runs["run"]["progress"]).__name__ == "Quiet"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("bad"), 2),
        (KeyboardInterrupt(), 130),
        (Interrupted(""), 130),
        (ZeroDivisionError("oh"), 1),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_exit_codes(
    error: BaseException,
    code: int,
    form: list[str],
    runs: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(sys.modules["methodic.runs"], "run", fail)
    assert methodic("run", "iris", *form) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if form:
        assert list(json.loads(out)) == ["error"]
        assert err == ""
    else:
        assert err


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that had two steps, and knows the towns A and B."""
    from methodic.data.loading import load
    from methodic.runs import train_method

    folder = tmp_path_factory.mktemp("trained")
    rows = {"x": list(range(60)), "town": ["AB"[i % 3 > 0] for i in range(60)]}
    rows["label"] = ["ab"[i % 2] for i in range(60)]
    train_method(load(pl.DataFrame(rows), "label"), "adam", steps=2, out=folder / "run")
    return folder / "run"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    lines = (f"{i},{'ABC'[i % 3]},{'ab'[i % 2]}" for i in range(9))
    path.write_text("x,town,label\n" + "\n".join(lines) + "\n")
    return path


def test_predict(
    bundle: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert methodic("predict", str(bundle), str(rows)) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "prediction,p_a,p_b"
    assert len(out.splitlines()) == 10
    assert err == "town: 3 cells hold a category that training never saw\n"

    for name, read in (("out.csv", pl.read_csv), ("out.parquet", pl.read_parquet)):
        assert methodic("predict", str(bundle), str(rows), "-o", str(tmp_path / name)) == 0
        assert read(tmp_path / name).columns == ["prediction", "p_a", "p_b"]
    assert methodic("predict", str(bundle), str(rows), "-o", str(tmp_path / "out.txt")) == 2

    capsys.readouterr()
    assert methodic("predict", str(bundle), str(rows), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["unseen"]) == (9, {"town": 3})
    assert document["predictions"][0].keys() == {"prediction", "p_a", "p_b"}


def test_evaluate(bundle: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic("evaluate", str(bundle), str(rows), "--metric", "f1") == 0
    assert capsys.readouterr().out.startswith("f1: ")
    one_class = rows.with_name("one.csv")
    kept = [line for line in rows.read_text().splitlines() if not line.endswith(",b")]
    one_class.write_text("\n".join(kept) + "\n")
    assert methodic("evaluate", str(bundle), str(one_class), "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert 0 <= scores["accuracy"] <= 1
    assert scores["auc"] is None
    assert "rmse" not in scores


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("3,A,b", "3,A,c", "the target 'label' has a class that training doesn't know"),
        ("3,A,b", "3,A,", "the target 'label' has no value"),
        ("3,A,b", "three,A,b", "'x'"),
        ("x,town,label", "x,town,lable", "there is no column 'label'"),
        ("x,town,label", "y,town,label", "a column is missing"),
    ],
)
def test_what_can_not_be_evaluated_names_its_file(
    bundle: Path, rows: Path, old: str, new: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.write_text(rows.read_text().replace(old, new))
    assert methodic("evaluate", str(bundle), str(rows)) == 2
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"methodic: {rows}: ")
    assert told in first


def test_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic("recipes", "adam") == 0
    printed = capsys.readouterr().out
    assert io.from_yaml(printed, "printed") == catalogue.get("adam")
    assert methodic("recipes") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in catalogue.names())
    assert methodic("recipes", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == list(catalogue.names())
    assert methodic("recipes", "adam", "--json") == 0
    assert io.from_data(json.loads(capsys.readouterr().out), "json") == catalogue.get("adam")


MANY = {
    "threads per worker": [
        *(f"{command} iris --threads" for command in ("run", "plan", "lr")),
        "train iris --recipe adam --threads",
    ],
    "worker processes": [
        *(f"{command} iris --workers" for command in ("run", "plan", "labels")),
        "ablate iris --recipe adam --workers",
    ],
}
# command line → the first line of the answer
BAD_INPUT = {
    "run digit": "methodic: there is no data set or file 'digit'",
    "run nowhere.csv": "methodic: nowhere.csv: no such file",
    "run iris --budget soon": "methodic: --budget: not a duration",
    "run iris --budget 3s": "methodic: --budget: too short",
    "run iris --equal second": "methodic: --equal: there is no equal 'second'",
    "run iris --splits two": "methodic: --splits: there is no splits 'two'",
    "run iris --detect 1% --seeds 5": "methodic: --detect chooses the number of seeds, on one "
    "split of the data",
    "run iris --detect 0": "methodic: --detect: nothing that could be detected",
    "run iris --recipes adma": "methodic: there is no recipe 'adma'",
    "run iris --finalists few": "methodic: --finalists: not a number of methods",
    "lr iris --recipe adma": "methodic: there is no recipe 'adma'",
    "lr iris --low 0 --recipe sgd": "methodic: --low must be a learning rate above 0",
    "lr iris --out pyproject.toml/x": "methodic: pyproject.toml/x: --out leads through a file",
    "run iris --recipes adam,adam": "methodic: recipe 'adam' is named twice",
    "run iris --recipe no.yaml": "methodic: no.yaml: no such file",
    "run iris --metric acuracy": "methodic: --metric: there is no metric 'acuracy'",
    "run iris --task clasification": "methodic: --task: there is no task 'clasification'",
    "run iris --device gpu": "methodic: --device: there is no device 'gpu'",
    "run iris --split no.csv": "methodic: no.csv: no such file",
    "run iris --out tests": "methodic: tests: --out names a folder with files in it",
    "run iris --out pyproject.toml": "methodic: pyproject.toml: --out names a file",
    **{
        f"{line} 100000": f"methodic: {line.split()[-1]}: no number of {what} for this machine, "
        f"which has {cells.count(os.cpu_count() or 1, 'core')}"
        for what, lines in MANY.items()
        for line in lines
    },
    "plan digit": "methodic: there is no data set or file 'digit'",
    "train iris --recipe adma": "methodic: there is no recipe 'adma'",
    "predict nowhere iris": "methodic: nowhere: no such file",
    "evaluate nowhere iris": "methodic: nowhere: no such file",
    "resume tests": "methodic: tests: not a run",
    "report tests": "methodic: tests: not a run",
    "reproduce tests": "methodic: tests: not a run",
    "reproduce nowhere": "methodic: nowhere: no such file",
    "recipes adma": "methodic: there is no recipe 'adma'",
}
USAGE = ["rnu iris", "run", "run iris --budgt 60s", "run iris --seed x", "run iris --seeds 0",
         "run iris --threads 0", "train iris", "train iris --recipe adam --steps 0", "resume",
         "plan iris --out x", "reproduce", "reproduce tests --workers -1",
         "lr", "lr iris --rates 2"]  # fmt: skip


@pytest.mark.parametrize("line", BAD_INPUT)
def test_bad_input(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    assert methodic(*line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == BAD_INPUT[line]
    assert methodic(*line.split(), "--json") == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["error"]["problem"] == BAD_INPUT[line].removeprefix("methodic: ")


@pytest.mark.parametrize("line", USAGE)
def test_bad_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic(*line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("methodic: ")
    assert "do: See methodic" in err
    assert methodic(*line.split(), "--json") == 2
    assert json.loads(capsys.readouterr().out)["error"]["problem"]


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert methodic() == 0
    bare = capsys.readouterr().out
    assert methodic("--help") == 0
    assert capsys.readouterr().out == bare
    for command in (
        "run", "plan", "train", "predict", "evaluate", "resume", "reproduce", "recipes",
        "report", "lr",
    ):  # fmt: skip
        assert command in bare
        assert methodic(command, "--help") == 0
    capsys.readouterr()
    assert methodic("--version") == 0
    assert capsys.readouterr().out.startswith("methodic 0.")


HEAVY = ("torch", "sklearn", "scipy", "polars", "optuna", "plotly")


def test_help_and_bad_arguments_answer_before_anything_heavy_is_imported() -> None:
    lines = ["--help", "run --help", "recipes adam", *BAD_INPUT, *USAGE]
    code = (
        "import sys\n"
        "from methodic.cli import main\n"
        f"for line in {lines!r}:\n"
        "    try:\n"
        "        main(line.split())\n"
        "    except SystemExit:\n"
        "        pass\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    assert not heavy, (line, heavy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_help_imports_no_validation_library() -> None:
    code = (
        "import sys\n"
        "from methodic.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "loaded = {'pydantic', 'rich', 'yaml', 'numpy'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_output_that_nobody_reads_on_ends_quietly() -> None:
    code = "from methodic.cli import main; main(['recipes', '--json'])"
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    writer.wait(timeout=60)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "line", ["recipes", "recipes adam", "recipes --json", "--version", "--help", "run digit --json"]
)
def test_a_full_disk_behind_standard_output_is_told(line: str, buffered: bool) -> None:
    with Path("/dev/full").open("w") as full:
        done = _apart(line, buffered, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    told = done.stderr.splitlines()
    assert told[0] == "methodic: standard output, or a temporary file, can't be written"
    assert told[1] == "  found: No space left on device"
    assert len(told) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_error_leaves_the_exit_code() -> None:
    with Path("/dev/full").open("w") as full:
        done = _apart("run digit", True, stdout=subprocess.PIPE, stderr=full)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
@pytest.mark.parametrize(("line", "code"), [("recipes adam", 0), ("recipes", 0), ("run digit", 2)])
def test_closed_streams_lead_nowhere(line: str, code: int, closed: str, tmp_path: Path) -> None:
    numbers = {"stdout": [1], "stderr": [2], "both": [1, 2]}[closed]

    def close() -> None:
        for number in numbers:
            os.close(number)

    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as stdout, err.open("w") as stderr:
        done = _apart(line, True, stdout=stdout, stderr=stderr, preexec_fn=close)
    assert done.returncode == code
    assert bool(out.read_text()) == (closed == "stderr" and code == 0)
    assert bool(err.read_text()) == (closed == "stdout" and code == 2)
    assert "Traceback" not in err.read_text()


def _apart(line: str, buffered: bool, **streams: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    script = "import sys; from methodic.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, *([] if buffered else ["-u"]), "-c", script, *line.split()],
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        text=True,
        timeout=60,
        check=False,
        **streams,
    )
