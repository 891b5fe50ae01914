"""The public names: sorted, all importable, loaded when used, and the package cheap to import."""

import subprocess
import sys

import greenroom


def test_every_public_name_is_there_and_sorted() -> None:
    names = [name for name in greenroom.__all__ if name != "__version__"]
    assert sorted(greenroom._HOME_OF) == sorted(names)
    for name in names:
        assert getattr(greenroom, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(greenroom, "no_such_name")


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, greenroom; heavy = {'requests', 'tiktoken', 'sseclient', 'pydantic', 'httptools', 'uvloop'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_system_loads_only_what_it_uses() -> None:
    code = (
        "import sys; from greenroom import ActorSystem, ChatRequest; "
        "print(sorted({'requests', 'tiktoken', 'sseclient'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
