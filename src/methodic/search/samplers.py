"""Which settings are tried: one seam, ask and tell, over Optuna's samplers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from methodic.errors import InputError
from methodic.recipes.spaces import Dimension
from methodic.search import points
from methodic.search.backend import Axis, quiet, unconditional
from methodic.search.chance import seed_of, uniform
from methodic.search.memory import Memory
from methodic.tuning import Sampler as Kind
from methodic.tuning import Scalar, Setting

if TYPE_CHECKING:
    from optuna import Trial

MOST_FOR_GP = 200
"""Settings of a Gaussian process: its cost grows with their third power."""

WIDTH = 8
"""Settings that are asked for together: a sampler that learns has news so often."""

_AGAIN = 20  # settings that were asked before, until others are looked for
_ASTRAY = 100  # settings that can't be used, until others are looked for
_TRIES = 1000  # at a setting that is new and accepted
_LISTED = 100_000  # points of a space that are written down to find one


@dataclass
class _Tried:
    """What was suggested and can't be used."""

    known: int = 0
    refused: int = 0
    refusal: InputError | None = None  # the last


class Sampler:
    """Settings of a space, asked for in batches; scores are told as they come.

    What is asked is a function of the arguments and of what was asked and told before, whatever
    the order of tells between two asks, in this process or another: the sampler is made anew at
    each ask, seeded from (``seed``, number of the setting), and Optuna's trials, in memory, are
    all that it remembers. A setting is asked once: a finite space ends when it is exhausted.
    What diverged is told as worse than all others; see `Memory`.

    Args:
        kind: which.
        dimensions: of the space; conditions before what hangs on them.
        seed: of the search.
        greater_is_better: of the scores.
        settings: how many will be asked for at most.
        first: what is asked for before the sampler is: the untuned settings.
        width: how many are asked for together, about.
        accepts: raises an InputError for a setting that can't be used; it is passed over.

    Raises:
        InputError: a grid with too many points, or a Gaussian process with too many settings.

    Example:
        >>> from methodic.recipes.ranges import LogUniform
        >>> lr = Dimension("lr", LogUniform(log_uniform=(1e-4, 1e-1)))
        >>> tpe = Sampler("tpe", [lr], seed=0, greater_is_better=True, settings=32)
        >>> for number, setting in enumerate(tpe.ask(8)):
        ...     tpe.tell(number, 1 - abs(setting["lr"] - 0.01))
        >>> len(tpe.ask(8))
        8
    """

    def __init__(
        self,
        kind: Kind,
        dimensions: Sequence[Dimension],
        *,
        seed: int,
        greater_is_better: bool,
        settings: int,
        first: Sequence[Setting] = (),
        width: int = WIDTH,
        accepts: Callable[[Setting], object] | None = None,
    ) -> None:
        if kind == "gp" and settings > MOST_FOR_GP:
            raise InputError(
                f"the sampler gp takes at most {MOST_FOR_GP} settings",
                found=settings,
                advice="A Gaussian process costs the third power of their number: take the sampler "
                f"tpe, or --settings {MOST_FOR_GP}.",
            )
        self.kind = kind
        self.dimensions = tuple(dimensions)
        self._seed, self._width = seed, width
        self._first = list(first)
        self._accepts = accepts
        self._axes = {each.path: Axis(each) for each in self.dimensions}
        finite = points.finite(self.dimensions)
        self._values = finite
        self._points = None if finite is None else points.count(self.dimensions, finite)
        self.count = 0
        """Settings asked for, and taken."""
        self._seen: set[tuple[tuple[str, bool, Scalar], ...]] = set()
        self._ended = False
        learns = kind in ("tpe", "gp", "cmaes")
        self._memory = Memory(self._axes, greater_is_better=greater_is_better, learns=learns)
        self._grid = self._shuffled(settings) if kind == "grid" else iter(())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about how settings are chosen."""
        if self.kind == "cmaes":
            able = [path for path in unconditional(self._axes) if self._axes[path].numeric]
            rest = [path for path in self._axes if path not in able]
            what = f"random choices of {', '.join(rest)}"
            why = "cmaes searches numbers that every setting has"
        elif self.kind == "gp":
            rest = [path for path, axis in self._axes.items() if axis.dimension.given]
            what = f"random choices of {', '.join(rest)}"
            why = "gp searches what every setting has"
        else:
            return ()
        return (f"{why}: {what}",) if rest else ()

    @property
    def most(self) -> int | None:
        """How many settings there are to ask for; None: endlessly many."""
        return self._points

    @property
    def exhausted(self) -> bool:
        """Whether the space has no setting left that wasn't asked for."""
        return self._ended or (self._points is not None and len(self._seen) >= self._points)

    def ask(self, n: int) -> list[Setting]:
        """The next ``n`` settings; fewer once the space is exhausted.

        Raises:
            InputError: the recipe refuses whatever the sampler chooses.
        """
        found: list[Setting] = []
        if self.kind == "grid":
            found += self._from_grid(n)
            for setting in found:
                self._memory.add(setting, None)
            self.count += len(found)
            return found
        with quiet():
            self._memory.tell()
            self._renew()
            for _ in range(n):
                if self.kind == "random" and found:
                    self._renew()  # so that settings don't depend on the size of batches
                setting_and_trial = self._next()
                if setting_and_trial is None:
                    self._ended = True
                    break
                found.append(setting_and_trial[0])
                self._memory.add(*setting_and_trial)
                self.count += 1
        return found

    def take(self, setting: Setting) -> int:
        """Somebody else tries a setting; its number, to be told how it did."""
        with quiet():
            if self.kind == "sobol":
                self._renew()
                self._fixed(setting)  # the next point of the sequence is theirs
            learns = self.kind in ("tpe", "gp", "cmaes")
            self._memory.add(setting, self._memory.take(setting) if learns else None)
        self._seen.add(_key(setting))
        self.count += 1
        return self.count - 1

    def tell(self, number: int, score: float | None) -> None:
        """How a setting did. Told again, it is one more observation.

        Args:
            number: of the setting, in the order of asking.
            score: None where it diverged.
        """
        self._memory.hear(number, score)

    def forget(self, number: int) -> None:
        """Whoever tried a setting is gone, and nothing is known of it."""
        with quiet():
            self._memory.forget(number)

    def _renew(self) -> None:
        from methodic.search.informed import sampler  # imports Optuna

        seed = seed_of(self._seed, "ask", self.count)
        sequence = seed_of(self._seed, "sequence")
        self._memory.study.sampler = sampler(self.kind, seed, sequence, self._axes, self._width)

    def _next(self) -> tuple[Setting, int] | None:
        """A setting that is new and accepted, and its trial; None if there is none."""
        number = self.count
        if number < len(self._first):
            self._seen.add(_key(self._first[number]))
            return dict(self._first[number]), self._fixed(self._first[number])
        tried = _Tried()
        found = self._tried(tried, _AGAIN, _ASTRAY)
        if found is not None or self.exhausted:
            return found
        if self._points is not None and self._points <= _LISTED:
            return self._unseen(number)
        with self._at_random():
            known = tried.known
            found = self._tried(tried, _TRIES, _TRIES)
        if found is None and not self.exhausted and tried.known == known and tried.refusal:
            raise tried.refusal
        return found

    def _tried(self, tried: _Tried, known: int, refused: int) -> tuple[Setting, int] | None:
        """What the sampler suggests until it can be used, or so many can't be."""
        while tried.known < known and tried.refused < refused and not self.exhausted:
            trial = self._memory.study.ask()
            setting = self._suggested(trial)
            if _key(setting) in self._seen:
                self._memory.fail(trial.number)
                tried.known += 1
                continue
            self._seen.add(_key(setting))
            tried.refusal = self._refusal(setting)
            if tried.refusal is None:
                return setting, trial.number
            self._memory.refuse(trial.number)
            tried.refused += 1
        return None

    @contextlib.contextmanager
    def _at_random(self) -> Iterator[None]:
        """Within, chance suggests: a sampler may be sure of what it asked for before."""
        from methodic.search.informed import sampler  # imports Optuna

        own = self._memory.study.sampler
        seed = seed_of(self._seed, "instead", self.count)
        self._memory.study.sampler = sampler("random", seed, seed, self._axes, self._width)
        yield
        self._memory.study.sampler = own

    def _suggested(self, trial: Trial) -> Setting:
        setting: Setting = {}
        for path, axis in self._axes.items():
            if axis.dimension.holds(setting):
                setting[path] = axis.asked(trial)
        return setting

    def _fixed(self, setting: Setting) -> int:
        """A setting of ours, as a trial that the sampler hears of like any other."""
        told = {path: self._axes[path].told(value) for path, value in setting.items()}
        self._memory.study.enqueue_trial(told)
        trial = self._memory.study.ask()
        self._suggested(trial)
        return trial.number

    def _unseen(self, number: int) -> tuple[Setting, int] | None:
        """One of the points that are left, at random."""
        assert self._values is not None
        left = [
            each
            for each in points.points(self.dimensions, self._values)
            if _key(each) not in self._seen
        ]
        while left:
            place = int(uniform(self._seed, "left", number, len(left)) * len(left))
            setting = left.pop(place)
            self._seen.add(_key(setting))
            if self._refusal(setting) is None:
                return setting, self._fixed(setting)
        return None

    def _refusal(self, setting: Setting) -> InputError | None:
        if self._accepts is None:
            return None
        try:
            self._accepts(setting)
        except InputError as error:
            return error
        return None

    def _shuffled(self, settings: int) -> Iterator[Setting]:
        """The points of the grid in random order, so that a search that ends early saw all of it.

        Optuna's own knows no conditions, and would try a point once for each value of what isn't
        there.
        """
        axes = points.grid(self.dimensions, settings, self._first)
        every = list(points.points(self.dimensions, axes))
        more = sum(each not in every for each in self._first)
        seed = self._seed
        order = sorted(range(len(every)), key=lambda i: uniform(seed, "grid", i))
        self._points = len(every) + more
        return iter([*self._first, *(every[i] for i in order)])

    def _from_grid(self, n: int) -> Iterator[Setting]:
        while n > 0:
            setting = next(self._grid, None)
            if setting is None:
                self._ended = True
                return
            new = _key(setting) not in self._seen
            self._seen.add(_key(setting))
            if new and (setting in self._first or self._refusal(setting) is None):
                n -= 1
                yield setting


def _key(setting: Mapping[str, Scalar]) -> tuple[tuple[str, bool, Scalar], ...]:
    """What makes settings the same; True isn't 1 here."""
    return tuple(sorted((path, isinstance(v, bool), v) for path, v in setting.items()))
