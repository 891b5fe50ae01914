"""What those who add a server or a wire may import: all there, sorted, loaded when used."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import greenroom.providers
import greenroom.providers.simulator

ROOMS = pytest.mark.parametrize("room", [greenroom.providers, greenroom.providers.simulator])


@ROOMS
def test_every_public_name_is_there(room: ModuleType) -> None:
    for name in room.__all__:
        assert getattr(room, name) is not None
    assert len(set(room.__all__)) == len(room.__all__)
    assert not hasattr(room, "no_such_name")


@ROOMS
def test_type_checkers_see_the_same_names(room: ModuleType) -> None:
    tree = ast.parse(Path(str(room.__file__)).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(room.__all__)


def test_importing_them_loads_nothing() -> None:
    code = (
        "import sys, greenroom.providers, greenroom.providers.simulator; "
        "print(sorted(name for name in sys.modules if name.startswith('greenroom.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['greenroom.providers', 'greenroom.providers.simulator']"
