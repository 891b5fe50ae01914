"""What ends an answer, and what only looks as if it did."""

import json
from typing import Any

import pytest
from chat_wire import DONE, run
from test_openai_chat_decode import END, piece, sse

TEXT = sse(piece("a"))


@pytest.mark.parametrize(
    "tail",
    [
        b"data: [DONE]\n\n", b"data: [DONE] \n\n", b"data:[DONE]\n\n", b"data:  [DONE]\r\n\r\n", b"data: [DONE]",
        b"data: [DONE]\n", b"data: [DONE]\n\ndata: [DONE]\n\n", b"data: [DONE]\n\n" + TEXT,
        b"event: done\ndata: [DONE]\n\n",
        b": bye\n\ndata: [DONE]\n\n: bye\n\n", b"id: 1\nretry: 10\ndata: [DONE]\n\n", b"",
    ],
)  # fmt: skip
def test_end_marker_in_every_form(tail: bytes) -> None:
    outcome = run(TEXT + sse(END) + tail, profile="openai")
    assert outcome.answer is not None
    assert outcome.choice.text == "a"


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(
    "tail",
    [b"", b"data: [DONE", b'data: {"id":"x","choi', b"data: ", b"da", b": ping\n\n", b"data: DONE\n\n"[:5]],
)
def test_answer_without_an_end_is_a_failure_that_keeps_its_text(tail: bytes, clean: bool) -> None:
    outcome = run(TEXT + tail, clean=clean)
    assert outcome.failure is not None
    assert outcome.failure.kind == ("protocol" if clean else "transport")
    assert outcome.choice.text == "a"


@pytest.mark.parametrize("finish", ["", None, 0, False, [], {}, 7])
def test_finish_reason_that_is_none(finish: Any) -> None:
    assert run(sse(piece("a"), piece(finish=finish))).failure is not None
    outcome = run(sse(piece("a"), piece(finish=finish), END) + DONE)
    assert (outcome.choice.finish_reason_raw, outcome.choice.text) == ("stop", "a")


def test_newest_finish_reason_holds_and_content_after_it_counts() -> None:
    outcome = run(sse(piece("a", finish="stop"), piece("b"), piece("c", finish="length"), piece("")) + DONE)
    assert (outcome.choice.finish_reason_raw, outcome.choice.text) == ("length", "abc")


def test_each_choice_has_its_own_finish_reason() -> None:
    chunks = [piece("a"), piece("b", index=1), piece(finish="stop", index=1), piece("c", finish="length")]
    outcome = run(sse(*chunks))
    assert [choice.finish_reason_raw for choice in outcome.choices()] == ["length", "stop"]


@pytest.mark.parametrize(
    "finish", ["error", "ERROR", "abort", "network_error", "insufficient_system_resource"]
)
def test_finish_reason_that_means_a_failure(finish: str) -> None:
    failure = run(sse(piece("a", finish=finish)) + DONE).failure
    assert failure is not None
    assert failure.code == finish


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": None}, {"choices": []}, {"choices": {}}, {"choices": "x"}, {"choices": [None, 1, "x", []]},
        {"choices": [{}]}, {"choices": [{"index": 0}]}, {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": None, "delta": {}}]}, {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "id": "", "model": "", "object": ""},
        {"choices": [{"index": 0, "content_filter_results": {}, "content_filter_offsets": {}}]},
        {"choices": [{"index": 0, "delta": {"content": None, "tool_calls": None, "function_call": None}}]},
        {"choices": [{"index": 0, "delta": {"content": "", "obfuscation": "xyz", "p": "q"}}]}, {},
        {"id": 7, "model": 7, "created": "now", "system_fingerprint": None},
        {"error": None, "x_groq": {"id": "r"}},
        {"base_resp": {"status_code": 0, "status_msg": ""}},
    ],
)  # fmt: skip
def test_chunks_without_content_change_nothing(chunk: dict[str, Any]) -> None:
    outcome = run(sse(chunk, piece("a"), chunk, piece("b"), chunk, END, chunk) + DONE)
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.so_far.response_id, outcome.so_far.model) == ("ab", "x", "m")
    assert len(outcome.deltas) == 2
    assert run(sse(chunk)).failure is not None


@pytest.mark.parametrize(
    "event",
    ["data: null", "event: ping\ndata: ping", "event: heartbeat\ndata: 17", "event: x\ndata: [1]", "event: ping",
     "data:", "data: ", ":", "retry: 5", "id: 3", 'event: ping\ndata: {"type":"ping"}',
        'event: status\ndata: {"message":"loading","code":1}'],
)  # fmt: skip
def test_events_that_this_wire_does_not_know_change_nothing(event: str) -> None:
    odd = f"{event}\n\n".encode()
    outcome = run(odd + TEXT + odd + sse(END) + odd + DONE)
    assert (outcome.choice.text, outcome.answer is not None) == ("a", True)


def test_unknown_event_without_json_is_raw_on_request() -> None:
    outcome = run(b"event: tick\ndata: 17 h\n\n" + TEXT + sse(END) + DONE, raw_deltas=True)
    assert outcome.deltas[0].data == {"data": "17 h"}  # type: ignore[union-attr]


@pytest.mark.parametrize("index", [-1, 128, 10**9, "x", [], True, 0.5])
def test_choice_of_an_impossible_index_is_a_failure(index: Any) -> None:
    failure = run(sse(piece("a"), piece("b", index=index))).failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("protocol", f"a choice has index {index}")


def test_ids_of_later_chunks_change_nothing_and_the_newest_model_holds() -> None:
    chunks = [{**piece(text), "id": f"i{n}", "model": f"m{n}"} for n, text in enumerate("abc")]
    outcome = run(sse(*chunks, {**END, "id": "", "model": ""}) + DONE)
    assert (outcome.choice.text, outcome.so_far.response_id, outcome.so_far.model) == ("abc", "i0", "m2")


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_framing_makes_no_difference(newline: bytes) -> None:
    plain = sse(piece("a"), piece("b"), END) + DONE
    lines = json.dumps(piece("a"), indent=1).encode().replace(b"\n", b"\ndata:")
    framed = (
        b"\xef\xbb\xbf: hi\n\nid: 1\nevent: message\nretry: 3\ndata:"
        + lines
        + b"\n\n"
        + sse(piece("b"), END)
        + DONE
    )
    outcome = run(framed.replace(b"\n", newline))
    assert outcome.choice == run(plain).choice
    assert run(framed.replace(b"\n", newline), [1] * len(framed)) == outcome
