"""Reads a generateContent request as the real API does, and refuses what it refuses."""

from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens


def read_call(body: FrozenMap, model: str, *, stream: bool) -> ChatCall:
    """The call that a body makes. Raises Refused, in the words of the real API."""
    contents = body.get("contents")
    if not isinstance(contents, tuple) or not contents:
        raise Refused(400, "* GenerateContentRequest.contents: contents is not specified\n")
    for content in contents:
        _check_content(content)
    settings = _object(body, "generationConfig")
    count, limit = settings.get("candidateCount"), settings.get("maxOutputTokens")
    if count is not None and (type(count) is not int or not 1 <= count <= 8):
        raise Refused(400, "The specified candidate count must be in the range [1, 8].")
    instruction = _object(body, "systemInstruction")
    said = [_text(content) for content in (instruction, *contents)]
    return ChatCall(
        model=model,
        prompt=next((_text(content) for content in reversed(contents) if _is_user(content)), ""),
        prompt_tokens=sum(1 + count_tokens(text) for text in said),
        stream=stream,
        choices=count or 1,
        max_tokens=limit if type(limit) is int and limit > 0 else None,
    )


def _check_content(content: Any) -> None:
    if not isinstance(content, FrozenMap):
        raise Refused(
            400,
            "Invalid value at 'contents' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content)",
        )
    if content.get("role", "user") not in ("user", "model", "function"):
        raise Refused(400, "Please use a valid role: user, model.")
    parts = content.get("parts")
    if not isinstance(parts, tuple) or not parts:
        raise Refused(400, "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n")


def _object(body: FrozenMap, name: str) -> FrozenMap:
    value = body.get(name)
    return value if isinstance(value, FrozenMap) else FrozenMap()


def _is_user(content: FrozenMap) -> bool:
    return content.get("role", "user") == "user" and bool(_text(content))


def _text(content: FrozenMap) -> str:
    parts = content.get("parts")
    texts = (
        (part.get("text") for part in parts if isinstance(part, FrozenMap))
        if isinstance(parts, tuple)
        else ()
    )
    return "\n".join(text for text in texts if isinstance(text, str))
