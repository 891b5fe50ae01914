"""`stream=False`: a whole JSON answer over HTTP gives the same deltas and completion as a streamed one."""

import json
from typing import Any

import pytest
from replay_server import ReplayServer

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig

from recorded_chats import SHARED, STREAMS, empty_arguments, expected, random_sizes
from tests_system import LIMIT_S, text_of

ONCE = StreamingOptions(max_reconnect_attempts=0)
RECORDED = SHARED / "recordings" / "chat_nonstream.json"
USED = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{SHARED} is not there")


def whole(name: str) -> bytes:
    """The answer that the server would have given to the same request without streaming."""
    if name == "recorded":
        return RECORDED.read_bytes()
    want = expected(name)
    return json.dumps(answer_of(want) if not name.startswith("compl-") else text_of_older(want)).encode()


def answer_of(want: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {name: call[name] for name in ("name", "arguments")},
        }
        for call in want["tool_calls"]
    ]
    message = {
        "role": "assistant", "content": want["text"] or None, "refusal": want.get("refusal") or None,
        "reasoning_content": want["reasoning"], "tool_calls": calls or None,
    }  # fmt: skip
    choice = {"index": 0, "message": message, "finish_reason": want["finish_reason"], "logprobs": None}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USED}


def text_of_older(want: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "text": want["text"], "finish_reason": want["finish_reason"], "logprobs": None}
    return {"id": "c1", "object": "text_completion", "model": "m", "choices": [choice], "usage": USED}


def played(name: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    data, pieces, at = whole(name), list[bytes](), 0
    for size in [*random_sizes(name, len(data)), len(data)]:
        pieces.append(data[at : at + size])
        at += size
    return [("content-type", "application/json")], [piece for piece in pieces if piece]


def differing(system: ActorSystem, provider: str, name: str) -> dict[str, Any]:
    want = expected(name)
    request = ChatRequest(model=f"{provider}/{name}", messages="hi", stream=False)
    stream = system.stream(request)
    told = text_of(stream)
    completion = stream.result(timeout=LIMIT_S)
    pairs = {
        "text": (completion.text, want["text"]),
        "deltas": (told, want["text"]),
        "reasoning": (completion.reasoning, want["reasoning"]),
        "refusal": (completion.refusal, want.get("refusal") or ""),
        "calls": (
            [(call.id, call.name, call.arguments) for call in completion.tool_calls],
            [
                (call["id"], call["name"], call["arguments"] or empty_arguments(want))
                for call in want["tool_calls"]
            ],
        ),
        "finish": (completion.finish_reason_raw, want["finish_reason"]),
        "usage": (completion.usage.total_tokens, 7),
    }
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


def test_recorded_answers_without_streaming_over_http() -> None:
    older = sorted(path.stem for path in (SHARED / "corpus" / "streams").glob("compl-*.sse"))
    names = [name for name in [*STREAMS, *older] if expected(name)["finish_reason"] not in (None, "error")]
    assert names
    with ReplayServer(played) as server:
        providers = {
            "chat": ProviderConfig(base_url=server.base_url),
            "compl": ProviderConfig(base_url=server.base_url, kind="openai-completions"),
        }
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            wrong = {name: differing(system, name.partition("-")[0], name) for name in names}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is not there")
def test_what_a_real_server_answers_without_streaming() -> None:
    told = json.loads(RECORDED.read_text())
    with ReplayServer(played) as server:
        providers = {"chat": ProviderConfig(base_url=server.base_url)}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            asked = ChatRequest(model="chat/recorded", messages="hi", stream=False)
            completion = system.ask(asked).get(timeout=LIMIT_S)
    assert completion.text == told["choices"][0]["message"]["content"]
    assert completion.finish_reason == told["choices"][0]["finish_reason"]
    assert completion.usage.output_tokens == told["usage"]["completion_tokens"]
    assert completion.usage.cached_input_tokens == told["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert completion.response_id == told["id"]


def test_a_whole_answer_that_is_cut_is_a_typed_failure() -> None:
    def cut(name: str) -> tuple[list[tuple[str, str]], list[bytes]]:
        return [("content-type", "application/json")], [whole(name)[:-30]]

    with ReplayServer(cut) as server:
        providers = {"chat": ProviderConfig(base_url=server.base_url)}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            stream = system.stream(ChatRequest(model=f"chat/{STREAMS[0]}", messages="hi", stream=False))
            with pytest.raises(StreamError) as caught:
                stream.result(timeout=LIMIT_S)
    assert caught.value.error_class == "protocol"
