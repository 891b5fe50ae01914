"""Tool calls that come whole, several in one line or one in each, mostly without an id."""

import hashlib
from typing import Any

from pydantic_core import to_json

from greenroom.messages.frozen import freeze_wire, thaw
from greenroom.providers.whole_json import is_json
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.writer import Writer

_CALL_BYTES = 512
"""What a call is counted as beside its arguments."""


class WholeCalls:
    """One owner. Each entry is a call of its own: nothing joins two."""

    __slots__ = ("_allowance", "_seed", "_writer", "count")

    def __init__(self, writer: Writer, seed: str, allowance: Allowance) -> None:
        self._writer, self._seed, self._allowance = writer, seed, allowance
        self.count = 0

    def take(self, given: dict[str, Any]) -> None:
        """Writes one call. One whose arguments are no JSON is told and never completed.

        An id that the server did not give is made of the stream's id: nine letters and digits. Raises
        TooMuchError.
        """
        function = given.get("function")
        function = function if isinstance(function, dict) else given
        arguments = _arguments_text(function.get("arguments"))
        self._allowance.calls_left -= 1
        self._allowance.spend(_CALL_BYTES + len(arguments))
        if self._allowance.is_spent:
            return
        number, call_id, name = self.count, given.get("id"), function.get("name")
        call_id = call_id if isinstance(call_id, str) and call_id else self._made_id(number)
        name = name if isinstance(name, str) and name else "unknown"
        self.count += 1
        self._writer.call_started(0, number, call_id, name)
        self._writer.call_arguments(0, number, call_id, arguments)
        if is_json(arguments):
            self._writer.call_completed(0, (number, call_id, name), arguments)

    def _made_id(self, number: int) -> str:
        return hashlib.blake2s(f"{self._seed}/0/{number}".encode(), digest_size=8).hexdigest()[:9]


def _arguments_text(given: Any) -> str:
    """As JSON text: an object is written, a string is taken as the text itself; nothing stands for `{}`."""
    if isinstance(given, str):
        return given if given.strip() else "{}"
    return "{}" if given is None else to_json(thaw(freeze_wire(given))).decode()
