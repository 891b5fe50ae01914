"""Errors inside a 200: in every shape, at every place of the stream, and what came before them."""

import json
from typing import Any

import pytest
from chat_wire import DONE, run
from test_openai_chat_decode import END, piece, sse

Told = tuple[str, str | None, int | None]
SHAPES: dict[str, tuple[Any, Told]] = {
    "object": ({"error": {"message": "m", "type": "t", "code": "c"}}, ("m", "c", None)),
    "object, number as code": ({"error": {"message": "m", "code": 502}}, ("m", "502", 502)),
    "object, number in words": ({"error": {"message": "m", "code": "429"}}, ("m", "429", 429)),
    "object, status beside": ({"error": {"message": "m", "status_code": 503}}, ("m", None, 503)),
    "string": ({"error": "m"}, ("m", None, None)),
    "string with a code beside (xAI)": ({"code": "c", "error": "m"}, ("m", "c", None)),
    "number": ({"error": 500}, ("error 500", None, None)),
    "true, message beside": ({"error": True, "message": "m", "status": 500}, ("m", None, 500)),
    "list": ({"error": [{"message": "m", "code": 400}]}, ("m", "400", 400)),
    "list of strings": ({"error": ["m"]}, ("m", None, None)),
    "errors (Cloudflare)": (
        {"success": False, "errors": [{"message": "m", "code": 7009}]},
        ("m", "7009", None),
    ),
    "error in an error": ({"error": {"error": {"message": "m", "code": 500}}}, ("m", "500", 500)),
    "no message": ({"error": {"code": 500}}, ("the provider sent an error without a message", "500", 500)),
    "empty message": ({"error": {"message": "", "detail": "m"}}, ("m", None, None)),
    "message an object": (
        {"error": {"message": {"a": 1}}},
        ("the provider sent an error without a message", None, None),
    ),
    "at the top": ({"object": "error", "message": "m", "code": 400}, ("m", "400", 400)),
    "at the top, no object": ({"message": "m", "code": "c", "request_id": "r"}, ("m", "c", None)),
    "at the top, with an id": ({"id": "i", "message": "m", "code": "c"}, ("m", "c", None)),
    "detail": ({"detail": "m"}, ("m", None, None)),
    "detail of a validation": ({"detail": [{"loc": ["body"], "msg": "m"}]}, ("body: m", None, None)),
    "problem": ({"type": "about:blank", "title": "t", "status": 503, "detail": "m"}, ("m", None, 503)),
    "Baidu": ({"error_code": 336003, "error_msg": "m"}, ("m", "336003", None)),
    "MiniMax": (
        {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "m"}},
        ("m", "1004", None),
    ),
    "in the choice (OpenRouter)": (
        {"choices": [{"index": 0, "delta": {}, "error": {"message": "m", "code": 502}}]},
        ("m", "502", 502),
    ),
    "beside choices": ({**piece(""), "error": {"message": "m", "code": 502}}, ("m", "502", 502)),
    "beside a finish reason": ({**END, "error": {"message": "m"}}, ("m", None, None)),
    "in x_groq": ({**piece(""), "x_groq": {"id": "r", "error": "m"}}, ("m", None, None)),
    "list at the top (Gemini)": ([{"error": {"message": "m", "code": 429}}], ("m", "429", 429)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("after", ["", "done", "more"])
def test_error_fails_the_stream_and_keeps_what_came_before(shape: str, before: int, after: str) -> None:
    error, told = SHAPES[shape]
    tail = {"": b"", "done": DONE, "more": sse(END) + DONE}[after]
    outcome = run(sse(*[piece("a")] * before, json.dumps(error)) + tail)
    assert outcome.failure is not None
    assert outcome.failure.kind == "in_stream"
    assert (outcome.failure.message, outcome.failure.code, outcome.failure.status) == told
    assert outcome.choice.text == "a" * before
    broken = run(sse(*[piece("a")] * before, json.dumps(error)), clean=False).failure
    assert broken is not None
    assert broken.message == told[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_error_in_an_event_of_that_name_and_as_a_whole_body(shape: str) -> None:
    error, told = SHAPES[shape]
    named = b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"
    assert run(sse(piece("a")) + named).failure == run(sse(piece("a"), json.dumps(error))).failure
    body = json.dumps(error).encode()
    for content_type in ("application/json", "text/event-stream"):
        failure = run(body, headers=[("content-type", content_type)]).failure
        assert failure is not None
        assert (failure.kind, failure.message) == ("in_stream", told[0])


@pytest.mark.parametrize(
    "chunk",
    [
        {**piece("b"), "error": None}, {**piece("b"), "error": {}}, {**piece("b"), "error": ""},
        {**piece("b"), "error": False}, {**piece("b"), "message": "fine"}, {**piece("b"), "errors": []},
        {**piece("b"), "base_resp": {"status_code": 0, "status_msg": "success"}}, {**piece("b"), "status": 200},
        {**piece("b"), "x_groq": {"id": "r", "error": None}}, {**piece("b"), "type": "chunk", "code": 0},
    ],
)  # fmt: skip
def test_what_is_no_error(chunk: dict[str, Any]) -> None:
    outcome = run(sse(piece("a"), chunk, END) + DONE)
    assert outcome.answer is not None
    assert outcome.choice.text == "ab"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'error: {"message":"m","code":500}\n\n', "m"),
        (b'error: {"error":{"message":"m"}}\n\n', "m"),
        (b"error: words\n\n", "words"),
        (b"event: error\ndata: words\n\n", "words"),
        (b"event: error\ndata:\n\n", "the provider sent an error without a message"),
        (b'event: error\ndata: "words"\n\n', "words"),
    ],
)
@pytest.mark.parametrize("after", [b"", b"other: 1\n\n", b"data: [DONE]\n\n", sse(END), sse(END) + DONE])
def test_error_in_a_field_or_an_event_of_that_name(data: bytes, message: str, after: bytes) -> None:
    for clean in (True, False):
        outcome = run(sse(piece("a")) + data + after, clean=clean)
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.message) == ("in_stream", message)
        assert outcome.choice.text == "a"


def test_error_line_before_other_things_in_a_body() -> None:
    failure = run(b'{"error":{"message":"m"}}\n\ndata: [DONE]\n\n').failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("in_stream", "m")


def test_audio_and_done_after_an_error_are_no_end() -> None:
    audio = piece(audio={"id": "a", "data": "AAAA", "transcript": "hi"})
    outcome = run(sse(piece("a"), {"error": {"message": "m"}}, audio, END) + DONE)
    assert outcome.failure is not None
    assert len(outcome.deltas) == 1
