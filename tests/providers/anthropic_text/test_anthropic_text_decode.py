"""Events of the older wire: text, an end that is a stop reason alone, errors, and anything else."""

import json
from typing import Any

import pytest
from anthropic_text_wire import completion, run
from recorded_messages import OLDER, message_differences

from recorded_chats import expected, found, random_sizes, stream_bytes

PING = b'event: ping\r\ndata: {"type": "ping"}\r\n\r\n'
ENDED = completion(" Hi") + PING + completion(" you", "stop_sequence", stop="\n\nHuman:")


@pytest.mark.parametrize("name", OLDER or [pytest.param("", marks=pytest.mark.skip(reason="no corpus here"))])
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    data = stream_bytes(name)
    outcome = run(data)
    assert message_differences(found(outcome), expected(name)) == {}
    assert run(data, random_sizes(name, len(data), 40)) == outcome
    for at in range(len(data)):
        cut = run(data[:at], clean=False)
        assert outcome.choice.text.startswith(cut.choice.text)
        assert cut.answer is None or data[:at].count(b'"max_tokens"')


def in_stream(outcome: Any) -> bool:
    return outcome.failure is not None and outcome.failure.kind == "in_stream"


@pytest.mark.parametrize(
    ("raw", "ours"), [("stop_sequence", "stop"), ("max_tokens", "length"), ("novel", "unknown")]
)
def test_stop_reasons(raw: str, ours: str) -> None:
    outcome = run(completion(" a") + completion("", raw))
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (ours, raw)


def test_text_and_facts() -> None:
    outcome = run(ENDED)
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.answer.response_id, outcome.answer.model) == (
        " Hi you", "compl_1", "claude-2.1",
    )  # fmt: skip
    assert outcome.answer.metadata == {"stop_sequence": "\n\nHuman:"}
    assert outcome.usage.source == "none"


def test_an_answer_that_was_not_streamed() -> None:
    whole = {"type": "completion", "id": "c", "completion": " Hi", "stop_reason": "max_tokens", "model": "m"}
    outcome = run(json.dumps(whole).encode())
    assert (outcome.choice.text, outcome.choice.finish_reason) == (" Hi", "length")


FAILED = {
    "no stop reason": (completion(" a"), "protocol"),
    "an error": (
        completion(" a") + b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
        b'"message":"Overloaded"}}\n\n',
        "in_stream",
    ),
    "a bare error": (b'data: {"error": {"message": "boom"}}\n\n', "in_stream"),
    "no JSON": (b"event: completion\ndata: {oops\n\n", "protocol"),
    "nothing": (b"", "protocol"),
    "another wire": (b'{"choices": []}', "protocol"),
}


@pytest.mark.parametrize("name", FAILED)
def test_what_is_no_answer(name: str) -> None:
    data, kind = FAILED[name]
    outcome = run(data)
    assert outcome.failure is not None
    assert outcome.failure.kind == kind


@pytest.mark.parametrize("wrong", [None, True, 7, "x", [], {}, {"a": [1]}], ids=repr)
def test_wrong_types_never_raise(wrong: Any) -> None:
    data = completion(wrong, wrong, id=wrong, model=wrong, error=None, stop=wrong) + b'data: "x"\n\n' + ENDED
    for raw in (False, True):
        outcome = run(data, raw_deltas=raw)
        assert run(data, [1] * len(data), raw_deltas=raw) == outcome


def test_what_follows_the_end_is_not_read() -> None:
    assert run(ENDED + completion(" more") + FAILED["an error"][0]) == run(ENDED)
