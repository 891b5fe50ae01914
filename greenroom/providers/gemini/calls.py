"""Function calls of one candidate: whole ones, and those whose arguments come value by value.

Google often gives no id. Such a call gets one made of the stream's id: nine letters and digits, which every
server takes back; the mark `made_id` says that Google does not know it, so results go back by name alone.
"""

import hashlib
from typing import Any

from pydantic_core import to_json

from greenroom.messages.frozen import FrozenMap, freeze_wire, thaw
from greenroom.providers.gemini.partial_args import PartialArgs
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.writer import Writer

WIRE = "gemini"
MADE_ID = "made_id"
_CALL_BYTES = 512
"""What a call is counted as beside its arguments."""


class _Open:
    """A call that goes on."""

    __slots__ = ("args", "call", "metadata", "pieces")

    def __init__(self, call: tuple[int, str, str], metadata: FrozenMap) -> None:
        self.call, self.metadata = call, metadata
        self.args = PartialArgs()
        self.pieces: list[str] = []


class Calls:
    """One owner. Linear in what comes."""

    __slots__ = ("_allowance", "_choice", "_first", "_made", "_open", "_seed", "_writer")

    def __init__(self, writer: Writer, choice: int, seed: str, allowance: Allowance, first: int) -> None:
        """`first`: the index of the next call."""
        self._writer, self._choice, self._seed, self._allowance = writer, choice, seed, allowance
        self._first = self._made = first
        self._open: _Open | None = None

    @property
    def any(self) -> bool:
        return self._made > self._first

    def take(self, given: dict[str, Any], signature: str | None) -> None:
        """One functionCall part. Without a name it goes on with the call before it, where that is open."""
        name = given.get("name")
        begins = isinstance(name, str) and name != ""
        if not begins and self._open is None and not given.get("args"):
            return  # the end of a call that was whole already
        if begins or self._open is None:
            self._end()
            self._begin(given, name if isinstance(name, str) and name else "unknown", signature)
        call = self._open
        assert call is not None
        partial, goes_on = given.get("partialArgs"), given.get("willContinue") is True
        if isinstance(partial, list):
            self._add(call, "".join(call.args.take(arg) for arg in partial))
        if given.get("args") is not None and not call.pieces:
            self._end(_arguments(given["args"]))
        elif not goes_on:
            self._end()

    def finish(self) -> None:
        """No more comes. A call that was to go on stays incomplete."""
        self._open = None

    def _begin(self, given: dict[str, Any], name: str, signature: str | None) -> None:
        self._allowance.calls_left -= 1
        self._allowance.left -= _CALL_BYTES
        number, self._made = self._made, self._made + 1
        call_id, marks = given.get("id"), {"wire": WIRE}
        if not isinstance(call_id, str) or not call_id:
            call_id = self._made_id(number)
            marks[MADE_ID] = call_id
        if signature is not None:
            marks["signature"] = signature
            self._allowance.left -= len(signature)
        metadata = FrozenMap(marks)
        self._open = _Open((number, call_id, name), metadata)
        self._writer.call_started(self._choice, number, call_id, name, metadata)

    def _add(self, call: _Open, text: str) -> None:
        if text:
            call.pieces.append(text)
            self._allowance.left -= len(text)
            self._writer.call_arguments(self._choice, call.call[0], call.call[1], text)

    def _end(self, whole: str | None = None) -> None:
        """The open call is over: `whole` are its arguments where they came as an object."""
        call, self._open = self._open, None
        if call is None or call.args.is_broken:
            return
        self._add(call, call.args.close() if whole is None else whole)
        self._writer.call_completed(self._choice, call.call, "".join(call.pieces))

    def _made_id(self, number: int) -> str:
        seed = f"{self._seed}/{self._choice}/{number}".encode()
        return hashlib.blake2s(seed, digest_size=8).hexdigest()[:9]


def _arguments(args: Any) -> str:
    return to_json(thaw(freeze_wire(args))).decode()
