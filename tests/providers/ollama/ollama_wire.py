"""Ollama's codecs under test, and lines as the server writes them."""

import json
from typing import Any

from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage
from greenroom.providers.ollama import OllamaCodec, OllamaGenerateCodec

from codec_run import CodecRun, Outcome

__all__ = ["CHAT", "END", "GENERATE", "Outcome", "ask", "call", "line", "lines", "resumed", "run"]

CHAT = CodecRun(OllamaCodec(), "ollama")
GENERATE = CodecRun(OllamaGenerateCodec(), "ollama-generate")
call, run = CHAT.call, CHAT.run
END = {
    "model": "q", "created_at": "2026-05-04T22:48:20.63Z", "message": {"role": "assistant", "content": ""},
    "done": True, "done_reason": "stop", "total_duration": 222424209, "load_duration": 73513584,
    "prompt_eval_count": 12, "prompt_eval_duration": 84101958, "eval_count": 5, "eval_duration": 12906208,
}  # fmt: skip


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "p/m", "messages": "hi", **fields})


def line(content: Any = "", **message: Any) -> dict[str, Any]:
    """A line with one piece. `message`: what else stands in its message."""
    said = {"role": "assistant", "content": content, **message}
    return {"model": "q", "created_at": "2026-05-04T22:48:20.1Z", "message": said, "done": False}


def lines(*told: dict[str, Any] | str) -> bytes:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in told).encode()


def resumed(text: str, spent: int | None = None) -> RetryState:
    return RetryState(
        stream_id="s1", request_id="r1", request=ask(), epoch=1, provider="p", model_asked="m",
        delivered_seq=3, delivered_text=text, deadline_left_s=10, updated_at=0, spent=Usage(output_tokens=spent),
    )  # fmt: skip
