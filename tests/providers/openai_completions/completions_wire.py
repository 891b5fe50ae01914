"""The completions codec under test, and chunks as servers write them."""

import json
from typing import Any

from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage
from greenroom.providers.openai_completions import OpenAICompletionsCodec

from codec_run import DONE, CodecRun, Outcome

__all__ = [
    "CODEC",
    "DONE",
    "END",
    "Outcome",
    "ask",
    "body_of",
    "call",
    "piece",
    "problems",
    "resumed",
    "run",
    "sse",
]

CODEC = OpenAICompletionsCodec()
_RUN = CodecRun(CODEC, "openai-completions")
call, run = _RUN.call, _RUN.run
body_of, problems = _RUN.body_of, _RUN.problems


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "p/m", "messages": "hi", **fields})


def resumed(text: str, spent: int | None = None) -> RetryState:
    return RetryState(
        stream_id="s1", request_id="r1", request=ask(), epoch=1, provider="p", model_asked="m",
        delivered_seq=3, delivered_text=text, deadline_left_s=10, updated_at=0, spent=Usage(output_tokens=spent),
    )  # fmt: skip


def piece(text: Any = "", index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk with one choice. `more` goes into the choice."""
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish, **more}
    return {
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "base-1", "choices": [choice]
    }  # fmt: skip


END = piece(finish="stop")


def sse(*chunks: dict[str, Any] | str) -> bytes:
    lines = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
    return "".join(f"data: {line}\n\n" for line in lines).encode()
