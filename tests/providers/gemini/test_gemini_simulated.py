"""What a script says on this wire is what the decoder reads out of it; Google's own client reads it, too."""

import json
from typing import Any

import pytest
from body_faults import BODY_FAULTS, MAX_EVENT_BYTES, BodyFault
from gemini_wire import Outcome, run
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom import (
    ActorSystem,
    ChatRequest,
    Completion,
    ProviderConfig,
    StreamError,
    StreamingOptions,
    SystemConfig,
)
from greenroom.providers.gemini.simulated import GeminiWire
from greenroom.providers.simulator import Script, Simulator
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders
from greenroom.providers.simulator.script import ScriptToolCall
from greenroom.providers.simulator.wires import Desk, Served

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON = (
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
CALLS = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
        "arguments": st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5), JSON, max_size=3
        ),
    },
    optional={"id": st.from_regex(r"[a-z0-9]{8}", fullmatch=True)},
)
SCRIPTS = st.fixed_dictionaries(
    {
        "text": WORDS,
        "reasoning": WORDS,
        "tool_calls": st.lists(CALLS, max_size=3, unique_by=lambda call: call.get("id", id(call))),
        "chunk_size": st.none() | st.integers(1, 9),
        "finish_reason": st.sampled_from([None, "STOP", "length", "SAFETY", "OTHER"]),
    }
)
ASKED = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def replied(
    script: Script, query: str = "alt=sse", method: str = "streamGenerateContent", n: int = 1
) -> bytes:
    body = {**ASKED, "generationConfig": {"candidateCount": n}}
    request = HttpRequest(
        "POST", f"/v1beta/models/m:{method}", SeenHeaders(), json.dumps(body).encode(), query
    )
    desk = Desk(lambda _served, _call: (script, 1), OPENAI, 1_700_000_000)
    reply = GeminiWire().answer(request, Served(None), desk)  # type: ignore[arg-type]
    return b"".join(step.data for step in reply.steps)


@settings(deadline=None, max_examples=80)
@given(SCRIPTS, st.integers(1, 2), st.lists(st.integers(1, 90), max_size=40))
def test_law_what_is_said_is_what_is_read(fields: dict[str, Any], n: int, sizes: list[int]) -> None:
    script = Script(**fields)
    asked = ChatRequest(model="p/m", messages="hi", n=n)
    outcomes = [
        run(replied(script, n=n), sizes, request=asked),
        run(replied(script, query="", n=n), sizes, request=asked),
        run(replied(script, query="", method="generateContent", n=n), request=asked),
    ]
    for outcome in outcomes:
        check(outcome, script, fields, n)
    assert outcomes[0] == outcomes[1]


def check(outcome: Outcome, script: Script, fields: dict[str, Any], n: int) -> None:
    assert outcome.answer is not None
    assert [choice.index for choice in outcome.choices()] == list(range(n))
    for choice in outcome.choices():
        assert (choice.text, choice.reasoning) == (script.text, script.reasoning)
        calls = [(call.name, json.loads(call.arguments)) for call in choice.tool_calls]
        assert calls == [(call["name"], call["arguments"]) for call in fields["tool_calls"]]
        ids = [call.get("id") for call in fields["tool_calls"]]
        assert all(want in (None, got.id) for want, got in zip(ids, choice.tool_calls, strict=True))
        signed = [part for part in choice.parts if dict(getattr(part, "metadata", {})).get("signature")]
        signed += [part for part in choice.parts if getattr(part, "signature", None)]
        assert bool(signed) == bool(script.reasoning)
    reason = {None: "STOP", "length": "MAX_TOKENS"}.get(script.finish_reason, script.finish_reason)
    assert outcome.choice.finish_reason_raw == reason
    assert outcome.usage.total_tokens == (outcome.usage.input_tokens or 0) + (
        outcome.usage.output_tokens or 0
    )


@pytest.mark.parametrize("fault", BODY_FAULTS, ids=lambda fault: str(fault.fields)[:60])
def test_every_fault_of_a_streamed_array_has_its_outcome(fault: BodyFault) -> None:
    data, kind = replied(fault.script, query=""), fault.kind
    outcome = run(data, clean=fault.is_clean, max_event_bytes=MAX_EVENT_BYTES)
    if fault.fields.get("flood", {}).get("kind") == "line":
        kind = "protocol"  # between two elements of an array it is a word that is no JSON
    assert (outcome.failure and outcome.failure.kind) == kind
    assert run(data, [3] * len(data), clean=fault.is_clean, max_event_bytes=MAX_EVENT_BYTES) == outcome


SAID = Script(
    text="Hello there",
    reasoning="Let me think",
    tool_calls=(
        ScriptToolCall(name="add", arguments={"a": 1}),
        ScriptToolCall(name="add", arguments={}, id="c1"),
    ),
    usage={"prompt_tokens": 7, "completion_tokens": 5, "reasoning_tokens": 2, "cached_tokens": 3},
)
ONCE = StreamingOptions(max_reconnect_attempts=0)


def asked(simulator: Simulator, **request: Any) -> Completion:
    config = ProviderConfig(kind="gemini", base_url=simulator.base_url, api_key="the-right-key")
    with ActorSystem.start(SystemConfig(providers={"g": config}, options=ONCE, drain_s=0)) as system:
        return system.stream(
            ChatRequest(**{"model": "g/gemini-2.5-flash", "messages": "Hi", **request})
        ).result(timeout=20)


@pytest.mark.parametrize("stream", [True, False])
def test_over_http_through_the_whole_system(stream: bool) -> None:
    with Simulator(SAID, api_key="the-right-key") as simulator:
        completion = asked(simulator, stream=stream)
    assert (completion.text, completion.reasoning) == ("Hello there", "Let me think")
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        ("add", '{"a":1}'),
        ("add", "{}"),
    ]
    assert completion.finish_reason == "tool_calls"
    usage = completion.usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_input_tokens) == (
        7,
        5,
        2,
        3,
    )
    assert completion.model == "gemini-2.5-flash"


@pytest.mark.parametrize(
    ("script", "error_class", "status"),
    [
        (Script.failing(429, retry_after_s=2), "rate_limit", 429),
        (Script.failing(503), "overloaded", 503),
        (Script.failing(404), "model_not_found", 404),
        (Script(text="a b c", stream_error={"after_deltas": 1, "error": {"code": 503, "message": "overloaded"}}),
         "overloaded", 503),
        (Script(refusal="no"), "content_policy", None),
        (Script(text="a b", finish_reason="MALFORMED_FUNCTION_CALL"), "transient", None),
        (Script(text="a b", send_finish=False), "protocol", 200),
        (Script(text="a b c d", cut={"after_deltas": 2}), "transient", None),
        (Script(text="a b c d", garbage={"place": "json", "after_deltas": 1}), "protocol", 200),
    ],
)  # fmt: skip
def test_faults_end_in_a_type(script: Script, error_class: str, status: int | None) -> None:
    with Simulator(script) as simulator, pytest.raises(StreamError) as caught:
        asked(simulator)
    assert (caught.value.error_class, caught.value.status) == (error_class, status)


def test_a_wrong_key_and_a_missing_one_are_refused_as_google_does() -> None:
    with Simulator(SAID, api_key="another-key") as simulator, pytest.raises(StreamError) as caught:
        asked(simulator)
    assert (caught.value.error_class, caught.value.status) == ("credential", 400)
    assert "API key not valid" in str(caught.value)


genai = pytest.importorskip("google.genai", reason="Google's client is not installed here")


def client_of(simulator: Simulator) -> Any:
    url = simulator.base_url.removesuffix("/v1")
    return genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))


TOOL = {"function_declarations": [{"name": "add", "parameters_json_schema": {"type": "object"}}]}
CONFIG: dict[str, Any] = {"tools": [TOOL], "automatic_function_calling": {"disable": True}}


def test_googles_client_reads_a_stream() -> None:
    with Simulator(SAID) as simulator, client_of(simulator) as client:
        chunks = list(
            client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hi", config=CONFIG)
        )
    parts = [part for each in chunks for part in each.candidates[0].content.parts or ()]
    assert "".join(part.text for part in parts if part.text and not part.thought) == "Hello there"
    assert "".join(part.text for part in parts if part.thought) == "Let me think"
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.name, call.args, call.id) for call in calls] == [("add", {"a": 1}, None), ("add", {}, "c1")]
    assert next(part.thought_signature for part in parts if part.function_call).startswith(b"signed:")
    assert chunks[-1].candidates[0].finish_reason == "STOP"
    usage = chunks[-1].usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (7, 3, 2)


def test_googles_client_reads_a_whole_answer() -> None:
    with Simulator(SAID) as simulator, client_of(simulator) as client:
        answer = client.models.generate_content(model="gemini-2.5-flash", contents="Hi", config=CONFIG)
    assert [call.args for call in answer.function_calls] == [{"a": 1}, {}]
    assert answer.candidates[0].content.parts[1].text == "Hello there"
    assert answer.usage_metadata.total_token_count == 12


def test_googles_client_reads_errors_and_blocked_prompts() -> None:
    failing = Script.failing(429, "slow down", retry_after_s=7)
    with Simulator(failing) as simulator, client_of(simulator) as client:
        with pytest.raises(genai.errors.ClientError) as caught:
            client.models.generate_content(model="m", contents="Hi")
    assert (caught.value.code, caught.value.status, caught.value.message) == (
        429,
        "RESOURCE_EXHAUSTED",
        "slow down",
    )
    assert caught.value.details["error"]["details"][-1]["retryDelay"] == "7s"
    with Simulator(Script(refusal="no")) as simulator, client_of(simulator) as client:
        (answer,) = client.models.generate_content_stream(model="m", contents="Hi")
    assert answer.prompt_feedback.block_reason == "SAFETY"
