"""The law of the house: who may know whom, what is never imported where, and what the linters say."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
SOURCES = sorted((HOME / "webui").rglob("*.py"))
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "peft", "torchsde"}
# The borders where anything may be caught: the loops of worker and queue, the handlers of page and API.
BORDERS = {
    "webui/engine/serve.py",
    "webui/jobs/dispatcher.py",
    "webui/ui/replies.py",
    "webui/api/server.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")


def modules_below(*rooms: str) -> list[str]:
    return [module_of(path) for path in SOURCES if path.relative_to(HOME / "webui").parts[0] in rooms]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=HOME, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def imported_at_load(tree: ast.Module) -> Iterator[str]:
    """Names of the modules that importing this one imports: all but those in function bodies and `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        waiting += ast.iter_child_nodes(node)


def loaded_by(modules: list[str], watched: set[str]) -> str:
    """What of the watched is loaded after importing these in a fresh Python, and the threads that this started."""
    program = (
        f"import importlib, sys, threading\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(sorted({watched!r} & set(sys.modules)), threading.active_count())"
    )
    answer = python("-c", program)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", "--no-cache", "."),
        ("-m", "mypy"),
        ("-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"),
    ],
    ids=["ruff", "mypy", "import-linter"],
)
def test_linters_are_content(command: tuple[str, ...]) -> None:
    answer = python(*command)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_door_loads_neither_torch_nor_a_face() -> None:
    modules = modules_below("core", "memory", "library", "families", "jobs")
    assert "webui.jobs.service" in modules
    assert loaded_by(modules, HEAVY | {"gradio", "fastapi", "starlette", "uvicorn"}) == "[] 1"


def test_the_outside_of_the_worker_loads_no_torch() -> None:
    assert loaded_by(["webui.engine.link"], HEAVY | {"gradio", "fastapi"}) == "[] 1"


def test_the_page_loads_no_torch() -> None:
    modules = modules_below("ui", "api")
    assert "webui.ui" in modules
    assert loaded_by(modules, HEAVY).startswith("[] ")


@pytest.mark.parametrize("path", sorted((HOME / "webui/families").rglob("*.py")), ids=name_of)
def test_families_import_torch_in_function_bodies_only(path: Path) -> None:
    assert {name.split(".")[0] for name in imported_at_load(tree_of(path))}.isdisjoint(HEAVY)


def test_core_is_python_pillow_and_numpy() -> None:
    allowed = set(sys.stdlib_module_names) | {"PIL", "numpy", "webui"}
    foreign = {
        (name_of(path), name)
        for path in (HOME / "webui/core").rglob("*.py")
        for name in imported_at_load(tree_of(path))
        if name.split(".")[0] not in allowed
    }
    assert foreign == set()


def test_nothing_global_is_rebound() -> None:
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path in [*SOURCES, HOME / "launch.py"]
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Global)
    }
    assert found == set()


def is_empty_container(value: ast.expr | None) -> bool:
    """Whether this is what somebody will fill later: [], {}, set(), deque() and the like."""
    if isinstance(value, ast.List):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    makers = {"list", "dict", "set", "deque", "defaultdict", "OrderedDict", "WeakValueDictionary", "Queue"}
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in makers and not value.keywords


def test_no_module_keeps_a_state() -> None:
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path in [*SOURCES, HOME / "launch.py"]
        for node in tree_of(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and is_empty_container(node.value)
    }
    assert found == set()


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether this catches everything and does not pass it on."""
    caught = ast.walk(handler.type) if handler.type else ()
    names = {node.id for node in caught if isinstance(node, ast.Name)}
    passed_on = isinstance(handler.body[-1], ast.Raise)
    return (handler.type is None or bool(names & {"Exception", "BaseException"})) and not passed_on


def test_everything_is_caught_at_the_borders_only() -> None:
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        if name_of(path) not in BORDERS
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    }
    assert found == set()


def test_no_file_names_a_package_registry() -> None:
    """Which registry serves the packages is the machine's business; our files name packages only."""
    hosts = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian"]
    texts = [*SOURCES, *(HOME / "tests").rglob("*.py"), *(HOME / "presets").rglob("*.json"), *HOME.glob("*.md")]
    texts += [HOME / name for name in ("launch.py", "pyproject.toml", ".ci/run", ".requirements.lock")]
    read = {name_of(path): path.read_text(encoding="utf-8") for path in texts}
    assert {(name, host) for name, text in read.items() for host in hosts if host in text} == set()
