"""Errors that teach: what is wrong, what was found, what is accepted, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"\b(line|row) (\d[\d,]*)")
_LISTED = re.compile(r"^ *(row) (\d[\d,]*)(?=: )", re.MULTILINE)  # broken images, one a line


class MethodicError(Exception):
    """Base of every error that Methodic raises on purpose."""


class InputError(MethodicError):
    """The user's input can't be used as it is; the command line ends with exit code 2.

    Args:
        problem: one sentence naming the file, row, column or field, and what is wrong with it.
        found: what was found there.
        accepted: what would have been accepted.
        advice: what to do next.

    Example:
        >>> print(InputError("'lr' must be positive", found=-1, advice="Try 0.001."))
        'lr' must be positive
          found: -1
          do: Try 0.001.
    """

    def __init__(
        self,
        problem: str,
        *,
        found: object = None,
        accepted: object = None,
        advice: str | None = None,
    ) -> None:
        self.problem = problem
        self.found = None if found is None else str(found)
        self.accepted = None if accepted is None else str(accepted)
        self.advice = advice
        super().__init__(problem)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders; keyword-only fields need to be told how.
        return (_rebuild, (self.problem, self.found, self.accepted, self.advice))

    def __str__(self) -> str:
        lines = [self.problem]
        for label, text in (
            ("found", self.found),
            ("accepted", self.accepted),
            ("do", self.advice),
        ):
            if text is not None:
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)


def _rebuild(
    problem: str, found: str | None, accepted: str | None, advice: str | None
) -> InputError:
    return InputError(problem, found=found, accepted=accepted, advice=advice)


class Interrupted(MethodicError):  # noqa: N818 - the user did it, nothing went wrong
    """The user asked to stop; everything finished so far is on disk."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The most similar of ``names``, or None when nothing is close.

    Example:
        >>> nearest("prise", ["price", "area"])
        'price'
    """
    known = list(names)
    folded = {each.casefold(): each for each in known}
    if name.casefold() in folded:
        return folded[name.casefold()]
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def unknown(what: str, name: str, names: Iterable[str], where: str = "") -> InputError:
    """The error for a name that isn't one of ``names``, with the nearest right one."""
    known = list(names)
    guess = nearest(name, known)
    shown = ", ".join(known[:20]) + (f", … ({len(known)} in all)" if len(known) > 20 else "")
    return InputError(
        f"{where + ': ' if where else ''}there is no {what} '{name}'",
        accepted=shown or "none",
        advice=f"Did you mean '{guess}'?" if guess else None,
    )


def shifted(error: InputError, rows: int, what: str = "row") -> InputError:
    """The same error about a table that begins ``rows`` rows (or lines) later."""

    def later(found: re.Match[str]) -> str:
        if found[1] != what:
            return found[0]
        start = found[0].removesuffix(found[2])
        return f"{start}{int(found[2].replace(',', '')) + rows:,}"

    return InputError(
        _NUMBERED.sub(later, error.problem),
        found=None if error.found is None else _LISTED.sub(later, error.found),
        accepted=error.accepted,
        advice=error.advice,
    )
