"""The simulator's side as a careful server: what it refuses, how it goes on, and its faults through the system."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig
from greenroom.providers.simulator import Script, Simulator
from greenroom.providers.simulator.script_faults import Cut, Drip, Flood, Garbage, HttpForm, Stall
from greenroom.providers.simulator.script_faults import StreamError as ErrorEvent

from tests_system import LIMIT_S

TURN = {"role": "user", "content": "Hi"}
ASKED: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": [TURN]}
CALLED = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}
FAST = StreamingOptions(max_reconnect_attempts=0, content_gap_timeout_s=0.4, max_event_bytes=1 << 20)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Script(text="one two three four"), api_key="sk-right") as running:
        yield running


def post(simulator: Simulator, body: Any, path: str = "/v1/messages", **headers: str) -> tuple[int, Any]:
    address = simulator.base_url.removeprefix("http://").removesuffix("/v1")
    connection = http.client.HTTPConnection(address, timeout=LIMIT_S)
    sent = {"x-api-key": "sk-right", "anthropic-version": "2023-06-01"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in sent.items() if value}
    try:
        connection.request("POST", path, json.dumps(body), sent)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"model": None}, "model: Field required"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": []}, "at least one message"),
    ({"max_tokens": 0}, "greater than or equal to 1"),
    ({"max_tokens": True}, "valid integer"),
    ({"temperature": 1.5}, "range: 0..1"),
    ({"model": "claude-opus-4-8", "temperature": 0.5}, "deprecated for this model"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, "must be non-empty"),
    ({"messages": [TURN, CALLED, TURN]}, "without `tool_result` blocks"),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
        "unexpected `tool_use_id`",
    ),
    ({"messages": [TURN, {"role": "assistant", "content": "So "}]}, "trailing whitespace"),
    (
        {"model": "claude-opus-4-8", "messages": [TURN, {"role": "assistant", "content": "So"}]},
        "does not support assistant message prefill",
    ),
    (
        {"messages": [TURN, {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}, TURN]},
        "signature: Field required",
    ),
    (
        {"messages": [TURN, {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "x", "signature": "sim00"}]}, TURN]},
        "Invalid `signature`",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "must be greater than"),
    ({"thinking": {"type": "enabled", "budget_tokens": 20}}, "greater than or equal to 1024"),
    ({"model": "claude-opus-4-8", "thinking": {"type": "enabled", "budget_tokens": 2000}}, "adaptive"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_what_the_real_api_refuses(simulator: Simulator, fields: dict[str, Any], words: str) -> None:
    status, told = post(simulator, {**ASKED, **fields})
    assert (status, told["type"], told["error"]["type"]) == (400, "error", "invalid_request_error")
    assert words in told["error"]["message"]


def test_headers_keys_and_methods(simulator: Simulator) -> None:
    assert post(simulator, ASKED)[0] == 200
    assert post(simulator, ASKED, authorization="Bearer sk-right", x_api_key="")[0] == 200
    status, told = post(simulator, ASKED, anthropic_version="")
    assert (status, told["error"]["message"]) == (400, "anthropic-version: header is required")
    for key, words in (("", "x-api-key header is required"), ("sk-wrong", "invalid x-api-key")):
        status, told = post(simulator, ASKED, x_api_key=key)
        assert (status, told["error"]) == (401, {"type": "authentication_error", "message": words})
    assert post(simulator, {"model": "m", "messages": [TURN]}, "/v1/messages/count_tokens") == (
        200, {"input_tokens": 5},
    )  # fmt: skip


def test_an_answer_goes_on_after_the_given_prefix(simulator: Simulator) -> None:
    prefilled = {**ASKED, "messages": [TURN, {"role": "assistant", "content": "one two"}]}
    assert post(simulator, prefilled)[1]["content"] == [{"type": "text", "text": " three four"}]
    other = {**ASKED, "messages": [TURN, {"role": "assistant", "content": "quite else"}]}
    assert post(simulator, other)[1]["content"] == [{"type": "text", "text": "one two three four"}]


def ask(simulator: Simulator, script: Script, **fields: Any) -> Any:
    """The completion, or the error, of one request through the whole system."""
    simulator.enqueue(script)
    provider = ProviderConfig(kind="anthropic", base_url=simulator.base_url, api_key="sk-right")
    with ActorSystem.start(SystemConfig(providers={"a": provider}, options=FAST, drain_s=0)) as system:
        stream = system.stream(ChatRequest(**{"model": "a/claude-haiku-4-5", "messages": "Hi", **fields}))
        try:
            return stream.result(timeout=LIMIT_S)
        except StreamError as error:
            return error


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "cut": ({"cut": Cut(after_deltas=2)}, "transport"),
    "cut inside an event": ({"cut": Cut(after_deltas=2, inside="event")}, "transport"),
    "reset": ({"cut": Cut(after_deltas=2, how="reset")}, "transport"),
    "clean end too early": ({"cut": Cut(after_deltas=2, how="end")}, "protocol"),
    "stall": ({"stall": Stall(after_deltas=2)}, "clock"),
    "pings alone": ({"stall": Stall(after_deltas=2, ping="empty_chunk", ping_every_s=0.05)}, "clock"),
    "bad JSON": ({"garbage": Garbage(place="json", after_deltas=2)}, "protocol"),
    "no JSON": ({"garbage": Garbage(place="stream", after_deltas=2)}, "protocol"),
    "an error event": ({"stream_error": ErrorEvent(after_deltas=2)}, "in_stream"),
    "an event too large": ({"flood": Flood(kind="event", size=2 << 20, after_deltas=2)}, "bound"),
    "a line too large": ({"flood": Flood(kind="line", size=2 << 20, after_deltas=2)}, "bound"),
    "no message_stop": ({"send_done": False}, "protocol"),
    "overloaded": ({"answer": {"status": 529}}, "http"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_end_in_typed_failures_with_what_came(simulator: Simulator, name: str) -> None:
    fields, kind = FAULTS[name]
    error = ask(simulator, Script(text="one two three four", **fields))
    assert isinstance(error, StreamError), error
    assert error.failure.evidence.kind == kind
    if kind != "http":
        assert error.partial is not None
        assert error.partial.text == ("one two three four" if name == "no message_stop" else "one two")


HARMLESS: dict[str, dict[str, Any]] = {
    "pings": {"stall": Stall(after_deltas=1, for_s=0.2, ping="empty_chunk", ping_every_s=0.05)},
    "comments": {"stall": Stall(after_deltas=1, for_s=0.2, ping="comment", ping_every_s=0.05)},
    "empty deltas": {"stall": Stall(after_deltas=1, for_s=0.2, ping="empty_delta", ping_every_s=0.05)},
    "bytes dripping": {"drip": Drip(size_bytes=64, every_s=0.001)},
    "gzip": {"http": HttpForm(encoding="gzip")},
    "late text": {"late_text": " and more"},
    "no stop reason": {"send_finish": False},
    "not streamed": {"ignore_stream": True},
    "no usage": {"usage": "absent"},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_odd_but_whole_is_an_answer(simulator: Simulator, name: str) -> None:
    completion = ask(simulator, Script(text="one two three four", **HARMLESS[name]))
    assert completion.text == "one two three four"
    assert completion.finish_reason == (None if name == "no stop reason" else "stop")


@pytest.mark.parametrize("streamed", [True, False])
def test_a_refusal_keeps_what_came(simulator: Simulator, streamed: bool) -> None:
    completion = ask(simulator, Script(text="Well,", refusal="I may not"), stream=streamed)
    assert (completion.text, completion.finish_reason) == ("Well,", "refusal")
    assert completion.metadata["stop_details"]["explanation"] == "I may not"


def test_garbage_in_a_character_is_replaced(simulator: Simulator) -> None:
    script = Script(text="one two", garbage=Garbage(place="character", after_deltas=1))
    completion = ask(simulator, script)
    assert "\ufffd" in completion.text


def test_a_model_that_is_not_there(simulator: Simulator) -> None:
    with Simulator(models=["claude-haiku-4-5"]) as few:
        error = ask(few, Script(text="x"), model="a/claude-9")
    assert isinstance(error, StreamError)
    assert error.failure.error_class == "model_not_found"
