"""What Workers AI's events come to: recordings, pieces, calls, ends, errors, and what should not be there."""

import json
from typing import Any

import pytest
from cloudflare_wire import DONE, RUN, USED, ask, piece, run, sse
from hypothesis import given
from hypothesis import strategies as st
from linear_time import assert_linear
from recorded_small_wires import check_every_cut, check_recording, streams_of

from greenroom.messages.commands import WireHead

from recorded_chats import random_sizes, stream_bytes
from shared_files import CORPUS

NAMES = streams_of("cloudflare-ai")
needs_streams = pytest.mark.skipif(not NAMES, reason=f"{CORPUS} is not there")


@needs_streams
@pytest.mark.parametrize("name", NAMES or ["none"])
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    data = stream_bytes(name)
    check_recording(RUN, name, data, random_sizes(name, len(data), 60))
    check_recording(RUN, name, data, [1] * len(data))
    check_every_cut(RUN, data, {data.index(b"[DONE]")})


@needs_streams
def test_piece_that_came_as_a_truth_value_is_text_and_calls_are_asked_for() -> None:
    assert run(stream_bytes("cfai-cloudflare-88ab1f10")).choice.text == '{"is_fruit":true}'
    choice = run(stream_bytes("cfai-cloudflare-27328fc6")).choice
    assert [(c.id, c.name, c.arguments) for c in choice.tool_calls] == [
        ("chatcmpl-tool-1f27bce1eda049179a29c53e1639283f", "square_root", '{"number": 132413}')
    ]
    assert (choice.finish_reason, choice.finish_reason_raw) == ("tool_calls", None)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("x", "x"),
        (True, "true"),
        (None, ""),
        (12, "12"),
        (1.5, "1.5"),
        ({"a": 1}, '{"a":1}'),
        ([1], "[1]"),
        (0, "0"),
    ],
)
def test_piece_is_text_whatever_its_type(given: Any, text: str) -> None:
    outcome = run(sse(piece(given), USED) + DONE)
    assert outcome.answer is not None
    assert outcome.choice.text == text


def test_usage_is_counted_and_no_reason_is_made_up() -> None:
    outcome = run(sse(piece("a"), piece("b"), USED) + DONE)
    assert (outcome.choice.text, outcome.choice.finish_reason) == ("ab", None)
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens, outcome.usage.total_tokens) == (7, 5, 12)


@pytest.mark.parametrize(
    "body", [sse(piece("a")), sse(piece("a"), USED), sse(USED), b"", DONE, b": ping\n\n", b"<html>", b"hello",
             b"data: {\n\n", b"data: 7\n\n", b'{"result":{}}', b"data: " + b"[" * 5000 + b"\n\n"],
)  # fmt: skip
def test_without_its_end_marker_nothing_is_an_answer(body: bytes) -> None:
    outcome = run(body)
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"


def test_answer_without_a_word_is_one() -> None:
    assert run(sse(piece(""), USED) + DONE).answer is not None


@pytest.mark.parametrize(
    "told",
    [
        {"result": None, "success": False, "errors": [{"message": "it broke", "code": 3043}], "messages": []},
        {"errors": [{"message": "it broke", "code": 3043}]},
        {"error": {"message": "it broke", "code": "3043"}},
    ],
)  # fmt: skip
def test_error_inside_a_200_is_evidence(told: dict[str, Any]) -> None:
    for body in (sse(piece("a"), told) + DONE, json.dumps(told).encode()):
        failure = run(body).failure
        assert failure is not None
        assert (failure.kind, failure.message, failure.code) == ("in_stream", "it broke", "3043")


def test_http_error_is_evidence() -> None:
    body = {
        "success": False,
        "result": None,
        "messages": [],
        "errors": [{"code": 10000, "message": "Auth error"}],
    }
    failure = run(json.dumps(body).encode(), status=401).failure
    assert failure is not None
    assert (failure.kind, failure.status, failure.code, failure.message) == (
        "http",
        401,
        "10000",
        "Auth error",
    )


def test_models_that_answer_in_the_chat_wires_chunks_are_read_so() -> None:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    streamed = run(
        sse(chunk({"reasoning_content": "so"}), chunk({"content": "Hi"}), chunk({}, "stop")) + DONE
    )
    assert (streamed.choice.reasoning, streamed.choice.text, streamed.choice.finish_reason) == (
        "so",
        "Hi",
        "stop",
    )
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "so"}
    whole = {"result": {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]},
             "success": True}  # fmt: skip
    assert run(json.dumps(whole).encode(), request=ask(stream=False)).choice == streamed.choice


def test_answer_that_is_not_streamed_has_whole_calls() -> None:
    call = {"name": "add", "arguments": {"a": 1}}
    whole = {
        "result": {"response": None, "tool_calls": [call, call], "usage": USED["usage"]},
        "success": True,
    }
    outcome = run(json.dumps(whole, indent=1).encode(), [9] * 20, request=ask(stream=False))
    assert outcome.answer is not None
    assert [(c.name, c.arguments, c.complete) for c in outcome.choice.tool_calls] == [
        ("add", '{"a":1}', True)
    ] * 2
    assert (outcome.choice.finish_reason, outcome.usage.total_tokens) == ("tool_calls", 12)


def test_tags_at_the_start_are_reasoning_for_its_profile() -> None:
    data = sse(piece("<think>"), piece("why"), piece("</think>"), piece("So"), USED) + DONE
    split = run(data, profile="cloudflare").choice
    assert (split.reasoning, split.text) == ("why", "So")


def test_short_cut_reads_padded_pieces_and_leaves_others_alone() -> None:
    told = [piece(f'w{n}"\\é\n', "abcdefghij"[: n % 7]) for n in range(12)]
    told += [
        piece("plain", None),
        {**piece("x"), "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]},
    ]
    told += [piece("y", "a-b"), piece("z")]
    data = sse(*told, USED) + DONE
    whole = run(data)
    assert whole.choice.text == "".join(f'w{n}"\\é\n' for n in range(12)) + "plainxyz"
    assert run(data, [1] * len(data)) == whole
    one_by_one, said, seq = RUN.codec.start(RUN.call()), list[Any](), 1
    one_by_one.head(WireHead(200, ()))
    for event in [*(sse(each) for each in told), sse(USED), DONE]:
        deltas = one_by_one.feed(event, seq, 1000.0).deltas
        said, seq = said + deltas, seq + len(deltas)
    assert said == whole.deltas


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
odd = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "response",
            "tool_calls",
            "p",
            "usage",
            "errors",
            "error",
            "success",
            "choices",
            "result",
            "reasoning",
        ),
        values,
    ),
)
fed = st.one_of(
    odd.map(sse),
    st.tuples(words, st.text("abc1", max_size=9)).map(lambda told: sse(piece(*told))),
    st.sampled_from([sse(USED), DONE, b": ping\n\n", b"data:\n\n", b"event: error\n"]),
    st.binary(max_size=12),
)


@given(st.lists(fed, max_size=12), st.lists(st.integers(1, 90), max_size=60), st.booleans(), st.booleans())
def test_anything_that_is_fed_comes_to_one_end_however_it_is_cut(
    fed: list[bytes], sizes: list[int], clean: bool, raw: bool
) -> None:
    outcome = RUN.however_cut(b"".join(fed), sizes, clean=clean, raw_deltas=raw)
    assert (outcome.answer is None) != (outcome.failure is None)


def test_time_is_linear_in_the_fragments_of_one_call() -> None:
    def took_s(fragments: int) -> float:
        events = [
            {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 10}}]} for _ in range(fragments)
        ]
        begin = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}
        return RUN.took_s(sse(begin, *events), fragments)

    assert_linear(took_s, 8_000)
