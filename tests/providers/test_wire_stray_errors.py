"""An error that stands in an event stream as bare JSON, in no event: it is told as what it is."""

import json

import pytest

from greenroom.providers.anthropic import AnthropicCodec
from greenroom.providers.gemini import GeminiCodec
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.openai_responses import OpenAIResponsesCodec
from greenroom.supervision import classify

from codec_run import CodecRun, Outcome

CHAT = {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hal"}}]}
MESSAGE = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hal"}}
CHUNK = {"candidates": [{"content": {"parts": [{"text": "Hal"}]}}]}
PIECE = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hal"}
WIRES = {
    "openai-chat": (CodecRun(OpenAIChatCodec(), "openai-chat"), CHAT),
    "anthropic": (CodecRun(AnthropicCodec(), "anthropic"), MESSAGE),
    "gemini": (CodecRun(GeminiCodec(), "gemini"), CHUNK),
    "openai-responses": (CodecRun(OpenAIResponsesCodec(), "openai-responses"), PIECE),
}
ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def ended_with(kind: str, tail: str, size: int = 10_000, end: str = "\n\n") -> Outcome:
    run, event = WIRES[kind]
    data = f"data: {json.dumps(event)}{end}{tail}".encode()
    return run.run(data, [size] * (len(data) // size))


@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
@pytest.mark.parametrize(
    "tail",
    [json.dumps(ERROR), json.dumps(ERROR, indent=2) + "\n", json.dumps([ERROR], indent=1) + "\r\n\r\n"],
)
def test_bare_error_behind_an_answers_beginning(kind: str, size: int, end: str, tail: str) -> None:
    outcome = ended_with(kind, tail, size, end)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message) == ("in_stream", "The model is overloaded.")
    assert classify(outcome.failure) == "overloaded"
    assert outcome.choice.text == "Hal"


@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize(
    "tail", ["", '{"error": {"mess', "upstream closed", '{"status": "ok"}', '"text"', "[]"]
)
def test_what_tells_no_error_is_an_answer_that_ended_too_early(kind: str, tail: str) -> None:
    failure = ended_with(kind, tail).failure
    assert failure is not None
    assert failure.kind == "protocol"
