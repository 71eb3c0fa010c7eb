"""What was found: named, with evidence in numbers, and what to do about it.

All findings but the last kind are about the data, and made before anything trains.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from methodic.plan import FORMAT, Value

NAME = "findings.json"
"""Of the file in a run's folder."""

Name = Literal[
    "duplicates",
    "groups on both sides",
    "disguised target",
    "one column",
    "shift",
    "few rows",
    "unlearnt classes",
    "collapsed representation",
]
"""duplicates: test rows that are in training, by the user's own split; groups on both sides: the
same, of groups; disguised target: a column, or a sum of columns, is the target in another form; one
column: it predicts what all others together can't; shift: test rows are unlike training rows; few
rows: of a class; unlearnt classes: they have no training row; collapsed representation: to a
network that learnt without targets, rows look alike."""


class Finding(Value):
    """Something that makes scores say less, or another thing, than they seem to.

    ``serious`` findings make the scores themselves doubtful; the others say how to read them.
    """

    name: Name
    what: str  # one sentence
    evidence: tuple[str, ...]  # sentences, each with its numbers
    advice: str
    serious: bool
    columns: tuple[str, ...] = ()  # that it is about
    numbers: dict[str, float] = Field(default_factory=dict)  # the evidence for programs


class Findings(Value):
    """All findings of a run; RUN/findings.json."""

    format: int = FORMAT
    findings: tuple[Finding, ...] = ()  # serious ones first
    looked_for: tuple[str, ...] = ()  # in words
    not_looked_for: tuple[str, ...] = ()  # in words, and why
    split: str = ""  # how the rows were split, where not at random
    rows: int = 0  # training rows that were looked at, of those in a column by itself

    @property
    def serious(self) -> tuple[Finding, ...]:
        """Those that make the scores doubtful."""
        return tuple(each for each in self.findings if each.serious)
