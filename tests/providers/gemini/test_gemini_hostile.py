"""What no server should send: huge, deep, endless, out of order. Each has an outcome, in linear time."""

import json
import time
from typing import Any

import pytest
from gemini_wire import CODEC, array, call, chunk, run, sse
from linear_time import assert_linear

from greenroom.messages.commands import WireHead

STOP = chunk(finish="STOP")


def failed(data: bytes, sizes: list[int] | None = None, **how: Any) -> tuple[str, str | None]:
    outcome = run(data, sizes or [], **how)
    assert outcome.failure is not None
    return outcome.failure.kind, outcome.failure.clock


@pytest.mark.parametrize("form", [b"data: ", b"["])
def test_a_huge_event_fails_at_its_bound(form: bytes) -> None:
    huge = form + json.dumps(chunk({"text": "x" * 5_000_000})).encode()
    for sizes in ([], [65536] * 100):
        assert failed(huge, sizes) == ("bound", "max_event_bytes")


@pytest.mark.parametrize("form", [sse, array])
def test_deep_json_is_no_json(form: Any) -> None:
    deep = form(chunk({"text": "a"}), STOP).replace(b'"a"', b"[" * 100_000 + b"]" * 100_000)
    assert failed(deep)[0] == "protocol"
    some = form(chunk({"other": json.loads("[" * 150 + "]" * 150)}), STOP)
    assert run(some).answer is not None


@pytest.mark.parametrize("index", [-1, 10**9, "x", 1.5, [], {}])
def test_an_index_out_of_range_is_a_fault_of_the_server(index: Any) -> None:
    given = chunk({"text": "a"})
    given["candidates"][0]["index"] = index
    assert failed(sse(given, STOP))[0] == "protocol"


def test_what_must_be_kept_is_bounded() -> None:
    item = chunk({"inlineData": {"data": "x" * 9000}})
    assert failed(sse(*[item] * 20, STOP), max_output_bytes=16384, max_event_bytes=16384) == (
        "bound",
        "max_output_bytes",
    )
    calls = chunk(*[{"functionCall": {"name": "f"}}] * 1100)
    assert failed(sse(calls, STOP)) == ("bound", "max_output_bytes")
    going = chunk({"functionCall": {"name": "f", "willContinue": True}})
    more = chunk({"functionCall": {"partialArgs": [
        {"jsonPath": "$.a", "stringValue": "x" * 9000, "willContinue": True}], "willContinue": True}})  # fmt: skip
    assert failed(sse(going, *[more] * 20), max_output_bytes=16384, max_event_bytes=16384) == (
        "bound",
        "max_output_bytes",
    )
    cited = [chunk({"text": "a"}) for _ in range(20)]
    for number, each in enumerate(cited):
        each["candidates"][0]["citationMetadata"] = {"citationSources": [{"uri": "u" * 9000 + str(number)}]}
    assert failed(sse(*cited), max_output_bytes=16384, max_event_bytes=16384) == (
        "bound",
        "max_output_bytes",
    )


def test_text_itself_is_not_kept() -> None:
    assert run(
        sse(*[chunk({"text": "x" * 9000})] * 30, STOP), max_output_bytes=16384, max_event_bytes=16384
    ).answer


def took_s(data: bytes, size: int) -> float:
    decoder = CODEC.start(call())
    decoder.head(WireHead(200, ()))
    seq, begun = 1, time.process_time()
    for at in range(0, len(data), size):
        seq += len(decoder.feed(data[at : at + size], seq, 0.0).deltas)
    assert decoder.finish(True, seq, 0.0).answer is not None
    return time.process_time() - begun


def arguments_of(size: int) -> bytes:
    """Arguments of so many bytes in pieces of ten."""
    piece = chunk({"functionCall": {"partialArgs": [
        {"jsonPath": "$.a", "stringValue": "x" * 10, "willContinue": True}], "willContinue": True}})  # fmt: skip
    return (
        sse(chunk({"functionCall": {"name": "f", "willContinue": True}}))
        + sse(piece) * (size // 10)
        + sse(STOP)
    )


def test_long_arguments_in_small_pieces_take_linear_time() -> None:
    assert_linear(lambda size: took_s(arguments_of(size), 65536), 125_000)


def test_a_long_element_in_small_reads_takes_linear_time() -> None:
    assert_linear(lambda size: took_s(array(chunk({"text": 'a"\\' * size}, finish="STOP")), 50), 25_000)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "protocol"), (b"[]", "protocol"), (b"[1]", "protocol"), (b'["x"]', "protocol"),
        (b"[[]]", "protocol"),
        (b"[{}", "protocol"), (b"data: {}\n\n", "protocol"), (b"data: 7\n\n", "protocol"),
        (b"data: x\n\n", "protocol"),
        (b"<html><title>Sign in</title>", "protocol"), (b"plain text", "protocol"), (b"{}", "protocol"),
        (b'{"error": "x"}', "in_stream"), (b"data: [DONE]\n\n", "protocol"), (b"null", "protocol"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_answer(data: bytes, kind: str) -> None:
    for sizes in ([], [1] * len(data)):
        assert failed(data, sizes)[0] == kind


def test_nothing_is_said_after_the_end_and_a_second_finish_replaces_the_first() -> None:
    outcome = run(sse(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="MAX_TOKENS")))
    assert (outcome.choice.text, outcome.choice.finish_reason) == ("ab", "length")
    assert run(array(chunk({"text": "a"}, finish="STOP")) + array(chunk({"text": "b"}))).choice.text == "a"


def test_a_key_in_an_error_is_hidden() -> None:
    error = {
        "error": {"code": 400, "message": "API key sk-very-secret is wrong", "status": "INVALID_ARGUMENT"}
    }
    for outcome in (run(sse(error)), run(json.dumps(error).encode(), status=400)):
        assert outcome.failure is not None
        assert "sk-very-secret" not in outcome.failure.model_dump_json()


def test_text_cut_inside_a_character_or_an_escape() -> None:
    data = b'data: {"candidates":[{"content":{"parts":[{"text":"a\\ud83d\\ude00\xc3\x28b\\ud83d"}]},'
    data += b'"finishReason":"STOP"}]}\n\n'
    outcome = run(data)
    assert outcome.choice.text == "a\U0001f600�(b�"
    assert run(data, [1] * len(data)) == outcome
