"""Messages as the turns of Ollama's chat: a text, images beside it, calls with objects as arguments."""

from collections.abc import Iterator, Sequence
from typing import Any

from greenroom.messages.frozen import thaw
from greenroom.messages.invalid import Problem
from greenroom.messages.parts import (
    ImagePart,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
)
from greenroom.messages.request import ChatRequest, Message, tool_calls, tool_results
from greenroom.providers.wire.fitting import arguments_of, placed_parts
from greenroom.providers.wire.foreign import is_foreign

WIRE = "ollama"
CARRIED: dict[str, frozenset[str]] = {
    "system": frozenset({"text", "image"}),
    "developer": frozenset({"text", "image"}),
    "user": frozenset({"text", "image", "tool_result"}),
    "assistant": frozenset({"text", "image", "tool_call", "reasoning", "refusal", "provider"}),
    "tool": frozenset({"tool_result"}),
}
"""Which parts a turn of each role can carry. A refusal is sent as the text that it is."""


def wire_turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """What cannot be sent is left out. A result's `tool_name` is that of the call with its id, before it."""
    names: dict[str, str] = {}
    turns: list[dict[str, Any]] = []
    for message in messages:
        names.update((call.id, call.name) for call in tool_calls(message))
        turns += _turns(message, names)
    return turns


def _turns(message: Message, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A turn of several tool results is several turns here."""
    for result in tool_results(message):
        turn = {"role": "tool", "content": result.content, "tool_call_id": result.tool_call_id}
        if result.tool_call_id in names:
            turn["tool_name"] = names[result.tool_call_id]
        yield turn
    if message.role == "tool" or all(part.type == "tool_result" for part in message.content):
        if message.role == "assistant":
            yield {"role": "assistant", "content": ""}
        return
    turn = {"role": "system" if message.role == "developer" else message.role, "content": text_of(message)}
    yield turn | _thinking(message) | _images(message) | _calls(message)


def text_of(message: Message) -> str:
    """Its texts and refusals joined."""
    parts = message.content
    return "".join(
        part.text if isinstance(part, TextPart) else part.refusal if isinstance(part, RefusalPart) else ""
        for part in parts
    )


def image_data(part: ImagePart) -> str | None:
    """The image in base64 without any prefix; None for one that stands on a server elsewhere."""
    given = part.data if part.data is not None else part.url or ""
    head, comma, data = given.partition(",")
    if head.startswith("data:") and comma:
        return data if head.endswith(";base64") else None
    return given if part.data is not None else None


def images_of(message: Message) -> list[str]:
    images: list[str] = []
    for part in message.content:
        if isinstance(part, ImagePart) and (data := image_data(part)) is not None:
            images.append(data)
        elif isinstance(part, ProviderPart) and not is_foreign(part, WIRE):
            images += [image for image in thaw(part.item).get("images") or () if isinstance(image, str)]
    return images


def image_problems(request: ChatRequest) -> Iterator[Problem]:
    """Images that the server would have to fetch, and what is asked of how they are read."""
    for path, image in placed_parts(request, ImagePart):
        if image_data(image) is None:
            wrong = "Ollama fetches no images: give base64 in data, or a data: URL"
            yield Problem(f"{path}.url", "", wrong)
        if image.detail in ("low", "high"):
            yield Problem(f"{path}.detail", repr(image.detail), "Ollama knows no detail; leave it out")


def _thinking(message: Message) -> dict[str, Any]:
    told = [
        part.text
        for part in message.content
        if isinstance(part, ReasoningPart) and not is_foreign(part, WIRE)
    ]
    return {"thinking": "".join(told)} if any(told) else {}


def _images(message: Message) -> dict[str, Any]:
    images = images_of(message)
    return {"images": images} if images else {}


def _calls(message: Message) -> dict[str, Any]:
    calls = [
        {"id": call.id, "function": {"index": place, "name": call.name, "arguments": arguments}}
        for place, call in enumerate(tool_calls(message))
        if call.complete and (arguments := arguments_of(call)) is not None
    ]
    return {"tool_calls": calls} if calls else {}
