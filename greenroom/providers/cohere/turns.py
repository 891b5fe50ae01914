"""Messages as the turns of Cohere's chat.

What the model thought is sent back as it was told: a plan for its tools as `tool_plan`, thinking as content.
Source: https://docs.cohere.com/reference/chat (messages).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from greenroom.messages.parts import ImagePart, Part, ReasoningPart, RefusalPart, TextPart
from greenroom.messages.request import Message, tool_calls, tool_results
from greenroom.providers.wire.foreign import is_foreign

WIRE = "cohere-chat"
TOOL_PLAN = "tool_plan"
"""Name in a reasoning part's metadata: it is the plan for the tool calls that follow."""
CARRIED: dict[str, frozenset[str]] = {
    "system": frozenset({"text"}),
    "developer": frozenset({"text"}),
    "user": frozenset({"text", "image", "tool_result"}),
    "assistant": frozenset({"text", "tool_call", "reasoning", "refusal"}),
    "tool": frozenset({"tool_result"}),
}
"""Which parts a turn of each role can carry. A refusal is sent as the text that it is."""


def wire_turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """What cannot be sent is left out."""
    return [turn for message in messages for turn in _turns(message)]


def _turns(message: Message) -> Iterator[dict[str, Any]]:
    """A turn of several tool results is several turns here."""
    for result in tool_results(message):
        yield {"role": "tool", "tool_call_id": result.tool_call_id, "content": result.content}
    if message.role == "assistant":
        yield _assistant(message)
    elif message.role != "tool" and any(part.type in ("text", "image") for part in message.content):
        role = "system" if message.role == "developer" else message.role
        yield {"role": role, "content": _content(message)}


def _assistant(message: Message) -> dict[str, Any]:
    parts = [part for part in message.content if not is_foreign(part, WIRE)]
    thought = [part for part in parts if isinstance(part, ReasoningPart) and part.text]
    plan = "".join(part.text for part in thought if part.metadata.get(TOOL_PLAN))
    thinking = "".join(part.text for part in thought if not part.metadata.get(TOOL_PLAN))
    text = "".join(
        part.text if isinstance(part, TextPart) else part.refusal
        for part in parts
        if isinstance(part, (TextPart, RefusalPart))
    )
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        for call in tool_calls(message)
        if call.complete
    ]
    turn: dict[str, Any] = {"role": "assistant"}
    if thinking:
        content: list[dict[str, Any]] = [{"type": "thinking", "thinking": thinking}]
        turn["content"] = content + ([{"type": "text", "text": text}] if text else [])
    elif text or not calls:
        turn["content"] = text
    if calls:
        turn["tool_calls"] = calls
        turn |= {"tool_plan": plan} if plan else {}
    return turn


def _content(message: Message) -> Any:
    parts = [part for part in message.content if part.type in CARRIED[message.role] - {"tool_result"}]
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        image = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    return {"type": "text", "text": part.text if isinstance(part, TextPart) else ""}
