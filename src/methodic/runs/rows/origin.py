"""What a run's numbers depend on besides its plan: software, processor, and each column's values.

RUN/origin.json is written when a run starts. `resume` and `reproduce` read it to say what is no
longer as it was; it holds hashes of the data, and none of the data.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import ValidationError

from methodic import __version__
from methodic.data.dataset import DataSet
from methodic.data.loading import read_as
from methodic.data.schemas.overview import to_yaml
from methodic.engine.native.library import missing_compiler
from methodic.errors import InputError
from methodic.files import read_json, write_text
from methodic.models.precision import has_bfloat16
from methodic.plan import FORMAT, DataFacts, Machine, Value
from methodic.runs.rows import teaching

_NAME = "origin.json"
_SHOWN = 8
_NOT_THESE = (
    "Give the data that the run began with: methodic reproduce RUN --data FILE, or data=… in Python"
)


class Origin(Value):
    """Where a run began.

    Columns of the user's own test rows are called "test: column", those of rows without a target
    "unlabelled: column".
    """

    format: int = FORMAT
    software: dict[str, str]  # name → version
    processor: str
    rows: tuple[int, int]  # of the data with a target, and of the user's own test rows
    columns: dict[str, str]  # name → hash of the values
    unlabelled: int = 0  # rows without a target
    teacher: str | None = None  # a hash of the trained model


def write(folder: Path, data: DataSet) -> None:
    """Write RUN/origin.json for a run on ``data`` that starts now, and what its columns mean."""
    origin = Origin(
        software=_software(),
        processor=_processor(),
        rows=_rows(data),
        columns=data.digests,
        unlabelled=_unlabelled(data),
        teacher=teaching.digest(data.reading.teacher),
    )
    write_text(folder / _NAME, origin.model_dump_json(indent=1))
    write_text(folder / "schema.yaml", to_yaml(data))


def read(folder: Path) -> Origin | None:
    """Where the run in ``folder`` began; None when it doesn't say.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    document = read_json(path, "origin")
    try:
        return Origin.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            f"{path}: this origin is damaged",
            found=first["msg"],
            advice="Restore the file from a copy, or delete it.",
        ) from None


def processor_or_torch(machine: Machine) -> list[str]:
    """What of the plan's machine is another one here: each difference changes bits for sure."""
    found = _changed(
        {"processor capability": machine.capability, "torch": machine.torch},
        {"processor capability": _capability(), "torch": torch.__version__},
    )
    return found + _not_compiled(machine) + _no_bfloat16(machine)


def here(machine: Machine) -> Machine:
    """The choices of a plan's machine, as far as this machine can make them."""
    return machine.model_copy(
        update={
            "capability": _capability(),
            "torch": torch.__version__,
            "compiled": machine.compiled and missing_compiler() is None,
        }
    )


def other_stack(folder: Path, machine: Machine) -> list[str]:
    """All that is known to be different here from where the run in ``folder`` began."""
    origin = read(folder)
    if origin is None:
        return processor_or_torch(machine)
    then = {**origin.software, "torch": machine.torch, "processor": origin.processor}
    now = {**_software(), "processor": _processor()}
    if then["processor"] == now["processor"]:
        then["processor capability"], now["processor capability"] = (
            machine.capability,
            _capability(),
        )
    return _changed(then, now) + _not_compiled(machine) + _no_bfloat16(machine)


def check_data(folder: Path, facts: DataFacts, data: DataSet) -> None:
    """Refuse data that are not those of the run in ``folder``.

    Raises:
        InputError: names the rows and columns that differ; another teacher, or other labels.
    """
    origin = read(folder)
    if data.fingerprint == facts.fingerprint:
        _check_labels(folder, facts, data)
        _check_teacher(folder, facts, origin, data)
        return
    raise InputError(
        f"{folder}: these are not the data that this run began with",
        found="; ".join(_data_differences(facts, origin, data)),
        accepted=f"the data '{facts.name}' with the fingerprint {facts.fingerprint}",
        advice=_NOT_THESE.replace("RUN", str(folder)) + ".",
    )


def _check_labels(folder: Path, facts: DataFacts, data: DataSet) -> None:
    then, now = facts.reading.labels, data.reading.labels
    if then != now:
        raise InputError(
            f"{folder}: other rows kept their targets when this run began",
            found=f"labels {now or 'of all rows'} now",
            accepted=f"labels {then or 'of all rows'}",
            advice="Load the data with the same labels=…",
        )


def _check_teacher(folder: Path, facts: DataFacts, origin: Origin | None, data: DataSet) -> None:
    then, now = facts.reading.teacher, data.reading.teacher
    if then is None and now is None:
        return
    known = None if origin is None else origin.teacher
    another = known is not None and known != teaching.digest(now)
    if then is None or now is None or another:
        raise InputError(
            f"{folder}: this is not the teacher that this run began with",
            found=now or "no teacher",
            accepted=f"the model that was in {then}" if then else "no teacher",
            advice="Put the trained model back, or load the data with teacher=… naming it."
            if then
            else "Load the data without teacher=…",
        )


def read_data(
    facts: DataFacts, source: Path | str | None = None, test: Path | str | None = None
) -> DataSet:
    """The data of a run, read as they were read when it began.

    Args:
        facts: of its plan.
        source: a built-in name or a file to read instead.
        test: the user's own test rows, likewise.

    Raises:
        InputError: they lived in memory, or can't be read.
    """
    chosen = source or facts.source
    if chosen is None:
        raise InputError(
            f"the data '{facts.name}' lived in memory (at least their targets, or some of their "
            "rows), so they can't be read again",
            accepted="the same data",
            advice="Give them: methodic.reproduce(RUN, data=…) in Python, or --data FILE.",
        )
    reading = facts.reading
    if test is not None:
        reading = reading.model_copy(update={"test": str(test)})
    return read_as(chosen, reading, facts.name)


def _data_differences(facts: DataFacts, origin: Origin | None, data: DataSet) -> list[str]:
    rows, now = _rows(data), data.digests
    found = []
    if origin is not None and origin.rows != rows:
        found += [
            f"{then:,} {what} then, {there:,} now"
            for what, then, there in zip(("rows", "test rows"), origin.rows, rows, strict=True)
            if then != there
        ]
    elif origin is None and data.test is None and sum(facts.rows) != rows[0]:
        found.append(f"{sum(facts.rows):,} rows then, {rows[0]:,} now")
    if origin is not None and origin.unlabelled != _unlabelled(data):
        found.append(f"{origin.unlabelled:,} rows without a target then, {_unlabelled(data):,} now")
    if (facts.target, *facts.others) != data.schema.targets:
        named = (facts.target, *facts.others)
        found.append(f"the target {_few(named)} then, {_few(data.schema.targets)} now")
    if facts.classes != data.schema.classes:
        found.append(f"the classes {_few(facts.classes)} then, {_few(data.schema.classes)} now")
    if origin is not None:
        then = origin.columns
        found += [
            f"{what} {_few(names)}"
            for what, names in (
                ("without", [name for name in then if name not in now]),
                ("new:", [name for name in now if name not in then]),
            )
            if names
        ]
        if origin.rows == rows and origin.unlabelled == _unlabelled(data):
            changed = [name for name in then if now.get(name, then[name]) != then[name]]
            found += [f"other values in {_few(changed)}"] if changed else []
    return found or ["other values, or another order of rows or columns"]


def _rows(data: DataSet) -> tuple[int, int]:
    return data.heights


def _unlabelled(data: DataSet) -> int:
    return 0 if data.unlabelled is None else data.unlabelled.height


def _few(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN]) or "none"
    return shown + (f", … ({len(names)} in all)" if len(names) > _SHOWN else "")


def _changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {then[name]} then, {now[name]} now"
        for name in then
        if name in now and then[name] != now[name]
    ]


def _not_compiled(machine: Machine) -> list[str]:
    if machine.compiled and not here(machine).compiled:
        return [f"compiled then, not compiled now ({missing_compiler()})"]
    return []


def _no_bfloat16(machine: Machine) -> list[str]:
    if machine.precision == "bfloat16" and not has_bfloat16(machine.device):
        return ["bfloat16 by the processor then, which this one can't"]
    return []


def _software() -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "polars", "scikit-learn")}
    return {"methodic": __version__, "torch": torch.__version__, **libraries}


def _capability() -> str:
    return torch.backends.cpu.get_cpu_capability()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
