"""Reads a request that creates an interaction as the real API does, and refuses what it refuses."""

from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens


def read_call(body: FrozenMap) -> ChatCall:
    """The call that a body makes. Raises Refused."""
    model = body.get("model", body.get("agent"))
    if not isinstance(model, str) or not model:
        raise Refused(400, "Either model or agent must be set.")
    given = body.get("input")
    if not isinstance(given, (str, tuple, FrozenMap)) or (not given and "continuation_token" not in body):
        raise Refused(400, "input must be set.")
    if body.get("background") is True and body.get("store") is False:
        raise Refused(400, "background=true requires store=true.")
    settings = body.get("generation_config")
    limit = settings.get("max_output_tokens") if isinstance(settings, FrozenMap) else None
    texts = list(_texts(given))
    return ChatCall(
        model=model,
        prompt=texts[-1] if texts else "",
        prompt_tokens=sum(1 + count_tokens(text) for text in texts),
        stream=body.get("stream") is True,
        max_tokens=limit if type(limit) is int and limit > 0 else None,
    )


def _texts(given: Any, depth: int = 0) -> list[str]:
    """All texts of an input: a string, a content, contents, or steps."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, tuple) and depth < 4:
        return [text for inner in given for text in _texts(inner, depth + 1) if not isinstance(inner, str)]
    if isinstance(given, FrozenMap) and depth < 4:
        own = given.get("text")
        return [own] if isinstance(own, str) else _texts(given.get("content", ()), depth + 1)
    return []
