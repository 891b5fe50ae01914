"""Tool calls of one choice, put together from the fragments that servers send in their several ways.

A fragment belongs to the call of its `index`; where that is missing or was not seen before, to the call of
its id; without either, to the newest call. It begins another call when

- nothing fits, or a new index comes with a name;
- it brings another id, and a name too, or the old call is whole (Ollama: index 0 for all);
- it names another function after arguments came; before them it is more of the same name;
- it names the same function again and has arguments, and the old call is whole.

A call is announced once its id and name are known; what comes of its arguments before that is held back.
A call whose id never comes gets one made of the stream's id: nine letters and digits, which every server
takes back. It is completed when it is known to be over and its arguments are JSON; "" stands for `{}`, but in
the last call of an answer that ran out of tokens: nobody knows what was to come.
"""

import hashlib
from typing import Any

from pydantic_core import to_json

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire, thaw
from greenroom.providers.openai_chat.arguments import Arguments
from greenroom.providers.whole_json import is_json
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.counts import whole_number
from greenroom.providers.wire.writer import Writer

_MAX_HELD = 64
"""Fragments held back for an id or a name; past it they are not coming."""
_CALL_BYTES = 512
"""What a call is counted as beside its arguments."""


class _Call:
    __slots__ = ("arguments", "call_id", "completed", "held", "index", "name", "number", "started", "tried")

    def __init__(self, number: int, index: int | None) -> None:
        self.number, self.index = number, index
        self.call_id = self.name = ""
        self.arguments = Arguments()
        self.held: list[str] = []
        self.started = self.completed = self.tried = False


class ToolCalls:
    """One owner. Linear: a call's arguments are parsed at most twice."""

    __slots__ = (
        "_allowance",
        "_by_id",
        "_by_index",
        "_calls",
        "_choice",
        "_newest",
        "_seed",
        "_writer",
        "latest",
    )

    def __init__(self, writer: Writer, choice: int, seed: str, allowance: Allowance) -> None:
        self._writer, self._choice, self._seed, self._allowance = writer, choice, seed, allowance
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._newest: _Call | None = None
        self.latest: _Call | None = None
        """The call that the last fragment went to."""

    def take(self, fragment: dict[str, Any], metadata: FrozenMap = EMPTY_MAP) -> None:
        function = _function(fragment)
        call_id, name = _id(fragment.get("id")), _name(function.get("name"))
        given = function.get("arguments", function.get("input"))
        arguments = given if type(given) is str else _arguments(given)
        index = whole_number(fragment.get("index"))
        call = self._call(index, call_id, name, arguments)
        self._note(call, call_id, name)
        self.latest = call
        if call_id and call_id == call.call_id and self._is_repeat(call, arguments):
            return
        if arguments and not call.completed:
            call.arguments.append(arguments)
            self._allowance.left -= len(arguments)
            call.held.append(arguments)
        self._announce(call, for_good=len(call.held) > _MAX_HELD, metadata=metadata)

    def more(self, _index: int, _block: int, arguments: str) -> None:
        """More arguments of the latest call. The hot path: only while `latest_runs`."""
        call = self.latest
        assert call is not None
        call.arguments.append(arguments)
        self._allowance.spend(len(arguments))
        self._writer.call_arguments(self._choice, call.number, call.call_id, arguments)

    @property
    def latest_runs(self) -> bool:
        """A fragment with nothing new but arguments can only be more of the latest call."""
        call = self.latest
        return call is not None and call.started and not call.completed and not call.held

    def finish(self, *, cut: bool = False, at_limit: bool = False) -> None:
        """No more comes: every call that is whole is completed, in the order in which they began.

        `cut`: arguments may be missing, so a call without any is not whole. `at_limit`: the tokens ran out, so the
        newest call without any is not.
        """
        for call in self._calls:
            self._announce(call, for_good=True)
            self._complete(call, empty_is_whole=not (cut or (at_limit and call is self._newest)))

    @property
    def any(self) -> bool:
        return bool(self._calls)

    def _call(self, index: int | None, call_id: str, name: str, arguments: str) -> _Call:
        known = self._known(index, call_id, name)
        if known is None or self._is_another(known, (index, call_id, name), arguments):
            named = known is not None and known.completed and not name
            return self._begin(index, known.name if named and known is not None else "")
        if index is not None and known.index is None:
            known.index = index
            self._by_index[index] = known
        return known

    def _known(self, index: int | None, call_id: str, name: str) -> _Call | None:
        """The call that the fragment speaks of, or None where it can only begin one."""
        if index is None:
            return (self._by_id.get(call_id) if call_id else None) or (
                self._newest if not call_id or not name else None
            )
        known = self._by_index.get(index)
        if known is not None:
            return known
        by_id = self._by_id.get(call_id) if call_id else None
        if by_id is not None:
            return by_id if not name or by_id.index is None else None
        newest = self._newest
        return newest if newest is not None and newest.index is None and not (name or call_id) else None

    def _is_another(self, known: _Call, told: tuple[int | None, str, str], arguments: str) -> bool:
        index, call_id, name = told
        has_more = bool(arguments) and not arguments.isspace()
        another_id = bool(call_id and known.call_id) and call_id != known.call_id
        if not name:
            return has_more and (known.completed or (another_id and self._complete(known)))
        if another_id:
            return True
        if not known.name:
            return False
        if name == known.name:
            same_id = bool(call_id) and call_id == known.call_id
            return has_more and not same_id and self._complete(known)
        return bool(known.arguments) or (index is None and not call_id)

    def _note(self, call: _Call, call_id: str, name: str) -> None:
        if call_id and not call.call_id:
            call.call_id = call_id
            self._by_id[call_id] = call
        if name and name != call.name and not (call.arguments and call.name):
            # Pieces of a name, or the name so far in each of them; after arguments only one that was missing.
            call.name = name if name.startswith(call.name) else call.name + name

    def _is_repeat(self, call: _Call, arguments: str) -> bool:
        """The whole call sent once more, as xAI may do."""
        return (
            bool(arguments)
            and call.arguments.size == len(arguments)
            and call.arguments.is_balanced()
            and (call.arguments.text() == arguments)
        )

    def _begin(self, index: int | None, name: str) -> _Call:
        if self._newest is not None:
            self._complete(self._newest)
        self._allowance.left -= _CALL_BYTES
        self._allowance.calls_left -= 1
        call = self._newest = _Call(len(self._calls), index)
        call.name = name
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _announce(self, call: _Call, for_good: bool = False, metadata: FrozenMap = EMPTY_MAP) -> None:
        if not call.started:
            if for_good:
                call.call_id = call.call_id or self._made_id(call.number)
                call.name = call.name or "unknown"
            if not (call.call_id and call.name):
                return
            call.started = True
            self._writer.call_started(self._choice, call.number, call.call_id, call.name)
        for piece in call.held:
            self._writer.call_arguments(self._choice, call.number, call.call_id, piece, metadata)
            metadata = EMPTY_MAP
        call.held.clear()

    def _complete(self, call: _Call, empty_is_whole: bool = False) -> bool:
        """True if the call is whole. Before the end empty arguments prove nothing: more may come."""
        if call.completed:
            return True
        if not empty_is_whole and (call.tried or not call.arguments.is_balanced()):
            return False
        arguments = call.arguments.text()
        if not arguments.strip():
            arguments = "{}"
        call.tried = True
        if not is_json(arguments):
            return False
        self._announce(call, for_good=True)
        call.completed = True
        self._writer.call_completed(self._choice, (call.number, call.call_id, call.name), arguments)
        return True

    def _made_id(self, number: int) -> str:
        seed = f"{self._seed}/{self._choice}/{number}".encode()
        return hashlib.blake2s(seed, digest_size=8).hexdigest()[:9]


def _function(fragment: dict[str, Any]) -> dict[str, Any]:
    for name in ("function", "custom"):
        function = fragment.get(name)
        if type(function) is dict:
            return function
    return fragment


def _id(value: Any) -> str:
    if type(value) is str:
        return value
    return str(value) if type(value) is int and abs(value) < 10**18 else ""


def _name(value: Any) -> str:
    return value if type(value) is str else ""


def _arguments(value: Any) -> str:
    """The fragment's JSON text; some servers send the object itself."""
    return "" if value is None else to_json(thaw(freeze_wire(value))).decode()
