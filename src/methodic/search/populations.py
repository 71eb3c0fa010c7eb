"""Population-based training: weights of the better ones, numbers nearby.

All members train at once, each with its own numbers. At the end of each round but the last, those
of the worst fifth are replaced by copies of random ones of the best fifth, whose numbers are
changed a little; so numbers change while a network trains, as a schedule would. Who is best is
decided by the weights that are there to be copied: a member inherits the best score of those that
it descends from, and one that collapsed since would be copied for it.

Source: Jaderberg et al. 2017 (arXiv 1711.09846): truncation selection; perturb or resample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from methodic.errors import InputError
from methodic.recipes.ranges import LogUniform, Options, Structural, Uniform
from methodic.recipes.spaces import Dimension
from methodic.search.chance import uniform
from methodic.search.jobs import Candidate, Fresh, Job, Outcome, ranked
from methodic.search.points import values
from methodic.tuning import Scalar, Setting

FACTORS = (0.8, 1.25)
"""By which numbers change."""

RESAMPLED = 0.25
"""Share of numbers that are drawn anew instead."""

TRUNCATED = 0.2
"""Share of the population that is replaced, and share that is copied."""

Copy = Callable[[int, Setting], Candidate]
"""A new candidate with the weights of one, and a setting."""


def check(dimensions: Sequence[Dimension], structural: Sequence[str], where: str) -> None:
    """Whether a population can train in a space: numbers change on the way, networks don't.

    Args:
        dimensions: of the space.
        structural: paths of those that are structure.
        where: whose space it is, for the error.

    Raises:
        InputError: structure is searched for, or a number may be 0, which switches its part off:
            weights that were trained without it have nothing of its to go on from.
    """
    switches = [each.path for each in dimensions if _may_be_0(each.range)]
    wrong = [*structural, *(path for path in switches if path not in structural)]
    if wrong:
        raise InputError(
            f"{where}: population-based training changes numbers while a network trains, and can't "
            "change the network",
            found=", ".join(wrong),
            accepted="ranges of numbers such as lr, weight_decay or dropout, without 0",
            advice="Take --strategy halving, or leave these fields out of the search.",
        )
    if not dimensions:
        raise InputError(f"{where}: there is nothing to search for", accepted="at least one range")


def _may_be_0(found: Structural) -> bool:
    if isinstance(found, Options):
        return 0 in found.labels
    return isinstance(found, Uniform) and found.uniform[0] <= 0 <= found.uniform[1]


class Population:
    """Members that train together, and copy each other.

    Args:
        members: how many.
        rounds: stretches between which they are compared, all of one length.
        dimensions: of the space.
        seed: of the search.
        fresh: where candidates come from.
        copy: makes a candidate that takes over another one's weights.
        greater_is_better: of the scores.
    """

    def __init__(
        self,
        members: int,
        rounds: int,
        dimensions: Sequence[Dimension],
        *,
        seed: int,
        fresh: Fresh,
        copy: Copy,
        greater_is_better: bool,
    ) -> None:
        self._size, self._rounds, self._seed = members, rounds, seed
        self._dimensions = tuple(dimensions)
        self._fresh, self._copy, self._greater = fresh, copy, greater_is_better
        self._round = 0
        self._members: dict[int, Candidate] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._waiting: list[Job] = []
        self._begun = False

    @property
    def over(self) -> bool:
        """Whether there will be no more jobs."""
        self._begin()
        return not self._members

    @property
    def alive(self) -> Collection[int]:
        """Candidates that may train on."""
        return self._members

    def ask(self, free: int) -> list[Job]:  # noqa: ARG002 - a round belongs together
        """All of a round as soon as the one before is judged."""
        self._begin()
        jobs, self._waiting = self._waiting, []
        return jobs

    def tell(self, job: Job, outcome: Outcome) -> None:
        """The outcome of a job of this round."""
        self._outcomes[job.candidate] = outcome
        if len(self._outcomes) == len(self._members):
            self._advance()

    def shorten(self) -> None:
        """A population that has begun trains to the end; it takes no fresh members anyway."""
        if not self._begun or (self._round == 0 and len(self._waiting) == len(self._members)):
            self._begun, self._members, self._waiting = True, {}, []

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._enter({each.number: each for each in self._fresh(self._size)}, {})

    def _enter(self, members: dict[int, Candidate], parents: Mapping[int, int]) -> None:
        self._members, self._outcomes = members, {}
        self._waiting = [
            Job(
                candidate=each.number,
                recipe=each.recipe,
                setting=each.setting,
                since=self._round,
                rung=self._round + 1,
                until=(self._round + 1) / self._rounds,
                parent=parents.get(each.number),
            )
            for each in members.values()
        ]

    def _advance(self) -> None:
        self._round += 1
        going = {n: o for n, o in sorted(self._outcomes.items()) if o.status != "ended"}
        now = ((number, outcome.current) for number, outcome in going.items())
        order = [number for number, _ in ranked(now, self._greater)]
        if self._round == self._rounds or not order:
            self._members = {}
            return
        share = max(int(len(going) * TRUNCATED), 1 if len(going) > 1 else 0)
        failed = [number for number in going if number not in order]
        worst = order[len(order) - max(share - len(failed), 0) :] if len(order) > 1 else []
        replaced = {*failed, *worst}
        donors = [number for number in order[: max(share, 1)] if number not in replaced]
        members: dict[int, Candidate] = {}
        parents: dict[int, int] = {}
        for number in going:
            if number not in replaced:
                members[number] = self._members[number]
                continue
            self._members[number].replaced = True
            donor = donors[int(uniform(self._seed, "donor", self._round, number) * len(donors))]
            setting = perturbed(
                self._dimensions, self._members[donor].setting, self._seed, self._round, number
            )
            child = self._copy(donor, setting)
            members[child.number], parents[child.number] = child, donor
        self._enter(members, parents)


def perturbed(
    dimensions: Sequence[Dimension], setting: Mapping[str, Scalar], seed: int, *path: int | str
) -> Setting:
    """A setting nearby: each number by a factor of `FACTORS`, or drawn anew.

    Numbers stay in their ranges; one of a choice moves to its neighbour.

    Args:
        dimensions: all of numbers.
        setting: to start from.
        seed, path: of the random decisions.

    Example:
        >>> lr = Dimension("lr", LogUniform(log_uniform=(1e-4, 1e-1)))
        >>> perturbed([lr], {"lr": 0.01}, 0, "round", 1)["lr"] in (0.008, 0.0125)
        True
    """
    found: Setting = {}
    for each in dimensions:
        draw = _Draws(seed, *path, each.path)
        found[each.path] = _moved(each, setting[each.path], draw)
    return found


class _Draws:
    def __init__(self, seed: int, *path: int | str) -> None:
        self._seed, self._path, self._n = seed, path, 0

    def __call__(self) -> float:
        self._n += 1
        return uniform(self._seed, "perturb", *self._path, self._n)


def _moved(dimension: Dimension, value: Scalar, draw: Callable[[], float]) -> Scalar:
    anew, up = draw() < RESAMPLED, draw() < 0.5
    each = dimension.range
    options = values(dimension)
    if options is not None:
        if anew:
            return options[int(draw() * len(options))]
        place = options.index(value) + (1 if up else -1)
        return options[min(max(place, 0), len(options) - 1)]
    assert isinstance(each, LogUniform | Uniform)
    assert not isinstance(value, str)
    low, high = each.log_uniform if isinstance(each, LogUniform) else each.uniform
    found = value * FACTORS[up]
    if anew:
        share = draw()
        even = low + share * (high - low)
        found = low * (high / low) ** share if isinstance(each, LogUniform) else even
    return min(max(found, low), high)
