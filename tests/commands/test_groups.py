"""Options that commands take together."""

import inspect
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from methodic import cli, options
from methodic.commands.groups import Columns, Comparison, Rows, flat
from methodic.errors import InputError


def test_each_field_of_a_group_is_an_option_where_the_group_stands() -> None:
    seen = []

    def command(data: options.Data, *, rows: Rows, quiet: options.Quiet = False) -> None:
        """Look."""
        seen.append((data, rows, quiet))

    found = flat(command)
    assert found.__doc__ == "Look."
    names = [*inspect.signature(found).parameters]
    assert (names[0], names[1], names[-2], names[-1]) == ("data", "task", "teacher", "quiet")
    app = typer.Typer()
    app.command()(found)
    words = ["d.csv", "--drop", "a", "--drop", "b", "--skip-broken", "--labels", "5%", "--quiet"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == [("d.csv", Rows(drop=["a", "b"], skip_broken=True, labels="5%"), True)]


def test_what_is_run_is_what_is_planned() -> None:
    """Both commands take the same options, in the same order; a plan alone is written nowhere."""
    typer_app = typer.main.get_command(cli.app)
    run, plan = (
        [option.opts for option in typer_app.commands[name].params] for name in ("run", "plan")
    )
    assert [each for each in run if each != ["--out"]] == plan
    assert ["--out"] in run
    assert run[:3] == [["data"], ["--target"], ["--budget"]]


def test_rows_without_a_target_labels_and_a_teacher(tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("a,b\n1,2\n")
    read = Rows(unlabelled=str(path), labels="5%", teacher=str(tmp_path)).reading(["a,b"])
    assert (read.unlabelled, read.labels, read.teacher) == (str(path), "5%", str(tmp_path))
    assert read.targets == ("a", "b")
    with pytest.raises(InputError, match="no such file"):
        Columns(unlabelled=str(tmp_path / "mroe.csv")).reading(None)
    with pytest.raises(InputError, match="--labels"):
        Rows(labels="a few").reading(None)
    with pytest.raises(InputError, match="no such file"):
        Rows(teacher=str(tmp_path / "nowhere")).reading(None)


@pytest.mark.parametrize("name", ["20%", "fold", "x" * 300])
def test_split_is_a_share_or_a_column(name: str) -> None:
    read = Columns(split=name).reading(None)
    assert (read.split, read.test) == (name, None)


@pytest.mark.parametrize("name", ["test.csv", "a/b", "rows.parquet", "t.csv.gz"])
def test_or_a_file_that_may_be_misspelt(name: str) -> None:
    read = Columns(split=name).reading(None)
    assert (read.split, read.test) == (None, name)


def test_a_comparison_is_checked_before_anything_is_read() -> None:
    given = Comparison(budget="2m", settings=8, sampler="tpe", seeds=3).checked()
    assert (given["budget"], given["seeds"], given["precision"]) == (120.0, 3, "auto")
    assert (given["search"].settings, given["search"].sampler) == (8, "tpe")
    for wrong in (
        Comparison(budget="soon"),
        Comparison(precision="half"),
        Comparison(equal="joy"),
        Comparison(sampler="luck"),
    ):
        with pytest.raises(InputError):
            wrong.checked()
