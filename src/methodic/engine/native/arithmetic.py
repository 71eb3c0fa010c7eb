"""Elementwise operations, as expressions of C++."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from methodic.engine.native.program import Call, pointwise
from methodic.engine.native.values import C_TYPES, Lazy, Value, View, unsupported


def number(x: Any, dtype: torch.dtype) -> str:
    if isinstance(x, bool):
        return "true" if x else "false"
    if dtype == torch.float32:
        if math.isinf(x) or math.isnan(x):
            return "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "-INFINITY"
        return f"{float(torch.tensor(float(x), dtype=torch.float32))!r}f"
    return f"({C_TYPES[dtype]}){int(x)}"


def elementwise(
    template: str, cost: int = 1, work: torch.dtype | None = None
) -> Callable[..., Value]:
    """An operation whose C++ is ``template``, with {0}, {1}, … for its operands.

    ``work`` is the type that operands are turned into; None: the type of the result.
    """

    def made(call: Call, *operands: Any, **_: Any) -> Value:
        values = [x for x in operands if isinstance(x, View | Lazy)]
        kind = work or call.dtype
        if work is COMPARED:
            kind = torch.result_type(*[_sample(x) for x in operands])

        def write(*elements: str) -> str:
            left = list(elements)
            texts = []
            for x in operands:
                if isinstance(x, View | Lazy):
                    text = left.pop(0)
                    same = x.dtype == kind or kind is ANY
                    texts.append(text if same else f"({C_TYPES[kind]})({text})")
                else:
                    texts.append(number(x, kind if kind is not ANY else call.dtype))
            return "(" + template.format(*texts) + ")"

        return pointwise(call.shape, call.dtype, values, write, cost, call.program)

    return made


COMPARED: Any = "compared"
ANY: Any = "any"


def _sample(x: Any) -> Any:
    return (
        torch.empty((1,) * max(len(x.shape), 0), dtype=x.dtype) if isinstance(x, View | Lazy) else x
    )


def comparison(sign: str) -> Callable[..., Value]:
    """A truth value; or 1 and 0, chosen, since booleans in a product keep loops from vectors."""
    truth = elementwise(f"{{0}} {sign} {{1}}", 1, COMPARED)
    chosen = elementwise(f"{{0}} {sign} {{1}} ? 1.0f : 0.0f", 1, COMPARED)

    def made(call: Call, *operands: Any, **_: Any) -> Value:
        return (chosen if call.dtype == torch.float32 else truth)(call, *operands)

    return made


def scaled(template: str) -> Callable[..., Value]:
    """x ± alpha·y."""
    plain, full = elementwise(template), elementwise(template.replace("{1}", "{1}*{2}"), 2)

    def made(call: Call, x: Any, y: Any, alpha: float = 1, **_: Any) -> Value:
        return plain(call, x, y) if alpha == 1 else full(call, x, y, alpha)

    return made


def addc(sign: str) -> Callable[..., Value]:
    plain = elementwise("{0} + {1}" + sign + "{2}", 2)
    full = elementwise("{0} + {3}*{1}" + sign + "{2}", 3)

    def made(call: Call, x: Any, y: Any, z: Any, *, value: float = 1) -> Value:
        return plain(call, x, y, z) if value == 1 else full(call, x, y, z, value)

    return made


def clamp(call: Call, x: Value, low: Any = None, high: Any = None, **options: Any) -> Value:
    low, high = options.get("min", low), options.get("max", high)
    if low is not None:
        x = elementwise("larger({0}, {1})", 2)(call, x, low)
    return x if high is None else elementwise("smaller({0}, {1})", 2)(call, x, high)


def power(call: Call, x: Any, exponent: Any) -> Value:
    if exponent == 2:
        return elementwise("{0}*{1}")(call, x, x)
    if exponent == 0.5:
        return elementwise("__builtin_sqrtf({0})", 4)(call, x)
    if exponent == -0.5:
        return elementwise("1.0f/__builtin_sqrtf({0})", 8)(call, x)
    raise unsupported(f"the power {exponent}")


def gelu(call: Call, x: Value, approximate: str = "none") -> Value:
    if approximate != "none":
        raise unsupported(f"gelu by {approximate}")
    x = call.program.stored(x)
    return elementwise("{0}*0.5f*(1.0f + erf_({0}*0.70710678f))", 20)(call, x)


def elu(call: Call, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Value:
    x = call.program.stored(x)
    return elementwise("{0} > 0 ? {2}*{0} : {2}*{1}*expm1_({3}*{0})", 20)(
        call, x, float(alpha), float(scale), float(input_scale)
    )


def leaky_relu(call: Call, x: Value, slope: float = 0.01) -> Value:
    return elementwise("{0} > 0 ? {0} : {0}*{1}", 2)(call, x, slope)


def filled(call: Call, *arguments: Any, **_: Any) -> Value:
    """full(size, value) and full_like(x, value)."""
    value = number(arguments[1], call.dtype)
    return Lazy(call.shape, call.dtype, lambda _: value, 0, ())


def constant(value: int) -> Callable[..., Value]:
    def made(call: Call, *_: Any, **__: Any) -> Value:
        text = number(value, call.dtype)
        return Lazy(call.shape, call.dtype, lambda _: text, 0, ())

    return made


def scalar(call: Call, value: Any, **_: Any) -> Value:
    text = number(value, call.dtype)
    return Lazy(call.shape, call.dtype, lambda _: text, 0, ())


def arange(call: Call, start: int = 0, end: int | None = None, step: int = 1, **_: Any) -> Value:
    if end is None:
        start, end = 0, start
    ctype = C_TYPES[call.dtype]
    return Lazy(call.shape, call.dtype, lambda i: f"(({ctype})({start} + {i[0]}*{step}))", 1, ())


def convert(call: Call, x: Value, *_: Any, **__: Any) -> Value:
    return x if x.dtype == call.dtype else elementwise("{0}", 1)(call, x)


def where(call: Call, condition: Value, x: Any, y: Any) -> Value:
    values = [v for v in (condition, x, y) if isinstance(v, View | Lazy)]

    def write(*elements: str) -> str:
        left = list(elements)
        texts = []
        for n, v in enumerate((condition, x, y)):
            if isinstance(v, View | Lazy):
                text = left.pop(0)
                texts.append(
                    text if n == 0 or v.dtype == call.dtype else f"({C_TYPES[call.dtype]})({text})"
                )
            else:
                texts.append(number(v, call.dtype))
        return f"({texts[0]} ? {texts[1]} : {texts[2]})"

    return pointwise(call.shape, call.dtype, values, write, 1, call.program)
