"""A conversation as the older wire's prompt; what it refuses; and the whole way to its simulator."""

import json
from typing import Any

import pytest
from anthropic_text_wire import CODEC, RUN

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, SystemConfig
from greenroom.messages.contracts import Target
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import TextPart
from greenroom.messages.retry_state import RetryState
from greenroom.providers.anthropic_text.prompt import prompt_of
from greenroom.providers.simulator import Cut, Script, Simulator
from greenroom.providers.simulator import StreamError as ErrorEvent

from tests_system import LIMIT_S

SAID = [
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
    {"role": "user", "content": "there"}, {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Why?"},
]  # fmt: skip


def body_of(resume: RetryState | None = None, **fields: Any) -> dict[str, Any]:
    call = RUN.call(ChatRequest(**{"messages": "hi", **fields}))
    told: dict[str, Any] = json.loads(CODEC.encode(call, resume).body)
    return told


def problems_of(drop: bool = False, **fields: Any) -> list[str]:
    options = StreamingOptions(on_unsupported="drop" if drop else "refuse", **fields.pop("options", {}))
    request = ChatRequest(**{"messages": "hi", **fields})
    try:
        CODEC.check(request, Target("p", "anthropic-text", "m", None, "https://llm.test/v1"), options)
    except InvalidInput as refused:
        return [problem.path for problem in refused.problems]
    return []


def test_a_conversation_is_one_prompt() -> None:
    assert prompt_of(ChatRequest(messages=SAID)) == (
        "Be brief.\n\nHuman: Hi\n\nthere\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant:"
    )
    begun = [*SAID, {"role": "assistant", "content": "Because "}]
    assert body_of(messages=begun)["prompt"].endswith("\n\nAssistant: Because")


def test_fields_path_and_headers() -> None:
    body = body_of(
        max_output_tokens=9, temperature=0.5, top_p=0.4, stop="X", user="u", stream=False,
        extra_body={"top_k": 3},
    )  # fmt: skip
    assert body == {
        "model": "m", "prompt": "\n\nHuman: hi\n\nAssistant:", "max_tokens_to_sample": 9, "temperature": 0.5,
        "top_p": 0.4, "stop_sequences": ["X"], "metadata": {"user_id": "u"}, "top_k": 3,
    }  # fmt: skip
    request = CODEC.encode(RUN.call())
    assert request.path == "/v1/complete"
    assert dict(request.headers)["anthropic-version"] == "2023-06-01"
    assert body_of()["max_tokens_to_sample"] == 4096


def test_what_was_delivered_is_gone_on_with() -> None:
    state = RetryState(
        stream_id="s", request_id="r", request=ChatRequest(messages="hi"), epoch=1, mode="prefix", provider="p",
        model_asked="m", delivered_text=" It is", delivered_parts=(TextPart(text=" It is"),), deadline_left_s=1,
        updated_at=0,
    )  # fmt: skip
    assert body_of(state)["prompt"] == "\n\nHuman: hi\n\nAssistant: It is"


UNSUPPORTED: list[dict[str, Any]] = [
    {"seed": 1}, {"n": 2}, {"presence_penalty": 1.0}, {"frequency_penalty": 1.0}, {"logprobs": True},
    {"logprobs": True, "top_logprobs": 1}, {"tools": [{"name": "f"}]}, {"parallel_tool_calls": True},
    {"reasoning_effort": "low"}, {"response_format": "json_object"}, {"temperature": 1.5},
    {"options": {"json_mode": True}},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"},
                                               {"type": "image", "url": "https://x.test/a"}]}]},
    {"messages": [{"role": "user", "content": "x", "name": "Ann"}]},
]  # fmt: skip


@pytest.mark.parametrize("fields", UNSUPPORTED, ids="+".join)
def test_what_it_does_not_take_is_refused_or_left_out(fields: dict[str, Any]) -> None:
    assert problems_of(**fields)
    assert problems_of(drop=True, **fields) == []
    assert (
        body_of(**{key: value for key, value in fields.items() if key != "options"}).keys()
        == body_of().keys()
    )


def test_a_prompt_needs_a_users_text() -> None:
    assert problems_of(drop=True, messages=[{"role": "system", "content": "x"}]) == ["messages"]
    whole = {"extra_body": {"prompt": "\n\nHuman: x\n\nAssistant:"}}
    assert problems_of(messages=[{"role": "system", "content": "x"}], **whole) == []


def ask(script: Script, **fields: Any) -> Any:
    with Simulator(script, api_key="k") as simulator:
        provider = ProviderConfig(kind="anthropic-text", base_url=simulator.base_url, api_key="k")
        options = StreamingOptions(max_reconnect_attempts=0)
        config = SystemConfig(providers={"a": provider}, options=options, drain_s=0)
        with ActorSystem.start(config) as system:
            stream = system.stream(ChatRequest(**{"model": "a/claude-2.1", "messages": SAID, **fields}))
            try:
                return stream.result(timeout=LIMIT_S)
            except StreamError as error:
                return error


@pytest.mark.parametrize("streamed", [True, False])
def test_the_simulator_answers(streamed: bool) -> None:
    completion = ask(Script(text="one two", finish_reason="length"), stream=streamed)
    assert (completion.text, completion.finish_reason_raw) == ("one two", "max_tokens")
    assert ask(Script(text="one two"), stream=streamed).finish_reason == "stop"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"cut": Cut(after_deltas=1)}, "transport"),
        ({"send_done": False}, "protocol"),
        ({"stream_error": ErrorEvent(after_deltas=1)}, "in_stream"),
        ({"answer": {"status": 529}}, "http"),
    ],
)
def test_the_simulators_faults_are_typed_failures(fields: dict[str, Any], kind: str) -> None:
    error = ask(Script(text="one two", **fields))
    assert isinstance(error, StreamError)
    assert error.failure.evidence.kind == kind


@pytest.mark.parametrize(
    "body",
    [{"prompt": None}, {"prompt": "plain"}, {"prompt": 7}, {"max_tokens_to_sample": 0}, {"model": None}],
)
def test_the_simulator_refuses_what_the_real_one_refuses(body: dict[str, Any]) -> None:
    error = ask(Script(text="x"), extra_body=body)
    assert isinstance(error, StreamError)
    assert error.failure.evidence.status == 400
