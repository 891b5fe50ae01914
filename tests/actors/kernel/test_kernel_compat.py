"""Pykka's private names: in one file, and checked when it is imported."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pykka
import pytest

from greenroom.actors import pykka_compat
from greenroom.actors.pykka_compat import PykkaChanged, check_pykka

ROOM = Path(pykka_compat.__file__).parent
PRIVATE = {
    "_actor_loop",
    "_actor_loop_running",
    "_actor_loop_setup",
    "_actor_loop_teardown",
    "_actor_weakref",
    "_create_actor_inbox",
    "_create_future",
    "_get_hook",
    "_handle_failure",
    "_handle_receive",
    "_start_actor_loop",
    "_stop",
    "_ActorStop",
}


@pytest.mark.parametrize("name", ["_handle_receive", "_actor_loop_running", "_create_future", "_stop"])
def test_a_missing_hook_is_named(name: str) -> None:
    hooks = {k: v for k, v in vars(pykka.Actor).items() if k not in ("__dict__", "__weakref__")}
    check_pykka(actor_class=type("Actor", (), hooks))
    del hooks[name]
    changed = type("Actor", (), hooks)

    with pytest.raises(PykkaChanged, match=rf"pykka>=4\.4\.2,<5.*Actor\.{name} is missing"):
        check_pykka(actor_class=changed)


def test_changed_fields_are_named() -> None:
    class Changed(pykka.Actor):
        def __init__(self) -> None:
            super().__init__()
            del self.actor_stopped
            self.actor_task = None

    with pytest.raises(PykkaChanged, match=r"actor_stopped is missing; Actor\(\)\.actor_task is unknown"):
        check_pykka(actor_class=Changed)


def test_a_ref_without_its_weakref_is_named() -> None:
    class Strong:
        def __init__(self, actor: Any) -> None:
            self.actor = actor

    with pytest.raises(PykkaChanged, match=r"ActorRef\(\)\._actor_weakref is missing"):
        check_pykka(ref_class=Strong)


def test_the_error_is_an_import_error_that_tells_the_version_and_place() -> None:
    with pytest.raises(ImportError) as caught:
        check_pykka(actor_class=object)

    assert str(Path(pykka.__file__ or "").parent) in str(caught.value)


def test_private_names_stand_in_the_compat_file_only() -> None:
    found = []
    for path in sorted(ROOM.glob("*.py")):
        if path.name == "pykka_compat.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in PRIVATE:
                found.append(f"{path.name}:{node.lineno} {node.attr}")
            if isinstance(node, ast.FunctionDef) and node.name in PRIVATE:
                found.append(f"{path.name}:{node.lineno} def {node.name}")
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pykka._"):
                found.append(f"{path.name}:{node.lineno} from {node.module}")

    assert found == []
