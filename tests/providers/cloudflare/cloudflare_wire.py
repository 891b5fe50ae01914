"""Workers AI's codec under test, and events as the server writes them."""

import json
from typing import Any

from greenroom.messages.request import ChatRequest
from greenroom.providers.cloudflare import CloudflareAICodec

from codec_run import DONE, CodecRun

__all__ = ["DONE", "RUN", "USED", "ask", "piece", "run", "sse"]

RUN = CodecRun(CloudflareAICodec(), "cloudflare-ai")
run = RUN.run
USED = {"response": "", "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "p/m", "messages": "hi", **fields})


def piece(text: Any, padding: str | None = "abd") -> dict[str, Any]:
    told = {"response": text, "tool_calls": []}
    return told if padding is None else {**told, "p": padding}


def sse(*told: dict[str, Any]) -> bytes:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in told).encode()
