"""The `delta` objects of a streamed answer in a dialect: reasoning, refusal, text, then tool calls."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from greenroom.messages.value import thaw
from greenroom.providers.simulator.dialect import Dialect, ReasoningForm
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.script import Script, ScriptToolCall

_CACHED_CHARACTERS = 16_384
"""With the cache's size this bounds it: some 50 MB where every script is long and sent by the character."""


class Piece(NamedTuple):
    """One delta: its JSON, and what it says in words (for counting)."""

    delta: bytes
    said: str
    spoken: str = ""
    """`content` or `refusal`, where that is what it says."""


def deltas_of(script: Script, dialect: Dialect) -> Iterator[Piece]:
    """The deltas in order. Short answers are encoded once for all requests, long ones as they go out."""
    size = len(joined(script.text)) + len(joined(script.reasoning)) + len(joined(script.refusal))
    size += sum(len(call.arguments_text) for call in script.tool_calls)
    return iter(_encoded_once(script, dialect)) if size <= _CACHED_CHARACTERS else _encoded(script, dialect)


def reasoning_form(script: Script, dialect: Dialect) -> ReasoningForm:
    """Where the reasoning of this answer stands."""
    return script.reasoning_field or dialect.reasoning


def call_id(index: int, call: ScriptToolCall, dialect: Dialect) -> str:
    """The id of this call."""
    return call.id if call.id is not None else dialect.tool_id.format(n=index)


@lru_cache(maxsize=32)
def _encoded_once(script: Script, dialect: Dialect) -> tuple[Piece, ...]:
    return tuple(_encoded(script, dialect))


def _encoded(script: Script, dialect: Dialect) -> Iterator[Piece]:
    usual = thaw(dialect.delta_fields)
    first = {"role": "assistant"} if script.send_role and dialect.role == "joined" else {}
    role = {} if script.send_role else {"role"}
    for fields, said, spoken in _said(script, dialect):
        delta = {**first, **usual, **first, **fields}
        if role and dialect.role == "every":
            delta.pop("role", None)
        yield Piece(json_bytes(delta), said, spoken)
        first = {}


def _said(script: Script, dialect: Dialect) -> Iterator[tuple[dict[str, Any], str, str]]:
    form = reasoning_form(script, dialect)
    reasoning = [
        piece for piece in pieces_of(script.reasoning, script.chunk_size) if piece or form != "think"
    ]
    for fields, said in _reasoned(reasoning, form):
        yield fields, said, "content" if form == "think" else ""
    for piece in pieces_of(script.refusal, script.chunk_size):
        yield {"refusal": piece}, piece, "refusal"
    after_thinking = bool(reasoning) and form == "thinking_list"
    for piece in pieces_of(script.text, script.chunk_size):
        content: Any = [{"type": "text", "text": piece}] if after_thinking else piece
        yield {"content": content}, piece, "content"
        after_thinking = False
    for fragments in _call_fragments(script, dialect):
        said = "".join(f["function"].get("name") or "" for f in fragments)
        said += "".join(f["function"].get("arguments") or "" for f in fragments)
        yield {"tool_calls": fragments}, said, ""


def _reasoned(pieces: list[str], form: ReasoningForm) -> Iterator[tuple[dict[str, Any], str]]:
    if form == "think" and pieces:
        for piece in ("<think>", *pieces, "</think>"):
            yield {"content": piece}, piece
        return
    for piece in pieces:
        if form == "both":
            fields: dict[str, Any] = {"reasoning_content": piece, "reasoning": piece}
        elif form == "reasoning_details":
            detail = {"type": "reasoning.text", "text": piece, "format": "unknown", "index": 0}
            fields = {"reasoning": piece, "reasoning_details": [detail]}
        elif form == "thinking_list":
            fields = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]}
        else:
            fields = {form: piece}
        yield fields, piece


def _call_fragments(script: Script, dialect: Dialect) -> Iterator[list[dict[str, Any]]]:
    calls = [
        _fragments(index, call, script.chunk_size, dialect) for index, call in enumerate(script.tool_calls)
    ]
    if dialect.tools == "together":
        if calls:
            yield [fragment for call in calls for fragment in call]
        return
    in_order = chain.from_iterable(zip_longest(*calls) if script.interleave_tool_calls else calls)
    for fragment in in_order:
        if fragment is not None:
            yield [fragment]


def _fragments(
    index: int, call: ScriptToolCall, chunk_size: int | None, dialect: Dialect
) -> Iterator[dict[str, Any]]:
    ident = call_id(index, call, dialect)
    if dialect.tools != "fragments":
        yield _fragment(index, dialect, ident, call.name, call.arguments_text, first=True)
        return
    exact = call.arguments if isinstance(call.arguments, tuple) else call.arguments_text
    pieces = pieces_of(exact, chunk_size)
    opening = "" if dialect.tool_opening else next(pieces, "")
    yield _fragment(index, dialect, ident, call.name, opening, first=True)
    for piece in pieces:
        yield _fragment(index, dialect, ident, call.name, piece, first=False)


def _fragment(
    index: int, dialect: Dialect, ident: str, name: str, arguments: str, *, first: bool
) -> dict[str, Any]:
    fragment: dict[str, Any] = {}
    if dialect.tool_index != "absent":
        fragment["index"] = index if dialect.tool_index == "number" else 0
    later = {"repeat": ident, "null": None, "empty": ""}
    if first or dialect.tool_id_later != "absent":
        fragment["id"] = ident if first else later[dialect.tool_id_later]
    if dialect.tool_type == "every" or (first and dialect.tool_type == "first"):
        fragment["type"] = "function"
    function: dict[str, Any] = {}
    later["repeat"] = name
    if first or dialect.tool_name_later != "absent":
        function["name"] = name if first else later[dialect.tool_name_later]
    fragment["function"] = {**function, "arguments": arguments}
    return fragment
