import json
from types import SimpleNamespace

import pytest
from report.across_runs import scored

from methodic import cli
from methodic.commands import running


def call(capsys, *args) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in args])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def two(tmp_path):
    return [
        scored(tmp_path, "one", means={"adam": 0.96, "sgd": 0.93}),
        scored(tmp_path, "two", means={"adam": 0.90}),
    ]


# --- runs -------------------------------------------------------------------------------------


def test_runs_are_compared(two, capsys):
    code, out, err = call(capsys, "compare", *two)
    assert (code, err) == (0, "")
    assert "The best on test rows is one: adam" in out
    assert "paired t" in out
    code, out, _ = call(capsys, "compare", *two, "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out)["rows"]] == ["one: adam", "sgd", "two: adam"]


def test_many_pairs_are_not_shown_but_counted(two, tmp_path, capsys):
    third = scored(tmp_path, "three", means=dict.fromkeys(("a", "b", "c", "momentum"), 0.9))
    plan = json.loads((third / "plan.json").read_text(encoding="utf-8"))
    recipes = {"adam": "a", "sgd": "b", "rmsprop": "c"}
    for each in plan["contenders"]:
        each["recipe"]["name"] = recipes.get(each["recipe"]["name"], each["recipe"]["name"])
    (third / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    code, out, _ = call(capsys, "compare", *two, third)
    assert code == 0
    assert "21 pairs: --json" in out
    assert "paired t-test" in out
    assert "first wins" not in out


@pytest.mark.parametrize(("name", "start"), [("table.md", "The best"), ("table.csv", "rank,name")])
def test_tables_are_written(two, tmp_path, capsys, name, start):
    code, out, _ = call(capsys, "compare", *two, "-o", tmp_path / name)
    assert code == 0
    assert str(tmp_path / name) in out
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_other_splits_are_refused_with_the_reason(two, tmp_path, capsys):
    other = scored(tmp_path, "three", data={"split_seed": 5})
    code, out, err = call(capsys, "compare", two[0], other)
    assert (code, out) == (2, "")
    assert "split (seed): one: 0; three: 5" in err
    code, out, _ = call(capsys, "compare", two[0], other, "--json")
    assert code == 2
    assert "split" in json.loads(out)["error"]["problem"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["{0}"], "at least two runs"),
        (["{0}", "adam"], "runs and methods can't be compared"),
        (["{0}", "{1}", "--budget", "20s", "--seed", "1"], "--budget, --seed: finished runs"),
        (["{0}", "{1}", "-o", "table.html"], "unknown format"),
        (["{0}", "{0}"], "named twice"),
        (["{0}", "{0}/records"], "not a run"),
        (["{0}", "nowhere/at-all"], "no such file"),
        (["adam", "sgd"], "--data digits"),
        (["adam", "--data", "digits"], "at least two methods"),
        (["adam", "adamm", "--data", "digits"], "Did you mean 'adam'?"),
        (["adam", "mine.yaml", "--data", "digits"], "mine.yaml: no such file"),
        (["adam", "sgd", "--data", "digitz"], "Did you mean 'digits'?"),
        (["adam", "sgd", "--data", "digits", "--metric", "acuracy"], "Did you mean 'accuracy'?"),
        (["adam", "sgd", "--data", "digits", "--budget", "soon"], "budget"),
    ],
)
def test_what_can_not_be_compared(two, capsys, args, told):
    code, out, err = call(capsys, "compare", *(each.format(*two) for each in args))
    assert (code, out) == (2, "")
    assert told in err


# --- methods ----------------------------------------------------------------------------------


def test_methods_are_run(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(running, "run_command", lambda *given, **more: calls.append((given, more)))
    mine = tmp_path / "mine.yaml"
    mine.touch()
    code, _, err = call(
        capsys, "compare", "adam", mine, "sgd", "--data", "digits", "--budget", "30s", "--seeds", 3
    )
    assert (code, err) == (0, "")
    ((given, more),) = calls
    how = more["how"]
    assert given == ("digits", None)
    assert (how.recipes, how.recipe) == ("adam,sgd", [str(mine)])
    assert (how.budget, how.seeds, how.seed, how.metric) == ("30s", 3, 0, None)


def test_what_is_passed_on_is_what_run_takes(monkeypatch, capsys):
    seen = SimpleNamespace()

    def run(data, **more):
        seen.recipes, seen.more = [each.name for each in more["recipes"]], more
        raise KeyboardInterrupt

    monkeypatch.setattr("methodic.runs.run", run)
    code, _, _ = call(
        capsys,
        "compare",
        "adam",
        "sgd",
        "--data",
        "iris",
        "--metric",
        "auc",
        "--seed",
        4,
        "--quiet",
    )
    assert code == 130
    assert seen.recipes == ["adam", "sgd"]
    assert (seen.more["budget"], seen.more["metric"], seen.more["seed"]) == (60.0, "auc", 4)


# --- ranks ------------------------------------------------------------------------------------


@pytest.fixture
def several(tmp_path):
    names = ("wine", "iris", "digits", "letters")
    return [scored(tmp_path, n, data={"name": n, "fingerprint": n}) for n in names]


def test_runs_are_ranked(several, tmp_path, capsys):
    code, out, err = call(capsys, "ranks", *several, "-o", tmp_path / "ranks.csv")
    assert (code, err) == (0, "")
    assert "mean rank" in out
    assert "Nemenyi" in out
    assert (tmp_path / "ranks.csv").read_text(encoding="utf-8").startswith("method,mean_rank")
    code, out, _ = call(capsys, "ranks", *several, "--json")
    found = json.loads(out)
    assert found["data"] == ["wine", "iris", "digits", "letters"]
    assert found["methods"][0]["mean_rank"] == 1.0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["{0}"], "at least two runs"),
        (["{0}", "elsewhere"], "no such file"),
        (["{0}", "{1}", "-o", "x.parquet"], "a name ending in .md or .csv"),
    ],
)
def test_what_can_not_be_ranked(several, capsys, args, told):
    code, out, err = call(capsys, "ranks", *(each.format(*several) for each in args))
    assert (code, out) == (2, "")
    assert told in err
