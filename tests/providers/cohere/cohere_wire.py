"""Cohere's codec under test, and events as the server writes them."""

import json
from typing import Any

from greenroom.messages.request import ChatRequest
from greenroom.providers.cohere import CohereChatCodec

from codec_run import CodecRun

__all__ = ["END", "RUN", "START", "ask", "call", "delta", "event", "run", "sse"]

RUN = CodecRun(CohereChatCodec(), "cohere-chat")
call, run = RUN.call, RUN.run


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "p/m", "messages": "hi", **fields})


def event(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"type": kind} if index is None else {"type": kind, "index": index}
    return {**told, "delta": {"message": message}} if message else told


def delta(text: Any, index: int = 0, name: str = "text") -> dict[str, Any]:
    return event("content-delta", index, content={name: text})


def sse(*told: dict[str, Any] | str) -> bytes:
    def written(each: dict[str, Any] | str) -> str:
        if isinstance(each, str):
            return f"data: {each}\n\n"
        return f"event: {each.get('type', 'message')}\ndata: {json.dumps(each)}\n\n"

    return "".join(map(written, told)).encode()


START = {"id": "r-1", **event("message-start", role="assistant", content=[], tool_plan="", tool_calls=[])}
END = {
    "type": "message-end",
    "delta": {
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": {"input_tokens": 500,
                  "output_tokens": 7, "reasoning_tokens": 2}, "cached_tokens": 400},
    },
}  # fmt: skip
