"""Ollama, Cohere and Workers AI through the whole system: simulated answers with every fault, and recordings."""

from typing import Any

import pytest
from recorded_small_wires import STREAMS, allowed, differences, kind_of
from replay_server import ReplayServer
from small_wires import WIRES

from greenroom import (
    ActorSystem,
    ChatRequest,
    Completion,
    ProviderConfig,
    StreamError,
    StreamingOptions,
    SystemConfig,
)
from greenroom.providers.simulator import Script, Simulator

from recorded_chats import CORPUS, Found, expected, random_sizes, stream_bytes
from tests_system import LIMIT_S, text_of

ONCE = StreamingOptions(max_reconnect_attempts=0)
HASTY = StreamingOptions(
    max_reconnect_attempts=0, first_content_timeout_s=0.4, local_first_content_timeout_s=0.4,
    content_gap_timeout_s=0.4, max_event_bytes=65536, max_output_bytes=262144,
)  # fmt: skip
WORDS = "one two three four é five"
each_wire = pytest.mark.parametrize("wire", WIRES)


def system_of(simulator: Simulator, wire: str, options: StreamingOptions = ONCE) -> ActorSystem:
    provider = ProviderConfig(
        kind=wire, profile=WIRES[wire].profile, base_url=simulator.url + WIRES[wire].path
    )
    return ActorSystem.start(SystemConfig(providers={"p": provider}, options=options, drain_s=0))


def played(name: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    data, pieces, at = stream_bytes(name), list[bytes](), 0
    for size in [*random_sizes(name, len(data)), len(data)]:
        pieces.append(data[at : at + size])
        at += size
    return [("content-type", "application/x-ndjson")], pieces


def found(completion: Completion[Any], failure: StreamError | None) -> Found:
    evidence = None if failure is None else failure.failure.evidence
    return Found(
        completion.choices[0], completion.usage, completion.model, completion.response_id,
        completion.outcome == "completed", evidence is not None and evidence.kind == "in_stream",
    )  # fmt: skip


@pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")
def test_recordings_over_http_give_the_expected_completions() -> None:
    wrong = dict[str, object]()
    # Workers AI has the model in its path alone; its recordings are asked for by what goes into the body.
    with ReplayServer(played) as server:
        providers = {f"a-{kind}": ProviderConfig(kind=kind, base_url=server.base_url) for kind in WIRES}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            for name in STREAMS:
                request = ChatRequest(model=f"a-{kind_of(name)}/x", messages="hi", extra_body={"model": name})
                stream = system.stream(request)
                text, failure = text_of(stream), None
                completion = stream.result(timeout=LIMIT_S)
                assert completion.text == text
                differing = differences(found(completion, failure), expected(name))
                if differing.keys() != allowed(name):
                    wrong[name] = differing
    assert wrong == {}


@each_wire
@pytest.mark.parametrize("stream", [True, False])
def test_answer_of_the_simulator_is_a_completion(wire: str, stream: bool) -> None:
    script = Script(
        text=WORDS, reasoning="so it is", tool_calls=({"name": "add", "arguments": {"a": 1}, "id": "c1"},),
        usage={"prompt_tokens": 7, "completion_tokens": 5}, model="real",
    )  # fmt: skip
    with Simulator(script, api_key="k" * 20) as simulator:
        provider = ProviderConfig(
            kind=wire,
            profile=WIRES[wire].profile,
            base_url=simulator.url + WIRES[wire].path,
            api_key="k" * 20,
        )
        with ActorSystem.start(SystemConfig(providers={"p": provider}, options=ONCE, drain_s=0)) as system:
            request = ChatRequest(model="p/@cf/meta/llama-3", messages="hi", stream=stream)
            completion = system.stream(request).result(timeout=LIMIT_S)
        (record,) = simulator.requests
    assert (completion.text, completion.reasoning) == (WORDS, "so it is")
    assert [call.arguments.replace(" ", "") for call in completion.tool_calls] == (
        ['{"a":1}'] if WIRES[wire].has_calls else []
    )
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (7, 5)
    assert record.model == "@cf/meta/llama-3"
    assert completion.finish_reason == ("tool_calls" if WIRES[wire].has_calls else "stop")


FAULTS: list[tuple[dict[str, Any], set[str]]] = [
    ({"cut": {"after_deltas": 2}}, {"transport", "protocol"}),
    ({"cut": {"after_deltas": 2, "how": "reset"}}, {"transport"}),
    ({"cut": {"after_deltas": 2, "how": "end"}}, {"protocol"}),
    ({"cut": {"after_deltas": 2, "inside": "event", "how": "end"}}, {"protocol"}),
    ({"cut": {"after_deltas": 2, "inside": "character", "how": "end"}}, {"protocol"}),
    ({"cut": {"after_bytes": 0, "how": "end"}}, {"protocol"}),
    ({"cut": {"before_answer": True}}, {"transport"}),
    ({"stall": {"after_deltas": 0}}, {"timeout"}),
    ({"stall": {"after_deltas": 2}}, {"timeout"}),
    ({"stall": {"after_deltas": 2, "ping": "blank", "ping_every_s": 0.05}}, {"timeout"}),
    ({"stall": {"after_deltas": 2, "ping": "comment", "ping_every_s": 0.05}}, {"timeout"}),
    ({"stall": {"after_deltas": 2, "ping": "empty_delta", "ping_every_s": 0.05}}, {"timeout"}),
    ({"stall": {"after_deltas": 2, "ping": "progress", "ping_every_s": 0.05}}, {"timeout"}),
    ({"garbage": {"place": "head"}}, {"protocol", "transport"}),
    ({"garbage": {"place": "framing", "after_deltas": 2}}, {"protocol", "transport"}),
    ({"garbage": {"place": "stream", "after_deltas": 2}}, {"protocol"}),
    ({"garbage": {"place": "json", "after_deltas": 2}}, {"protocol"}),
    ({"flood": {"kind": "event", "size": 300_000}}, {"bound"}),
    ({"flood": {"kind": "line", "size": 300_000}}, {"bound"}),
    ({"flood": {"kind": "stream", "size": 9_000_000}}, {"bound"}),
    ({"flood": {"kind": "deep_json", "size": 30_000}}, {"protocol"}),
    ({"flood": {"kind": "gzip", "size": 9_000_000}}, {"bound", "protocol"}),
    ({"stream_error": {"after_deltas": 2, "error": {"message": "it broke"}}}, {"in_stream"}),
    ({"send_finish": False, "send_done": False, "usage": "absent"}, {"protocol"}),
]  # fmt: skip


@each_wire
def test_every_fault_is_a_typed_failure_with_what_came_before(wire: str) -> None:
    wrong = list[object]()
    with Simulator() as simulator, system_of(simulator, wire, HASTY) as system:
        for fault, kinds in FAULTS:
            simulator.enqueue(Script(text=WORDS, **fault))
            with pytest.raises(StreamError) as caught:
                system.stream(ChatRequest(model="p/m", messages="hi")).result(timeout=LIMIT_S)
            failure = caught.value.failure
            kind = failure.evidence.kind if failure.evidence is not None else failure.error_class
            said = caught.value.partial.text if caught.value.partial is not None else ""
            is_flood = "flood" in fault
            if kind not in kinds and failure.error_class not in kinds:
                wrong.append((fault, kind, failure.error_class, failure.message))
            elif not is_flood and not WORDS.startswith(said):
                wrong.append((fault, said))
            if "'after_deltas': 2" in str(fault) and not said.startswith("one two"):
                wrong.append((fault, said))
    assert wrong == []


@each_wire
def test_faults_that_an_answer_survives(wire: str) -> None:
    survived: list[dict[str, Any]] = [
        {"drip": {"size_bytes": 3, "every_s": 0.0001}},
        {"late_text": "late"},
        {"send_role": False},
        {"usage": "absent"},
        {"refusal": "no"},
        {"stall": {"after_deltas": 2, "for_s": 0.1, "ping": "blank", "ping_every_s": 0.02}},
        {"http": {"encoding": "gzip"}},
        {"http": {"framing": "close"}},
        {"ignore_stream": True},
        {"chunk_size": 1},
        {"rate_limit": {"limit_requests": 3}},
        {"close_connection": True},
        {"garbage": {"place": "character", "after_deltas": 9}},
    ]
    with Simulator() as simulator, system_of(simulator, wire) as system:
        for fields in survived:
            simulator.enqueue(Script(text=WORDS, **fields))
            completion = system.stream(ChatRequest(model="p/m", messages="hi")).result(timeout=LIMIT_S)
            assert completion.text.startswith(WORDS), fields
            assert (completion.usage.input_tokens is None) is (fields.get("usage") == "absent"), fields


@each_wire
@pytest.mark.parametrize(
    ("status", "error_class"),
    [(400, "invalid_request"), (401, "credential"), (404, "model_not_found"), (429, "rate_limit"),
     (500, "transient"), (503, "overloaded")],
)  # fmt: skip
def test_http_errors_are_in_the_wires_words(wire: str, status: int, error_class: str) -> None:
    with (
        Simulator(Script.failing(status, "the reason why")) as simulator,
        system_of(simulator, wire) as system,
    ):
        with pytest.raises(StreamError) as caught:
            system.stream(ChatRequest(model="p/m", messages="hi")).result(timeout=LIMIT_S)
    failure = caught.value.failure
    assert failure.evidence is not None
    assert (failure.evidence.status, failure.evidence.message) == (status, "the reason why")
    assert failure.error_class == error_class


@each_wire
def test_finish_reasons_of_the_script_are_told_raw(wire: str) -> None:
    raw, told = {"cohere-chat": ("MAX_TOKENS", "length"), "cloudflare-ai": (None, None)}.get(
        wire, ("length", "length")
    )
    with Simulator(Script(text="x", finish_reason=raw)) as simulator, system_of(simulator, wire) as system:
        completion = system.stream(ChatRequest(model="p/m", messages="hi")).result(timeout=LIMIT_S)
    assert (completion.finish_reason_raw, completion.finish_reason) == (raw, told)
