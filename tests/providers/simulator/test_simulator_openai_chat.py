"""The encoder alone: no socket, no clock."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_client import sse_data, text_of

from greenroom.providers.simulator import (
    Cut,
    HttpAnswer,
    Script,
    ScriptToolCall,
    ScriptUsage,
    Stall,
    StreamError,
)
from greenroom.providers.simulator.openai_chat import Stamp, chat_reply, completion, stream_steps
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.reply import Ending

from shared_files import SHARED

STAMP = Stamp("chatcmpl-1", 1_700_000_000)
CALL = ChatCall("gpt-4o", "Hi", 5, stream=True)
WITH_USAGE = ChatCall("gpt-4o", "Hi", 5, stream=True, include_usage=True)
CORPUS = SHARED / "corpus" / "streams"
RECORDINGS = SHARED / "recordings"


def body_of(script: Script, call: ChatCall = CALL) -> bytes:
    return b"".join(step.data for step in chat_reply(call, script, STAMP).steps)


def chunks_of(script: Script, call: ChatCall = CALL) -> list[dict[str, Any]]:
    return [json.loads(data) for data in sse_data(body_of(script, call)) if data != "[DONE]"]


def test_byte_for_byte() -> None:
    head = (
        'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o",'
        '"service_tier":"default","system_fingerprint":"fp_simulator","choices":['
    )
    usage = (
        '{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0,'
        '"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
        '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
    )
    role = '{"role":"assistant","content":"","refusal":null}'
    rest = '"logprobs":null,"finish_reason":null}'
    expected = (
        f'{head}{{"index":0,"delta":{role},"logprobs":null,"finish_reason":null}}],"usage":null}}\n\n'
        f'{head}{{"index":0,"delta":{{"content":"Grüß"}},{rest}],"usage":null}}\n\n'
        f'{head}{{"index":0,"delta":{{"content":" dich"}},{rest}],"usage":null}}\n\n'
        f'{head}{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}],"usage":null}}\n\n'
        f'{head}],"usage":{usage}}}\n\n'
        "data: [DONE]\n\n"
    )
    assert body_of(Script(text="Grüß dich"), WITH_USAGE).decode() == expected


def test_a_stream_without_usage_does_not_name_it() -> None:
    assert all("usage" not in chunk for chunk in chunks_of(Script(text="Hi there")))


@settings(deadline=None)
@given(st.text(max_size=300), st.none() | st.integers(1, 7), st.integers(1, 3))
def test_every_choice_joined_is_the_text(text: str, chunk_size: int | None, choices: int) -> None:
    call = ChatCall("m", "", 0, stream=True, choices=choices)
    script = Script(text=text, chunk_size=chunk_size)
    seen = [""] * choices
    for chunk in chunks_of(script, call):
        for choice in chunk["choices"]:
            seen[choice["index"]] += choice["delta"].get("content") or ""
    assert seen == [text] * choices
    whole = completion(call, script, STAMP)
    assert [c["message"]["content"] for c in whole["choices"]] == [text] * choices


def test_a_long_text_is_encoded_as_it_goes_out() -> None:
    text = "word " * 20_000
    steps = stream_steps(CALL, Script(text=text), STAMP)
    assert b'"role"' in next(steps).data
    assert text_of([json.loads(d) for s in steps for d in sse_data(s.data) if d != "[DONE]"]) == text


def test_reasoning_comes_first_under_the_name_that_was_asked_for() -> None:
    script = Script(text="Four", reasoning="two and two", reasoning_field="reasoning")
    chunks = chunks_of(script)
    assert text_of(chunks, "reasoning") == "two and two"
    keys = [next(iter(c["choices"][0]["delta"]), None) for c in chunks]
    assert keys == ["role", "reasoning", "reasoning", "reasoning", "content", None]
    assert completion(CALL, script, STAMP)["choices"][0]["message"]["reasoning"] == "two and two"


def test_a_refusal_stands_in_its_own_field() -> None:
    script = Script(refusal="I will not.")
    assert text_of(chunks_of(script), "refusal") == "I will not."
    assert completion(CALL, script, STAMP)["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": "I will not.",
    }


TOOLS = (
    ScriptToolCall(name="add", arguments={"a": 1, "b": 2}, id="call_x"),
    ScriptToolCall(name="now", arguments=('{"zo', "", 'ne":1}')),
)


def test_tool_calls_name_themselves_once_then_send_fragments() -> None:
    chunks = chunks_of(Script(tool_calls=TOOLS, chunk_size=3))
    deltas = [c["choices"][0]["delta"] for c in chunks]
    assert deltas[0] == {"role": "assistant", "content": None, "refusal": None}
    calls = [d["tool_calls"][0] for d in deltas if "tool_calls" in d]
    named = {"index": 0, "id": "call_x", "type": "function", "function": {"name": "add", "arguments": ""}}
    assert calls[0] == named
    assert [c["function"]["arguments"] for c in calls if c["index"] == 1] == ["", '{"zo', "", 'ne":1}']
    assert json.loads("".join(c["function"]["arguments"] for c in calls if c["index"] == 0)) == {
        "a": 1,
        "b": 2,
    }
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_interleaved_calls_take_turns() -> None:
    chunks = chunks_of(Script(tool_calls=TOOLS, chunk_size=8, interleave_tool_calls=True))
    order = [d["tool_calls"][0]["index"] for c in chunks if "tool_calls" in (d := c["choices"][0]["delta"])]
    assert order == [0, 1, 0, 1, 0, 1, 1]


def test_tool_calls_of_a_whole_answer() -> None:
    message = completion(CALL, Script(tool_calls=TOOLS), STAMP)["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][1] == {
        "id": "call_sim_1",
        "type": "function",
        "function": {"name": "now", "arguments": '{"zone":1}'},
    }


def test_usage_given_counted_absent() -> None:
    given_ = ScriptUsage(prompt_tokens=9, completion_tokens=8, cached_tokens=7, reasoning_tokens=6)
    usage = chunks_of(Script(text="x", usage=given_), WITH_USAGE)[-1]
    assert usage["choices"] == []
    assert (usage["usage"]["total_tokens"], usage["usage"]["prompt_tokens_details"]["cached_tokens"]) == (
        17,
        7,
    )
    counted = chunks_of(Script(text="one two!", reasoning="hm"), WITH_USAGE)[-1]["usage"]
    assert (counted["prompt_tokens"], counted["completion_tokens"]) == (5, 4)
    assert chunks_of(Script(text="x", usage="absent"), WITH_USAGE)[-1]["choices"]
    assert "usage" not in completion(CALL, Script(text="x", usage="absent"), STAMP)


def test_missing_parts() -> None:
    body = body_of(Script(text="x", send_role=False, send_finish=False, send_done=False))
    (chunk,) = (json.loads(d) for d in sse_data(body))
    assert chunk["choices"] == [
        {"index": 0, "delta": {"content": "x"}, "logprobs": None, "finish_reason": None}
    ]
    assert completion(CALL, Script(text="x", send_finish=False), STAMP)["choices"][0]["finish_reason"] is None


def test_model_id_and_finish_reason_are_the_scripts() -> None:
    chunk = chunks_of(Script(text="x", model="other", response_id="r", finish_reason="length"))[-1]
    assert (chunk["model"], chunk["id"], chunk["choices"][0]["finish_reason"]) == ("other", "r", "length")


def test_obfuscation_is_sent_unless_the_client_declines() -> None:
    script = Script(text="x", obfuscation=True)
    assert all("obfuscation" in c for c in chunks_of(script, WITH_USAGE))
    declined = ChatCall("m", "", 0, stream=True, include_obfuscation=False)
    assert all("obfuscation" not in c for c in chunks_of(script, declined))


def test_an_error_inside_the_stream_ends_it() -> None:
    body = body_of(Script(text="a b c", stream_error=StreamError(after_deltas=2)))
    assert sse_data(body)[-1].startswith('{"error":{"message":"The server had an error')
    assert text_of([json.loads(d) for d in sse_data(body)]) == "a b"
    named = Script(text="a b", stream_error=StreamError(error={"code": 5}, event="error", send_done=True))
    assert body_of(named).decode().endswith('event: error\ndata: {"error":{"code":5}}\n\ndata: [DONE]\n\n')
    assert text_of([json.loads(d) for d in sse_data(body_of(named))[:-1]]) == ""
    assert completion(CALL, named, STAMP) == {"error": {"code": 5}}


def test_delays_stand_before_the_deltas() -> None:
    script = Script(text="a b c", first_delta_delay_s=3, delta_interval_s=0.5, headers_delay_s=2)
    reply = chat_reply(CALL, script, STAMP)
    assert [s.delay_s for s in reply.steps] == [0, 3, 0.5, 0.5, 0, 0]
    assert reply.delay_s == 2
    two = chat_reply(ChatCall("m", "", 0, stream=True, choices=2), script, STAMP)
    assert [s.delay_s for s in two.steps] == [0, 0, 3, 0, 0.5, 0, 0.5, 0, 0, 0, 0]


@pytest.mark.parametrize("deltas", [0, 1, 3])
def test_a_cut_after_deltas_comes_right_after_the_last(deltas: int) -> None:
    steps = list(chat_reply(CALL, Script(text="a b c d", cut=Cut(after_deltas=deltas)), STAMP).steps)
    assert sum(s.deltas for s in steps) == deltas
    assert len(steps) == 1 + deltas + 1
    assert [s.ending for s in steps] == [None] * (1 + deltas) + [Ending.FIN]


def test_a_cut_that_is_never_reached_does_nothing() -> None:
    whole = body_of(Script(text="a b"))
    assert body_of(Script(text="a b", cut=Cut(after_deltas=9))) == whole
    assert body_of(Script(text="a b", cut=Cut(after_bytes=len(whole)))) == whole


@settings(deadline=None)
@given(st.integers(0, 1500), st.booleans())
def test_a_cut_after_bytes_sends_exactly_these(limit: int, streamed: bool) -> None:
    call = ChatCall("gpt-4o", "Hi", 5, stream=streamed)
    script = Script(text="a b c")
    whole = body_of(script, call)
    assert body_of(script.replace(cut=Cut(after_bytes=limit)), call) == whole[:limit]


def test_a_stall_for_a_time_only_delays_and_for_ever_ends() -> None:
    paused = list(chat_reply(CALL, Script(text="a b", stall=Stall(after_deltas=1, for_s=7)), STAMP).steps)
    assert [s.delay_s for s in paused] == [0, 0, 7, 0, 0]
    silent = list(chat_reply(CALL, Script(text="a b", stall=Stall(after_deltas=0)), STAMP).steps)
    assert [s.ending for s in silent] == [None, Ending.STALL]


def test_faults_strike_a_whole_answer_before_its_body() -> None:
    call = ChatCall("m", "", 0)
    cut = chat_reply(call, Script(text="a b", cut=Cut(after_deltas=5)), STAMP)
    assert [(s.data, s.ending) for s in cut.steps] == [(b"", Ending.FIN)]
    assert cut.length
    shortened = chat_reply(call, Script(text="a b", cut=Cut(after_bytes=5, how="end")), STAMP)
    assert shortened.length is None


@pytest.mark.parametrize(
    ("answer", "kind", "body"),
    [
        (HttpAnswer(status=502, body="<html>bad</html>"), "text/html; charset=utf-8", b"<html>bad</html>"),
        (HttpAnswer(body="plain"), "text/plain; charset=utf-8", b"plain"),
        (HttpAnswer(body={"detail": "x"}), "application/json", b'{"detail":"x"}'),
        (HttpAnswer(body="<p>", headers={"Content-Type": "text/event-stream"}), "text/event-stream", b"<p>"),
        (HttpAnswer(body=""), "text/plain; charset=utf-8", b""),
    ],
)
def test_any_http_answer(answer: HttpAnswer, kind: str, body: bytes) -> None:
    reply = chat_reply(CALL, Script(answer=answer), STAMP)
    assert {k.lower(): v for k, v in reply.headers}["content-type"] == kind
    assert b"".join(s.data for s in reply.steps) == body
    assert reply.status == answer.status


def test_ignore_stream_gives_json_on_a_streamed_request() -> None:
    reply = chat_reply(CALL, Script(text="Hi", ignore_stream=True), STAMP)
    assert dict(reply.headers)["content-type"] == "application/json"
    assert json.loads(next(iter(reply.steps)).data)["choices"][0]["message"]["content"] == "Hi"


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def _kinds(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The first chunk of each kind, without what differs by model."""
    found: dict[str, Any] = {}
    for chunk in chunks:
        chunk.pop("obfuscation", None)
        chunk["system_fingerprint"] = ""
        choice = chunk["choices"][0] if chunk["choices"] else {"delta": {}, "finish_reason": None}
        choice.pop("logprobs", None)
        call = (choice["delta"].get("tool_calls") or [{}])[0]
        kind = "+".join(
            [*choice["delta"], *call, *([choice["finish_reason"]] if choice["finish_reason"] else [])]
        )
        found.setdefault(kind or "usage", _shape(chunk))
    return found


@pytest.mark.parametrize(
    ("name", "script", "kinds"),
    [
        (
            "chat-openai-963eef5b",
            Script(tool_calls=(ScriptToolCall(name="f", arguments='{"a":1}'),)),
            {"tool_calls+index+id+type+function", "tool_calls+index+function", "tool_calls", "usage"},
        ),
        ("chat-openai-4406c182", Script(text="Paris."), {"role+content+refusal", "content", "stop", "usage"}),
    ],
)
def test_chunks_have_the_shape_of_those_recorded_from_openai(
    name: str, script: Script, kinds: set[str]
) -> None:
    path = CORPUS / f"{name}.sse"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    recorded = _kinds([json.loads(d) for d in sse_data(path.read_bytes()) if d != "[DONE]"])
    sent = _kinds(chunks_of(script, WITH_USAGE))
    for kind in kinds:
        assert sent[kind] == recorded[kind], kind
        if name == "chat-openai-4406c182":  # the newer one; keys had another order before
            assert list(sent[kind]) == list(recorded[kind])


def test_a_whole_answer_has_what_a_recorded_one_has() -> None:
    path = RECORDINGS / "chat_nonstream.json"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    recorded = json.loads(path.read_text())
    ours = completion(CALL, Script(text="Hi"), STAMP)
    assert recorded.keys() - {"timings"} <= ours.keys()
    assert recorded["choices"][0].keys() <= ours["choices"][0].keys()
    assert recorded["usage"].keys() <= ours["usage"].keys()


def test_logprobs_where_they_are_asked_for() -> None:
    asked = ChatCall("m", "", 0, stream=True, logprobs=True, top_logprobs=1)
    choices = [c["choices"][0] for c in chunks_of(Script(text="a bc", refusal="no"), asked)]
    told = [choice["logprobs"] for choice in choices]
    assert told[0] is None
    assert told[1]["refusal"][0]["token"] == "no"
    assert [told[n]["content"][0]["token"] for n in (2, 3)] == ["a", " bc"]
    assert told[3]["content"][0]["bytes"] == [32, 98, 99]
    assert len(told[3]["content"][0]["top_logprobs"]) == 1
    whole = completion(asked, Script(text="a bc"), STAMP)["choices"][0]["logprobs"]
    assert [token["token"] for token in whole["content"]] == ["a", " bc"]
    assert whole["refusal"] is None
