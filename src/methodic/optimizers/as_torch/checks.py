"""What the torch.optim optimizers accept, as options and as tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.optimizers.muon import ADJUSTMENTS

_BELOW_ONE = frozenset({"momentum", "dampening", "alpha", "rho", "beta1", "beta2", "beta3"})
_BELOW_ONE |= {"shampoo_beta", "adamw_beta1", "adamw_beta2"}
_ABOVE_ZERO = frozenset({"epsilon", "adamw_epsilon", "ess", "hess_init", "d0", "norm_limit"})
_COUNTS = frozenset({"iterations", "frequency", "largest"})


def check_number(name: str, value: float | Tensor) -> None:
    """Learning rates may be 0, since schedules start and end there."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"'{name}' must be a number", found=repr(value)) from None
    if name == "threshold":
        fits, accepted = number >= 1, "number ≥ 1"
    elif name in _BELOW_ONE:
        fits, accepted = 0 <= number < 1, "0 ≤ number < 1"
    elif name in _ABOVE_ZERO:
        fits, accepted = number > 0, "number > 0"
    else:
        fits, accepted = number >= 0, "number ≥ 0"
    if not (fits and math.isfinite(number)):
        raise InputError(f"'{name}' is out of its range", found=value, accepted=accepted)


def check_switch(name: str, value: object) -> None:
    """Options that are no numbers."""
    if name in _COUNTS:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        accepted = "a whole number ≥ 1"
    elif name == "adjust":
        fits, accepted = value in ADJUSTMENTS, ", ".join(ADJUSTMENTS)
    else:
        fits, accepted = isinstance(value, bool), "True or False"
    if not fits:
        raise InputError(f"'{name}' is out of its range", found=repr(value), accepted=accepted)


def check_tensors(parameter: Tensor, gradient: Tensor | None) -> None:
    """Of a layout and a type that rules can work with."""
    if gradient is not None and gradient.layout != torch.strided:
        raise InputError(
            "this optimizer needs dense gradients",
            found=f"a gradient of layout {gradient.layout}",
            advice="Build the embedding with sparse=False, or use torch.optim.SparseAdam for it.",
        )
    if parameter.dtype not in (torch.float32, torch.float64):
        # In bfloat16 a beta2 of 0.999 would be 1: the running mean square would never forget.
        raise InputError(
            "this optimizer can't keep its state in the parameter's type",
            found=parameter.dtype,
            accepted="torch.float32 or torch.float64",
            advice="Keep parameters in float32 and compute the loss under torch.autocast.",
        )
