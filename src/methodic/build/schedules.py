"""Schedules of recipes."""

from __future__ import annotations

from methodic import schedules
from methodic.build import own as owned
from methodic.build.own import Own
from methodic.recipes.kinds import schedules as recipe
from methodic.recipes.kinds.own import OwnSchedule
from methodic.schedules import Curve
from methodic.types import Schedule


def schedule(spec: recipe.Schedule, own: Own) -> Schedule:
    """The schedule of a turn or of a driven number; its Numbers come when it is called.

    Those of the parts of a joined one come by their paths below it: "parts.0.schedule.final".

    Raises:
        InputError: a schedule of the user's own that wasn't given.
    """
    return _curve(spec, own)


def _curve(spec: recipe.Schedule, own: Own) -> Curve:
    match spec:
        case OwnSchedule():
            return owned.schedule(spec, own)
        case recipe.Constant() | recipe.Plateau():  # what a plateau does besides: engine.plateau
            return schedules.constant
        case recipe.Step():
            return schedules.step
        case recipe.MultiStep():
            return schedules.multi_step(spec.milestones)
        case recipe.Exponential():
            return schedules.exponential
        case recipe.InverseTime():
            return schedules.inverse_time
        case recipe.Polynomial():
            return schedules.polynomial
        case recipe.Linear():
            return schedules.linear
        case recipe.Cosine():
            return schedules.cosine
        case recipe.CosineRestarts():
            return schedules.cosine_restarts(spec.cycles)
        case recipe.OneCycle():
            return schedules.one_cycle(spec.shape)
        case recipe.Cyclic():
            return schedules.cyclic(spec.mode, spec.cycles)
        case recipe.WarmupStableDecay():
            return schedules.warmup_stable_decay(spec.shape)
        case recipe.FlatCosine():
            return schedules.flat_cosine
        case recipe.LogCosine():
            return schedules.log_cosine(spec.cycles)
        case recipe.Joined():
            return schedules.joined(
                [(part.share, _curve(part.schedule, own)) for part in spec.parts]
            )
