"""The `delta` objects of a streamed answer, encoded: reasoning, refusal, text, then tool calls."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.script import Script, ScriptToolCall

_CACHED_CHARACTERS = 16_384
"""With the cache's size this bounds it: some 50 MB where every script is long and sent by the character."""


def deltas_of(script: Script) -> Iterator[bytes]:
    """The JSON of each `delta`. Short answers are encoded once for all requests, long ones as they go out."""
    size = len(joined(script.text)) + len(joined(script.reasoning)) + len(joined(script.refusal))
    size += sum(len(call.arguments_text) for call in script.tool_calls)
    return iter(_encoded_once(script)) if size <= _CACHED_CHARACTERS else _encoded(script)


@lru_cache(maxsize=32)
def _encoded_once(script: Script) -> tuple[bytes, ...]:
    return tuple(_encoded(script))


def _encoded(script: Script) -> Iterator[bytes]:
    spoken = (
        (script.reasoning_field, script.reasoning),
        ("refusal", script.refusal),
        ("content", script.text),
    )
    for field, text in spoken:
        for piece in pieces_of(text, script.chunk_size):
            yield json_bytes({field: piece})
    calls = [_call_deltas(index, call, script.chunk_size) for index, call in enumerate(script.tool_calls)]
    in_order = chain.from_iterable(zip_longest(*calls) if script.interleave_tool_calls else calls)
    for delta in in_order:
        if delta is not None:
            yield json_bytes({"tool_calls": [delta]})


def _call_deltas(index: int, call: ScriptToolCall, chunk_size: int | None) -> Iterator[dict[str, Any]]:
    function = {"name": call.name, "arguments": ""}
    yield {"index": index, "id": call_id(index, call), "type": "function", "function": function}
    exact = call.arguments if isinstance(call.arguments, tuple) else call.arguments_text
    for piece in pieces_of(exact, chunk_size):
        yield {"index": index, "function": {"arguments": piece}}


def call_id(index: int, call: ScriptToolCall) -> str:
    """The id of this call."""
    return call.id if call.id is not None else f"call_sim_{index}"
