"""The rules of the house that a machine can check: floors, torch-free modules, names, sizes."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import methodic

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "methodic"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {
    ".".join(("methodic", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in FILES
}

# From bottom to top. A module imports from floors below its own, and inside its own package.
# Rooms that share a floor don't know each other, but for those in one string.
FLOORS = [
    ["errors"],
    ["files", "durations", "tuning"],
    ["types rng"],
    ["recipes"],
    ["plan"],
    ["asking"],
    ["metrics"],
    ["evidence"],
    ["data"],
    ["models", "optimizers", "schedules"],
    ["regularizers"],
    ["objectives"],
    ["engine"],
    ["build"],
    ["bundle"],
    ["baselines"],
    ["diagnosis"],
    ["search"],
    ["report"],
    ["runs"],
    ["estimators", "served"],
    ["cli commands console arguments options"],
    ["__main__"],
]
LEVEL = {
    name: level for level, rooms in enumerate(FLOORS) for names in rooms for name in names.split()
}
TOGETHER = {name: names for rooms in FLOORS for names in rooms for name in names.split()}

TORCH_FREE = (
    "arguments",
    "asking",
    "cli",
    "commands",
    "console",
    "data.builtin",
    "data.dataset",
    "data.loading",
    "data.images",
    "data.opening",
    "data.schemas",
    "data.sources",
    "data.splits",
    "diagnosis",
    "durations",
    "errors",
    "evidence",
    "files",
    "metrics",
    "options",
    "plan",
    "recipes",
    "report",
    "schedules",
    "search",
    "tuning",
)

# Modules without a test file of their own, and why.
UNMIRRORED = {
    "methodic": "tests/test_package.py",
    **{
        f"methodic.build.{name}": "tests/build/test_build.py builds every kind through build.cohort"
        for name in ("objectives", "regularizers", "rules", "schedules", "stages")
    },
    **{
        f"methodic.recipes.kinds.{name}": "declarations; tests/build/test_build.py builds each of "
        "them, tests/recipes/test_ingredients.py knows every field"
        for name in (
            "models",
            "objectives",
            "optimizers",
            "own",
            "regularizers",
            "schedules",
            "unlabelled",
        )
    },
    "methodic.recipes.part": "tests/recipes/test_types.py",
    "methodic.recipes.switches": "tests/recipes/test_ingredients.py, which uses each of them",
    **{
        f"methodic.schedules.{name}": "tests/test_schedules.py"
        for name in ("falling", "joined", "phases", "stairs", "waves")
    },
    "methodic.options": "declarations only; tests/test_cli.py uses each of them",
    "methodic.commands": "nothing in it; tests/test_cli.py drives the commands",
    "methodic.commands.folders": "tests/test_cli.py",
    "methodic.commands.inputs": "tests/test_cli.py",
    "methodic.commands.library": "tests/test_cli.py",
    "methodic.commands.models": "tests/test_cli.py",
    "methodic.commands.rates": "tests/test_cli.py",
    "methodic.commands.running": "tests/test_cli.py",
    "methodic.runs.again": "tests/runs/test_execution.py, tests/runs/outcome/test_reproduction.py",
    "methodic.runs.cohorts": "tests/runs/test_tasks.py, whose units are cohorts",
    "methodic.runs.paths": "names of files; every test of a run reads some of them",
    "methodic.runs.plans.words": "tests/runs/plans/test_planning.py reads what plans say",
    "methodic.runs.crew": "tests/runs/test_execution.py, whose executions are a crew's work",
    "methodic.types": "protocols and plain containers; tests/contract/ holds their implementations",
}


def _imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and name of each methodic module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node.lineno, inner if inner in MODULES else str(node.module)


def _room(module: str) -> str:
    return module.split(".")[1]


def test_every_module_stands_on_a_floor() -> None:
    rooms = {_room(module) for module in MODULES if module != "methodic"}
    assert rooms <= set(LEVEL), f"without a floor: {sorted(rooms - set(LEVEL))}"


@pytest.mark.parametrize("module", [name for name in MODULES if name != "methodic"])
def test_imports_go_down(module: str) -> None:
    own = _room(module)
    wrong = []
    for line, target in _imports(MODULES[module], module):
        if target.split(".")[0] != "methodic" or target == "methodic":
            continue
        other = _room(target)
        if other == own or TOGETHER[other] == TOGETHER[own] or LEVEL[other] < LEVEL[own]:
            continue
        wrong.append(f"line {line}: {target}")
    assert not wrong, f"{module} imports from its own floor or above: {'; '.join(wrong)}"


def test_the_floors_can_be_violated() -> None:
    assert LEVEL["engine"] > LEVEL["models"] > LEVEL["data"]
    path = SOURCE / "commands" / "running.py"
    found = [name for _, name in _imports(path, "methodic.commands.running")]
    assert "methodic.runs" in found, "imports inside functions count"
    assert "methodic.console" in found, "modules imported from a package count as themselves"


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_torch_free_modules() -> None:
    names = [
        module
        for module in MODULES
        if module != "methodic"
        and any((module + ".").startswith(f"methodic.{free}.") for free in TORCH_FREE)
    ]
    assert len(names) > 15
    guilty = _python(
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        print(name)\n"
        "        break\n"
    )
    assert not guilty, f"{guilty} imports torch"


def test_import_methodic_loads_next_to_nothing() -> None:
    loaded = _python("import sys, methodic\nprint(*sys.modules)").split()
    allowed = {"methodic"}
    assert {name for name in loaded if name.startswith("methodic")} == allowed
    for heavy in ("torch", "numpy", "pydantic", "yaml", "polars", "sklearn", "scipy", "typer"):
        assert heavy not in loaded


@pytest.mark.parametrize("name", methodic.__all__)
def test_exported_names_exist(name: str) -> None:
    home = methodic._home(name)
    if home is not None and importlib.util.find_spec(home[0]) is None:
        pytest.skip(f"{home[0]} isn't built yet")
    assert getattr(methodic, name) is not None


@pytest.mark.parametrize("module", MODULES)
def test_size_and_names(module: str) -> None:
    path = MODULES[module]
    assert path.name != "utils.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, "look for the second idea"


@pytest.mark.parametrize("module", MODULES)
def test_public_constructors_name_their_arguments(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    assert method.args.kwarg is None, f"{node.name} takes **kwargs"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_untrusted_can_run(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec"}, f"line {node.lineno}"
        if isinstance(node, ast.Import):
            assert not {"pickle", "marshal", "shelve"} & {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module in {"pickle", "marshal", "shelve"}:
            written = {alias.name for alias in node.names}
            assert written == {"dumps"}, f"line {node.lineno}: bytes may be counted, never read"


@pytest.mark.parametrize("module", [name for name in MODULES if name not in UNMIRRORED])
def test_each_module_has_its_test_file(module: str) -> None:
    path = MODULES[module].relative_to(SOURCE)
    if path.name == "__init__.py":
        body = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
        if not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body):
            return
        # A package's own functions: tests/runs/test_init.py, or tests/baselines/test_baselines.py.
        if (TESTS / path.parent / f"test_{path.parent.name}.py").exists():
            return
        path = path.with_name("init.py")
    mirror = TESTS / path.parent / f"test_{path.stem}.py"
    assert mirror.exists(), f"missing: {mirror.relative_to(TESTS.parent)}"


def test_exceptions_are_still_needed() -> None:
    for module in UNMIRRORED:
        assert module in MODULES, f"{module} is gone"
