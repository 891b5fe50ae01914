"""What each oddity of chat streams becomes: content, an end, a failure."""

import json
from typing import Any

import pytest
from chat_wire import DONE, Outcome, call, run

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import (
    RawDelta,
    ReasoningDelta,
    TextDelta,
    UsageDelta,
    delta_from_json,
    delta_json,
)
from greenroom.providers.openai_chat import OpenAIChatCodec


def sse(*chunks: dict[str, Any] | str) -> bytes:
    return b"".join(
        b"data: " + (c if isinstance(c, str) else json.dumps(c)).encode() + b"\n\n" for c in chunks
    )


def piece(text: Any = None, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    delta = {"content": text, **more}
    return {"id": "x", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


END = piece(finish="stop")


def texts(outcome: Outcome) -> list[str]:
    return [delta.text for delta in outcome.deltas if isinstance(delta, TextDelta)]


def test_role_and_empty_content_are_no_content() -> None:
    outcome = run(sse(piece("", role="assistant"), piece(None), piece("a"), piece(""), END) + DONE)
    assert texts(outcome) == ["a"]


def test_running_text_is_delivered_piece_by_piece_with_escapes() -> None:
    words = ["one", " two", '"', "\\", "é", "\u2028", "\U0001f600", "\n", "", "x"]
    data = sse(*[piece(word) for word in words], END) + DONE
    assert texts(run(data)) == [word for word in words if word]
    raw = data.decode().encode().replace(b"\\u00e9", "é".encode())
    assert texts(run(raw, [1] * len(raw))) == [word for word in words if word]


def test_chunk_that_only_looks_like_running_text_is_read_as_what_it_is() -> None:
    """The same bytes around another string, and then again with something beside it."""
    spoof = json.dumps(piece("X")).replace(
        '"X"', '"a","tool_calls":[{"id":"c","function":{"name":"f"}}],"p":"b"'
    )
    outcome = run(sse(piece("one"), piece("two"), piece("three"), spoof, piece("four"), END) + DONE)
    assert outcome.choice.text == "onetwothreeafour"
    assert [c.name for c in outcome.choice.tool_calls] == ["f"]
    blocks = [d.block for d in outcome.deltas if isinstance(d, TextDelta)]
    assert blocks == [0, 0, 0, 0, 2]


def test_text_after_reasoning_or_a_tool_call_begins_a_block() -> None:
    call_ = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]}
    chunks = [
        piece(reasoning_content="r"),
        piece("a"),
        piece("b"),
        piece(**call_),
        piece("c"),
        piece("d"),
        END,
    ]
    outcome = run(sse(*chunks) + DONE)
    assert [d.block for d in outcome.deltas if isinstance(d, TextDelta)] == [1, 1, 3, 3]
    assert [part.type for part in outcome.choice.parts] == ["reasoning", "text", "tool_call", "text"]


def test_whole_json_answer_becomes_deltas() -> None:
    message = {"role": "assistant", "content": "hello", "reasoning_content": "why", "refusal": None}
    body = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    for content_type in ("application/json", "text/event-stream"):
        outcome = run(b"\n\n" + json.dumps(body).encode(), headers=[("content-type", content_type)])
        assert (outcome.choice.text, outcome.choice.reasoning) == ("hello", "why")
        assert outcome.usage.total_tokens == 3
        assert outcome.answer is not None


def test_event_stream_is_read_whatever_its_content_type_says() -> None:
    outcome = run(sse(piece("a"), END) + DONE, headers=[("content-type", "application/json")])
    assert outcome.choice.text == "a"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            b"<html><title>Sign in</title></html>",
            "protocol",
            "got HTML (Sign in), not an event stream: is base_url",
        ),
        (b"", "protocol", "got an empty body"),
        (b"hello there", "protocol", "got this text: hello there"),
        (b'{"code":"overloaded","error":"try later"}', "in_stream", "try later"),
        (b'{"error":{"message":"no","code":500}}', "in_stream", "no"),
        (b'[{"error":{"message":"gemini"}}]', "in_stream", "gemini"),
        (b'error: {"message":"gpustack"}\n\n', "in_stream", "gpustack"),
        (b'{"choices":[]}', "protocol", "the answer has no choices"),
        (b'{"half', "protocol", "is base_url right?"),
        (b'{"hello": "world"}', "protocol", "is base_url right?"),
        (b"data: [DONE]\n\n", "protocol", "without a finish reason"),
        (b"data: {oops}\n\n", "protocol", "is no JSON"),
        (b"data: [1]\n\n", "protocol", "no JSON object"),
        (b"event: error\ndata: plain words\n\n", "in_stream", "plain words"),
        (b'event: error\ndata: {"error":{"message":"m"},"message":"m"}\n\n', "in_stream", "m"),
        (b'data: {"error":"a string"}\n\n', "in_stream", "a string"),
        (b'data: {"x_groq":{"error":"over"},"choices":[]}\n\n', "in_stream", "over"),
        (b'data: {"object":"error","message":"old vllm","code":400}\n\n', "in_stream", "old vllm"),
        (b'data: {"detail":"fastapi"}\n\n', "in_stream", "fastapi"),
    ],
)
def test_two_hundred_that_is_no_answer_is_a_failure(body: bytes, kind: str, message: str) -> None:
    for sizes in ([], [1] * len(body)):
        failure = run(body, sizes).failure
        assert failure is not None
        assert failure.kind == kind
        assert message in failure.message


@pytest.mark.parametrize("code", [429, "429", "rate_limited", None])
def test_error_after_text_fails_with_its_code_and_ignores_what_follows(code: Any) -> None:
    error = {"error": {"message": "slow down", "code": code, "type": "t", "param": "p"}}
    outcome = run(sse(piece("a"), error, piece("b"), END) + DONE)
    assert outcome.failure is not None
    assert outcome.choice.text == "a"
    assert outcome.failure.code == (None if code is None else str(code))
    assert outcome.failure.status == (429 if str(code) == "429" else None)
    assert (outcome.failure.error_type, outcome.failure.param) == ("t", "p")


def test_error_beside_choices_keeps_the_content_of_its_chunk() -> None:
    outcome = run(sse(piece("a"), {**piece("b", finish="error"), "error": {"message": "gone", "code": 502}}))
    assert outcome.choice.text == "ab"
    assert outcome.failure is not None
    assert (outcome.failure.message, outcome.failure.status) == ("gone", 502)


@pytest.mark.parametrize(
    ("finish", "profile"), [("error", None), ("insufficient_system_resource", "deepseek"), ("abort", "vllm")]
)
def test_failing_finish_reason_is_a_failure(finish: str, profile: str | None) -> None:
    failure = run(sse(piece("a", finish=finish)) + DONE, profile=profile).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("in_stream", finish)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("what", "unknown"),
    ],
)
def test_finish_reason_in_our_word_and_in_theirs(raw: str, reason: str) -> None:
    outcome = run(sse(piece("a"), piece(finish=raw), piece(finish=raw)) + DONE)
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (reason, raw)


def test_clean_end_with_a_finish_reason_needs_no_done() -> None:
    assert run(sse(piece("a"), END)).answer is not None


def test_clean_end_without_finish_reason_or_done_is_cut_short() -> None:
    failure = run(sse(piece("a"))).failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("protocol", "the stream ended without a finish reason")


def test_done_without_finish_reason_is_an_end_unless_the_server_always_gives_one() -> None:
    data = sse(piece("a")) + DONE
    assert run(data).answer is not None
    assert run(data, profile="openai").failure is not None
    assert run(sse(piece("a"), END) + DONE, profile="openai").answer is not None


def test_choice_without_its_finish_reason_is_cut_short() -> None:
    data = sse(piece("a"), piece("b", index=1), piece(finish="stop", index=1))
    assert run(data).failure is not None
    assert run(data + sse(END)).answer is not None


def test_broken_body_is_a_transport_failure_even_after_the_finish_reason() -> None:
    failure = run(sse(piece("a"), END), clean=False).failure
    assert failure is not None
    assert (failure.kind, failure.phase, failure.status) == ("transport", "body", 200)
    assert run(sse(piece("a"), END) + DONE, clean=False).answer is not None


def test_oversize_event_and_body_fail_with_the_bound() -> None:
    for data in (b"data: " + b"x" * 3000, b'{"a":"' + b"x" * 3000):
        failure = run(sse(piece("a"))[:0] + data, max_event_bytes=1024).failure
        assert failure is not None
        assert failure.kind == "bound"
        assert "max_event_bytes" in failure.message


def test_usage_is_replaced_by_the_newest_and_told_once_before_the_end() -> None:
    first = {
        **piece("a"),
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
    }
    groq = {**piece("b"), "x_groq": {"usage": {"completion_tokens": 2}}}
    last = {
        "id": "x",
        "choices": [],
        "usage": {"prompt_tokens": None, "completion_tokens": 3, "total_tokens": 8},
    }
    outcome = run(sse(first, groq, END, last, piece("")) + DONE)
    told = [delta for delta in outcome.deltas if isinstance(delta, UsageDelta)]
    assert told == outcome.deltas[-1:]
    usage = told[0].usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.cached_input_tokens) == (
        5,
        3,
        8,
        2,
    )
    assert usage.source == "provider"
    assert outcome.answer is not None
    assert outcome.answer.usage == usage


def test_usage_of_a_cut_stream_is_partial() -> None:
    outcome = run(sse({**piece("a"), "usage": {"prompt_tokens": 5, "completion_tokens": 1}}), clean=False)
    assert outcome.usage.source == outcome.so_far.usage.source == "partial"


@pytest.mark.parametrize(("total", "output"), [(30, 20), (20, 10), (None, 20)])
def test_reasoning_left_out_of_completion_tokens_is_added(total: int | None, output: int) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": total}
    usage["completion_tokens_details"] = {"reasoning_tokens": 10}  # type: ignore[assignment]
    outcome = run(sse(piece("a"), {**END, "usage": usage}) + DONE, profile="xai")
    assert (outcome.usage.output_tokens, outcome.usage.reasoning_tokens) == (output, 10)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_under_each_name(name: str) -> None:
    outcome = run(
        sse(piece(**{name: "th"}), piece(**{name: "ink"}), piece(**{name: "ing"}), piece("a"), END) + DONE
    )
    assert [d.reasoning for d in outcome.deltas if isinstance(d, ReasoningDelta)] == ["th", "ink", "ing"]
    assert (outcome.choice.reasoning, outcome.choice.text) == ("thinking", "a")


def test_reasoning_details_come_whole_at_the_end_of_their_block() -> None:
    def part(text: str, **more: Any) -> dict[str, Any]:
        detail = {"type": "reasoning.text", "text": text, "index": 0, **more}
        return piece("", reasoning=text, reasoning_details=[detail])

    outcome = run(
        sse(part("one "), part("two", format="f"), part("", signature="sig"), piece("a"), END) + DONE
    )
    assert outcome.choice.reasoning == "one two"
    whole = {"type": "reasoning.text", "text": "one two", "index": 0, "format": "f", "signature": "sig"}
    assert outcome.choice.parts[0].metadata == {"reasoning_details": [whole]}  # type: ignore[union-attr]


def test_content_as_a_list_with_thinking() -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    chunks = [piece(thinking), piece([{"type": "text", "text": "a"}, {"type": "reference"}, "b"]), END]
    outcome = run(sse(*chunks) + DONE)
    assert (outcome.choice.reasoning, outcome.choice.text) == ("hm", "ab")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_think_tags_are_reasoning_where_the_profile_says_so(size: int) -> None:
    said = "\n<think>so <b>it</b> </thin is</think>\n\nanswer <think>text</think>"
    data = sse(*[piece(said[i : i + size]) for i in range(0, len(said), size)], END) + DONE
    outcome = run(data, profile="lmstudio")
    assert outcome.choice.reasoning == "so <b>it</b> </thin is"
    assert outcome.choice.text == "\n\nanswer <think>text</think>"
    assert run(data).choice.text == said


@pytest.mark.parametrize("said", ["<thinking aloud", "<thi", "  ", "<", "plain", "<b>x</b>"])
def test_text_that_is_no_think_tag_stays_text(said: str) -> None:
    outcome = run(sse(*map(piece, said), END) + DONE, profile="vllm")
    assert (outcome.choice.text, outcome.choice.reasoning) == (said, "")


def test_open_think_tag_is_reasoning_to_the_end() -> None:
    outcome = run(sse(piece("<think>never closed </th"), piece(finish="length")) + DONE, profile="vllm")
    assert (outcome.choice.text, outcome.choice.reasoning) == ("", "never closed </th")


def test_refusal_is_kept_apart() -> None:
    outcome = run(sse(piece(refusal="I "), piece(refusal="cannot"), END) + DONE)
    assert (outcome.choice.refusal, outcome.choice.text) == ("I cannot", "")


def test_message_beside_delta_adds_nothing() -> None:
    def both(text: str, so_far: str) -> dict[str, Any]:
        chunk = piece(text)
        chunk["choices"][0]["message"] = {"role": "assistant", "content": so_far}
        return chunk

    final = {
        "object": "chat.completion.done",
        "choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}],
    }
    assert run(sse(both("a", "a"), both("b", "ab"), final) + DONE).choice.text == "ab"


def test_unknown_things_are_raw_deltas_on_request_only() -> None:
    odd = {**piece("a"), "prompt_filter_results": [1]}
    named = b'event: ping\ndata: {"type":"ping"}\n\n'
    data = sse(piece("x"), odd) + named + sse(END) + DONE
    assert not any(isinstance(delta, RawDelta) for delta in run(data).deltas)
    raw = [delta for delta in run(data, raw_deltas=True).deltas if isinstance(delta, RawDelta)]
    assert [delta.event for delta in raw] == ["message", "ping"]
    assert raw[0].data["prompt_filter_results"] == (1,)


def test_facts_of_the_whole_answer_are_its_metadata() -> None:
    more = {"system_fingerprint": "fp", "timings": {"predicted_n": 1}, "citations": ["u"]}
    noted = piece("b", annotations=[{"url": "u"}])
    outcome = run(sse({**piece("a"), **more}, noted, noted, END) + DONE)
    assert outcome.answer is not None
    assert outcome.answer.metadata == {**more, "annotations": [{"url": "u"}, {"url": "u"}]}
    assert (outcome.answer.response_id, outcome.answer.model) == ("x", "m")


def test_invalid_utf8_becomes_replacement_characters() -> None:
    chunk = json.dumps(piece("XX")).encode()
    outcome = run(b"data: " + chunk.replace(b"XX", b"a\xffb") + b"\n\n" + sse(END) + DONE)
    assert texts(outcome) == ["a\ufffdb"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_cannot_say_are_taken_as_null(number: str) -> None:
    chunk = (
        '{"id":"a","usage":{"prompt_tokens":N,"total_tokens":3},"timings":{"p":N},"odd":N,"choices":[{"index":0,'
        '"delta":{"content":"x","reasoning_details":[{"a":N}]},"logprobs":{"content":[{"logprob":N}]},'
        '"finish_reason":"stop"}]}'
    )
    outcome = run(sse(chunk.replace("N", number)) + DONE, raw_deltas=True)
    assert outcome.answer is not None
    assert outcome.answer.metadata == {"timings": {"p": None}}
    assert [delta_from_json(delta_json(delta)) for delta in outcome.deltas] == outcome.deltas
    assert outcome.usage.total_tokens == 3


def test_failure_names_the_providers_request_and_hides_our_key() -> None:
    headers = [("X-Request-Id", "req-1")]
    body = b'{"error":{"message":"bad key sk-very-secret"}}'
    for status in (200, 401):
        failure = run(body, status=status, headers=headers).failure
        assert failure is not None
        assert failure.provider_request_id == "req-1"
        assert "sk-very-secret" not in failure.model_dump_json()


def test_logprobs_of_an_empty_chunk_go_with_the_next_text() -> None:
    def with_logprobs(text: str, token: str) -> dict[str, Any]:
        chunk = piece(text)
        chunk["choices"][0]["logprobs"] = {"content": [{"token": token}]}
        return chunk

    outcome = run(
        sse(piece("x"), piece("y"), with_logprobs("", "a"), with_logprobs("z", "b"), piece("w"), END) + DONE
    )
    metadata = [delta.metadata for delta in outcome.deltas]
    assert metadata[2] == {"logprobs": {"content": [{"token": "a"}, {"token": "b"}]}}
    assert [bool(m) for m in metadata] == [False, False, True, False]


def test_head_may_be_missing_headers_and_data_may_be_empty() -> None:
    decoder = OpenAIChatCodec().start(call())
    decoder.head(WireHead(200, ()))
    assert decoder.feed(b"", 1, 0.0).deltas == []
    assert decoder.answer_so_far().response_id is None
    assert decoder.finish(True, 1, 0.0).failure is not None
