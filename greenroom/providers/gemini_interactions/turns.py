"""Messages as the steps of an interaction's input.

    user                user_input with text and images
    assistant           thought, model_output and function_call steps, in the order of its parts
    tool                function_result, by the call's id

Source: https://ai.google.dev/api/interactions-api#Resource:Step.
"""

from collections.abc import Iterator
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
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.gemini.turns import CARRIED, calls_by_id
from greenroom.providers.gemini_interactions.steps import WIRE
from greenroom.providers.wire.fitting import arguments_of, json_object
from greenroom.providers.wire.foreign import is_foreign

__all__ = ["CARRIED", "go_on", "steps_of", "system_instruction"]

_GO_ON = "Go on exactly where your last message stops. Repeat nothing that it says, and add no remark."


def system_instruction(request: ChatRequest) -> str:
    """All system and developer texts, in order, a blank line between them."""
    turns = (message for message in request.messages if message.role in ("system", "developer"))
    return "\n\n".join(turn.text for turn in turns if turn.text)


def steps_of(request: ChatRequest) -> list[dict[str, Any]]:
    """The input. A turn with nothing that this wire carries is left out."""
    names = {call_id: call.name for call_id, call in calls_by_id(request.messages).items()}
    return [
        step
        for message in request.messages
        if message.role not in ("system", "developer")
        for step in _steps(message, names)
    ]


def go_on(delivered_text: str) -> list[dict[str, Any]]:
    """The steps that ask in words for what follows this text."""
    return [_output({"type": "text", "text": delivered_text}), _input([{"type": "text", "text": _GO_ON}])]


def _steps(message: Message, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    for part in message.content:
        if isinstance(part, ToolResultPart):
            yield _result(part, names)
        elif message.role == "assistant":
            yield from _said(part)
        elif (content := _content(part)) is not None:
            contents.append(content)
    if contents:
        yield _input(contents)


def _said(part: Part) -> Iterator[dict[str, Any]]:
    """A part of an assistant turn as a step of its own."""
    if is_foreign(part, WIRE):
        return
    match part:
        case ReasoningPart() if part.wire == WIRE or part.signature:
            summary = [{"type": "text", "text": part.text}] if part.text else []
            signed = {"signature": part.signature} if part.signature else {}
            yield {"type": "thought", **signed, **({"summary": summary} if summary else {})}
        case ToolCallPart() if part.complete and (arguments := arguments_of(part)) is not None:
            signature = part.metadata.get("signature") if part.metadata.get("wire") == WIRE else None
            signed = {"signature": signature} if signature else {}
            yield {
                "type": "function_call",
                "id": part.id,
                "name": part.name,
                "arguments": arguments,
                **signed,
            }
        case ProviderPart():
            yield thaw(part.item)
        case _:
            content = _content(part)
            if content is not None:
                yield _output(content)


def _content(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart() if part.text:
            return {"type": "text", "text": part.text}
        case RefusalPart() if part.refusal:
            return {"type": "text", "text": part.refusal}
        case ImagePart():
            return _image(part)
    return None


def _image(image: ImagePart) -> dict[str, Any]:
    if image.url is None:
        return {"type": "image", "data": image.data, "mime_type": image.media_type}
    head, comma, data = image.url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return {"type": "image", "data": data, "mime_type": head[5:-7] or "image/png"}
    known = {} if image.media_type is None else {"mime_type": image.media_type}
    return {"type": "image", "uri": image.url, **known}


def _result(result: ToolResultPart, names: dict[str, str]) -> dict[str, Any]:
    """A JSON object as it stands, other text as text."""
    value = json_object(result.content)
    name = names.get(result.tool_call_id)
    return {
        "type": "function_result",
        "call_id": result.tool_call_id,
        **({} if name is None else {"name": name}),
        "result": result.content if value is None else value,
        **({"is_error": True} if result.is_error else {}),
    }


def _output(content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "model_output", "content": [content]}


def _input(contents: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "user_input", "content": contents}
