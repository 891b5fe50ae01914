"""The public names of the room, and that importing it is cheap."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import greenroom.messages as room

SOURCE = Path(room.__file__)
PUBLIC_MODULES = [
    path.stem
    for path in SOURCE.parent.glob("*.py")
    if path.stem not in {"__init__", "commands", "events", "openai_format", "signals", "wording"}
    and not path.stem.endswith("_events")
]


def typed_imports() -> dict[str, str]:
    """Name to module, as the TYPE_CHECKING block has them."""
    return {
        alias.name: str(node.module).rpartition(".")[2]
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("greenroom.messages.")
        for alias in node.names
    }


def test_all_is_sorted_and_each_name_is_there() -> None:
    assert len(room.__all__) == len(set(room.__all__))
    assert room.__all__ == sorted(
        room.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in room.__all__:
        home = importlib.import_module(f"{room.__name__}.{room._HOME_OF[name]}")
        assert getattr(room, name) is getattr(home, name)
    assert set(room.__all__) <= set(dir(room))


def test_the_three_lists_agree() -> None:
    assert typed_imports() == room._HOME_OF
    assert set(room._HOME_OF) == set(room.__all__)


def test_no_public_name_is_also_a_module() -> None:
    """`from greenroom.messages import fold` would be the function before the module is loaded, else not."""
    assert not set(room.__all__) & {path.stem for path in SOURCE.parent.glob("*.py")}


def test_the_values_that_users_meet_are_public() -> None:
    from greenroom.messages.value import Value

    for kind in Value.__subclasses__():
        if kind.__module__.rpartition(".")[2] in PUBLIC_MODULES and "[" not in kind.__name__:
            assert kind.__name__ in room.__all__, kind


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'greenroom\.messages' has no attribute 'NoSuchName'$"):
        room.NoSuchName  # noqa: B018


def test_importing_the_room_imports_nothing_heavy() -> None:
    code = (
        "import sys, greenroom.messages\n"
        "heavy = ('pydantic', 'asyncio', 'structlog', 'pykka', 'requests', 'tiktoken')\n"
        "print(*[m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_validator_is_built_at_import() -> None:
    """defer_build: a constant made with a constructor at import would build its model."""
    code = (
        "import sys\n"
        "from greenroom.messages import *\n"
        "import greenroom.messages.events, greenroom.messages.commands\n"
        "from greenroom.messages.value import Value\n"
        "def below(k): return [k, *(s for c in k.__subclasses__() for s in below(c))]\n"
        "print(*sorted(k.__name__ for k in below(Value) if k.__pydantic_complete__ and k.model_fields))\n"
        "print(*[m for m in ('asyncio', 'pydantic.plugin._loader') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    built, modules = done.stdout.split("\n")[:2]
    assert built == ""
    assert modules == ""
