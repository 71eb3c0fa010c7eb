"""Training in bfloat16, where the processor has instructions for it.

Weights, their updates, losses and sums stay in float32; only what torch's autocast thinks right,
mainly products of matrices and convolutions, is computed from numbers of 16 bits. Validation rows
are looked at as training is done, since looking takes its time, and they only choose. Test rows are
predicted in float32, and so is all that a bundle predicts: the verdict is about what its user gets.
That a member trains to the same bits in any company is promised for float32 alone: kernels for
bfloat16 choose their order of additions by the size of the whole product.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methodic.models.around import Around
from methodic.plan import Precision
from methodic.types import Model, Pass


class InBfloat16(Around):
    """``model`` under autocast: the same parameters, and outputs in float32.

    Example:
        >>> from methodic.models.mlp import MLP, Inputs
        >>> InBfloat16(MLP(Inputs(numeric=4), 3, width=8, depth=1)).outputs
        3
    """

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, C], float32."""
        with _casting(next(iter(inputs.values()))):
            return self.model(run, inputs).float()

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → features [M, B, F], float32."""
        with _casting(next(iter(inputs.values()))):
            return super().encoded(run, inputs).float()

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """Features [M, B, F] → [M, B, C], float32."""
        with _casting(features):
            return super().answered(run, features).float()


def _casting(x: Tensor) -> torch.autocast:
    # The cache of casts would outlive a traced call; each weight is read once, anyway.
    return torch.autocast(x.device.type, torch.bfloat16, cache_enabled=False)


def computing(model: Model, precision: Precision) -> Model:
    """``model`` as it computes in this precision."""
    return InBfloat16(model) if precision == "bfloat16" else model


def has_bfloat16(device: str) -> bool:
    """Whether products in bfloat16 are done by instructions of their own on this machine."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))
