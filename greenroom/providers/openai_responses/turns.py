"""Messages as the input items of the Responses wire.

Reasoning goes back where the server can use it: encrypted, or as its plain text where the server itself sent
that, or by id where the server keeps its answers. Ids of messages and calls stay here: with an id the server
wants the very reasoning that came before it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
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
)
from greenroom.messages.request import Message, tool_calls, tool_results
from greenroom.providers.openai_responses.marks import WIRE
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import carried
from greenroom.providers.wire.foreign import is_foreign

CARRIED = carried("provider")
"""Which parts a turn of each role can carry. Reasoning that the server cannot use is left out."""


def input_items(messages: Sequence[Message], profile: Profile, stored: bool) -> list[dict[str, Any]]:
    """`stored`: the server keeps its answers, so an id alone says enough."""
    custom = {
        call.id for message in messages for call in tool_calls(message) if call.metadata.get("custom") is True
    }
    return [item for message in messages for item in _items(message, profile, stored, custom)]


def _items(message: Message, profile: Profile, stored: bool, custom: set[str]) -> Iterator[dict[str, Any]]:
    for result in tool_results(message):
        kind = "custom_tool_call_output" if result.tool_call_id in custom else "function_call_output"
        yield {"type": kind, "call_id": result.tool_call_id, "output": result.content}
    if message.role == "assistant":
        yield from _assistant(message, stored)
    elif any(part.type in ("text", "image") for part in message.content):
        role = "system" if message.role == "developer" and not profile.developer_role else message.role
        yield {"role": role, "content": _content(message)}


def _content(message: Message) -> Any:
    """A string where it is one text: older servers take nothing else."""
    parts = [part for part in message.content if part.type in CARRIED[message.role] - {"tool_result"}]
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return [_input(part) for part in parts]


def _input(part: Part) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        image = {"type": "input_image", "image_url": part.url or f"data:{part.media_type};base64,{part.data}"}
        return image if part.detail is None else {**image, "detail": part.detail}
    return {"type": "input_text", "text": part.text if isinstance(part, TextPart) else ""}


def _assistant(message: Message, stored: bool) -> Iterator[dict[str, Any]]:
    """In the order in which they were said; texts that follow each other are one message."""
    for (kind, mark), run in groupby(message.content, key=_group):
        parts = list(run)
        if kind == "said":
            content = [_output(part) for part in parts]
            said: dict[str, Any] = {"type": "message", "role": "assistant", "content": content}
            yield {**said, "phase": mark} if mark else said
        elif kind == "reasoning":
            thoughts = [part for part in parts if isinstance(part, ReasoningPart)]
            yield from _reasoning(thoughts, stored)
        else:
            for part in parts:
                yield from _call_or_item(part)


def _group(part: Part) -> tuple[str, str | None]:
    """Parts of equal groups that stand side by side are one item."""
    if isinstance(part, TextPart):
        return "said", part.signature if part.wire == WIRE else None
    if isinstance(part, RefusalPart):
        return "said", None
    if isinstance(part, ReasoningPart):
        return "reasoning", part.id
    return part.type, None


def _output(part: Part) -> dict[str, Any]:
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.refusal}
    return {"type": "output_text", "text": part.text if isinstance(part, TextPart) else ""}


def _reasoning(parts: list[ReasoningPart], stored: bool) -> Iterator[dict[str, Any]]:
    own = [part for part in parts if part.wire == WIRE]
    encrypted = next((part.encrypted for part in reversed(own) if part.encrypted), None)
    plain = [part.text for part in own if part.text and part.metadata.get("form") == "content"]
    if not own or not (encrypted or plain or (stored and own[0].id)):
        return
    summary = [part.text for part in own if part.text and part.metadata.get("form") != "content"]
    item: dict[str, Any] = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in summary],
    }
    if own[0].id:
        item["id"] = own[0].id
    if plain:
        item["content"] = [{"type": "reasoning_text", "text": text} for text in plain]
    yield item if encrypted is None else {**item, "encrypted_content": encrypted}


def _call_or_item(part: Part) -> Iterator[dict[str, Any]]:
    if isinstance(part, ProviderPart) and not is_foreign(part, WIRE):
        yield thaw(part.item)
    if isinstance(part, ToolCallPart) and part.complete:
        custom = part.metadata.get("custom") is True
        field = "input" if custom else "arguments"
        kind = "custom_tool_call" if custom else "function_call"
        yield {"type": kind, "call_id": part.id, "name": part.name, field: part.arguments}
