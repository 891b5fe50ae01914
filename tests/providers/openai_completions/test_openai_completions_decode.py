"""Every shape in which servers tell a completion, and every way in which one ends."""

import json
from typing import Any

import pytest
from completions_wire import CODEC, DONE, END, call, piece, run, sse

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import RawDelta, TextDelta, UsageDelta


def texts(deltas: list[Any]) -> list[str]:
    return [delta.text for delta in deltas if isinstance(delta, TextDelta)]


def test_pieces_come_one_by_one_and_the_end_has_its_reason() -> None:
    outcome = run(sse(piece("a"), piece(" b"), piece(""), piece(" c", finish="length")) + DONE)
    assert texts(outcome.deltas) == ["a", " b", " c"]
    assert outcome.answer is not None
    assert [(end.index, end.reason, end.raw) for end in outcome.answer.ends] == [(0, "length", "length")]
    assert (outcome.answer.model, outcome.answer.response_id) == ("base-1", "cmpl-1")


def test_choices_are_kept_apart() -> None:
    chunks = [
        piece("a", 1), piece("x"), piece("b", 1), piece("y"), piece("c", 1, "stop"), piece("z", 0, "length")
    ]  # fmt: skip
    outcome = run(sse(*chunks) + DONE)
    assert [(c.index, c.text, c.finish_reason) for c in outcome.choices()] == [
        (0, "xyz", "length"),
        (1, "abc", "stop"),
    ]


def test_several_choices_in_one_chunk() -> None:
    both = piece("a")
    both["choices"].append({"text": "b", "index": 1, "logprobs": None, "finish_reason": "stop"})
    outcome = run(sse(both, END) + DONE)
    assert [choice.text for choice in outcome.choices()] == ["a", "b"]


def test_usage_of_its_own_chunk_and_on_the_finish() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    own = {"id": "cmpl-1", "object": "text_completion", "choices": [], "usage": counts}
    for data in (sse(piece("a"), END, own), sse(piece("a"), {**END, "usage": counts})):
        outcome = run(data + DONE)
        assert isinstance(outcome.deltas[-1], UsageDelta)
        usage = outcome.deltas[-1].usage
        assert (usage.input_tokens, usage.output_tokens, usage.source) == (3, 2, "provider")
        assert outcome.answer is not None
        assert outcome.answer.usage == usage
    cut = run(sse({**piece("a"), "usage": counts}), clean=False)
    assert (cut.usage.source, cut.usage.output_tokens) == ("partial", 2)


def test_logprobs_stand_beside_their_text_as_the_server_sent_them() -> None:
    def logprobs(token: str) -> dict[str, Any]:
        return {
            "tokens": [token], "token_logprobs": [-0.5], "top_logprobs": [{token: -0.5}], "text_offset": [3]
        }  # fmt: skip

    chunks = [
        piece("a", logprobs=logprobs("a")),
        piece("", logprobs=logprobs("bytes:\\xf0")),
        piece("b", logprobs=logprobs("b")),
        piece("c"),
        piece("", finish="stop", logprobs=logprobs("<eos>")),
    ]
    outcome = run(sse(*chunks) + DONE)
    told = [(d.text, d.metadata.get("logprobs", {}).get("tokens")) for d in outcome.deltas]
    assert told == [("a", ("a",)), ("", ("bytes:\\xf0",)), ("b", ("b",)), ("c", None), ("", ("<eos>",))]
    assert outcome.deltas[0].metadata["logprobs"] == {
        "tokens": ("a",), "token_logprobs": (-0.5,), "top_logprobs": ({"a": -0.5},), "text_offset": (3,)
    }  # fmt: skip
    assert outcome.choice.text == "abc"


def test_logprobs_that_say_nothing_make_no_delta() -> None:
    nothing = {"tokens": [], "token_logprobs": [], "top_logprobs": None}
    outcome = run(sse(piece("a"), piece("", finish="stop", logprobs=nothing)) + DONE)
    assert len(outcome.deltas) == 1


def test_text_is_passed_on_with_its_tags() -> None:
    said = "<think>so</think>it is"
    outcome = run(sse(piece("<thi"), piece(said[4:]), END) + DONE, profile="vllm")
    assert texts(outcome.deltas) == ["<thi", said[4:]]


def test_reasoning_that_the_server_tells_apart() -> None:
    outcome = run(sse(piece("", reasoning="hm"), piece("a", reasoning=None), END) + DONE)
    assert (outcome.choices()[0].reasoning, outcome.choice.text) == ("hm", "a")


def test_answer_in_the_form_of_chat_is_understood() -> None:
    def chat(content: str, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        return {"id": "1", "object": "chat.completion.chunk", "model": "codestral", "choices": [choice]}

    outcome = run(sse(chat("a"), chat("b"), chat("c", "stop")) + DONE, profile="mistral")
    assert (texts(outcome.deltas), outcome.answer is not None) == (["a", "b", "c"], True)
    whole = {"choices": [{"index": 0, "message": {"content": "abc"}, "finish_reason": "stop"}]}
    assert run(json.dumps(whole).encode(), profile="mistral").choice.text == "abc"


def test_answer_in_both_forms_is_told_once() -> None:
    chunks = [piece(word, delta={"role": "assistant", "content": word, "token_id": 7}) for word in "abc"]
    only_chat = piece("", delta={"content": "d"})
    assert texts(run(sse(*chunks, only_chat, END) + DONE, profile="together").deltas) == ["a", "b", "c", "d"]


def test_choice_without_an_index_is_the_first() -> None:
    chunk = {"id": "1", "choices": [{"text": "a"}], "token": {"id": 7, "text": "a"}}
    last = {"id": "1", "choices": [{"text": "b", "finish_reason": "eos"}]}
    outcome = run(sse(chunk, chunk, last) + DONE)
    assert (outcome.choice.text, outcome.choices()[0].finish_reason) == ("aab", "stop")


def test_whole_answer_in_one_json_body() -> None:
    whole = {**piece("abc", finish="stop"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    whole["choices"].append({"text": "def", "index": 1, "finish_reason": "length"})
    outcome = run(json.dumps(whole, indent=1).encode(), headers=[("content-type", "application/json")])
    assert outcome.answer is not None
    assert [(c.text, c.finish_reason) for c in outcome.choices()] == [("abc", "stop"), ("def", "length")]
    assert outcome.usage.output_tokens == 2
    assert run(json.dumps(whole).encode(), clean=False).failure is not None


@pytest.mark.parametrize(
    ("rest", "clean", "kind"),
    [
        (b"", True, "protocol"),
        (b"", False, "transport"),
        (sse(END), False, "transport"),
        (b'data: {"error":{"message":"out of memory","type":"server_error"}}\n\n' + DONE, True, "in_stream"),
        (b'event: error\ndata: {"error":"gone"}\n\n', True, "in_stream"),
        (b'data: "words"\n\n', True, "protocol"),
        (b"data: {broken\n\n", True, "protocol"),
        (b"data: " + b"x" * 5000 + b"\n\n", True, "bound"),
        (sse(piece("", finish="error")) + DONE, True, "in_stream"),
    ],
)
def test_anything_but_the_protocols_end_is_a_failure_with_what_came(
    rest: bytes, clean: bool, kind: str
) -> None:
    outcome = run(sse(piece("a"), piece("b")) + rest, clean=clean, max_event_bytes=2048)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.choice.text) == (kind, "ab")


def test_done_may_be_missing_after_the_finish_reason() -> None:
    assert run(sse(piece("a"), END)).answer is not None
    assert run(sse(piece("a"), END) + b"data: [DONE]").answer is not None


def test_done_without_a_finish_reason_is_an_end_unless_the_server_always_gives_one() -> None:
    data = sse(piece("a")) + DONE
    assert run(data).answer is not None
    assert run(data, profile="openai").failure is not None
    assert run(DONE).failure is not None
    assert run(b"").failure is not None


def test_null_says_nothing() -> None:
    """llama.cpp begins its answer to several prompts so."""
    outcome = run(sse("null", piece("a"), piece("b", 1), END, piece("", 1, "stop")) + DONE)
    assert [choice.text for choice in outcome.choices()] == ["a", "b"]
    assert run(sse("null") + DONE).failure is not None
    assert run(b"event: error\ndata: null\n\n" + sse(END) + DONE).failure is not None


def test_html_and_errors_with_a_status() -> None:
    html = run(b"<html><title>Not here</title></html>", headers=[("content-type", "text/html")]).failure
    assert html is not None
    assert (html.kind, "Not here" in html.message) == ("protocol", True)
    refused = run(
        b'{"error":{"message":"bad key sk-very-secret","code":"invalid_api_key"}}', status=401
    ).failure
    assert refused is not None
    assert (refused.kind, refused.code, refused.status) == ("http", "invalid_api_key", 401)
    assert "sk-very-secret" not in refused.model_dump_json()


def test_complaint_about_stream_options_names_the_adjustment() -> None:
    failure = run(b'{"error":{"message":"Unknown parameter: stream_options"}}', status=400).failure
    assert failure is not None
    assert failure.adjust == "no_stream_options"


def test_what_is_not_read_is_a_raw_delta_on_request_once_a_chunk() -> None:
    filtered = {
        **piece("b", content_filter_results={"hate": {"filtered": False}}),
        "prompt_filter_results": [1],
    }
    data = sse(piece("a", stop_reason=None), filtered, piece("c", finish="stop", stop_reason="\n")) + DONE
    assert not any(isinstance(delta, RawDelta) for delta in run(data).deltas)
    raw = [delta for delta in run(data, raw_deltas=True).deltas if isinstance(delta, RawDelta)]
    assert [delta.data["choices"][0]["text"] for delta in raw] == ["b", "c"]
    assert raw[1].data["choices"][0]["stop_reason"] == "\n"
    assert "delta" not in raw[1].data["choices"][0]


def test_running_text_is_read_without_parsing_each_chunk() -> None:
    decoder = CODEC.start(call())
    decoder.head(WireHead(200, ()))
    decoder.feed(sse(piece("first"), piece("second")), 1, 0.0)
    envelope, line = decoder._chunks._envelope, json.dumps(piece("X")).encode()  # type: ignore[attr-defined]
    assert envelope.piece(line.replace(b"X", b"\\u00e9 next")) == "é next"
    assert envelope.piece(line.replace(b'"index": 0', b'"index": 1')) is None


def test_pieces_alike_but_for_one_thing_are_never_mixed_up() -> None:
    chunks = [
        piece("a"),
        piece("b"),
        piece("c", 1),
        piece("d"),
        piece("e", finish="stop"),
        piece("f", 1, "stop"),
    ]
    outcome = run(sse(*chunks) + DONE)
    assert [choice.text for choice in outcome.choices()] == ["abde", "cf"]
    assert [choice.finish_reason for choice in outcome.choices()] == ["stop", "stop"]


def test_choice_without_its_finish_reason_is_cut_short() -> None:
    data = sse(piece("a"), piece("b", 1), piece(finish="stop", index=1))
    assert run(data).failure is not None
    assert run(data + sse(END)).answer is not None
