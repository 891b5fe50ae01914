"""The house's rules, read from the source (docs/design.md): who may import whom, sizes, secrets.

Imports run one way:

    messages  <-  providers
    messages  <-  actors  <-  supervision
    all four  <-  system, observed, endpoints, routing, config, cli, __init__, __main__
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "greenroom"

ROOMS = {
    "messages": {"messages"},
    "providers": {"messages", "providers"},
    "actors": {"messages", "actors"},
    "supervision": {"messages", "actors", "supervision"},
}
"""Which rooms a room's modules may import."""
WIRING = {
    "greenroom", "greenroom.__main__", "greenroom.system", "greenroom.observed", "greenroom.endpoints",
    "greenroom.routing", "greenroom.config", "greenroom.cli",
}  # fmt: skip
"""Modules, and packages with all that is in them, that may import every room."""

LOCAL_IMPORTS: dict[tuple[str, str], str] = {
    ("greenroom.messages", "*"): "names load when first used (PEP 562)",
    ("greenroom", "*"): "names load when first used (PEP 562)",
    ("greenroom.actors", "*"): "names load when first used (PEP 562)",
    ("greenroom.providers", "*"): "names load when first used (PEP 562)",
    ("greenroom.supervision", "*"): "names load when first used (PEP 562)",
    ("greenroom.providers.simulator", "*"): "names load when first used (PEP 562)",
    ("greenroom.actors.event_loop", "uvloop"): "optional: asyncio's own loop where it is absent",
    ("greenroom.providers.simulator.server", "uvloop"): "optional: asyncio's own loop where it is absent",
    ("greenroom.providers.local_model.serve", "xllamacpp"): "optional extra [local], and heavy",
    ("greenroom.providers.sse", "sseclient"): "loads when used: most streams take the short path",
    ("greenroom.providers.tokens", "tiktoken"): "loads when used: heavy",
    ("greenroom.providers.registry", "*"): "a wire loads when it is used",
    ("greenroom.providers.model_sources", "*"): "requests loads in the thread of the first fetch",
    (
        "greenroom.providers.simulator.pytest_plugin",
        "greenroom.providers.simulator.server",
    ): "pytest loads the plugin in every run of whoever installed greenroom",
    (
        "greenroom.endpoints",
        "greenroom.providers.requests_transport",
    ): "requests and urllib3 load when an endpoint uses them",
    ("greenroom.supervision.stores.states", "greenroom.supervision.stores.sqlite"): "optional: sqlite3",
    ("greenroom.system", "greenroom.config"): "loads when no configuration was given in code",
    **dict.fromkeys(
        (
            ("greenroom.cli.answering", "greenroom.cli.embedded"),
            ("greenroom.cli.embedded", "greenroom.providers.simulator"),
            ("greenroom.cli.main", "greenroom.cli.chat"),
            ("greenroom.cli.main", "greenroom.cli.chat_arguments"),
            ("greenroom.cli.main", "greenroom.cli.faults"),
            ("greenroom.cli.main", "greenroom.cli.models"),
            ("greenroom.cli.main", "greenroom.cli.show_config"),
            ("greenroom.cli.main", "greenroom.providers.simulator.command"),
            ("greenroom.cli.main", "importlib.metadata"),
        ),
        "a command loads what it uses: `--help` and mistakes answer at once",
    ),
}
"""(module, what it imports inside a function): why. Only a heavy optional or lazy dependency is a reason."""

BROAD_CATCHES: dict[str, str] = {
    "greenroom.actors.claims": "a future of another runtime may have been set by somebody else",
    "greenroom.supervision.telemetry": "the host's logging may raise; the sink's thread must go on",
}
"""Modules that may catch everything and say nothing: why."""

SECRET_READERS: dict[str, str] = {
    "greenroom.messages.config": "checks that a key or header can be sent",
    "greenroom.actors.api_keys": "takes the next key for an attempt, and marks credentials by a salted digest",
    "greenroom.endpoints": "hands an endpoint's headers to its attempts",
    "greenroom.providers.local_model.child": "gives the child process its key and asks its health with it",
}
"""Modules that may read a secret, also into an f-string: why. None may do it inside a log call."""

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX = 7
BANNED_FILES = {"utils.py", "util.py", "base.py", "common.py", "helpers.py", "misc.py"}
LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical", "log", "print", "warn", "emit"}


@dataclass(frozen=True)
class Import:
    """One import statement: of what, where, and whether it runs when the module is imported."""

    target: str
    line: int
    local: bool
    typing_only: bool


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    source: str

    @property
    def tree(self) -> ast.Module:
        return _tree(self.path)

    @property
    def room(self) -> str | None:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path, path.read_text(encoding="utf-8"))
    return found


ALL = modules()
each_module = pytest.mark.parametrize("module", ALL.values(), ids=list(ALL))


def imports(module: Module) -> Iterator[Import]:
    """Every import of greenroom's or others' modules, relative ones made absolute."""
    yield from _imports_in(module, module.tree, local=False, typing_only=False)


def _imports_in(module: Module, node: ast.AST, *, local: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = local or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, local, typing_only)
        elif isinstance(child, ast.ImportFrom):
            start = _absolute(module, child)
            for alias in child.names:
                full = f"{start}.{alias.name}"
                yield Import(full if full in ALL else start, child.lineno, local, typing_only)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for statement in child.body:
                yield from _imports_in(module, ast.Module([statement], []), local=inside, typing_only=True)
            for statement in child.orelse:
                yield from _imports_in(
                    module, ast.Module([statement], []), local=inside, typing_only=typing_only
                )
        else:
            yield from _imports_in(module, child, local=inside, typing_only=typing_only)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    above = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
    return ".".join([*above, *([node.module] if node.module else [])])


def functions(module: Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{module.name}.{node.name}", node


def is_wiring(module: Module) -> bool:
    return module.name in WIRING or any(
        module.name.startswith(f"{package}.") for package in WIRING - {"greenroom"}
    )


@each_module
def test_imports_run_one_way(module: Module) -> None:
    if is_wiring(module):
        return
    assert module.room, f"{module.path} stands in no room and is not one of {sorted(WIRING)}"
    wrong = [
        f"line {found.line} imports {found.target}"
        for found in imports(module)
        if found.target.split(".")[0] == "greenroom" and _room_of(found.target) not in ROOMS[module.room]
    ]
    assert not wrong, f"{module.name} may import only {sorted(ROOMS[module.room])}: {wrong}"


def _room_of(target: str) -> str:
    parts = target.split(".")
    return parts[1] if len(parts) > 1 else "greenroom"


@each_module
def test_imports_inside_functions_have_a_reason(module: Module) -> None:
    wrong = [
        f"line {found.line}: {found.target}"
        for found in imports(module)
        if found.local
        and (module.name, found.target) not in LOCAL_IMPORTS
        and (module.name, "*") not in LOCAL_IMPORTS
    ]
    assert not wrong, (
        f"{module.name} imports inside a function; move it up or list it with its reason: {wrong}"
    )


def test_listed_local_imports_are_still_there() -> None:
    real = {(m.name, found.target) for m in ALL.values() for found in imports(m) if found.local}
    gone = [entry for entry in LOCAL_IMPORTS if entry[1] != "*" and entry not in real]
    assert not gone, f"no longer needed in LOCAL_IMPORTS: {gone}"


@each_module
def test_import_module_is_only_for_lazy_names(module: Module) -> None:
    calls = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__"))
    ]
    assert not calls or (module.name, "*") in LOCAL_IMPORTS, f"{module.name} imports by name in lines {calls}"


def test_there_are_no_import_cycles() -> None:
    graph = {
        name: {
            found.target
            for found in imports(module)
            if found.target in ALL and found.target != name and not found.local and not found.typing_only
        }
        for name, module in ALL.items()
    }
    cycles = [group for group in _components(graph) if len(group) > 1]
    assert not cycles, "\n".join(" <-> ".join(sorted(group)) for group in cycles)


def _components(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for after in graph[node]:
            if after not in index:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], index[after])
        if low[node] == index[node]:
            cut = stack.index(node)
            found.append(set(stack[cut:]))
            del stack[cut:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


@each_module
def test_files_are_short(module: Module) -> None:
    lines = len(module.source.splitlines())
    assert lines <= FILE_LINES_MAX, f"{module.path.relative_to(ROOT)} has {lines} lines of {FILE_LINES_MAX}"


@each_module
def test_functions_are_short_with_few_parameters(module: Module) -> None:
    wrong = []
    for name, node in functions(module):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            wrong.append(f"{name} has {lines} lines of {FUNCTION_LINES_MAX}")
        args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = len([arg for arg in args if arg.arg not in ("self", "cls")])
        if count > PARAMETERS_MAX:
            wrong.append(f"{name} has {count} parameters of {PARAMETERS_MAX}")
    assert not wrong, wrong


@each_module
def test_a_file_is_named_for_its_one_noun(module: Module) -> None:
    assert module.path.name not in BANNED_FILES


@each_module
def test_there_are_no_globals(module: Module) -> None:
    lines = [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Global)]
    assert not lines, f"{module.name}: `global` in lines {lines}"


@each_module
def test_nothing_is_caught_broadly_and_dropped(module: Module) -> None:
    wrong = [
        f"line {node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and _only_passes(node.body)
    ]
    wrong += [
        f"line {node.lineno}: contextlib.suppress"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("suppress")
        and any(_is_broad(arg) for arg in node.args)
    ]
    assert not wrong or module.name in BROAD_CATCHES, (
        f"{module.name} catches everything and says nothing: {wrong}"
    )


def _is_broad(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(name is None or ast.unparse(name) in ("Exception", "BaseException") for name in names)


def _only_passes(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(node, (ast.Pass, ast.Continue))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


@each_module
def test_secrets_are_read_in_few_places_and_never_printed(module: Module) -> None:
    reads = [node for node in ast.walk(module.tree) if _reads_secret(node)]
    if reads:
        lines = [node.lineno for node in reads if isinstance(node, ast.Attribute)]
        assert module.name in SECRET_READERS, f"{module.name} reads a secret in lines {lines}"
    shown = [
        node.lineno
        for node in ast.walk(module.tree)
        if _is_log(node) and any(_reads_secret(inner) for inner in ast.walk(node))
    ]
    assert not shown, f"{module.name} puts a secret into a log in lines {shown}"


def test_listed_secret_readers_still_read() -> None:
    gone = [
        name
        for name in SECRET_READERS
        if name not in ALL or not any(_reads_secret(node) for node in ast.walk(ALL[name].tree))
    ]
    assert not gone, f"no longer needed in SECRET_READERS: {gone}"


def _reads_secret(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("get_secret_value", "_secret_value")


def _is_log(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in LOG_CALLS


@pytest.mark.parametrize("room", ["greenroom", *(f"greenroom.{room}" for room in ROOMS)])
def test_every_room_lists_its_public_names_sorted(room: str) -> None:
    tree = ALL[room].tree
    listed = next(
        (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        None,
    )
    assert listed, f"{room} has no __all__"
    assert list(listed) == sorted(listed, key=_sort_key), (
        f"{room}.__all__ is not sorted (ruff check --select RUF022)"
    )
    assert len(set(listed)) == len(listed)


def _sort_key(name: str) -> tuple[int, str]:
    """As ruff sorts: CONSTANTS, Classes, then functions and dunders."""
    if name.isupper():
        return 0, name
    return (1 if re.match(r"_*[A-Z]", name) else 2), name
