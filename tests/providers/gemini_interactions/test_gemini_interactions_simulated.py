"""What a script says on this wire is what the decoder reads out of it; Google's own client reads it, too."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interactions_wire import Outcome, run

from greenroom import (
    ActorSystem,
    ChatRequest,
    Completion,
    ProviderConfig,
    StreamError,
    StreamingOptions,
    SystemConfig,
)
from greenroom.providers.gemini_interactions.simulated import InteractionsWire
from greenroom.providers.simulator import Script, Simulator
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders
from greenroom.providers.simulator.wires import Desk, Served

TEXTS = st.characters(exclude_categories=["Cs"])
WORDS = st.text(TEXTS, max_size=40)
CALLS = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
        "arguments": st.dictionaries(
            st.text(TEXTS, max_size=5), st.none() | st.integers(0, 99) | WORDS, max_size=3
        ),
    }
)
SCRIPTS = st.fixed_dictionaries(
    {
        "text": WORDS,
        "reasoning": WORDS,
        "tool_calls": st.lists(CALLS, max_size=3),
        "chunk_size": st.none() | st.integers(1, 9),
        "finish_reason": st.sampled_from([None, "length", "completed"]),
    }
)


def replied(script: Script, **body: Any) -> bytes:
    asked = json.dumps({"model": "m", "input": "hi", **body}).encode()
    request = HttpRequest("POST", "/v1beta/interactions", SeenHeaders(), asked)
    desk = Desk(lambda _served, _call: (script, 1), OPENAI, 1_700_000_000)
    reply = InteractionsWire().answer(request, Served(None), desk)  # type: ignore[arg-type]
    return b"".join(step.data for step in reply.steps)


@settings(deadline=None, max_examples=80)
@given(SCRIPTS, st.booleans(), st.lists(st.integers(1, 90), max_size=40))
def test_law_what_is_said_is_what_is_read(fields: dict[str, Any], store: bool, sizes: list[int]) -> None:
    script = Script(**fields)
    for outcome in (run(replied(script, stream=True, store=store), sizes), run(replied(script, store=store))):
        check(outcome, script, fields)


def check(outcome: Outcome, script: Script, fields: dict[str, Any]) -> None:
    assert outcome.answer is not None
    choice = outcome.choice
    assert (choice.text, choice.reasoning) == (script.text, script.reasoning)
    calls = [(call.name, json.loads(call.arguments or "{}")) for call in choice.tool_calls]
    assert calls == [(call["name"], call["arguments"]) for call in fields["tool_calls"]]
    assert choice.finish_reason_raw == {
        None: "requires_action" if calls else "completed", "length": "incomplete", "completed": "completed",
    }[script.finish_reason]  # fmt: skip
    assert outcome.usage.total_tokens == (outcome.usage.input_tokens or 0) + (
        outcome.usage.output_tokens or 0
    )


SAID = Script(
    text="Hello there",
    reasoning="Let me think",
    tool_calls=({"name": "add", "arguments": {"a": 1}},),
    usage={"prompt_tokens": 7, "completion_tokens": 5, "reasoning_tokens": 2, "cached_tokens": 3},
)
ONCE = StreamingOptions(max_reconnect_attempts=0)


def asked(simulator: Simulator, options: StreamingOptions = ONCE, **request: Any) -> Completion:
    config = ProviderConfig(kind="gemini-interactions", base_url=simulator.base_url, api_key="the-right-key")
    with ActorSystem.start(SystemConfig(providers={"g": config}, options=options, drain_s=0)) as system:
        given = {"model": "g/gemini-3-flash", "messages": "Hi", **request}
        return system.stream(ChatRequest(**given)).result(timeout=20)


@pytest.mark.parametrize("stream", [True, False])
def test_over_http_through_the_whole_system(stream: bool) -> None:
    with Simulator(SAID, api_key="the-right-key") as simulator:
        completion = asked(simulator, stream=stream)
    assert (completion.text, completion.reasoning) == ("Hello there", "Let me think")
    assert [(call.name, json.loads(call.arguments)) for call in completion.tool_calls] == [("add", {"a": 1})]
    assert completion.finish_reason == "tool_calls"
    usage = completion.usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (7, 5, 2)


@pytest.mark.parametrize(
    ("script", "error_class"),
    [
        (Script.failing(429, retry_after_s=2), "rate_limit"),
        (Script(text="a b c", stream_error={"after_deltas": 1, "error": {"code": 503, "message": "overloaded"}}),
         "overloaded"),
        (Script(text="a b", send_finish=False), "protocol"),
        (Script(text="a b c d", cut={"after_deltas": 2}), "transient"),
        (Script(text="a b", finish_reason="failed"), "unknown"),
    ],
)  # fmt: skip
def test_faults_end_in_a_type(script: Script, error_class: str) -> None:
    with Simulator(script) as simulator, pytest.raises(StreamError) as caught:
        asked(simulator)
    assert caught.value.error_class == error_class


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  (our own simulator)
        body: bytes = answer.read()
    return body


def test_a_kept_interaction_is_streamed_again_from_any_event() -> None:
    with Simulator(Script(text="one two three")) as simulator:
        completion = asked(simulator, StreamingOptions(server_resume=True))
        place = f"{simulator.base_url}/interactions/{completion.response_id}"
        whole = fetched(f"{place}?stream=true")
        assert run(whole).choice.text == "one two three"
        for event in range(1, 10):
            behind = fetched(f"{place}?stream=true&last_event_id=e{event}")
            assert whole.endswith(behind)
            assert f'"event_id":"e{event + 1}"'.encode() in behind.split(b"\n\n")[0] or event >= 8
        assert json.loads(fetched(place))["status"] == "completed"
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetched(f"{simulator.base_url}/interactions/v1_unknown")
        caught.value.close()
        assert caught.value.code == 404
        asked(simulator)  # store=false
        assert simulator.requests[-1].status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetched(f"{simulator.base_url}/interactions/v1_sim_2")
        caught.value.close()


genai = pytest.importorskip("google.genai", reason="Google's client is not installed here")


def client_of(simulator: Simulator) -> Any:
    url = simulator.base_url.removesuffix("/v1")
    return genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))


@pytest.mark.filterwarnings("ignore")
def test_googles_client_reads_a_stream_and_a_whole_interaction() -> None:
    with Simulator(SAID) as simulator, client_of(simulator) as client:
        events = list(client.interactions.create(model="gemini-3-flash", input="Hi", stream=True))
        deltas = [event.delta for event in events if event.event_type == "step.delta"]
        assert "".join(delta.text for delta in deltas if delta.type == "text") == "Hello there"
        assert "".join(delta.arguments for delta in deltas if delta.type == "arguments_delta") == '{"a": 1}'
        assert events[-1].interaction.usage.total_tokens == 12
        whole = client.interactions.create(model="gemini-3-flash", input="Hi")
        assert [step.type for step in whole.steps] == ["thought", "model_output", "function_call"]
        assert whole.steps[2].arguments == {"a": 1}
        cursor = events[6].event_id
        again = list(client.interactions.get(id=events[0].interaction.id, stream=True, last_event_id=cursor))
        assert [event.event_id for event in again] == [event.event_id for event in events[7:]]
