"""Durations as people write them: "60s", "2m", "1h"."""

from __future__ import annotations

import math
import re

from methodic.errors import InputError

SHORTEST = 10.0
"""The smallest budget in seconds; a comparison can't be planned in less."""

_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-z]*)")
_UNITS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_ACCEPTED = "seconds, minutes or hours, such as 90, 60s, 2m or 1h; at least 10s"


def parse_budget(text: str | float, name: str = "--budget", endless: bool = False) -> float:
    """Seconds in a budget.

    Args:
        text: a number of seconds, or a number with the unit s, m or h.
        name: what to call the budget in an error.
        endless: "none" is accepted, too.

    Returns:
        seconds, at least `SHORTEST`; infinity for "none".

    Raises:
        InputError: not a duration, or too short.

    Example:
        >>> parse_budget("2m"), parse_budget("90"), parse_budget(30)
        (120.0, 90.0, 30.0)
    """
    if isinstance(text, bool):
        raise InputError(f"{name}: not a duration", found=text, accepted=_ACCEPTED)
    if endless and (text == math.inf or str(text).strip().lower() == "none"):
        return math.inf
    match = _FORM.fullmatch(str(text).strip().lower())
    if match is None or match[2] not in _UNITS:
        raise InputError(f"{name}: not a duration", found=repr(text), accepted=_ACCEPTED)
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds < SHORTEST:
        raise InputError(f"{name}: too short", found=repr(text), accepted=_ACCEPTED)
    return seconds
