"""Messages as this wire's system text and turns of content blocks.

    system, developer     text of `system`, in order, wherever in the conversation they stand: the wire has one
                          place for them that every model takes
    tool                  `tool_result` blocks of a user turn, before what else that turn says
    user, assistant       blocks; turns of one role that follow each other become one, as the roles alternate

What the wire refuses in a block is left out: texts without a character that shows, and white space at the end
of a last assistant turn.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from greenroom.messages.frozen import thaw
from greenroom.messages.parts import (
    ImagePart,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from greenroom.messages.request import Message, tool_calls
from greenroom.providers.anthropic.words import WIRE, citations_in
from greenroom.providers.wire.fitting import arguments_of, carried
from greenroom.providers.wire.foreign import is_foreign, own_signature

Turn = dict[str, Any]
CARRIED = {**carried("provider"), "user": frozenset({"text", "image", "tool_result", "provider"})}
"""Which parts a turn of each role can carry."""
SYSTEM = ("system", "developer")
_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*)?;base64,(.*)", re.DOTALL)
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def system_blocks(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """One block for each system or developer text, in order."""
    texts = [
        part.text for m in messages if m.role in SYSTEM for part in m.content if isinstance(part, TextPart)
    ]
    return [{"type": "text", "text": text} for text in texts if text.strip()]


def wire_turns(messages: Iterable[Message]) -> list[Turn]:
    """The conversation without its system texts. Roles alternate; no turn is empty."""
    turns: list[Turn] = []
    cut: set[str] = set()
    for message in messages:
        if message.role not in SYSTEM:
            cut.update(part.id for part in tool_calls(message) if not part.complete)
            # A result without its call is refused.
            parts = [
                p for p in message.content if not (isinstance(p, ToolResultPart) and p.tool_call_id in cut)
            ]
            add_turn(turns, "assistant" if message.role == "assistant" else "user", blocks_of(parts))
    return turns


def add_turn(turns: list[Turn], role: str, blocks: list[dict[str, Any]]) -> None:
    """Adds the blocks: to the last turn where it has this role, as a turn of its own where not."""
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        blocks = [*turns.pop()["content"], *blocks]
    if role == "user":
        blocks.sort(key=lambda block: block["type"] != "tool_result")
    turns.append({"role": role, "content": blocks})


def trim_last(turns: list[Turn]) -> None:
    """White space at the end of a last assistant turn is refused: it is taken off, an empty block with it."""
    while turns and turns[-1]["role"] == "assistant":
        content = turns[-1]["content"]
        last = content[-1]
        if last["type"] != "text":
            return
        text = last["text"].rstrip()
        if text:
            content[-1] = {**last, "text": text}
            return
        content.pop()
        if not content:
            turns.pop()


def is_prefix(turns: list[Turn]) -> bool:
    """The last turn is the beginning of an answer: an assistant's that ends with text."""
    return bool(turns) and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1]["type"] == "text"


def blocks_of(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The blocks that carry these parts; what only another wire understands is left out."""
    return [block for part in parts if not is_foreign(part, WIRE) for block in _blocks(part)]


def is_sent_back(part: ReasoningPart) -> bool:
    """Thinking goes back with the signature that this wire gave it, or not at all."""
    return bool(own_mark(part, part.signature) or own_mark(part, part.encrypted))


def own_mark(part: ReasoningPart, mark: str | None) -> str | None:
    """A mark of this wire; one of unknown origin counts as such."""
    return mark if part.wire in (None, WIRE) else None


def wire_id(given: str) -> str:
    """The same id, or where another wire's has characters that are refused here, one made of it."""
    if _ID.fullmatch(given):
        return given
    return f"toolu_{hashlib.blake2s(given.encode(), digest_size=12).hexdigest()}"


def _blocks(part: Part) -> Iterator[dict[str, Any]]:
    match part:
        case TextPart():
            yield from _text(part.text, citations_in(own_signature(part, WIRE)))
        case RefusalPart():
            yield from _text(part.refusal)
        case ImagePart():
            yield {"type": "image", "source": _source(part)}
        case ReasoningPart():
            yield from _reasoning(part)
        case ToolCallPart() if part.complete:
            yield _call(part)
        case ToolResultPart():
            yield _result(part)
        case ProviderPart():
            yield thaw(part.item)


def _text(text: str, citations: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    if text.strip():
        yield {"type": "text", "text": text, **({"citations": citations} if citations else {})}


def _reasoning(part: ReasoningPart) -> Iterator[dict[str, Any]]:
    if encrypted := own_mark(part, part.encrypted):
        yield {"type": "redacted_thinking", "data": encrypted}
    elif signature := own_mark(part, part.signature):
        yield {"type": "thinking", "thinking": part.text, "signature": signature}


def _call(part: ToolCallPart) -> dict[str, Any]:
    beside = thaw(part.metadata)
    more = beside if beside.pop("wire", None) == WIRE else {}
    named = {"type": "tool_use", "id": wire_id(part.id), "name": part.name, "input": arguments_of(part) or {}}
    return {**more, **named}


def _result(part: ToolResultPart) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": wire_id(part.tool_call_id)}
    if part.content:
        block["content"] = part.content
    return {**block, "is_error": True} if part.is_error else block


def _source(part: ImagePart) -> dict[str, Any]:
    if part.url is None:
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    data = _DATA_URL.fullmatch(part.url)
    if data is not None:
        return {"type": "base64", "media_type": data[1] or "image/png", "data": data[2]}
    return {"type": "url", "url": part.url}
