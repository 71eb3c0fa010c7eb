"""A population: a cohort in memory whose members come and go between steps.

A search asks for candidates, trains them for a while, looks at their scores, and says who stands
where from then on: members go on, once or as several copies with other Numbers, leave, and make
room for new ones. Weights never leave the device. Whatever happens around a member, it trains to
the bit as it would alone, from its own step 0.

The cohort is as wide as there are members. Machine code is that of one member's step, so it serves
every width, and none is made when members come and go.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.evaluation import Judge, Scores, validated
from methodic.engine.parts import Cohort, Stage, State, picked
from methodic.engine.step import Seen
from methodic.engine.stretch import AHEAD
from methodic.errors import InputError
from methodic.recipes import numbers
from methodic.recipes.difference import difference
from methodic.recipes.types import Recipe


class Make(Protocol):
    """Builds a cohort, as `build.cohort` does with ``changing=True``."""

    def __call__(
        self, recipes: Sequence[Recipe], seeds: Sequence[int], *, born: Sequence[int]
    ) -> Cohort: ...


@dataclass(frozen=True)
class Newcomer:
    """Somebody new: weights from the seed, and a clock that starts at 0."""

    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class Stay:
    """The member at ``place`` goes on: with its weights, its optimizer's state and its clock.

    Args:
        place: where it stands now.
        numbers: path → new value, such as {"stages.0.turns.0.optimizer.lr": 0.01}; all others stay.
    """

    place: int
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """Who stands at a place, and how far it has come.

    Attributes:
        steps: its optimizer steps by now, of all stages; of one that diverged, those until then.
        status: "finished" after all steps of its recipe; "diverged": frozen where last finite.
    """

    recipe: Recipe
    seed: int
    steps: int = 0
    status: Literal["training", "finished", "diverged"] = "training"
    born: int = 0  # on the cohort's clock


class Population:
    """Members of one shape that train together, come and go.

    The recipes' stop criteria are left to whoever decides here, and a plateau schedule doesn't act.

    Args:
        make: builds a cohort for recipes, seeds and births.
        newcomers: who is there at first, at least one.
        rows: training rows on the cohort's device.
        judge: scores members on validation rows.

    Raises:
        InputError: nobody is there, or the recipes differ in more than their Numbers.

    Example:
        >>> from functools import partial
        >>> make = partial(build.cohort, steps=[900], changing=True, …)     # doctest: +SKIP
        >>> population = Population(make, newcomers, rows, judge)           # doctest: +SKIP
        >>> population.advance(100)                                         # doctest: +SKIP
        >>> best, *others = np.argsort(-population.scores().score)          # doctest: +SKIP
        >>> population.reseat([Stay(best), Stay(best, {LR: 0.02})])         # doctest: +SKIP
    """

    def __init__(self, make: Make, newcomers: Sequence[Newcomer], rows: Rows, judge: Judge) -> None:
        self._make = make
        self._rows = rows
        self._judge = judge
        self._members: tuple[Member, ...] = ()
        self._stage = 0  # index
        self._before = 0  # steps of the stages before it
        self._cohort: Cohort | None = None
        self._state: State | None = None
        self.reseat(newcomers)

    @property
    def members(self) -> tuple[Member, ...]:
        """Who stands where."""
        return self._members

    def advance(self, steps: int) -> int:
        """Train everybody who isn't through; returns the steps made.

        They are fewer than ``steps`` only if nobody has to train any more: a member makes as many
        as its recipe's cohort was built for.
        """
        made = 0
        while made < steps and any(each.status == "training" for each in self._members):
            made += self._stretch(steps - made)
        return made

    def scores(self) -> Scores:
        """Each member's score and loss on the judge's rows; of averaged weights, where averaged."""
        cohort, flat, buffers = self._shown()
        return self._judge(validated(cohort, flat, buffers, self._judge.rows))

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parameters and buffers by name, [M, …] each: those that `scores` looks at."""
        cohort, flat, buffers = self._shown()
        return cohort.layout.views(flat), buffers

    def keep(self, places: Sequence[int]) -> None:
        """Only the members at these places go on, in this order."""
        self.reseat([Stay(place) for place in places])

    def join(self, newcomers: Sequence[Newcomer]) -> None:
        """Everybody goes on, and newcomers stand behind them."""
        self.reseat([*(Stay(place) for place in range(len(self._members))), *newcomers])

    def reseat(self, seats: Sequence[Stay | Newcomer]) -> None:
        """Who stands at the places 0, 1 … from now on; whoever isn't named is gone.

        A place may be named several times: the copies differ in the Numbers that are given. Who is
        finished or has diverged stays so.

        Raises:
            InputError: nobody or nobody's place is named, a newcomer or a new Number asks for
                another structure than the population's, or it is no time for newcomers: within the
                turns of a step, or after the start of a recipe of several stages. Nothing changes
                then.
        """
        if not seats:
            raise InputError("a population needs at least one member", found="no seats")
        members = [self._seated(seat) for seat in seats]
        cohort = self._built(members)
        stage = cohort.stages[self._stage]
        new = [i for i, seat in enumerate(seats) if isinstance(seat, Newcomer)]
        states = [] if self._state is None else [self._state]
        if new:
            states.append(_fresh(cohort, stage, new, self._rows))
        behind = len(self._members)
        rows = [
            seat.place if isinstance(seat, Stay) else behind + new.index(i)
            for i, seat in enumerate(seats)
        ]
        self._state = picked(states, torch.tensor(rows, device=cohort.device))
        self._members, self._cohort = tuple(members), cohort

    def _seated(self, seat: Stay | Newcomer) -> Member:
        if isinstance(seat, Newcomer):
            now = 0 if self._state is None else self._before + self._state.steps_taken
            return Member(seat.recipe, seat.seed, born=now)
        if not 0 <= seat.place < len(self._members):
            raise InputError(
                "nobody stands at this place of the population",
                found=seat.place,
                accepted=f"0 to {len(self._members) - 1}",
            )
        member = self._members[seat.place]
        if not seat.numbers:
            return member
        return replace(member, recipe=numbers.replace(member.recipe, seat.numbers))

    def _built(self, members: Sequence[Member]) -> Cohort:
        here = (self._members or members)[0].recipe
        for each in members:
            _check_alike(here, each.recipe)
        cohort = self._make(
            [each.recipe for each in members],
            [each.seed for each in members],
            born=[each.born for each in members],
        )
        same = self._cohort is None or cohort.numbers.keys() == self._cohort.numbers.keys()
        assert same, "build with changing=True"
        return cohort

    @property
    def _now(self) -> tuple[Cohort, State]:
        assert self._cohort is not None
        assert self._state is not None
        return self._cohort, self._state

    def _stretch(self, most: int) -> int:
        """Train to the next end of a member, but not too far and at most ``most`` steps."""
        cohort, state = self._now
        stage = cohort.stages[self._stage]
        done = (state.steps_taken - m.born for m in self._members if m.status == "training")
        count = min(most, AHEAD, stage.steps - max(done))
        finite: list[Tensor] = []

        def observe(seen: Seen) -> None:
            finite.append(seen.finite)

        self._state = loop.advance(cohort, stage, state, self._rows, count, observe)
        self._note(count, finite)
        return count

    def _shown(self) -> tuple[Cohort, Tensor, dict[str, Tensor]]:
        """The cohort, and its weights and buffers to evaluate."""
        cohort, state = self._now
        return cohort, *loop.evaluated(cohort, cohort.stages[self._stage], state, self._rows)

    def _note(self, count: int, finite: Sequence[Tensor]) -> None:
        """Bring the members up to date after ``count`` more steps; begin the next stage in time."""
        cohort, state = self._now
        stage, last = cohort.stages[self._stage], self._stage == len(cohort.stages) - 1
        alive, members, through = state.alive.tolist(), list(self._members), False
        for m, each in enumerate(members):
            if each.status != "training":
                continue
            if not alive[m]:
                until = int(torch.stack([flags[m] for flags in finite]).int().argmin())
                members[m] = replace(each, steps=each.steps + until, status="diverged")
                continue
            members[m] = replace(each, steps=each.steps + count)
            if state.steps_taken - each.born == stage.steps:
                through = True
                if last:
                    members[m], alive[m] = replace(members[m], status="finished"), False
        self._members = tuple(members)
        if not any(each.status == "training" for each in members):
            # Nobody waits for the turns that are left of a round, so newcomers needn't either.
            rounds = -(-state.steps_taken // stage.round)
            state = replace(state, steps_taken=rounds * stage.round)
            self._state = state
        if through:
            self._state = replace(state, alive=torch.tensor(alive, device=cohort.device))
            if not last:
                self._begin_next()

    def _begin_next(self) -> None:
        cohort, state = self._now
        stage = cohort.stages[self._stage]
        if stage.averages:
            flat, buffers = loop.evaluated(cohort, stage, state, self._rows)
            state = replace(state, flat=flat, buffers=buffers)
        self._before += state.steps_taken
        self._stage += 1
        following = cohort.stages[self._stage]
        self._state = loop.begin(following, loop.renewed(cohort, following, state, self._rows))


def _check_alike(here: Recipe, other: Recipe) -> None:
    """Refuse a recipe that needs other parts than the population's."""
    (structure, own), (another, found) = numbers.split(here), numbers.split(other)
    if structure == another:
        return
    same = numbers.replace(other, {path: own[path] for path in found if path in own})
    raise InputError(
        f"recipe {other.name} has another structure than the population's ({here.name})",
        found="; ".join(difference(here, same)),
        accepted="other Numbers",
        advice="A Number of 0 switches its part off, which is structure too. Members of another "
        "structure train in a population of their own.",
    )


def _fresh(cohort: Cohort, stage: Stage, places: Sequence[int], rows: Rows) -> State:
    """The state of the members at ``places`` before their first step."""
    if cohort.model.native:  # initial weights are a function of the seed: only these are made
        some = replace(cohort, seeds=tuple(cohort.seeds[place] for place in places))
        state = loop.adapted(some, loop.initial_state(some), rows)
        return loop.begin(stage, loop.renewed(some, stage, state, rows))
    state = loop.begin(stage, loop.initial_state(cohort))
    return picked([state], torch.tensor(places, device=cohort.device))
