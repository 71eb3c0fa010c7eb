from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from report.runs import make_leaderboard

from methodic import console
from methodic.errors import InputError, Interrupted

BAD = InputError("a.csv: bad", found=0, advice="Try 1.")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (BAD, 2, "methodic: a.csv: bad\n  found: 0\n  do: Try 1.\n"),
        (Interrupted("Stopped."), 130, "Stopped.\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
        (
            ZeroDivisionError("oh"),
            1,
            "methodic: Sorry, this is a fault of Methodic's own: ZeroDivisionError: oh\n"
            "  do: Set METHODIC_DEBUG=1 and run it again to see where.\n",
        ),
    ],
)
def test_ends(
    error: BaseException,
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("METHODIC_DEBUG", raising=False)
    assert console.end(error, as_json=False) == code
    assert capsys.readouterr() == ("", text)
    assert console.end(error, as_json=True) == code
    out, err = capsys.readouterr()
    assert list(json.loads(out)) == ["error"]
    assert err == ""


def test_a_path_that_can_not_be_looked_at_is_no_fault_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for error in (PermissionError(13, "Permission denied", "/x/y"), OSError(36, "too long", "/x")):
        assert console.end(error, as_json=False) == console.USAGE
        told = capsys.readouterr().err
        assert f"{error.filename}: it can't be told what is there" in told
    assert console.end(OSError(5, "Input/output error", "/x"), as_json=False) == console.OURS


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_stream_that_takes_no_more_is_no_fault_of_ours(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    error = OSError(number, os.strerror(number))
    assert console.end(error, as_json=False) == console.USAGE
    told = capsys.readouterr().err
    assert "standard output, or a temporary file, can't be written" in told
    assert f"found: {os.strerror(number)}" in told
    assert "do: Make room" in told


def test_who_can_not_be_told_has_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stderr", Full())
    assert console.end(BAD, as_json=False) == console.USAGE


def test_an_error_as_json_has_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    console.end(BAD, as_json=True)
    parts = {"problem": "a.csv: bad", "found": "0", "advice": "Try 1."}
    assert json.loads(capsys.readouterr().out) == {"error": parts}


def test_the_traceback_on_demand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METHODIC_DEBUG", "1")
    console.end(ZeroDivisionError("oh"), as_json=False)
    assert "ZeroDivisionError: oh\nmethodic: Sorry" in capsys.readouterr().err


def interrupt(folder: Path | None, error: BaseException) -> None:
    with console.running(folder, silent=True) as progress:
        progress.phase("training")
        raise error


def stop(folder: Path | None, error: BaseException) -> str:
    with pytest.raises(Interrupted) as caught:
        interrupt(folder, error)
    return str(caught.value)


def test_ctrl_c_says_what_was_kept(tmp_path: Path) -> None:
    assert stop(None, KeyboardInterrupt()) == "Stopped before anything was kept."
    assert stop(tmp_path, KeyboardInterrupt()) == "Stopped before anything was kept."
    (tmp_path / "plan.json").touch()
    kept = f"Stopped. Everything finished so far is in {tmp_path}.\n"
    for folder, error in (
        (tmp_path, KeyboardInterrupt()),
        (None, Interrupted(str(tmp_path))),  # a run that chose its folder itself
    ):
        assert stop(folder, error) == kept + f"  do: Go on with it: methodic resume {tmp_path}"


def test_several_runs_are_gone_on_with_by_the_same_words(tmp_path: Path) -> None:
    def stopped(error: BaseException) -> str:
        again = "Repeat the command with --out {folder}: what is finished stays."
        with pytest.raises(Interrupted) as caught, console.running(None, silent=True, again=again):
            raise error
        return str(caught.value)

    assert stopped(Interrupted(str(tmp_path))) == "Stopped before anything was kept."
    (tmp_path / "asked.json").touch()
    said = stopped(Interrupted(str(tmp_path)))
    assert f"in {tmp_path}." in said
    assert said.endswith(f"do: Repeat the command with --out {tmp_path}: what is finished stays.")


def test_sigterm_is_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "plan.json").touch()
    usual = signal.getsignal(signal.SIGTERM)

    def asked() -> None:
        with console.running(tmp_path, silent=True):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted, match="methodic resume"):
        asked()
    assert signal.getsignal(signal.SIGTERM) is usual
    with ThreadPoolExecutor(1) as pool, console.running(None, silent=True):
        assert pool.submit(interrupt, None, ZeroDivisionError()).exception() is not None


def test_other_errors_pass_through() -> None:
    with pytest.raises(InputError):
        interrupt(None, BAD)


def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = "a [bold]name[/bold] " + "and a long line " * 20
    console.show(text)
    assert capsys.readouterr().out == text + "\n"


def test_json_holds_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        console.show_json(float("nan"))


def test_what_the_plan_says_of_rows_without_a_target_stands_below_the_ranking(
    capsys: pytest.CaptureFixture[str],
) -> None:
    board = make_leaderboard()

    def shown(unlabelled: int) -> str:
        notes = ("Choosing by 20 validation rows is noisy.", board.notes[0])
        plan = SimpleNamespace(notes=notes, data=SimpleNamespace(unlabelled=unlabelled))
        here = dict.fromkeys(("folder", "bundle_path", "report_path"), Path("here"))
        run: Any = SimpleNamespace(
            plan=plan, leaderboard=board, ablation=None, diagnosis=None, search=None, **here
        )
        console.show_run(run, as_json=False)
        return capsys.readouterr().out

    told = shown(500)
    assert told.count(board.notes[0]) == 1
    assert told.index("Choosing by 20") < told.index(board.verdict)
    assert "Choosing by" not in shown(0)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_a_terminal_does_not_have(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
    console.speak()
    console.show("é × – 97%")
    console.show_json({"é": "–"})
    console.hand_over("é,–\n")  # a file's bytes
    console.show("end")
    sys.stdout.flush()
    lines = raw.getvalue().splitlines()
    assert lines[0].decode(encoding).endswith("97%")
    assert json.loads(b"".join(lines[1:4])) == {"é": "–"}
    assert [each.decode() for each in lines[4:]] == ["é,–", "end"]
