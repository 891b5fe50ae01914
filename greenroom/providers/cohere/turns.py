"""Messages as the turns of Cohere's chat.

What the model thought is sent back as it was told: a plan for its tools as `tool_plan`, thinking as content.
Source: https://docs.cohere.com/reference/chat (messages).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from greenroom.messages.parts import ReasoningPart, RefusalPart, TextPart
from greenroom.messages.request import Message, tool_calls
from greenroom.providers.openai_chat.turns import content_of, result_turns
from greenroom.providers.wire.fitting import carried
from greenroom.providers.wire.foreign import is_foreign

WIRE = "cohere-chat"
TOOL_PLAN = "tool_plan"
"""Name in a reasoning part's metadata: it is the plan for the tool calls that follow."""
CARRIED = carried()
"""Which parts a turn of each role can carry. A refusal is sent as the text that it is."""


def wire_turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """What cannot be sent is left out."""
    return [turn for message in messages for turn in _turns(message)]


def _turns(message: Message) -> Iterator[dict[str, Any]]:
    yield from result_turns(message)
    if message.role == "assistant":
        yield _assistant(message)
    elif message.role != "tool" and any(part.type in ("text", "image") for part in message.content):
        role = "system" if message.role == "developer" else message.role
        yield {"role": role, "content": content_of(message)}


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
