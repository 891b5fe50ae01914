"""The simulator's side of the wire: what the real API sends, with every fault; kept answers."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from responses_wire import CODEC, call, run

from greenroom.messages.request import ChatRequest
from greenroom.providers.simulator import Cut, Script, Simulator, Stall, StreamError
from greenroom.providers.simulator.script_faults import Garbage

PATH = "/v1/responses"
ASKED: dict[str, Any] = {"model": "m", "input": "Say hello", "stream": True}
TOOLS = [{"name": "add", "arguments": {"a": 1}, "id": "call_1"}, {"name": "sub", "arguments": "{}"}]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Script(text="Hello there, dear client")) as running:
        yield running


def ask(simulator: Simulator, body: Any = None, method: str = "POST", path: str = PATH) -> tuple[int, bytes]:
    link = http.client.HTTPConnection(simulator.host, simulator.port, timeout=20)
    try:
        link.request(method, path, None if body is None else json.dumps(body))
        response = link.getresponse()
        try:
            return response.status, response.read()
        except http.client.IncompleteRead as error:
            return response.status, error.partial
    finally:
        link.close()


def events(body: bytes) -> list[dict[str, Any]]:
    blocks = [block.split(b"\n") for block in body.split(b"\n\n")]
    told = [json.loads(lines[1][6:]) for lines in blocks if len(lines) == 2]
    names = [lines[0].decode() for lines in blocks if len(lines) == 2]
    assert names == [f"event: {event['type']}" for event in told]
    return told


def test_a_stream_is_the_whole_sequence_of_the_real_api(simulator: Simulator) -> None:
    said = Script(
        text="Hi you",
        reasoning="Hm",
        tool_calls=TOOLS[:1],
        usage={"prompt_tokens": 7, "completion_tokens": 5},
    )
    simulator.enqueue(said)
    told = events(ask(simulator, {**ASKED, "include": ["reasoning.encrypted_content"]})[1])
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert [event["type"].removeprefix("response.") for event in told] == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done", "completed",
    ]  # fmt: skip
    response = told[-1]["response"]
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert response["output"] == done
    assert done[0]["encrypted_content"]
    assert response["usage"]["total_tokens"] == 12
    whole = json.loads(ask(simulator, {**ASKED, "stream": False})[1])
    assert whole.keys() == response.keys()


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": "x"}, "model"), ({"model": "m"}, "input"), ({**ASKED, "messages": []}, "messages"),
        ({**ASKED, "max_output_tokens": 1}, "max_output_tokens"), ({**ASKED, "input": 7}, "input"),
        ({**ASKED, "input": [7]}, "input[0]"), ({**ASKED, "input": [{"role": "x"}]}, "input[0].role"),
        ({**ASKED, "stop": ["x"]}, "stop"), ({**ASKED, "background": True, "store": False}, "background"),
        ({**ASKED, "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input"),
    ],
)  # fmt: skip
def test_requests_that_the_real_api_refuses(simulator: Simulator, asked: Any, param: str) -> None:
    status, body = ask(simulator, asked)
    assert (status, json.loads(body)["error"]["param"]) == (400, param)


def test_what_the_codec_asks_for_is_taken(simulator: Simulator) -> None:
    turns = [
        {"role": "developer", "content": "brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "https://x.test"}},
            ],
        },
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ]
    tools = [{"name": "f"}]
    request = ChatRequest(
        messages=turns, tools=tools, tool_choice="auto", reasoning_effort="low", max_output_tokens=20
    )
    sent = CODEC.encode(call(request, server_resume=True))
    status, body = ask(simulator, json.loads(sent.body))
    assert status == 200, body
    assert run(body).choice.text == "Hello there, dear client"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"cut": Cut(after_deltas=2)}, "transport"),
        ({"cut": Cut(after_deltas=2, inside="event")}, "transport"),
        ({"stream_error": StreamError(after_deltas=2)}, "in_stream"),
        ({"garbage": Garbage(place="json", after_deltas=2)}, "protocol"),
        ({"finish_reason": "failed"}, "in_stream"),
        ({"finish_reason": "cancelled"}, "in_stream"),
    ],
)  # fmt: skip
def test_faults_over_http(simulator: Simulator, fault: dict[str, Any], kind: str) -> None:
    simulator.enqueue(Script(text="one two three four", **fault))
    status, body = ask(simulator, ASKED)
    outcome = run(body, status=status, clean=kind != "transport", max_event_bytes=65_536)
    assert outcome.failure is not None
    assert outcome.failure.kind == kind, outcome.failure
    assert outcome.choice.text in ("one two", "one two three four", "")


@pytest.mark.parametrize("ping", ["comment", "empty_delta", "empty_chunk", "progress", "blank"])
def test_pings_do_no_harm(simulator: Simulator, ping: str) -> None:
    stall = Stall.model_validate({"after_deltas": 1, "for_s": 0.02, "ping": ping, "ping_every_s": 0.005})
    simulator.enqueue(Script(text="one two three", stall=stall))
    outcome = run(ask(simulator, ASKED)[1])
    assert outcome.answer is not None, outcome.failure
    assert outcome.choice.text == "one two three"


def test_http_errors_and_keys_are_in_the_words_of_the_api() -> None:
    with Simulator(Script.failing(429, "slow", code="rate_limit_exceeded"), api_key="k") as simulator:
        status, body = ask(simulator, ASKED)
        assert (status, json.loads(body)["error"]["type"]) == (401, "invalid_request_error")
    with Simulator(Script.failing(429, "slow", code="rate_limit_exceeded")) as simulator:
        status, body = ask(simulator, ASKED)
        outcome = run(body, status=status)
    assert outcome.failure is not None
    assert (outcome.failure.status, outcome.failure.code) == (429, "rate_limit_exceeded")


def test_a_background_answer_goes_on_without_its_client(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="one two three four", tool_calls=TOOLS, cut=Cut(after_deltas=2)))
    first = run(ask(simulator, {**ASKED, "background": True})[1], clean=False)
    assert (first.choice.text, first.so_far.response_id) == ("one two", "resp_sim_1")
    cursor = first.so_far.cursor
    rest = ask(simulator, method="GET", path=f"{PATH}/resp_sim_1?stream=true&starting_after={cursor}")[1]
    told = events(rest)
    assert told[0]["sequence_number"] == int(cursor or "") + 1
    assert told[0]["delta"] == " three"
    whole = json.loads(ask(simulator, method="GET", path=f"{PATH}/resp_sim_1")[1])
    assert whole == told[-1]["response"]
    again = ask(simulator, method="GET", path=f"{PATH}/resp_sim_1?stream=true")[1]
    assert run(again).choice.text == "one two three four"


def test_kept_answers_can_be_cancelled_in_the_background_only(simulator: Simulator) -> None:
    queued = json.loads(ask(simulator, {**ASKED, "stream": False, "background": True})[1])
    assert (queued["status"], queued["output"]) == ("queued", [])
    sent = CODEC.cancel(call(), queued["id"])
    cancelled = json.loads(ask(simulator, {}, sent.method, sent.path)[1])
    assert cancelled["status"] == "cancelled"
    assert json.loads(ask(simulator, method="GET", path=f"{PATH}/{queued['id']}")[1])["status"] == "cancelled"
    assert ask(simulator, method="GET", path=f"{PATH}/{queued['id']}?stream=true")[0] == 400
    ask(simulator, ASKED)
    assert ask(simulator, {}, path=f"{PATH}/resp_sim_2/cancel")[0] == 400
    ask(simulator, {**ASKED, "store": False})
    assert ask(simulator, method="GET", path=f"{PATH}/resp_sim_3")[0] == 404
    for method, path, status in (
        ("GET", "", 405), ("POST", "/resp_sim_2", 405), ("GET", "/resp_sim_2/else", 404),
        ("GET", f"/{queued['id']}?stream=true&starting_after=x", 400), ("GET", "/resp_nobody", 404),
    ):  # fmt: skip
        assert ask(simulator, {}, method, f"{PATH}{path}")[0] == status


def test_only_so_many_answers_are_kept(simulator: Simulator) -> None:
    simulator.set_default(Script(text="x"))
    for _ in range(260):
        ask(simulator, {**ASKED, "stream": False})
    assert ask(simulator, method="GET", path=f"{PATH}/resp_sim_4")[0] == 404
    assert ask(simulator, method="GET", path=f"{PATH}/resp_sim_260")[0] == 200
