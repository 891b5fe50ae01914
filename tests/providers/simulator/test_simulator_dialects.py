"""How each server writes: against the recorded streams where they are, else against what its documents say."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from simulator_client import ask, chat

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator import (
    Dialect,
    RateLimit,
    Script,
    ScriptToolCall,
    Simulator,
    SimulatorRules,
    StreamError,
    dialect_names,
    register_dialect,
)
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.openai_chat import Stamp, chat_reply
from greenroom.providers.simulator.openai_request import ChatCall

from shared_files import CORPUS

RECORDED_AS = {"together": "togetherai"}
WORDS = Script(text="one two", reasoning="hm so")
CALLS = Script(
    tool_calls=(ScriptToolCall(name="f", arguments={"a": 1}), ScriptToolCall(name="g")), chunk_size=4
)
_TOOLS = {
    f"{place}.{key}"
    for place, keys in (("delta", ["tool_calls"]), ("tool", ["index", "id", "type", "function"]))
    for key in keys
} | {"function.name", "function.arguments"}
_DETAILS = {"usage.prompt_tokens_details", "usage.completion_tokens_details"}
NEVER_RECORDED = {
    "lmstudio": {*_DETAILS, "delta.reasoning_content"},
    "litellm": {*_TOOLS, "delta.reasoning_content"},
    "perplexity": {*_TOOLS, *_DETAILS},
    "azure": {*_DETAILS, "delta.reasoning_content"},
}
"""The recordings of these servers are few; what they do not show stands in the servers' documents."""


def chunks_of(script: Script, dialect: str) -> list[dict[str, Any]]:
    call = ChatCall("m", "Hi", 5, stream=True, include_usage=True)
    body = b"".join(s.data for s in chat_reply(call, script, Stamp("id", 17), dialect_of(dialect)).steps)
    return list(json_events(body.decode()))


def json_events(body: str) -> Iterator[dict[str, Any]]:
    for line in body.split("\n"):
        if line.startswith("data:") and line[5:].lstrip().startswith("{"):
            with suppress(ValueError):  # some recordings break off
                yield json.loads(line[5:])


def keys_of(chunks: list[dict[str, Any]]) -> set[str]:
    """Every key, with where it stands."""
    keys: set[str] = set()
    for chunk in chunks:
        keys |= {f"chunk.{key}" for key in chunk}
        keys |= {f"usage.{key}" for key in chunk.get("usage") or {}}
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            keys |= {f"choice.{key}" for key in choice} | {f"delta.{key}" for key in delta}
            for call in delta.get("tool_calls") or ():
                keys |= {f"tool.{key}" for key in call} | {f"function.{key}" for key in call["function"]}
    return keys


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded provider streams are not on this machine")
@pytest.mark.parametrize(
    "dialect",
    [
        "openai", "azure", "xai", "groq", "mistral", "deepseek", "openrouter", "together", "cerebras",
        "perplexity", "lmstudio", "ollama", "llamacpp", "litellm",
    ],
)  # fmt: skip
def test_every_key_was_seen_in_a_recorded_stream_of_that_server(dialect: str) -> None:
    recorded: set[str] = set()
    for path in (CORPUS / "streams").glob(f"chat-{RECORDED_AS.get(dialect, dialect)}-*.sse"):
        recorded |= keys_of(list(json_events(path.read_text(errors="replace"))))
    written = keys_of(chunks_of(WORDS, dialect) + chunks_of(CALLS, dialect))
    assert written - recorded - NEVER_RECORDED.get(dialect, set()) == set()


def usage_places(dialect: str) -> list[tuple[int, str | None]]:
    """(number of choices, finish reason) of each chunk with usage."""
    places = []
    for chunk in chunks_of(WORDS, dialect):
        if chunk.get("usage") or chunk.get("x_groq", {}).get("usage"):
            finish = [choice.get("finish_reason") for choice in chunk["choices"]]
            places.append((len(finish), finish[0] if finish else None))
    return places


def test_where_the_usage_comes() -> None:
    extra, on_finish = [(0, None)], [(1, "stop")]
    assert {
        name: usage_places(name) for name in ("openai", "vllm", "xai", "together", "ollama")
    } == dict.fromkeys(("openai", "vllm", "xai", "together", "ollama"), extra)
    for name in ("mistral", "deepseek", "cerebras", "openrouter", "fireworks"):
        assert usage_places(name) == on_finish
    assert usage_places("groq") == [(1, "stop"), (0, None)]
    assert usage_places("litellm") == [(1, None)]
    assert len(usage_places("perplexity")) == len(chunks_of(WORDS, "perplexity"))


def test_marks_of_single_servers() -> None:
    assert chunks_of(WORDS, "azure")[0]["prompt_filter_results"][0]["prompt_index"] == 0
    assert chunks_of(WORDS, "groq")[0]["x_groq"] == {"id": "id"}
    assert chunks_of(WORDS, "llamacpp")[-1]["timings"]["predicted_n"] == 4
    assert (
        chunks_of(WORDS, "perplexity")[-1]["choices"][0]["message"]["content"]
        == "<think>hm so</think>one two"
    )
    contents = [c["choices"][0]["delta"]["content"] for c in chunks_of(WORDS, "mistral")]
    assert contents[1] == [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    assert contents[3:] == [[{"type": "text", "text": "one"}], " two"]
    finishes = [c["choices"][0].get("native_finish_reason") for c in chunks_of(WORDS, "openrouter")]
    assert finishes == [None] * 4 + ["stop", "stop"]
    usage = chunks_of(WORDS, "xai")[-1]["usage"]
    assert usage["total_tokens"] - usage["prompt_tokens"] - usage["completion_tokens"] == 2
    indexes = [
        c["choices"][0]["delta"].get("tool_calls", [{}])[0].get("index")
        for c in chunks_of(CALLS, "ollama")[:2]
    ]
    assert indexes == [0, 0]


@pytest.mark.parametrize("dialect", dialect_names())
@pytest.mark.parametrize("after", [0, 2])
def test_faults_strike_at_the_same_delta_in_every_dialect(dialect: str, after: int) -> None:
    script = Script(text="one two three", stream_error=StreamError(after_deltas=after), dialect=dialect)
    with Simulator(script) as simulator:
        answer = ask(simulator, chat())
    said = [
        c.get("delta", {}).get("content") or ""
        for chunk in answer_chunks(answer.body)
        for c in chunk.get("choices", ())
    ]
    assert "".join(said) == ("one two" if after else "")
    assert answer.broken is None


def answer_chunks(body: bytes) -> list[dict[str, Any]]:
    return list(json_events(body.decode()))


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai", {"error": {"message": "no", "type": "t", "param": None, "code": "c"}}),
        ("azure", {"error": {"code": "429", "message": "no"}}),
        ("xai", {"code": "c", "error": "no"}),
        ("groq", {"error": {"message": "no", "type": "t", "code": "c"}}),
        ("cerebras", {"message": "no", "type": "t", "param": None, "code": "c"}),
        ("openrouter", {"error": {"message": "no", "code": 429}}),
        ("lmstudio", {"error": "no"}),
        ("vllm", {"object": "error", "message": "no", "type": "t", "param": None, "code": 429}),
        ("llamacpp", {"error": {"code": 429, "message": "no", "type": "t"}}),
    ],
)
def test_error_bodies(dialect: str, body: Any) -> None:
    with Simulator(Script.failing(429, "no", type="t", code="c"), profile=dialect) as simulator:
        assert ask(simulator, chat()).json == body


def test_errors_inside_a_stream() -> None:
    def last(dialect: str) -> tuple[bytes, dict[str, Any]]:
        script = Script(text="one two", stream_error=StreamError(after_deltas=1))
        with Simulator(script, profile=dialect) as simulator:
            body = ask(simulator, chat()).body
        return body, answer_chunks(body)[-1]

    body, error = last("groq")
    assert b"event: error\ndata: " in body
    assert error["error"]["status_code"] == 500
    assert last("vllm")[0].endswith(b"data: [DONE]\n\n")
    _, error = last("openrouter")
    assert (error["choices"][0]["finish_reason"], error["error"]["code"], error["id"][:5]) == (
        "error",
        500,
        "chatc",
    )
    _, error = last("lmstudio")
    assert error["message"] == error["error"]["message"]


def test_rate_limits_bear_the_names_of_the_server() -> None:
    limits = RateLimit(
        limit_requests=10, remaining_requests=9, reset_requests=360, remaining_tokens=5, reset_tokens=0.012
    )
    script = Script(text="x", rate_limit=limits)

    def seen(dialect: str) -> dict[str, str]:
        with Simulator(script, profile=dialect) as simulator:
            headers = ask(simulator, chat()).headers
        return {name: value for name, value in headers.items() if "ratelimit" in name}

    assert seen("openai") == {
        "x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "5",
        "x-ratelimit-reset-tokens": "12ms",
    }  # fmt: skip
    assert seen("mistral") == {
        "x-ratelimit-limit-req-minute": "10", "x-ratelimit-remaining-req-minute": "9",
        "x-ratelimit-remaining-tokens-minute": "5",
    }  # fmt: skip
    assert seen("vllm") == {}


def test_a_script_may_speak_otherwise_than_its_simulator() -> None:
    with Simulator(SimulatorRules(profile="groq")) as simulator:
        simulator.enqueue(Script(text="x", dialect="perplexity"), Script(text="x"))
        first, second = ask(simulator, chat()), ask(simulator, chat())
        assert b"\r\n\r\n" in first.body
        assert b"[DONE]" not in first.body
        assert b"x_groq" in second.body
        assert [record.dialect for record in simulator.requests] == ["perplexity", "groq"]


def test_a_dialect_of_ones_own() -> None:
    mine = Dialect(name="mine", done=False, tool_id="id-{n}", head={"id": "$id", "v": 1}, finish_twice=True)
    with Simulator(Script(text="x", tool_calls=({"name": "f"},)), profile=mine) as simulator:
        answer = ask(simulator, chat())
    assert all(list(chunk)[:2] == ["id", "v"] for chunk in answer.chunks)
    assert answer.chunks[2]["choices"][0]["delta"]["tool_calls"][0]["id"] == "id-0"
    assert [c["choices"][0]["finish_reason"] for c in answer.chunks[-2:]] == ["tool_calls"] * 2
    register_dialect(mine)
    assert "mine" in dialect_names()
    assert Script(dialect="mine").dialect == "mine"
    inline = Script(text="x", dialect={"name": "inline", "terminated": False})
    with Simulator(inline) as simulator:
        assert ask(simulator, chat()).body.endswith(b"data: [DONE]")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "x", "usage_object": {"p": "$promt"}}, "$promt is no fact"),
        ({"name": "x", "tool_id": "{m}"}, "tool_id"),
        ({"name": "x", "role": "sometimes"}, "role"),
        ({"name": "x", "comment": "a\nb"}, "comment"),
    ],
)
def test_dialects_that_cannot_be(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Dialect(**fields)
    assert said in str(caught.value)
