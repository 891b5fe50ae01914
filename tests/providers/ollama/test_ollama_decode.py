"""What Ollama's lines come to: pieces, tool calls, ends, errors, and all that should not be there."""

import json
import time
from typing import Any

import pytest
from linear_time import assert_linear
from ollama_wire import CHAT, END, GENERATE, ask, line, lines, run

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import ProviderItem, RawDelta, ReasoningDelta, TextDelta, UsageDelta
from greenroom.messages.frozen import FrozenMap
from greenroom.providers.profiles import profile_for

CALL = {"function": {"name": "add", "arguments": {"a": 1}}}


def ended(reason: Any = "stop", **more: Any) -> dict[str, Any]:
    return {**END, "done_reason": reason, **more}


def test_thinking_text_and_calls_are_blocks_in_order() -> None:
    data = lines(
        line("", thinking="so"),
        line("", thinking=" what"),
        line("Hi"),
        line(" you"),
        line(tool_calls=[CALL]),
        line("more"),
        END,
    )
    outcome = run(data)
    assert [part.type for part in outcome.choice.parts] == ["reasoning", "text", "tool_call", "text"]
    assert (outcome.choice.reasoning, outcome.choice.text) == ("so what", "Hi youmore")
    blocks = [d.block for d in outcome.deltas if isinstance(d, (TextDelta, ReasoningDelta))]
    assert blocks == [0, 0, 1, 1, 3]


def test_thinking_and_text_in_one_line_come_in_that_order() -> None:
    outcome = run(lines(line("b", thinking="a", tool_calls=[CALL]), END))
    assert [part.type for part in outcome.choice.parts] == ["reasoning", "text", "tool_call"]


@pytest.mark.parametrize(
    ("reason", "calls", "told"),
    [
        ("stop", False, ("stop", "stop")), ("length", False, ("length", "length")),
        ("stop", True, ("tool_calls", "stop")), ("length", True, ("length", "length")),
        ("load", False, ("unknown", "load")), ("unload", False, ("unknown", "unload")),
        ("tired", False, ("unknown", "tired")), (None, False, ("unknown", None)), ("", True, ("tool_calls", None)),
        (7, False, ("unknown", None)),
    ],
)  # fmt: skip
def test_done_is_the_end_whatever_its_reason(reason: Any, calls: bool, told: tuple[str, Any]) -> None:
    outcome = run(lines(line("x", tool_calls=[CALL] if calls else None), ended(reason)))
    assert outcome.answer is not None
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == told


@pytest.mark.parametrize(
    ("given", "arguments", "complete"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}', True), ("", "{}", True), (None, "{}", True),
        ('{"a": 1}', '{"a": 1}', True), ('{"a": ', '{"a": ', False), ([1], "[1]", True), (3, "3", True),
    ],
)  # fmt: skip
def test_arguments_are_an_object_or_its_text(given: Any, arguments: str, complete: bool) -> None:
    outcome = run(lines(line(tool_calls=[{"function": {"name": "f", "arguments": given}}]), END))
    (call,) = outcome.choice.tool_calls
    assert (call.name, call.arguments, call.complete) == ("f", arguments, complete)


def test_calls_without_ids_get_one_each_and_given_ids_stand() -> None:
    told = [CALL, CALL, {**CALL, "id": "call_x"}, {"id": 7, "name": "flat", "arguments": {}}]
    outcome = run(lines(line(tool_calls=told[:2]), line(tool_calls=told[2:]), END))
    calls = outcome.choice.tool_calls
    assert [call.name for call in calls] == ["add", "add", "add", "flat"]
    assert calls[2].id == "call_x"
    assert len({call.id for call in calls}) == 4
    assert all(call.id.isalnum() and len(call.id) == 9 for call in (calls[0], calls[1], calls[3]))
    assert outcome == run(lines(line(tool_calls=told[:2]), line(tool_calls=told[2:]), END), [3] * 300)


def test_calls_that_are_none_are_passed_over() -> None:
    outcome = run(lines(line(tool_calls=[None, 7, "f", {}, {"function": 3}]), line(tool_calls={"a": 1}), END))
    assert [call.name for call in outcome.choice.tool_calls] == ["unknown", "unknown"]


def test_usage_and_times() -> None:
    outcome = run(lines(line("x"), END))
    assert isinstance(outcome.deltas[-1], UsageDelta)
    usage = outcome.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.source) == (
        12,
        5,
        17,
        "provider",
    )
    assert usage.raw["eval_duration"] == 12906208
    assert outcome.so_far.metadata["total_duration"] == 222424209
    assert outcome.so_far.model == "q"


@pytest.mark.parametrize("given", [None, -1, 1.5, "many", [], {}])
def test_counts_that_are_none_are_unknown(given: Any) -> None:
    usage = run(lines(ended(prompt_eval_count=given))).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (None, 5, None)


def test_line_with_an_error_is_a_failure_with_what_came_before() -> None:
    outcome = run(lines(line("one"), {"error": "model runner has unexpectedly stopped"}, line("two"), END))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.phase) == ("in_stream", "body")
    assert outcome.failure.message == "model runner has unexpectedly stopped"
    assert outcome.choice.text == "one"
    assert outcome.choice.finish_reason is None


def test_error_with_a_status_or_as_an_object_is_understood() -> None:
    told = run(lines({"error": "unauthorized", "status_code": 401})).failure
    assert told is not None
    assert (told.kind, told.status, told.message) == ("in_stream", 401, "unauthorized")
    told = run(lines({"error": {"message": "no", "code": "x"}})).failure
    assert told is not None
    assert (told.message, told.code) == ("no", "x")


def test_error_repeats_no_key() -> None:
    told = run(lines({"error": "bad key sk-very-secret"})).failure
    assert told is not None
    assert "sk-very-secret" not in told.model_dump_json()


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "protocol", "an empty body"),
        (b"\n\n \n", "protocol", "an empty body"),
        (b"<html><title>502 Bad Gateway</title>", "protocol", "502 Bad Gateway"),
        (b"upstream timed out\n", "protocol", "got this text: upstream timed out"),
        (b'data: {"choices":[]}\n\n', "protocol", "is base_url right?"),
        (b"[1, 2]", "protocol", "not an event stream"),
        (b'["no"]\n', "in_stream", "no"),
        (b'{"status":"pulling manifest"}\n{"status":"success"}\n', "protocol", "success"),
        (b'{"object":"list","data":[]}', "protocol", '"object":"list"'),
        (b"null\n", "protocol", "got this text: null"),
        (b'{"message":{"content":"x"}}\n7\n', "protocol", "it holds no object"),
        (b'{"message":{"content":"x"},"done":false}\n', "protocol", "without a line that says done"),
        (b'{"message":{"content":"x"}}\n{"message":{"con', "protocol", "without a line that says done"),
        (b'{"message":{"content":"x"}}\n{"message":{"con\n', "protocol", "no JSON object"),
        (b"[" * 5000 + b"\n", "protocol", "not an event stream"),
        (b'{"message":' + b"[" * 5000 + b"\n", "protocol", "is base_url right?"),
    ],
)
def test_body_that_is_no_answer_is_a_typed_failure(body: bytes, kind: str, said: str) -> None:
    for sizes in ([], [1] * 50):
        outcome = run(body, sizes)
        assert outcome.failure is not None
        assert outcome.failure.kind == kind
        assert said in outcome.failure.message + outcome.failure.body


def test_nothing_counts_after_the_end() -> None:
    outcome = run(lines(line("x"), END, line("y"), ended("length"), {"error": "late"}))
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.choice.finish_reason) == ("x", "stop")


def test_broken_connection_is_told_as_one_unless_the_end_was_read() -> None:
    broken = run(lines(line("x")), clean=False)
    assert broken.failure is not None
    assert (broken.failure.kind, broken.choice.text) == ("transport", "x")
    assert run(lines(line("x"), END), clean=False).answer is not None
    whole_but_for_the_line_end = lines(line("x"), END)[:-1]
    assert run(whole_but_for_the_line_end).answer is not None
    assert run(whole_but_for_the_line_end, clean=False).failure is not None


@pytest.mark.parametrize("done", ["true", 1, None, [], {"a": 1}])
def test_only_true_is_done(done: Any) -> None:
    assert run(lines({**END, "done": done})).failure is not None


@pytest.mark.parametrize("wrong", [None, 7, "x", [], [1], {"content": 7}, {"content": ["a"]}, {"thinking": {}},
                                   {"tool_calls": "f"}, {"images": {}}])  # fmt: skip
def test_wrong_types_in_a_line_say_nothing(wrong: Any) -> None:
    outcome = run(lines({"model": 3, "message": wrong, "logprobs": "x", "done": False}, line("ok"), END))
    assert outcome.answer is not None
    assert outcome.choice.text == "ok"


def test_unknown_fields_are_told_raw_where_asked_for() -> None:
    odd = {**line("x"), "novel": {"a": 1}}
    assert run(lines(odd, END)).choice.text == "x"
    raw = [
        delta
        for delta in run(lines(odd, line("y"), END), raw_deltas=True).deltas
        if isinstance(delta, RawDelta)
    ]
    assert [delta.data["novel"] for delta in raw] == [FrozenMap({"a": 1})]


def test_image_is_an_item_of_this_wire() -> None:
    outcome = run(lines(line("see", images=["aGk=", "eW8="]), END))
    items = [delta for delta in outcome.deltas if isinstance(delta, ProviderItem)]
    assert [(item.wire, item.item["images"]) for item in items] == [
        ("ollama", ("aGk=",)),
        ("ollama", ("eW8=",)),
    ]
    told = GENERATE.run(lines({"model": "z", "response": "", "image": "aGk=", "done": True}))
    assert [part.type for part in told.choice.parts] == ["provider"]


def test_logprobs_without_a_piece_wait_for_the_next() -> None:
    def with_logprobs(content: str, token: str) -> dict[str, Any]:
        return {**line(content), "logprobs": [{"token": token, "logprob": -0.5}]}

    outcome = run(lines(with_logprobs("", "a"), with_logprobs("é", "b"), with_logprobs("", "c"), END))
    tokens = [[t["token"] for t in d.metadata["logprobs"]["content"]] for d in outcome.deltas if d.metadata]
    assert tokens == [["a", "b"], ["c"]]


def test_half_a_character_waits_for_the_other() -> None:
    def half(code: str) -> str:
        return json.dumps(line("@")).replace("@", code)

    assert run(lines(half("\\ud83d"), half("\\ude00"), END)).choice.text == "\U0001f600"
    assert run(lines(line("a"), half("\\ud83d"), END)).choice.text == "a\ufffd"
    assert run(lines(half("x\\ude00"), END)).choice.text == "x\ufffd"


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    data = lines(line("a"), line("@@"), END).replace(b"@@", b"\xc3\x28")
    assert run(data).choice.text == "a\ufffd("


def test_tags_are_text_unless_the_profile_says_otherwise() -> None:
    data = lines(line("<thi"), line("nk>why</think>"), line("So"), END)
    assert run(data).choice.text == "<think>why</think>So"
    assert not profile_for("ollama-native").think_tags
    split = run(data, profile="ollama").choice
    assert (split.reasoning, split.text) == ("why", "So")


def test_answer_that_is_not_streamed_is_the_same() -> None:
    whole = {**END, "message": {"role": "assistant", "content": "Hi", "thinking": "so", "tool_calls": [CALL]}}
    streamed = run(lines(line("", thinking="so"), line("Hi"), line("", tool_calls=[CALL]), END)).choice
    for request in (ask(stream=False), ask()):
        for body in (
            json.dumps(whole),
            json.dumps(whole, indent=2) if not request.stream else json.dumps(whole),
        ):
            outcome = run(body.encode(), [9] * 30, request=request)
            assert outcome.answer is not None
            assert outcome.choice.parts == streamed.parts
            assert outcome.choice.finish_reason == "tool_calls"


def test_server_that_streams_unasked_is_understood() -> None:
    data = lines(line("a"), line("b"), END)
    assert run(data, request=ask(stream=False)).choice.text == "ab"
    assert run(data[:-3], request=ask(stream=False)).failure is not None
    failed = run(lines(line("a"), {"error": "no"}), request=ask(stream=False))
    assert failed.failure is not None
    assert (failed.failure.kind, failed.choice.text) == ("in_stream", "a")


def test_whole_answer_that_is_not_done_is_none() -> None:
    for body in ({**END, "done": False}, {"message": None}, {"error": "x"}, {"a": 1}, []):
        assert run(json.dumps(body).encode(), request=ask(stream=False)).failure is not None


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_http_error_is_evidence_in_its_own_words(status: int) -> None:
    told = run(b'{"error":"model \'m\' not found"}', status=status).failure
    assert told is not None
    assert (told.kind, told.status, told.message) == ("http", status, "model 'm' not found")


def test_huge_line_ends_at_the_bound() -> None:
    decoder = CHAT.codec.start(CHAT.call(max_event_bytes=4096))
    decoder.head(WireHead(200, ()))
    assert decoder.feed(b'{"message":{"content":"', 1, 0.0).failure is None
    failure = None
    for _ in range(50 * 16):
        failure = failure or decoder.feed(b"x" * 65536, 1, 0.0).failure
    assert failure is not None
    assert (failure.kind, failure.clock) == ("bound", "max_event_bytes")


def test_calls_and_logprobs_are_bounded() -> None:
    many = run(lines(*[line(tool_calls=[CALL] * 100)] * 20, END))
    assert many.failure is not None
    assert (many.failure.kind, len(many.choice.tool_calls)) == ("bound", 1024)
    held = {**line(""), "logprobs": [{"token": "x" * 1000}] * 40}
    outcome = run(lines(*[held] * 40, END), max_output_bytes=65536, max_event_bytes=65536)
    assert outcome.failure is not None
    assert outcome.failure.kind == "bound"


def test_short_cut_reads_running_lines_and_leaves_others_alone() -> None:
    def stamped(number: int, text: str, **more: Any) -> dict[str, Any]:
        return {**line(text, **more), "created_at": f"2026-05-04T22:48:{number:02}.{number}Z"}

    told = [stamped(n, f'w{n}"\\ é\n') for n in range(9)]
    told += [stamped(9, "", thinking="hm"), stamped(10, "", thinking="hm2"), stamped(11, "", thinking="hm3")]
    told += [stamped(12, "x", tool_calls=[CALL]), stamped(13, "y"), {**stamped(14, "z"), "model": "r"}]
    whole = run(lines(*told, END))
    assert whole.choice.text == "".join(f'w{n}"\\ é\n' for n in range(9)) + "xyz"
    assert whole.choice.reasoning == "hmhm2hm3"
    assert whole.so_far.model == "q"
    one_by_one = CHAT.codec.start(CHAT.call())
    one_by_one.head(WireHead(200, ()))
    said, seq = list[Any](), 1
    for each in [*told, END]:
        deltas = one_by_one.feed(lines(each), seq, 1000.0).deltas
        said, seq = said + deltas, seq + len(deltas)
    assert said == whole.deltas


def test_time_is_linear_in_the_bytes_of_one_call() -> None:
    def took_s(size: int) -> float:
        data = lines(line(tool_calls=[{"function": {"name": "f", "arguments": {"a": "x" * size}}}]), END)
        decoder, seq = CHAT.codec.start(CHAT.call()), 1
        decoder.head(WireHead(200, ()))
        begun = time.process_time()
        for at in range(0, len(data), 10):
            seq += len(decoder.feed(data[at : at + 10], seq, 0.0).deltas)
        assert seq > 3
        return time.process_time() - begun

    assert_linear(took_s, 125_000)
