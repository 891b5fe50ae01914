"""Recorded streams of ten providers against what the official SDK, or a careful reader, made of them."""

import copy
import json
import random
from pathlib import Path

import pytest
from responses_wire import CODEC, Outcome, call, run

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import Delta

from recorded_chats import headers_of, heard, stream_bytes
from recorded_responses import EXCEPTIONS, RECORDINGS, STREAMS, allowed, differences, expected
from shared_files import CORPUS

ERRORS = sorted((CORPUS / "errors").glob("*.json"))
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")
_SAMPLES = 20
_BYTE_BY_BYTE = 100_000
"""Larger recordings are cut at 2,000 places only."""


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    differing = differences(heard(name, run), expected(name))
    assert differing.keys() == allowed(name), differing


def test_exceptions_name_streams_that_exist() -> None:
    assert set(STREAMS) >= EXCEPTIONS.keys()


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_recording(name: str) -> None:
    data, whole = stream_bytes(name), run(stream_bytes(name), headers=headers_of(name))
    decoder, deltas = CODEC.start(call()), list[Delta]()
    decoder.head(WireHead(200, tuple(headers_of(name))))
    step = 1 if len(data) <= _BYTE_BY_BYTE else len(data) // 2000
    places = range(0, len(data), step)
    samples = set(random.Random(name).sample(places, min(_SAMPLES, len(places))))
    for at in places:
        decoded = decoder.feed(data[at : at + step], len(deltas) + 1, 1000.0)
        deltas += decoded.deltas
        if decoded.answer or decoded.failure:
            assert (decoded.answer, decoded.failure) == (whole.answer, whole.failure)
            return
        if at in samples:
            cut = Outcome(list(deltas))
            cut.take(copy.deepcopy(decoder).finish(False, len(deltas) + 1, 1000.0))
            assert cut.answer is None
            assert cut.failure is not None
            assert cut.failure.kind in ("transport", "in_stream")
            assert whole.choice.text.startswith(cut.choice.text)
            assert whole.choice.reasoning.startswith(cut.choice.reasoning)
    assert whole.failure is not None, "it ended, and nothing said so"


@pytest.mark.parametrize("name", STREAMS)
def test_a_recording_is_no_answer_before_its_last_event(name: str) -> None:
    """Cleanly ended bodies without the end are a failure, with all that came before."""
    data = stream_bytes(name)
    end = max(data.rfind(b'"response.completed"'), data.rfind(b'"response.incomplete"'))
    if end < 0:
        pytest.skip("it ends as a failure")
    whole = run(data, headers=headers_of(name))
    cut = run(data[: data.rfind(b"\n\n", 0, end) + 2], headers=headers_of(name))
    assert cut.failure is not None
    assert cut.failure.kind == "protocol"
    assert whole.choice.text.startswith(cut.choice.text)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording_of_llama_cpp_is_a_whole_answer(path: Path) -> None:
    data = path.read_bytes()
    outcome = run(data)
    assert outcome.answer is not None
    assert outcome.choice.text or [call.complete for call in outcome.choice.tool_calls] == [True, True]
    assert outcome.usage.output_tokens
    assert outcome.answer.metadata["timings"]
    assert outcome.answer.cursor is None
    assert run(data, [7] * (len(data) // 7)) == outcome


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_body_gives_evidence(path: Path) -> None:
    told = json.loads(path.read_text())
    body = told.get("body")
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else b""
    outcome = run(raw, status=told["status"], headers=list((told.get("headers") or {}).items()))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.status) == ("http", told["status"])
    assert outcome.failure.message
