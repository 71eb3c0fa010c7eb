"""Member-steps per second of a small network: 20-64-64-10, batch 128, Adam, without compilation.

Beside it: the loop that anyone would write in PyTorch, with the default and with the fused Adam;
and as the ceiling the batched matrix products alone, which no implementation in PyTorch can do
without: 3 forward, 3 for the weights' gradients, 2 for the hidden layers' (inputs need none).

One thread, interleaved, best of the rounds. Both ways shuffle, gather their rows from memory and
compute the loss; neither evaluates.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import _shared as shared
import torch
from torch import nn

ROWS, FEATURES, WIDTH, CLASSES, BATCH = 1257, 20, 64, 10, 128
LAYERS = ((FEATURES, WIDTH), (WIDTH, WIDTH), (WIDTH, CLASSES))
WIDTHS = (1, 2, 4, 8, 16, 32)
LOOP, FUSED = "eager loop, Adam", "eager loop, Adam(fused=True)"
TOGETHER = 8  # members of a process in the rows for several processes

Advance = Callable[[int], object]  # takes so many steps


def main() -> None:
    """Time everything and print the tables."""
    asked = shared.options(__doc__)
    rounds, steps = (2, 32) if asked.quick else (11, 256)
    torch.set_num_threads(1)
    report = shared.Report(
        "step",
        f"Member-steps per second, 20-64-64-10, batch {BATCH}, best of {rounds} interleaved rounds",
        asked.quick,
    )
    advances = {LOOP: eager(None), FUSED: eager(True)}
    advances |= {_ours(m): ours(m) for m in WIDTHS}
    advances |= {_ceiling(m): products(m) for m in WIDTHS}
    for advance in advances.values():
        advance(20)
    seconds = shared.interleaved(
        {name: _timed(advance, steps) for name, advance in advances.items()}, rounds
    )
    members = {LOOP: 1, FUSED: 1} | {n(m): m for n in (_ours, _ceiling) for m in WIDTHS}
    rates = {name: members[name] * steps / min(each) for name, each in seconds.items()}
    _print_one_thread(report, rates)
    pairs = {
        "ours": _processes(_our_rates, rounds, steps),
        "eager loop": _processes(_loop_rates, rounds, steps),
    }
    _print_processes(report, rates, pairs)
    report.raw = {"steps": steps, "seconds": seconds, "rates": rates, "processes": pairs}
    report.end(asked.save)


def _ours(members: int) -> str:
    return f"methodic, {members} member{'s' if members > 1 else ''}"


def _ceiling(members: int) -> str:
    return f"products alone, {members}"


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Random rows: what they hold makes no difference to the time."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, FEATURES, generator=generator)
    return x, torch.randint(0, CLASSES, (ROWS,), generator=generator)


def eager(fused: bool | None) -> Advance:
    """The textbook loop: shuffle, gather, forward, backward, step."""
    x, y = data()
    layers: list[nn.Module] = [nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)]
    network = nn.Sequential(*layers, nn.ReLU(), nn.Linear(WIDTH, CLASSES))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused)
    loss = nn.CrossEntropyLoss()

    def advance(steps: int) -> None:
        order, at = torch.randperm(ROWS), 0
        for _ in range(steps):
            if at + BATCH > ROWS:
                order, at = torch.randperm(ROWS), 0
            index = order[at : at + BATCH]
            at += BATCH
            optimizer.zero_grad()
            loss(network(x[index]), y[index]).backward()
            optimizer.step()

    return advance


def ours(members: int) -> Advance:
    """The engine's own loop, each member with a learning rate and a seed of its own."""
    from methodic import build
    from methodic.data.batches import Rows
    from methodic.engine import loop
    from methodic.models.mlp import Inputs
    from methodic.recipes import types as recipes

    x, y = data()
    rows = Rows({"numeric": x}, y)
    each = [
        recipes.Recipe(
            name="adam",
            model=recipes.MLP(width=WIDTH, depth=2),
            stages=[_stage(1e-3 * (1 + i / members))],
        )
        for i in range(members)
    ]
    cohort = build.cohort(
        each,
        list(range(members)),
        steps=[10**6],
        inputs=Inputs(numeric=FEATURES),
        outputs=CLASSES,
        rows=ROWS,
    )
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    # The comparison stands on it: the same network, and the same batch size.
    assert state.flat.shape[1] == sum((i + 1) * o for i, o in LAYERS)
    assert stage.batch == BATCH

    def advance(steps: int) -> None:
        nonlocal state
        state = loop.advance(cohort, stage, state, rows, steps, lambda _: None)

    return advance


def _stage(lr: float) -> Any:
    return {
        "objectives": [{"kind": "cross_entropy"}],
        "optimizer": {"kind": "adam", "lr": lr},
        "batch": BATCH,
    }


def products(members: int) -> Advance:
    """Nothing but the batched matrix products of a step, into memory that is there already."""
    forward, backward = [], []
    for number, (inputs, outputs) in enumerate(LAYERS):
        x = torch.randn(members, BATCH, inputs)
        w = torch.randn(members, inputs, outputs)
        g = torch.randn(members, BATCH, outputs)
        forward.append((x, w, torch.empty_like(g)))
        backward.append((x.mT, g, torch.empty_like(w)))
        if number:
            backward.append((g, w.mT, torch.empty_like(x)))
    every = [*forward, *reversed(backward)]

    def advance(steps: int) -> None:
        for _ in range(steps):
            for a, b, out in every:
                torch.bmm(a, b, out=out)

    return advance


def _timed(advance: Advance, steps: int) -> Callable[[], float]:
    def case() -> float:
        start = time.perf_counter()
        advance(steps)
        return time.perf_counter() - start

    return case


# --- several processes at once, one thread each ------------------------------------------------


def _our_rates(rounds: int, steps: int, barrier: Any, queue: Any) -> None:
    _race(ours(TOGETHER), TOGETHER, rounds, steps, barrier, queue)


def _loop_rates(rounds: int, steps: int, barrier: Any, queue: Any) -> None:
    _race(eager(None), 1, rounds, steps, barrier, queue)


def _race(
    advance: Advance, members: int, rounds: int, steps: int, barrier: Any, queue: Any
) -> None:
    """Member-steps per second of each round; the barrier makes all processes work at once."""
    torch.set_num_threads(1)
    advance(20)
    case, rates = _timed(advance, steps), []
    for _ in range(rounds):
        barrier.wait()
        rates.append(members * steps / case())
    queue.put(rates)


def _processes(race: Callable[..., None], rounds: int, steps: int) -> list[float]:
    """Member-steps per second of all processes together, by round."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(shared.CORES), context.Queue()
    arguments = (rounds, steps, barrier, queue)
    started = [context.Process(target=race, args=arguments) for _ in range(shared.CORES)]
    for process in started:
        process.start()
    rates = [queue.get(timeout=600) for _ in started]
    for process in started:
        process.join()
    return [sum(each) for each in zip(*rates, strict=True)]


# --- tables -------------------------------------------------------------------------------------


def _print_one_thread(report: shared.Report, rates: dict[str, float]) -> None:
    rows = []
    for name in (LOOP, FUSED, *map(_ours, WIDTHS)):
        row = [name, f"{rates[name]:,.0f}"]
        row += [f"{rates[name] / rates[each]:.2f}" for each in (LOOP, FUSED)]
        rows.append([*row, "", ""])
    for row, members in zip(rows[2:], WIDTHS, strict=True):
        ceiling = rates[_ceiling(members)]
        row[-2:] = [f"{ceiling:,.0f}", f"{rates[_ours(members)] / ceiling:.0%}"]
    header = ["one thread", "member-steps/s", "÷ eager loop", "÷ fused loop"]
    report.table([*header, "ceiling: products alone", "share of it"], rows)


def _print_processes(
    report: shared.Report, rates: dict[str, float], pairs: dict[str, list[float]]
) -> None:
    one = {"ours": rates[_ours(TOGETHER)], "eager loop": rates[LOOP]}
    names = {"ours": _ours(TOGETHER), "eager loop": LOOP}
    rows = []
    for name, together in pairs.items():
        best = max(together)
        cells = [
            f"{best:,.0f}",
            f"{best / one[name]:.2f}",
            f"{best / max(pairs['eager loop']):.2f}",
        ]
        rows.append([f"{shared.CORES} × {names[name]}", *cells])
    label = f"{shared.CORES} processes × one thread"
    report.table([label, "member-steps/s", "÷ its one process", "÷ eager loops"], rows)


if __name__ == "__main__":
    main()
