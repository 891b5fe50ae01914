"""Messages as the turns of the chat wire, and the turn that asks a server to go on with a cut answer."""

from collections.abc import Sequence
from typing import Any

from greenroom.messages.frozen import thaw
from greenroom.messages.parts import ImagePart, Part, ReasoningPart, RefusalPart, TextPart
from greenroom.messages.request import Message, tool_calls, tool_results
from greenroom.messages.retry_state import RetryState
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import carried
from greenroom.providers.wire.foreign import is_foreign

CARRIED = carried()
"""Which parts a turn of each role can carry. Reasoning that a server does not want back is left out."""
_SAID = {role: types - {"tool_result"} for role, types in CARRIED.items()}

_GO_ON = "Continue your last message exactly where it stops. Repeat nothing of it and add no remark."


def wire_turns(messages: Sequence[Message], profile: Profile) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        turns += result_turns(message)
        if (turn := _turn(message, profile)) is not None:
            turns.append(turn)
    return turns


def continue_answer(body: dict[str, Any], resume: RetryState, profile: Profile) -> None:
    """Asks for what follows `resume.delivered_text`, in the way that this server understands."""
    turn: dict[str, Any] = {"role": "assistant", "content": resume.delivered_text}
    body["messages"].append(turn)
    form = None if resume.mode == "instruction" else profile.prefix
    if form == "continue_final":
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    elif form == "flag":
        turn["prefix"] = True
    elif form is None and resume.mode != "prefix":
        body["messages"].append({"role": "user", "content": _GO_ON})
    spent = resume.spent.output_tokens or len(resume.delivered_text) // 4
    if profile.max_tokens_field in body:
        body[profile.max_tokens_field] = max(1, body[profile.max_tokens_field] - spent)


def result_turns(message: Message) -> list[dict[str, Any]]:
    """A turn of several tool results is several turns here."""
    return [
        {"role": "tool", "tool_call_id": result.tool_call_id, "content": result.content}
        for result in tool_results(message)
    ]


def _turn(message: Message, profile: Profile) -> dict[str, Any] | None:
    """What it says beside tool results; None: nothing."""
    if message.role == "assistant":
        return _assistant(message, profile)
    if message.role == "tool" or not any(part.type in ("text", "image") for part in message.content):
        return None
    role = "system" if message.role == "developer" and not profile.developer_role else message.role
    return _named(message, {"role": role, "content": content_of(message)})


def content_of(message: Message) -> Any:
    """A string where it is one text: older servers take nothing else."""
    said = _SAID[message.role]
    parts = [part for part in message.content if part.type in said]
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


def _assistant(message: Message, profile: Profile) -> dict[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in tool_calls(message)
        if call.complete
    ]
    turn: dict[str, Any] = {"role": "assistant", "content": message.text or (None if calls else "")}
    refusal = "".join(part.refusal for part in message.content if isinstance(part, RefusalPart))
    if refusal:
        turn["refusal"] = refusal
    if calls:
        turn["tool_calls"] = calls
    reasoning = [
        p for p in message.content if isinstance(p, ReasoningPart) and not is_foreign(p, "openai-chat")
    ]
    if profile.reasoning_field == "reasoning_details":
        details = [
            detail for part in reasoning for detail in thaw(part.metadata).get("reasoning_details", ())
        ]
        turn |= {"reasoning_details": details} if details else {}
    elif profile.reasoning_field is not None and reasoning and calls:
        turn[profile.reasoning_field] = "".join(part.text for part in reasoning)
    return _named(message, turn)


def _named(message: Message, turn: dict[str, Any]) -> dict[str, Any]:
    return turn if message.name is None else {**turn, "name": message.name}
