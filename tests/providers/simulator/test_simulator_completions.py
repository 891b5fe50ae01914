"""The older completions endpoint."""

import json
from typing import Any

import pytest
from simulator_client import Answer, ask

from greenroom.providers.simulator import Cut, Script, Simulator, StreamError

from shared_files import SHARED

PATH = "/v1/completions"
CORPUS = SHARED / "corpus" / "streams"


def complete(simulator: Simulator, **fields: Any) -> Answer:
    return ask(simulator, {"model": "m", "prompt": "Say hello", **fields}, path=PATH)


def texts(answer: Answer) -> list[str]:
    return [choice["text"] for chunk in answer.chunks for choice in chunk["choices"]]


def test_a_stream(simulator: Simulator) -> None:
    answer = complete(simulator, stream=True, stream_options={"include_usage": True})
    assert texts(answer) == ["Hello", " there,", " dear", " client", ""]
    assert {chunk["object"] for chunk in answer.chunks} == {"text_completion"}
    assert [c["finish_reason"] for chunk in answer.chunks for c in chunk["choices"]] == [None] * 4 + ["stop"]
    assert (answer.chunks[-1]["choices"], answer.chunks[-1]["usage"]["prompt_tokens"]) == ([], 2)
    assert answer.data[-1] == "[DONE]"
    assert (simulator.requests[0].model, simulator.requests[0].deltas_sent) == ("m", 4)


def test_a_whole_answer(simulator: Simulator) -> None:
    answer = complete(simulator).json
    assert answer["choices"] == [
        {"text": "Hello there, dear client", "index": 0, "logprobs": None, "finish_reason": "stop"}
    ]
    assert answer["usage"]["total_tokens"] == 7


def test_echo_choices_and_logprobs(simulator: Simulator) -> None:
    simulator.set_default(Script(text="a b"))
    whole = complete(simulator, prompt=["x", "y"], n=2, echo=True, logprobs=1).json["choices"]
    assert [choice["text"] for choice in whole] == ["xa b", "xa b", "ya b", "ya b"]
    logprobs = whole[0]["logprobs"]
    assert (logprobs["tokens"], logprobs["text_offset"]) == (["xa", " b"], [0, 2])
    streamed = complete(simulator, echo=True, stream=True)
    assert texts(streamed) == ["Say hello", "a", " b", ""]


def test_faults(simulator: Simulator) -> None:
    simulator.enqueue(
        Script(text="a b c", cut=Cut(after_deltas=2)),
        Script(text="a b c", stream_error=StreamError(after_deltas=1)),
        Script.failing(503),
    )
    cut = complete(simulator, stream=True)
    assert (texts(cut), cut.broken is not None) == (["a", " b"], True)
    error = complete(simulator, stream=True)
    assert error.chunks[-1]["error"]["type"] == "server_error"
    assert complete(simulator).status == 503


@pytest.mark.parametrize(
    ("fields", "param"), [({"prompt": None}, "prompt"), ({"prompt": [1, 2]}, "prompt"), ({"n": 0}, "n")]
)
def test_what_is_refused(simulator: Simulator, fields: dict[str, Any], param: str) -> None:
    answer = complete(simulator, **fields)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded provider streams are not on this machine")
def test_the_keys_are_those_of_recorded_streams(simulator: Simulator) -> None:
    keys, choice_keys = set(), set()
    for path in CORPUS.glob("compl-*.sse"):
        for line in path.read_text().splitlines():
            if line.startswith("data: {"):
                chunk = json.loads(line[6:])
                keys |= chunk.keys()
                choice_keys |= {key for choice in chunk["choices"] for key in choice}
    answer = complete(simulator, stream=True, stream_options={"include_usage": True})
    for chunk in answer.chunks:
        assert chunk.keys() - {"service_tier", "system_fingerprint"} <= keys
        assert all(choice.keys() <= choice_keys for choice in chunk["choices"])
