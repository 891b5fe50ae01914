"""Messages as Gemini's contents.

    system, developer   systemInstruction, wherever they stand
    user                role user
    assistant           role model, each part with the signature that Google gave it
    tool                role user, functionResponse parts; results that follow each other stand in one content

Source: https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling.
"""

import mimetypes
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

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
from greenroom.messages.request import ChatRequest, Message, tool_calls
from greenroom.providers.gemini.calls import MADE_ID, WIRE
from greenroom.providers.gemini.families import Family
from greenroom.providers.wire.fitting import arguments_of, carried, json_object
from greenroom.providers.wire.foreign import is_foreign, own_signature

CARRIED = carried("image", "provider")
"""Which parts a turn of each role can carry."""
GO_ON = "Go on exactly where your last message stops. Repeat nothing that it says, and add no remark."
_NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google takes in place of a signature for a call that another model made."""


def system_instruction(request: ChatRequest) -> dict[str, Any] | None:
    """All system and developer texts, in order."""
    texts = [
        part.text
        for message in request.messages
        if message.role in ("system", "developer")
        for part in message.content
        if isinstance(part, TextPart) and part.text
    ]
    return {"parts": [{"text": text} for text in texts]} if texts else None


def contents_of(request: ChatRequest, family: Family) -> list[dict[str, Any]]:
    """The turns. A turn with nothing that this wire carries is left out."""
    calls = calls_by_id(request.messages)
    contents: list[dict[str, Any]] = []
    results_before = False
    for message in request.messages:
        if message.role in ("system", "developer"):
            continue
        parts = [made for part in message.content for made in _parts(part, calls)]
        if family.wants_signatures:
            _sign_first_call(parts)
        results = message.role == "tool"
        if parts and results and results_before:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        results_before = results and bool(parts or results_before)
    return contents


def calls_by_id(messages: tuple[Message, ...]) -> dict[str, ToolCallPart]:
    """The calls that assistant turns made, the newest of each id."""
    return {call.id: call for message in messages for call in tool_calls(message)}


def _parts(part: Part, calls: Mapping[str, ToolCallPart]) -> Iterator[dict[str, Any]]:
    if is_foreign(part, WIRE):
        return
    match part:
        case TextPart():
            yield from _text(part.text, own_signature(part, WIRE))
        case RefusalPart():
            yield from _text(part.refusal, None)
        case ReasoningPart() if part.wire == WIRE or part.signature:
            # Without a mark of this wire it is some other model's, and of no use here.
            yield _signed({"text": part.text, "thought": True}, part.signature)
        case ToolCallPart() if part.complete and (arguments := arguments_of(part)) is not None:
            yield _call(part, arguments)
        case ToolResultPart() if (call := calls.get(part.tool_call_id)) is not None:
            yield {"functionResponse": _response(part, call)}
        case ImagePart():
            yield _image(part)
        case ProviderPart():
            yield thaw(part.item)


def _text(text: str, signature: str | None) -> Iterator[dict[str, Any]]:
    if text or signature:
        yield _signed({"text": text}, signature)


def _signed(part: dict[str, Any], signature: str | None) -> dict[str, Any]:
    return part if signature is None else {**part, "thoughtSignature": signature}


def _call(part: ToolCallPart, arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"name": part.name, "args": arguments, **_id(part)}
    signature = part.metadata.get("signature") if part.metadata.get("wire", WIRE) == WIRE else None
    return _signed({"functionCall": call}, signature if isinstance(signature, str) else None)


def _sign_first_call(parts: list[dict[str, Any]]) -> None:
    """Of parallel calls Google signs the first alone, and wants that one back."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", _NO_SIGNATURE)


def _id(call: ToolCallPart) -> dict[str, str]:
    """Nothing where the id was made here: Google would not know it."""
    return {} if call.metadata.get(MADE_ID) == call.id else {"id": call.id}


def _response(result: ToolResultPart, call: ToolCallPart) -> dict[str, Any]:
    """A JSON object as it stands, other text under `output`; what went wrong under `error`."""
    value = json_object(result.content)
    if result.is_error:
        response: dict[str, Any] = {"error": result.content if value is None else value}
    else:
        response = {"output": result.content} if value is None else value
    return {**_id(call), "name": call.name, "response": response}


def _image(image: ImagePart) -> dict[str, Any]:
    """Data in the request itself, or a place where Google fetches it (Files API, gs://, a public URL)."""
    if image.url is None:
        return {"inlineData": {"mimeType": image.media_type, "data": image.data}}
    head, comma, data = image.url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return {"inlineData": {"mimeType": head[5:-7] or "image/png", "data": data}}
    known = image.media_type or mimetypes.guess_type(urlsplit(image.url).path)[0]
    return {"fileData": {"fileUri": image.url, **({"mimeType": known} if known else {})}}
