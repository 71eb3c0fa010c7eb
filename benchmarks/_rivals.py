"""Other libraries' ways to train the small networks of `_mlps`; each with its fastest settings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from _mlps import BATCH, CHECK_LR, CHECKED, ROWS, Weights, deviation, table
from _work import Runner

_EPOCH = ROWS // BATCH  # steps


def sklearn(sizes: Sequence[int], lrs: Sequence[float], jobs: int, settings: int = 1) -> Runner:
    """MLPClassifier.fit, ``settings`` learning rates at a time by ``jobs`` processes of joblib.

    ``advance(n)`` fits each of the next learning rates for n steps, in whole epochs. The penalty,
    which nobody else has, is off.
    """
    import joblib
    from sklearn.neural_network import MLPClassifier

    x, y = table(sizes)
    turn = 0
    if jobs > 1:
        # What the first call sends once; later calls find it on the disk.
        joblib.Parallel(n_jobs=jobs)(joblib.delayed(len)(x) for _ in range(jobs))

    def made(lr: float, epochs: int, shuffle: bool = True) -> Any:
        return MLPClassifier(
            hidden_layer_sizes=tuple(sizes[1:-1]),
            batch_size=BATCH,
            alpha=0,
            learning_rate_init=lr,
            max_iter=epochs,
            n_iter_no_change=epochs,
            shuffle=shuffle,
            random_state=0,
        )

    def advance(steps: int) -> int:
        nonlocal turn
        epochs = max(1, round(steps / _EPOCH))
        chosen = [lrs[(turn + i) % len(lrs)] for i in range(settings)]
        turn += settings
        if jobs == 1:
            for lr in chosen:
                _fit(made(lr, epochs), x, y)
        else:
            joblib.Parallel(n_jobs=jobs)(
                joblib.delayed(_fit)(made(lr, epochs), x, y) for lr in chosen
            )
        return settings * epochs * _EPOCH

    def check() -> float:
        rows = slice(0, CHECKED * BATCH)
        before, after = (
            _fit(made(lr, 1, shuffle=False), x[rows], y[rows]) for lr in (1e-30, CHECK_LR)
        )  # too small to move anything: the weights that both start from
        return deviation(before, after, _in_order(), sizes)

    return Runner(advance, check, _EPOCH)


def _fit(model: Any, x: Any, y: Any) -> Weights:
    import warnings

    warnings.simplefilter("ignore")  # "not yet converged"
    model.fit(x, y)
    return [each for pair in zip(model.coefs_, model.intercepts_, strict=True) for each in pair]


def _in_order() -> list[Any]:
    return list(np.arange(CHECKED * BATCH).reshape(CHECKED, BATCH))


def keras(sizes: Sequence[int], lrs: Sequence[float], together: int = 50) -> Runner:
    """Model.fit, compiled, on the backend that the environment names.

    ``advance(n)`` trains the next learning rate for n steps, in whole epochs. One model is compiled
    for all of them: a new one for each would compile each time.

    Args:
        sizes, lrs: the network, and the learning rates.
        together: steps that are compiled into one call (`steps_per_execution`).
    """
    import keras as library

    x, y = table(sizes)
    turn = 0
    layers = library.layers
    model = library.Sequential([library.Input((sizes[0],))])
    for outputs in sizes[1:-1]:
        model.add(layers.Dense(outputs, activation="relu"))
    model.add(layers.Dense(sizes[-1]))
    loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)

    def ready(steps: int) -> None:
        optimizer = library.optimizers.Adam(lrs[0], epsilon=1e-8)
        model.compile(optimizer, loss, jit_compile=True, steps_per_execution=steps)

    ready(together)

    def advance(steps: int) -> int:
        nonlocal turn
        epochs = max(1, round(steps / _EPOCH))
        model.optimizer.learning_rate = lrs[turn % len(lrs)]
        turn += 1
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
        return epochs * _EPOCH

    def check() -> float:
        rows, before = slice(0, CHECKED * BATCH), model.get_weights()
        ready(CHECKED)
        model.optimizer.learning_rate = CHECK_LR
        model.fit(x[rows], y[rows], batch_size=BATCH, epochs=1, verbose=0, shuffle=False)
        after = model.get_weights()
        ready(together)
        return deviation(before, after, _in_order(), sizes)

    return Runner(advance, check, _EPOCH)


def jax(sizes: Sequence[int], lrs: Sequence[float], way: str, scanned: int = 20) -> Runner:
    """All members in one compiled function: a scan over steps, for all members.

    Rows are shuffled by NumPy, which is faster at it than jax.random.

    Args:
        sizes, lrs: the network, and a learning rate for each member.
        way: "vmap": the members' steps are batched; "map": one member's scan after another's.
        scanned: steps of one call.
    """
    import jax as library
    from jax import numpy as jnp

    numbers, classes = table(sizes)
    x, y = jnp.asarray(numbers), jnp.asarray(classes, jnp.int32)
    tree = library.tree
    members = len(lrs)
    generator = np.random.default_rng(0)

    def loss(w: Any, rows: Any) -> Any:
        out = x[rows]
        for weight, bias in w[:-1]:
            out = library.nn.relu(out @ weight + bias)
        logs = library.nn.log_softmax(out @ w[-1][0] + w[-1][1])
        return -jnp.take_along_axis(logs, y[rows, None], 1).mean()

    def member(lr: Any, state: Any, order: Any) -> Any:
        def step(state: Any, rows: Any) -> Any:
            w, m, v, t = state
            g, t = library.grad(loss)(w, rows), t + 1
            m = tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            a, b = lr / (1 - 0.9**t), 1 / (1 - 0.999**t)
            w = tree.map(lambda w, m, v: w - a * m / (jnp.sqrt(v * b) + 1e-8), w, m, v)
            return (w, m, v, t), None

        return library.lax.scan(step, state, order)[0]

    def one_by_one(lr: Any, state: Any, order: Any) -> Any:
        return library.lax.map(lambda each: member(*each), (lr, state, order))

    run = library.jit(library.vmap(member) if way == "vmap" else one_by_one, donate_argnums=1)

    def start() -> Any:
        pairs = itertools.pairwise(sizes)
        w = [
            (jnp.asarray(generator.normal(0, i**-0.5, (members, i, o)), jnp.float32),
             jnp.zeros((members, o)))
            for i, o in pairs
        ]  # fmt: skip
        return w, tree.map(jnp.zeros_like, w), tree.map(jnp.zeros_like, w), jnp.zeros(members)

    def shuffled() -> Any:
        order = np.tile(np.arange(ROWS, dtype=np.int32), (members, 1))
        return generator.permuted(order, axis=1).reshape(members, -1, BATCH)

    rates = jnp.asarray(lrs, jnp.float32)
    state, order, at = start(), shuffled(), 0

    def advance(steps: int) -> int:
        nonlocal state, order, at
        calls = max(1, round(steps / scanned))
        for _ in range(calls):
            if at == order.shape[1]:
                order, at = shuffled(), 0
            state = run(rates, state, order[:, at : at + scanned])
            at += scanned
        library.block_until_ready(state)
        return members * calls * scanned

    def check() -> float:
        begun, batches = start(), shuffled()[:, :CHECKED]
        before = _last(begun[0])
        after = _last(run(jnp.full(members, CHECK_LR), begun, batches)[0])
        return deviation(before, after, list(batches[-1]), sizes)

    return Runner(advance, check, scanned)


def _last(w: Any) -> Weights:
    return [np.asarray(each[-1]) for pair in w for each in pair]
