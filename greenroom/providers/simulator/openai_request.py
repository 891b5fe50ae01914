"""Reads a Chat Completions request as the real API does, and refuses what it refuses."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from greenroom.messages.value import FrozenMap, freeze
from greenroom.providers.simulator.continuing import Beginning, read_beginning
from greenroom.providers.simulator.openai_errors import BAD_JSON, Refused

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a string"),
    "messages": ((tuple,), "an array of objects"),
    "stream": ((bool,), "a boolean"),
    "stream_options": ((FrozenMap,), "an object"),
    "n": ((int,), "an integer"),
    "max_tokens": ((int,), "an integer"),
    "max_completion_tokens": ((int,), "an integer"),
    "temperature": ((int, float), "a decimal"),
    "top_p": ((int, float), "a decimal"),
    "tools": ((tuple,), "an array of objects"),
    "logprobs": ((bool,), "a boolean"),
    "top_logprobs": ((int,), "an integer"),
}
_RANGES = {
    "n": (1, 128),
    "max_tokens": (1, None),
    "max_completion_tokens": (1, None),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "top_logprobs": (0, 20),
}
_REMEMBERED_CHARACTERS = 4096
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class ChatCall:
    """What a request asks for, as far as the simulator heeds it."""

    model: str
    prompt: str
    """Text of the last user message."""
    prompt_tokens: int
    stream: bool = False
    include_usage: bool = False
    include_obfuscation: bool = True
    choices: int = 1
    max_tokens: int | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    beginning: Beginning | None = None
    """What of the answer the request gives."""


def count_tokens(text: str) -> int:
    """One token a word or mark. Deterministic; not any real tokeniser."""
    return _count_once(text) if len(text) <= _REMEMBERED_CHARACTERS else _count(text)


def _count(text: str) -> int:
    return sum(1 for _ in _TOKEN.finditer(text))


_count_once = lru_cache(maxsize=1024)(_count)


def read_json(body: bytes) -> FrozenMap:
    """The JSON object of a body, frozen. Raises Refused."""
    value = read_json_value(body)
    if not isinstance(value, FrozenMap):
        raise Refused(400, BAD_JSON)
    return value


def read_json_value(body: bytes) -> Any:
    """The JSON value of a body, frozen. Raises Refused."""
    try:
        return freeze(json.loads(body))
    except (ValueError, TypeError, RecursionError):
        raise Refused(400, BAD_JSON) from None


def read_chat_call(body: FrozenMap) -> ChatCall:
    """The call that a body makes. Raises Refused, in the words of the real API."""
    if not body.get("model"):
        raise Refused(400, "you must provide a model parameter")
    if body.get("messages") is None:
        raise _missing("messages")
    for name, (types, wanted) in _TYPES.items():
        _check_type(name, body.get(name), types, wanted)
    for name, (low, high) in _RANGES.items():
        _check_range(name, body.get(name), low, high)
    _check_messages(body["messages"])
    options = body.get("stream_options") or FrozenMap()
    if options and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, message, param="stream_options")
    return ChatCall(
        model=body["model"],
        prompt=_last_user_text(body["messages"]),
        prompt_tokens=sum(4 + count_tokens(_text_of(m)) for m in body["messages"]),
        stream=bool(body.get("stream")),
        include_usage=options.get("include_usage") is True,
        include_obfuscation=options.get("include_obfuscation") is not False,
        choices=body.get("n") or 1,
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        logprobs=body.get("logprobs") is True,
        top_logprobs=body.get("top_logprobs") or 0,
        beginning=read_beginning(body),
    )


def _missing(name: str) -> Refused:
    return Refused(
        400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
    )


def _check_type(name: str, value: Any, types: tuple[type, ...], wanted: str) -> None:
    if value is None or (isinstance(value, types) and (bool in types or not isinstance(value, bool))):
        return
    message = f"Invalid type for '{name}': expected {wanted}, but got {_kind(value)} instead."
    raise Refused(400, message, param=name, code="invalid_type")


def _check_range(name: str, value: Any, low: int, high: int | None) -> None:
    kind = "decimal" if name in {"temperature", "top_p"} else "integer"
    if value is not None and value < low:
        raise _out_of_range(name, value, kind, "below", f">= {low}")
    if value is not None and high is not None and value > high:
        raise _out_of_range(name, value, kind, "above", f"<= {high}")


def _out_of_range(name: str, value: Any, kind: str, place: str, wanted: str) -> Refused:
    fault = f"{kind} {place} {'minimum' if place == 'below' else 'maximum'} value"
    message = f"Invalid '{name}': {fault}. Expected a value {wanted}, but got {value} instead."
    code = f"{kind}_{place}_{'min' if place == 'below' else 'max'}_value"
    return Refused(400, message, param=name, code=code)


def _check_messages(messages: tuple[Any, ...]) -> None:
    if not messages:
        wanted = "Expected an array with minimum length 1, but got an empty array instead."
        text = f"Invalid 'messages': empty array. {wanted}"
        raise Refused(400, text, param="messages", code="empty_array")
    for i, message in enumerate(messages):
        _check_type(f"messages[{i}]", message, (FrozenMap,), "an object")
        if message is None or message.get("role") is None:
            raise _missing(f"messages[{i}].role")
        if message["role"] not in _ROLES:
            supported = ", ".join(f"'{role}'" for role in _ROLES[:-1]) + f", and '{_ROLES[-1]}'"
            text = f"Invalid value: '{message['role']}'. Supported values are: {supported}."
            raise Refused(400, text, param=f"messages[{i}].role", code="invalid_value")
        wanted = "one of a string or array of objects"
        _check_type(f"messages[{i}].content", message.get("content"), (str, tuple), wanted)


def _kind(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", tuple: "an array"}
    return names.get(type(value), "an object")


def _last_user_text(messages: tuple[Mapping[str, Any], ...]) -> str:
    return next((_text_of(m) for m in reversed(messages) if m["role"] == "user"), "")


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(_part_texts(content))


def _part_texts(parts: tuple[Any, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield part["text"]
