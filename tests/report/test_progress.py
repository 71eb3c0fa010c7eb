from __future__ import annotations

import io

import pytest
from rich.console import Console

from methodic.report import progress as shown


def _tell(progress: shown.Quiet) -> None:
    progress.phase("planning")
    progress.start(130, 60.0)
    progress.phase("screening")
    progress.update(31, 12345.0, "adamw-cosine", 42.2, 1_234_000_000)
    progress.update(32, 12.0, None, None)
    progress.say("a [note]")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown.Quiet() as progress:
        _tell(progress)
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with shown.Progress() as progress:
        _tell(progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["planning …", "screening …", "a [note]"]


def test_progress_on_a_terminal_shows_one_line_and_cleans_up() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with shown.Progress(console) as progress:
        _tell(progress)
        progress.update(31, 12345.0, "adamw-cosine", 42.2, 620_400_000)
        assert progress._bar is not None
        progress._bar.refresh()
    text = screen.getvalue()
    words = ("31/130", "12.3k steps/s", "620 MB", "42.0 s left", "adamw-cosine leads")
    assert all(word in text for word in words)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back


def test_progress_ends_when_the_run_fails() -> None:
    screen = io.StringIO()

    def fail() -> None:
        with shown.Progress(Console(file=screen, force_terminal=True)) as progress:
            progress.phase("screening")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")


def test_the_terminal_has_them_too() -> None:
    from methodic.report import terminal

    assert (terminal.Progress, terminal.Quiet) == (shown.Progress, shown.Quiet)
