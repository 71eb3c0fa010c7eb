"""Time per step of each update rule as a torch.optim optimizer, beside its public counterpart.

    python benchmarks/_rules.py [part of a rule's name] …

With one thread and with two, in less than three minutes. Each number is the best of many, ours and
theirs in turn. Gradients stay the same; no data, no loss. Counterparts run as they come; what
torch calls fused is listed besides, for information.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytorch_optimizer as rivals
import torch

from methodic import optimizers as ours

NETS = {
    "20-64-64-10": (20, 64, 64, 10),
    "784-512-512-10": (784, 512, 512, 10),
    "4 × 1024": (1024,) * 5,
}
THREADS = (1, 2)
_O = torch.optim
_WOLFE = "strong_wolfe"
_CYCLE = {"soap": 10}  # steps of which not all are alike
_LONG = 0.1  # seconds of a step that isn't repeated for long


class _Both:
    """torch's Muon takes matrices only; its AdamW takes the rest."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self._muon = _O.Muon([p for p in parameters if p.ndim == 2], lr=1e-6)
        self._rest = _O.AdamW([p for p in parameters if p.ndim != 2], lr=1e-6)

    def step(self) -> None:
        self._muon.step()
        self._rest.step()


class _Searching:
    """L-BFGS on a bowl, from the same start each time."""

    def __init__(self, optimizer: torch.optim.LBFGS) -> None:
        self._optimizer = optimizer
        self._parameters = optimizer.param_groups[0]["params"]
        self._start = [p.detach().clone() for p in self._parameters]
        self._curvature = [1.0 + p.detach().abs() for p in self._parameters]

    def step(self) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, self._start)
        self._optimizer.step(self._closure)

    @torch.no_grad()
    def _closure(self) -> torch.Tensor:
        loss = torch.zeros(())
        for parameter, curvature in zip(self._parameters, self._curvature, strict=True):
            parameter.grad = parameter * curvature
            loss += 0.5 * (parameter * parameter.grad).sum()
        return loss


class _Sampling:
    """IVON: a draw, and a step. The authors' code draws in the same way."""

    def __init__(self, optimizer: Any, draw: Callable[[], Any]) -> None:
        self._optimizer, self._draw = optimizer, draw
        self._parameters = optimizer.param_groups[0]["params"]
        self._gradients = [p.grad for p in self._parameters]

    def step(self) -> None:
        with self._draw():
            for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
                parameter.grad = gradient.clone()
        self._optimizer.step()


def _ivon(parameters: list[torch.nn.Parameter]) -> Any:
    optimizer = ours.IVON(parameters, lr=1e-6)
    return _Sampling(optimizer, optimizer.sampled)


def _their_ivon(parameters: list[torch.nn.Parameter]) -> Any:
    """None where the authors' package isn't installed."""
    try:
        theirs = importlib.import_module("ivon")
    except ImportError:
        return None
    optimizer = theirs.IVON(parameters, lr=1e-6, ess=1e4)
    return _Sampling(optimizer, lambda: optimizer.sampled_params(train=True))


def _training(optimizer: Any) -> Any:
    optimizer.train()
    return optimizer


PAIRS: tuple[tuple[str, str, Callable[..., Any], Callable[..., Any]], ...] = (
    ("sgd", "torch", lambda p: ours.SGD(p, lr=1e-6), lambda p: _O.SGD(p, lr=1e-6)),
    (
        "sgd, momentum",
        "torch",
        lambda p: ours.SGD(p, lr=1e-6, momentum=0.9),
        lambda p: _O.SGD(p, lr=1e-6, momentum=0.9),
    ),
    (
        "sgd, nesterov",
        "torch",
        lambda p: ours.SGD(p, lr=1e-6, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: _O.SGD(p, lr=1e-6, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    ("rmsprop", "torch", lambda p: ours.RMSprop(p, lr=1e-6), lambda p: _O.RMSprop(p, lr=1e-6)),
    ("adam", "torch", lambda p: ours.Adam(p, lr=1e-6), lambda p: _O.Adam(p, lr=1e-6)),
    ("adamw", "torch", lambda p: ours.AdamW(p, lr=1e-6), lambda p: _O.AdamW(p, lr=1e-6)),
    (
        "amsgrad",
        "torch",
        lambda p: ours.Adam(p, lr=1e-6, amsgrad=True),
        lambda p: _O.Adam(p, lr=1e-6, amsgrad=True),
    ),
    ("adagrad", "torch", lambda p: ours.Adagrad(p, lr=1e-6), lambda p: _O.Adagrad(p, lr=1e-6)),
    ("adadelta", "torch", lambda p: ours.Adadelta(p, lr=1e-6), lambda p: _O.Adadelta(p, lr=1e-6)),
    ("adamax", "torch", lambda p: ours.Adamax(p, lr=1e-6), lambda p: _O.Adamax(p, lr=1e-6)),
    ("nadam", "torch", lambda p: ours.NAdam(p, lr=1e-6), lambda p: _O.NAdam(p, lr=1e-6)),
    ("radam", "torch", lambda p: ours.RAdam(p, lr=1e-6), lambda p: _O.RAdam(p, lr=1e-6)),
    (
        "adafactor",
        "torch",
        lambda p: ours.Adafactor(p, lr=1e-6),
        lambda p: _O.Adafactor(p, lr=1e-6),
    ),
    ("muon", "torch", lambda p: ours.Muon(p, lr=1e-6), _Both),
    (
        "lion",
        "pytorch_optimizer",
        lambda p: ours.Lion(p, lr=1e-6),
        lambda p: rivals.Lion(p, lr=1e-6),
    ),
    (
        "adan",
        "pytorch_optimizer",
        lambda p: ours.Adan(p, lr=1e-6),
        lambda p: rivals.Adan(p, lr=1e-6),
    ),
    (
        "lamb",
        "pytorch_optimizer",
        lambda p: ours.LAMB(p, lr=1e-6),
        lambda p: rivals.Lamb(p, lr=1e-6),
    ),
    (
        "schedule-free sgd",
        "pytorch_optimizer",
        lambda p: ours.ScheduleFreeSGD(p, lr=1e-6),
        lambda p: _training(rivals.ScheduleFreeSGD(p, lr=1e-6)),
    ),
    (
        "schedule-free adamw",
        "pytorch_optimizer",
        lambda p: ours.ScheduleFreeAdamW(p, lr=1e-6),
        lambda p: _training(rivals.ScheduleFreeAdamW(p, lr=1e-6)),
    ),
    (
        "prodigy",
        "pytorch_optimizer",
        lambda p: ours.Prodigy(p, lr=1e-3),
        lambda p: rivals.Prodigy(p, lr=1e-3),
    ),
    (
        "soap",
        "pytorch_optimizer",
        lambda p: ours.SOAP(p, lr=1e-6),
        lambda p: rivals.SOAP(p, lr=1e-6),
    ),
    ("ivon", "ivon-opt", _ivon, _their_ivon),
    (
        "l-bfgs, 5 iterations",
        "torch",
        lambda p: _Searching(ours.LBFGS(p, iterations=5)),
        lambda p: _Searching(_O.LBFGS(p, max_iter=5, history_size=10, line_search_fn=_WOLFE)),
    ),
    *(
        (name, "torch, fused", mine, theirs)
        for name, mine, theirs in (
            ("sgd", lambda p: ours.SGD(p, lr=1e-6), lambda p: _O.SGD(p, lr=1e-6, fused=True)),
            ("adam", lambda p: ours.Adam(p, lr=1e-6), lambda p: _O.Adam(p, lr=1e-6, fused=True)),
            ("adamw", lambda p: ours.AdamW(p, lr=1e-6), lambda p: _O.AdamW(p, lr=1e-6, fused=True)),
            (
                "adagrad",
                lambda p: ours.Adagrad(p, lr=1e-6),
                lambda p: _O.Adagrad(p, lr=1e-6, fused=True),
            ),
        )
    ),
)


def _parameters(sizes: tuple[int, ...]) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for inputs, outputs in itertools.pairwise(sizes):
        for shape in ((outputs, inputs), (outputs,)):
            found.append(torch.nn.Parameter(torch.randn(shape, generator=generator) * 0.1))
            found[-1].grad = torch.randn(shape, generator=generator) * 1e-3
    return found


def _best(steps: list[Callable[[], Any]], seconds: float, cycle: int) -> list[float]:
    """Shortest mean time of some steps of each, taken in turn, in µs a step."""
    for step in steps:
        step()
    start = time.perf_counter()
    steps[0]()
    once = time.perf_counter() - start
    for step in steps[1:]:
        step()
    count = max(1, int(0.002 / max(once, 1e-6)))
    count = -(-count // cycle) * cycle
    least = 3 if once < _LONG else 1 if cycle > 1 else 2
    best = [float("inf")] * len(steps)
    until = time.perf_counter() + seconds
    rounds = 0
    while rounds < least or time.perf_counter() < until:
        rounds += 1
        for i, step in enumerate(steps):
            start = time.perf_counter()
            for _ in range(count):
                step()
            best[i] = min(best[i], (time.perf_counter() - start) / count)
    return [x * 1e6 for x in best]


def rows(seconds: float = 0.25) -> list[dict[str, Any]]:
    """Rows of `measured` with a counterpart, on one thread."""
    return [row for row in measured(seconds, threads=(1,)) if row["peer"] is not None]


def measured(
    seconds: float, parts: Sequence[str] = ("",), threads: Sequence[int] = THREADS
) -> Iterator[dict[str, Any]]:
    """One row for each number of threads, rule and net: a step in µs, beside its counterpart's.

    Args:
        seconds: to spend on each row, at least.
        parts: of names of rules; only those are measured.
        threads: numbers of threads.
    """
    before = torch.get_num_threads()
    chosen = [pair for pair in PAIRS if any(part in pair[0] for part in parts)]
    try:
        for count, (net, sizes) in itertools.product(threads, NETS.items()):
            torch.set_num_threads(count)
            for rule, peer, make, make_peer in chosen:
                both = [make(_parameters(sizes)), make_peer(_parameters(sizes))]
                present = [optimizer.step for optimizer in both if optimizer is not None]
                taken, *theirs = _best(present, seconds, _CYCLE.get(rule, 1))
                yield {
                    "rule": rule,
                    "net": net,
                    "ours": taken,
                    "peer": theirs[0] if theirs else None,
                    "ratio": taken / theirs[0] if theirs else None,
                    "peer name": peer if theirs else f"{peer} isn't installed",
                    "threads": count,
                }
    finally:
        torch.set_num_threads(before)


def _load() -> str:
    return "load average " + " ".join(f"{x:.2f}" for x in os.getloadavg())


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    print(f"torch {torch.__version__}; µs per step; {_load()}")
    print(f"{'threads':8}{'rule':22}{'net':>16}{'ours':>10}{'theirs':>10}{'ratio':>8}  counterpart")
    for row in measured(0.15, sys.argv[1:] or ("",)):
        print(
            f"{row['threads']:<8}{row['rule']:22}{row['net']:>16}{_cell(row['ours'], 0):>10}"
            f"{_cell(row['peer'], 0):>10}{_cell(row['ratio'], 2):>8}  {row['peer name']}",
            flush=True,
        )
    print(_load())
