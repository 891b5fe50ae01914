"""Reads role/content dicts as OpenAI's chat API writes them into the fields of our own values.

Nothing given is dropped: what has no meaning here stays, and is refused as an unknown field. Whatever is
not of the expected form is passed on for the same reason.
Source: https://platform.openai.com/docs/api-reference/chat/create (messages, tools).
"""

from collections.abc import Mapping
from typing import Any

from greenroom.messages.invalid import InvalidInput
from greenroom.messages.parts import ToolCallPart

_PLAIN = {"role", "content"}
"""Most messages have no other keys, and long conversations have many messages."""
_EMPTY_IN_SDK_DUMPS = ("annotations", "audio", "function_call", "refusal", "tool_calls")
"""`message.model_dump()` of OpenAI's SDK has these, mostly as None or []: then they say nothing."""


def message_fields(given: Any) -> Any:
    """The fields of `Message` for an OpenAI message dict; anything else is returned as it is."""
    if not isinstance(given, Mapping):
        return given
    if given.keys() == _PLAIN:
        return {"role": given["role"], "content": _content_parts(given["content"])}
    fields = {k: v for k, v in given.items() if k not in _EMPTY_IN_SDK_DUMPS or v not in (None, [], ())}
    parts = _content_parts(fields.get("content"))
    if isinstance(refusal := fields.get("refusal"), str):
        parts.append({"type": "refusal", "refusal": refusal})
        del fields["refusal"]
    if isinstance(calls := fields.get("tool_calls"), (list, tuple)):
        parts.extend(_tool_call(place, call) for place, call in enumerate(calls))
        del fields["tool_calls"]
    if fields.get("tool_call_id") is not None:
        parts = [_tool_result(fields.pop("tool_call_id"), parts)]
    return {**fields, "content": parts}


def tool_fields(given: Any) -> Any:
    """The fields of a function in OpenAI's form: `{"type": "function", "function": {...}}`, or flat."""
    if not isinstance(given, Mapping) or given.get("type") != "function":
        return given
    rest = {k: v for k, v in given.items() if k != "type"}
    if isinstance(function := rest.get("function"), Mapping):
        del rest["function"]
        return {**rest, **function}
    return rest


def _content_parts(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if content is None:
        return []
    if not isinstance(content, (list, tuple)):
        raise InvalidInput.at("content", "must be a string or a list of parts")
    return [_part(place, part) for place, part in enumerate(content)]


def _part(place: int, part: Any) -> Any:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Mapping) and part.get("type") == "image_url":
        return _image(place, part)
    return part


def _image(place: int, part: Mapping[str, Any]) -> Any:
    given = part.get("image_url")
    image = {"url": given} if isinstance(given, str) else given
    if not isinstance(image, Mapping):
        raise InvalidInput.at(f"content.{place}.image_url", "must be a URL, or a dict with url")
    rest = {k: v for k, v in part.items() if k not in ("type", "image_url")}
    url = image.get("url")
    if isinstance(url, str) and url.startswith("data:") and ";base64," in url:
        media_type, data = url.removeprefix("data:").split(";base64,", 1)
        beside = {k: v for k, v in image.items() if k != "url"}
        return {"type": "image", "data": data, "media_type": media_type, **beside, **rest}
    return {"type": "image", **image, **rest}


def _tool_call(place: int, call: Any) -> ToolCallPart:
    if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
        raise InvalidInput.at(f"tool_calls.{place}", "must be a dict with id and function {name, arguments}")
    beside = {k: v for k, v in call.items() if k not in ("id", "type", "function", "index")}
    try:
        return ToolCallPart.model_validate(
            {**call["function"], "id": call.get("id"), "index": place, "metadata": beside}
        )
    except InvalidInput as error:
        raise error.under(f"tool_calls.{place}") from None


def _tool_result(call_id: Any, parts: list[Any]) -> Any:
    texts = [_text(part) for part in parts]
    if None in texts:
        raise InvalidInput.at("content", "a tool's result is text alone")
    return {
        "type": "tool_result",
        "tool_call_id": call_id,
        "content": "".join(text for text in texts if text),
    }


def _text(part: Any) -> str | None:
    kind, text = (
        (part.get("type"), part.get("text"))
        if isinstance(part, Mapping)
        else (getattr(part, "type", None), getattr(part, "text", None))
    )
    return text if kind == "text" and isinstance(text, str) else None
