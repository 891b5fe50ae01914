"""One call that the caller is to answer: a function's JSON arguments, or a custom tool's free text."""

import hashlib
from io import StringIO
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire, thaw
from greenroom.messages.parts import ToolCallPart
from greenroom.providers.openai_responses.marks import CALL_ITEMS
from greenroom.providers.openai_responses.said import Said
from greenroom.providers.whole_json import is_json
from greenroom.providers.wire.allowance import TooMuchError

_CALL_BYTES = 512


class Call:
    """One owner. Linear: the arguments are joined once, at the end."""

    __slots__ = (
        "_buffer",
        "_said",
        "_tried",
        "call_id",
        "completed",
        "custom",
        "item_id",
        "name",
        "number",
        "started",
    )

    def __init__(self, said: Said, custom: bool) -> None:
        """Raises TooMuchError."""
        said.allowance.calls_left -= 1
        said.allowance.spend(_CALL_BYTES)
        if said.allowance.calls_left < 0:
            raise TooMuchError
        self._said, self.custom = said, custom
        self.number = said.calls
        said.calls += 1
        said.begun += 1
        self.call_id = self.name = self.item_id = ""
        self._buffer = StringIO()
        self.started = self.completed = self._tried = False

    def seeded(self, part: ToolCallPart) -> "Call":
        """The call that an earlier attempt began: its number and its arguments so far."""
        self._said.calls -= 1
        self._said.begun -= 1
        self.number, self.call_id, self.name = part.index, part.id, part.name
        self.item_id = str(part.metadata.get("item_id") or "")
        self._buffer.write(part.arguments)
        self.started, self.completed = True, part.complete
        return self

    @property
    def is_open(self) -> bool:
        """Its whole arguments were not told yet."""
        return not (self.completed or self._tried)

    def note(self, item: dict[str, Any]) -> None:
        """What an item, or an event of it, says of the call; the first value of each holds."""
        self.item_id = self.item_id or _word(item.get("id")) or _word(item.get("item_id"))
        self.call_id = self.call_id or _word(item.get("call_id"))
        self.name = self.name or _word(item.get("name"))
        if self.name and self.call_id and not self.started:
            self._start()

    def more(self, piece: str) -> None:
        """The hot path: more arguments. Raises TooMuchError."""
        self._said.allowance.spend(len(piece))
        self._buffer.write(piece)
        if self.started:
            self._said.writer.call_arguments(0, self.number, self.call_id, piece)

    def take(self, piece: str) -> None:
        if self.completed:
            self._said.fail("a delta came after its call was complete")
        elif piece:
            self.more(piece)

    def close(self, whole: Any, final: bool, cut: bool = False) -> None:
        """The whole arguments. `final`: nothing more of the call can come; what names it is made up.

        `cut`: a limit struck it. Arguments that are JSON all the same are whole; free text is not.
        """
        if self.completed or (self._tried and not final):
            return
        self._supply(whole)
        if not (final or self.custom or self._buffer.tell()):
            return  # the item tells whether a limit struck before the first argument
        self._tried = True
        if final:
            self.call_id = self.call_id or self.item_id or self._made_id()
            self.name = self.name or "unknown"
        if not self.started and self.name and self.call_id:
            self._start()
        text = self._buffer.getvalue()
        if not (self.custom or cut or text.strip()):
            text = "{}"
        is_whole = not cut if self.custom else is_json(text)
        if not self.started or self._said.failure or not is_whole:
            return
        self.completed = True
        call = (self.number, self.call_id, self.name)
        self._said.writer.call_completed(0, call, text, self._marks())

    def _supply(self, whole: Any) -> None:
        """What no delta said is said now. Raises TooMuchError."""
        if whole is None:
            return
        whole = whole if isinstance(whole, str) else to_json(thaw(freeze_wire(whole))).decode()
        said = self._buffer.getvalue()
        if whole.startswith(said):
            if len(whole) > len(said):
                self.more(whole[len(said) :])
        elif whole.strip() and not _same_json(whole, said):
            self._said.fail("the arguments of a call differ from their deltas")

    def _start(self) -> None:
        self.started = True
        self._said.writer.call_started(0, self.number, self.call_id, self.name, self._marks())
        if held := self._buffer.getvalue():
            self._said.writer.call_arguments(0, self.number, self.call_id, held)

    def _marks(self) -> FrozenMap:
        marks: dict[str, Any] = {"item_id": self.item_id} if self.item_id else {}
        if self.custom:
            marks["custom"] = True
        return freeze_wire(marks) if marks else EMPTY_MAP

    def _made_id(self) -> str:
        seed = f"{self._said.seed}/{self.number}".encode()
        return "call_" + hashlib.blake2s(seed, digest_size=8).hexdigest()


def whole_of(item: dict[str, Any]) -> Any:
    """The arguments or input that a whole item holds."""
    return item.get(CALL_ITEMS.get(str(item.get("type")), "arguments"))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _same_json(one: str, other: str) -> bool:
    try:
        return bool(from_json(one) == from_json(other))
    except ValueError:
        return False
