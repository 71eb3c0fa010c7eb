"""What a user asks for in words, as values: precision, splits, a difference to be found."""

from __future__ import annotations

import math
import os
from typing import Literal, cast, get_args

from methodic.errors import InputError, unknown
from methodic.plan import Equal, MemoryFormat, Precision, Splits, Value

MOST = 64
"""So many threads or processes may be asked for at least, whatever the machine."""


class Asked(Value):
    """What the user wants of the machine; None: what is fastest here and does no harm."""

    precision: Precision | None = None
    memory_format: MemoryFormat | None = None
    width: int | None = None


def asked(precision: str, memory_format: str, width: int | None) -> Asked:
    """The user's wishes, out of words as they were typed; "auto" is none.

    Raises:
        InputError: an unknown word, or a width below 1.
    """
    for option, word, known in (
        ("--precision", precision, get_args(Precision)),
        ("--memory-format", memory_format, get_args(MemoryFormat)),
    ):
        if word not in ("auto", *known):
            raise unknown(option.strip("-").replace("-", " "), word, ["auto", *known], option)
    if width is not None and width < 1:
        raise InputError("--width must be at least 1", found=width)
    typed = {"precision": precision, "memory_format": memory_format, "width": width}
    return Asked.model_validate({k: v for k, v in typed.items() if v != "auto"})


def check_machine(threads: int | None, workers: int | None) -> None:
    """Refuse numbers of threads and processes that no machine has; None is measured.

    Torch doesn't refuse them: it ends the process where the system has no more threads to give.

    Raises:
        InputError: below what there must be, or more than `MOST` and four for each core.
    """
    cores = os.cpu_count() or 1
    most = max(MOST, 4 * cores)
    for option, what, given, least in (
        ("--threads", "threads per worker", threads, 1),
        ("--workers", "worker processes", workers, 0),
    ):
        if given is not None and not least <= given <= most:
            here = "1 core" if cores == 1 else f"{cores} cores"
            raise InputError(
                f"{option}: no number of {what} for this machine, which has {here}",
                found=f"{given:,}",
                accepted=f"{least} to {most:,}" + ("" if least else "; 0 trains in this process"),
                advice=f"Leave {option} out, and it is chosen for you.",
            )


def difference(text: str | float, option: str = "--detect") -> tuple[float, bool]:
    """A difference of scores as people write it: "0.5%", "0.5 points" or 0.005.

    Returns:
        the number, and whether it is in points of a percentage.

    Raises:
        InputError: no number above 0.

    Example:
        >>> difference("0.5%"), difference(0.02)
        ((0.5, True), (0.02, False))
    """
    typed = str(text).strip().lower()
    bare = typed.removesuffix("points").strip().removesuffix("%")
    accepted = "a number above 0, such as 0.5% or 0.005"
    try:
        value = math.nan if isinstance(text, bool) else float(bare)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise InputError(f"{option}: not a number", found=repr(text), accepted=accepted)
    if not 0 < value < math.inf:
        raise InputError(f"{option}: nothing that could be detected", found=text, accepted=accepted)
    return value, bare != typed


def count_of_finalists(typed: str | int | None) -> int | Literal["all"] | None:
    """How many methods are to be confirmed, out of what was typed; None leaves it to the plan.

    Raises:
        InputError: neither a whole number above 0 nor "all".

    Example:
        >>> count_of_finalists("4"), count_of_finalists("all")
        (4, 'all')
    """
    if typed is None or typed == "all":
        return cast(Literal["all"] | None, typed)
    text = str(typed).strip()
    if isinstance(typed, bool) or not text.isdecimal() or int(text) < 1:
        raise InputError(
            "--finalists: not a number of methods",
            found=repr(typed),
            accepted="a whole number, at least 1, or all",
        )
    return int(text)


def check_design(
    equal: str, splits: str, detect: str | float | None, seeds: int | None
) -> tuple[Equal, Splits | None]:
    """What the user wants of the comparison, out of words as they were typed; "auto" is None.

    Raises:
        InputError: an unknown word, or wishes that don't fit each other.
    """
    for option, word, known in (
        ("--equal", equal, get_args(Equal)),
        ("--splits", splits, ("auto", *get_args(Splits))),
    ):
        if word not in known:
            raise unknown(option.strip("-"), word, known, option)
    if detect is not None and (seeds is not None or splits == "cv"):
        raise InputError(
            "--detect chooses the number of seeds, on one split of the data",
            found=f"--seeds {seeds}" if seeds is not None else "--splits cv",
            advice="Leave one of the two out.",
        )
    if detect is not None:
        difference(detect)
    return cast(Equal, equal), None if splits == "auto" else cast(Splits, splits)
