"""Reads a request to Ollama as the server does, and refuses what it refuses."""

from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens, read_json_value

_ROLES = ("system", "user", "assistant", "tool")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "model": str, "messages": tuple, "prompt": str, "system": str, "stream": bool, "options": FrozenMap,
    "tools": tuple, "images": tuple, "logprobs": bool, "top_logprobs": int, "think": (bool, str),
}  # fmt: skip


def read_call(data: bytes, operation: str) -> tuple[FrozenMap, ChatCall]:
    """The body and the call that it makes. Raises Refused, in Ollama's words."""
    body = _object(data)
    for name, wanted in _TYPES.items():
        value = body.get(name)
        if value is not None and not (
            isinstance(value, wanted) and (type(value) is not bool or wanted is not int)
        ):
            raise Refused(400, f"json: cannot unmarshal {type(value).__name__} into Go struct field .{name}")
    if not body.get("model"):
        raise Refused(400, "model is required")
    texts = _messages(body) if operation == "chat" else [("user", body.get("prompt") or "")]
    options = body.get("options") or FrozenMap()
    longest = options.get("num_predict")
    return body, ChatCall(
        model=body["model"],
        prompt=next((text for role, text in reversed(texts) if role == "user"), ""),
        prompt_tokens=sum(4 + count_tokens(text) for _, text in texts),
        stream=body.get("stream") is not False,
        max_tokens=longest if type(longest) is int and longest > 0 else None,
        logprobs=body.get("logprobs") is True,
        top_logprobs=min(20, max(0, body.get("top_logprobs") or 0)),
    )


def _object(data: bytes) -> FrozenMap:
    if not data.strip():
        raise Refused(400, "missing request body")
    try:
        body = read_json_value(data)
    except Refused:
        raise Refused(400, "invalid character in the body: it is no JSON") from None
    if not isinstance(body, FrozenMap):
        raise Refused(400, "json: cannot unmarshal the body into Go value of type api.ChatRequest")
    return body


def _messages(body: FrozenMap) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    for message in body.get("messages") or ():
        role: Any = message.get("role") if isinstance(message, FrozenMap) else None
        if role not in _ROLES:
            raise Refused(400, f"invalid message role: {role!r}; it is one of {', '.join(_ROLES)}")
        content = message.get("content") or ""
        if not isinstance(content, str):
            raise Refused(
                400, "json: cannot unmarshal array into Go struct field .messages.content of type string"
            )
        _check_calls(message.get("tool_calls"))
        told.append((role, content))
    return told


def _check_calls(calls: Any) -> None:
    for call in calls if isinstance(calls, tuple) else ():
        function = call.get("function") if isinstance(call, FrozenMap) else None
        if not isinstance(function, FrozenMap) or not isinstance(function.get("arguments"), FrozenMap):
            raise Refused(400, "json: cannot unmarshal tool_calls: arguments must be an object")
