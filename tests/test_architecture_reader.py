"""The reader of imports under test_architecture.py."""

from pathlib import Path

from test_architecture import ALL, Module, _room_of, imports


def test_the_reader_of_imports_sees_every_form(tmp_path: Path) -> None:
    """These rules are worth nothing if an import can hide from them."""
    source = """
import greenroom.providers.sse as s
from greenroom import providers
from .. import supervision
from ..providers import registry
from ..messages.value import Value
from . import cell
from .ref import X
if TYPE_CHECKING:
    from ..supervision import spec
def f():
    from greenroom.cli import main
    class C:
        import uvloop
"""
    path = tmp_path / "sample.py"
    path.write_text(source)
    found = {
        (i.target, i.local, i.typing_only) for i in imports(Module("greenroom.actors.sample", path, source))
    }
    assert {(target, local, typing) for target, local, typing in found if target not in ALL} <= {
        ("uvloop", True, False),
        ("greenroom.supervision", False, True),
        ("greenroom.actors", False, False),
        ("greenroom.actors.ref", False, False),
        ("greenroom.providers", False, False),
        ("greenroom.cli", True, False),
    }
    rooms = {_room_of(target) for target, _, _ in found if target.startswith("greenroom")}
    assert rooms == {"providers", "supervision", "messages", "actors", "cli"}
    assert ("uvloop", True, False) in found
    assert any(typing for _, _, typing in found)
