"""The difference between two training methods, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from methodic.recipes.numbers import is_number
from methodic.recipes.ranges import Choice, Integer, LogUniform, Options, Uniform
from methodic.recipes.types import Part, Recipe, Stage, Turn


def difference(a: Recipe, b: Recipe) -> list[str]:
    """What leads from ``a`` to ``b``; names and header texts don't count.

    Returns:
        one line each, empty exactly when both train alike.

    Example:
        >>> from methodic.recipes.types import SGD, EMA, Recipe, Stage, Turn
        >>> first = Recipe(name="a", stages=(Stage(turns=(Turn(optimizer=SGD()),)),))
        >>> stage = Stage(turns=(Turn(optimizer=SGD(lr=0.01)),), regularizers=(EMA(),))
        >>> difference(first, Recipe(name="b", stages=(stage,)))
        ['lr: 0.1 → 0.01', 'added regularizer ema(decay=0.999)']
    """
    return [
        *_part("model", a.model, b.model),
        *_stages(a.stages, b.stages),
        *_part("stop", a.stop, b.stop),
        *_open(a, b),
    ]


def _open(a: Recipe, b: Recipe) -> Iterator[str]:
    """Ranges of structure; what their fields hold besides is only the first of their values."""
    for path in dict.fromkeys([*a.open, *b.open]):
        yield from _value(f"range of {path}", a.open.get(path), b.open.get(path))


def _stages(a: Sequence[Stage], b: Sequence[Stage]) -> Iterator[str]:
    if len(a) == len(b):
        pairs = list(zip(a, b, strict=True))
    else:
        named = {stage.name: stage for stage in b}
        pairs = [(stage, named[stage.name]) for stage in a if stage.name in named]
    several = max(len(a), len(b)) > 1
    for before, after in pairs:
        prefix = f"stage {before.name}: " if several else ""
        for line in _stage(before, after):
            yield prefix + line
    if len(a) != len(b):
        kept = {before.name for before, _ in pairs}
        yield from (f"removed stage {stage.name}" for stage in a if stage.name not in kept)
        for position, stage in enumerate(b):
            if stage.name not in kept:
                yield f"added stage {stage.name} at position {position + 1}"
        in_a = [stage.name for stage in a if stage.name in kept]
        in_b = [stage.name for stage in b if stage.name in kept]
        if in_a != in_b:
            yield f"order of stages: {', '.join(in_a)} → {', '.join(in_b)}"


def _stage(a: Stage, b: Stage) -> Iterator[str]:
    if a.name != b.name:
        yield f"stage: {a.name} → {b.name}"
    yield from _value("share", a.share, b.share)
    for name in ("rows", "batch", "unlabelled", "alternate", "fresh"):
        yield from _value(name, getattr(a, name), getattr(b, name))
    several = max(len(a.turns), len(b.turns)) > 1
    for i, (before, after) in enumerate(zip(a.turns, b.turns, strict=False)):
        prefix = f"turn {i + 1}: " if several else ""
        for line in _turn(before, after):
            yield prefix + line
    yield from (f"removed turn {i + 1}" for i in range(len(b.turns), len(a.turns)))
    yield from (f"added turn {i + 1}" for i in range(len(a.turns), len(b.turns)))
    yield from _list("regularizer", a.regularizers, b.regularizers)


def _turn(a: Turn, b: Turn) -> Iterator[str]:
    yield from _list("objective", a.objectives, b.objectives)
    for name in ("weights", "parameters", "rates", "layer_decay", "repeat"):
        yield from _value(name, getattr(a, name), getattr(b, name))
    yield from _part("optimizer", a.optimizer, b.optimizer, bare=True)
    yield from _part("schedule", a.schedule, b.schedule)
    yield from _part("clip", a.clip, b.clip)
    yield from _list("drive", a.drives, b.drives)


def _part(what: str, a: Part, b: Part, *, bare: bool = False) -> Iterator[str]:
    """Two parts in the same role. The optimizer's fields go by their names alone (``bare``)."""
    shared = [name for name in type(a).model_fields if name in type(b).model_fields]
    if type(a) is not type(b):
        yield f"{what}: {_unusual(a, shared)} → {_unusual(b, shared)}"
    for name in shared:
        if name != "kind":
            label = name if bare else f"{what} {name}"
            yield from _value(label, getattr(a, name), getattr(b, name))


def _list(what: str, a: Sequence[Part], b: Sequence[Part]) -> Iterator[str]:
    """Parts of several kinds: the n-th of a kind is compared with the n-th of that kind."""
    before, after = _numbered(a), _numbered(b)
    for key, part in before.items():
        if key in after:
            yield from _part(key[0], part, after[key])
        else:
            yield f"removed {what} {_described(part)}"
    for key, part in after.items():
        if key not in before:
            yield f"added {what} {_described(part)}"
    kept_a = [kind for kind, n in before if (kind, n) in after]
    kept_b = [kind for kind, n in after if (kind, n) in before]
    if kept_a != kept_b:
        yield f"order of {what}s: {', '.join(kept_a)} → {', '.join(kept_b)}"


def _numbered(parts: Sequence[Part]) -> dict[tuple[str, int], Part]:
    numbered: dict[tuple[str, int], Part] = {}
    for part in parts:
        kind = str(getattr(part, "kind", getattr(part, "number", "")))  # a drive has no kind
        n = sum(1 for other, _ in numbered if other == kind)
        numbered[kind, n] = part
    return numbered


def _value(label: str, a: Any, b: Any) -> Iterator[str]:
    if a != b:
        yield f"{label}: {_shown(a)} → {_shown(b)}"


def _described(part: Part) -> str:
    """ "l2(weight=0.001)": the numbers that are on, and what else isn't at its default."""
    return _call(
        part,
        lambda value, field: value != 0 if is_number(field) else value != field.default,
    )


def _unusual(part: Part, leave_out: Sequence[str]) -> str:
    """ "sgd(nesterov=True)": the fields that aren't at their defaults."""
    return _call(part, lambda value, field: value != field.default, leave_out)


def _call(
    part: Part, telling: Callable[[Any, FieldInfo], bool], leave_out: Sequence[str] = ()
) -> str:
    fields = [
        f"{name}={_shown(getattr(part, name))}"
        for name, field in type(part).model_fields.items()
        if name != "kind" and name not in leave_out and telling(getattr(part, name), field)
    ]
    kind = str(getattr(part, "kind", ""))
    return f"{kind}({', '.join(fields)})" if fields else kind


def _shown(value: Any) -> str:
    match value:
        case None:
            return "none"
        case float():
            return repr(value) if value != int(value) or abs(value) > 1e15 else str(int(value))
        case LogUniform():
            return f"log_uniform{_shown(value.log_uniform)}"
        case Uniform():
            return f"uniform{_shown(value.uniform)}"
        case Choice() | Options():
            return f"choice{_shown(value.choice)}"
        case Integer():
            return f"integer{_shown(value.integer)}"
        case Part():
            return _described(value)
        case tuple():
            return f"[{', '.join(_shown(each) for each in value)}]"
        case _:
            return str(value)
