"""Tool calls of one choice, put together from the fragments that servers send in their several ways.

A fragment belongs to the open call of its `index`; without an index, to the call of its id; without both,
to the newest call. It begins a new call when

- its index (or, without one, its id) was not seen;
- its index was seen with another id, and it names a function or the old call is whole (Ollama: 0 for all);
- it has neither index nor id and names a function, or names one again after a whole call.

A call is announced once its id and name are known; what comes of its arguments before that is held back.
A call whose id never comes gets one made of the stream's id: nine letters and digits, which every server
takes back. It is completed when it is known to be over and its arguments are JSON; "" stands for `{}`.
"""

import hashlib
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.frozen import freeze_wire, thaw
from greenroom.providers.openai_chat.writer import Writer

_MAX_HELD = 64
"""Fragments held back for an id or a name; past it they are not coming."""


class _Call:
    __slots__ = ("arguments", "call_id", "completed", "held", "name", "number", "started", "tried")

    def __init__(self, number: int) -> None:
        self.number = number
        self.call_id = self.name = ""
        self.arguments: list[str] = []
        self.held: list[str] = []
        self.started = self.completed = self.tried = False


class ToolCalls:
    """One owner. Linear: a call's arguments are parsed at most twice."""

    __slots__ = ("_calls", "_choice", "_newest", "_open", "_seed", "_writer")

    def __init__(self, writer: Writer, choice: int, seed: str) -> None:
        self._writer, self._choice, self._seed = writer, choice, seed
        self._calls: list[_Call] = []
        self._open: dict[int | str, _Call] = {}
        """The newest call of an index (int), and of an id (str) where the server gives no index."""
        self._newest: _Call | None = None

    def take(self, fragment: dict[str, Any]) -> None:
        function = fragment.get("function")
        function = function if isinstance(function, dict) else fragment
        call_id, name = _text(fragment.get("id")), _text(function.get("name"))
        wire_index = fragment.get("index")
        wire_index = wire_index if type(wire_index) is int else None
        call = self._call(wire_index, call_id, name)
        if not call.call_id:
            call.call_id = call_id
        if not call.name:
            call.name = name
        arguments = _arguments(function.get("arguments"))
        if arguments and not call.completed:
            call.arguments.append(arguments)
            call.held.append(arguments)
        self._announce(call, for_good=len(call.held) > _MAX_HELD)

    def finish(self) -> None:
        """No more comes: every call that is whole is completed, in the order in which they began."""
        for call in self._calls:
            self._announce(call, for_good=True)
            self._complete(call, empty_is_whole=True)

    @property
    def any(self) -> bool:
        return bool(self._calls)

    def _call(self, wire_index: int | None, call_id: str, name: str) -> _Call:
        key: int | str = call_id if wire_index is None else wire_index
        known = self._open.get(key) if key != "" else self._newest
        if known is None or self._begins_another(known, wire_index, call_id, name):
            return self._begin(key)
        if wire_index is not None or call_id or not name:
            return known
        return self._begin(key) if known.name else known

    def _begins_another(self, known: _Call, wire_index: int | None, call_id: str, name: str) -> bool:
        if call_id and known.call_id and call_id != known.call_id:
            return bool(name) or self._complete(known)
        named_again = not call_id and bool(name) and bool(known.name)
        return wire_index is not None and named_again and self._complete(known)

    def _begin(self, key: int | str) -> _Call:
        if self._newest is not None and not self._newest.tried:
            self._complete(self._newest)
        call = _Call(len(self._calls))
        self._calls.append(call)
        self._open[key] = self._newest = call
        return call

    def _announce(self, call: _Call, for_good: bool = False) -> None:
        if not call.started:
            if for_good:
                call.call_id = call.call_id or self._made_id(call.number)
                call.name = call.name or "unknown"
            if not (call.call_id and call.name):
                return
            call.started = True
            self._writer.call_started(self._choice, call.number, call.call_id, call.name)
        for piece in call.held:
            self._writer.call_arguments(self._choice, call.number, call.call_id, piece)
        call.held.clear()

    def _complete(self, call: _Call, empty_is_whole: bool = False) -> bool:
        """True if the call is whole. Before the end empty arguments prove nothing: more may come."""
        if call.completed or (call.tried and not empty_is_whole):
            return call.completed
        arguments = "".join(call.arguments)
        if not arguments.strip():
            if not empty_is_whole:
                return False
            arguments = "{}"
        call.tried = True
        if not _parses(arguments):
            return False
        self._announce(call, for_good=True)
        call.completed = True
        self._writer.call_completed(self._choice, call.number, call.call_id, call.name, arguments)
        return True

    def _made_id(self, number: int) -> str:
        seed = f"{self._seed}/{self._choice}/{number}".encode()
        return hashlib.blake2s(seed, digest_size=8).hexdigest()[:9]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """The fragment's JSON text; some servers send the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return to_json(thaw(freeze_wire(value))).decode()


def _parses(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True
