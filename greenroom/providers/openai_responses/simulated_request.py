"""Reads a Responses request as the real API does, and refuses what it refuses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a string"),
    "input": ((str, tuple), "one of a string or array of objects"),
    "instructions": ((str,), "a string"),
    "include": ((tuple,), "an array of strings"),
    "stream": ((bool,), "a boolean"),
    "store": ((bool,), "a boolean"),
    "background": ((bool,), "a boolean"),
    "max_output_tokens": ((int,), "an integer"),
    "temperature": ((int, float), "a decimal"),
    "tools": ((tuple,), "an array of objects"),
    "stream_options": ((FrozenMap,), "an object"),
    "reasoning": ((FrozenMap,), "an object"),
}
_UNKNOWN = ("messages", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "max_tokens", "logprobs",
            "response_format")  # fmt: skip
"""Fields of the chat wire that this one does not have."""
_ROLES = ("assistant", "system", "developer", "user")
_MIN_OUTPUT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class ResponsesCall:
    """What a request asks for, as far as the simulator heeds it."""

    chat: ChatCall
    body: FrozenMap
    encrypted: bool = False
    """Reasoning is wanted in encrypted form."""
    background: bool = False
    store: bool = True
    custom_tools: frozenset[str] = frozenset()
    """Names of tools that take free text."""


def read_responses_call(body: FrozenMap) -> ResponsesCall:
    """The call that a body makes. Raises Refused, in the words of the real API."""
    for name in ("model", "input"):
        if body.get(name) is None:
            message = f"Missing required parameter: '{name}'."
            raise Refused(400, message, param=name, code="missing_required_parameter")
    for name in _UNKNOWN:
        if name in body:
            raise Refused(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for name, (types, wanted) in _TYPES.items():
        _check_type(name, body.get(name), types, wanted)
    limit = body.get("max_output_tokens")
    if limit is not None and limit < _MIN_OUTPUT_TOKENS:
        message = (
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{_MIN_OUTPUT_TOKENS}, but got {limit} instead."
        )
        raise Refused(400, message, param="max_output_tokens", code="integer_below_min_value")
    store, background = body.get("store") is not False, body.get("background") is True
    if background and not store:
        raise Refused(400, "Background responses must be stored: set 'store' to true.", param="background")
    include = body.get("include") or ()
    items = _items(body["input"])
    options = body.get("stream_options") or FrozenMap()
    chat = ChatCall(
        model=body["model"],
        prompt=next((_text_of(item) for item in reversed(items) if item.get("role") == "user"), ""),
        prompt_tokens=sum(4 + count_tokens(_text_of(item)) for item in items)
        + count_tokens(body.get("instructions") or ""),
        stream=body.get("stream") is True,
        include_obfuscation=options.get("include_obfuscation") is not False,
        max_tokens=limit,
        logprobs="message.output_text.logprobs" in include,
        top_logprobs=body.get("top_logprobs") or 0,
    )
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    custom = frozenset(str(tool.get("name")) for tool in tools if tool.get("type") == "custom")
    return ResponsesCall(chat, body, "reasoning.encrypted_content" in include, background, store, custom)


def _check_type(name: str, value: Any, types: tuple[type, ...], wanted: str) -> None:
    if value is None or (isinstance(value, types) and (bool in types or not isinstance(value, bool))):
        return
    message = f"Invalid type for '{name}': expected {wanted}."
    raise Refused(400, message, param=name, code="invalid_type")


def _items(given: Any) -> list[Mapping[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    for place, item in enumerate(given):
        if not isinstance(item, Mapping):
            message = f"Invalid type for 'input[{place}]': expected an object."
            raise Refused(400, message, param=f"input[{place}]", code="invalid_type")
        if item.get("type", "message") == "message" and item.get("role") not in _ROLES:
            message = f"Invalid value: '{item.get('role')}'. Supported values are: {', '.join(_ROLES)}."
            raise Refused(400, message, param=f"input[{place}].role", code="invalid_value")
    _check_outputs(given)
    return list(given)


def _check_outputs(items: Any) -> None:
    """Each output answers a call that stands before it."""
    called = set[Any]()
    for item in items:
        kind = str(item.get("type"))
        if kind.endswith("_call"):
            called.add(item.get("call_id"))
        elif (
            kind in ("function_call_output", "custom_tool_call_output") and item.get("call_id") not in called
        ):
            message = f"No tool call found for function call output with call_id {item.get('call_id')}."
            raise Refused(400, message, param="input")


def _text_of(item: Mapping[str, Any]) -> str:
    content = item.get("content") or item.get("output") or item.get("arguments") or ""
    return content if isinstance(content, str) else "\n".join(_texts(content))


def _texts(parts: Any) -> Iterator[str]:
    for part in parts if isinstance(parts, tuple) else ():
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield part["text"]
