"""Recorded messages against what the official SDK, or a careful reader, made of them; whole and cut anywhere."""

import copy
import json
import random
from pathlib import Path

import pytest
from anthropic_wire import CODEC, Outcome, call, run
from recorded_messages import EXCEPTIONS, RECORDINGS, STREAMS, allowed, message_differences

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import Delta
from greenroom.supervision import classify

from recorded_chats import expected, headers_of, heard, stream_bytes
from shared_files import CORPUS

ERRORS = sorted((CORPUS / "errors").glob("*anthropic*.json"))
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_message_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    differing = message_differences(heard(name, run), expected(name))
    assert differing.keys() == allowed(name), differing


def test_exceptions_name_streams_that_exist() -> None:
    assert set(STREAMS) >= EXCEPTIONS.keys()


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_recorded_message(name: str) -> None:
    """Only message_stop is an end, and what was delivered before a cut is the beginning of the whole."""
    data, whole = stream_bytes(name), run(stream_bytes(name), headers=headers_of(name))
    decoder, deltas = CODEC.start(call()), list[Delta]()
    decoder.head(WireHead(200, tuple(headers_of(name))))
    samples = set(random.Random(name).sample(range(len(data)), min(30, len(data))))
    for at in range(len(data)):
        decoded = decoder.feed(data[at : at + 1], len(deltas) + 1, 1000.0)
        before = len(deltas)
        deltas += decoded.deltas
        assert deltas[before:] == whole.deltas[before : len(deltas)]
        if decoded.answer or decoded.failure:
            assert decoded.answer is None or b'"message_stop"' in data[: at + 1]
            assert (decoded.answer, decoded.failure) == (whole.answer, whole.failure)
            break
        for clean in (False, True) if at in samples else ():
            cut = Outcome(list(deltas))
            cut.take(copy.deepcopy(decoder).finish(clean, len(deltas) + 1, 1000.0))
            if cut.answer is not None:  # the last event without its blank line
                assert data[: at + 1].rstrip().endswith(b"}")
                assert b'"message_stop"' in data[: at + 1]
                continue
            assert cut.failure is not None
            assert whole.choice.text.startswith(cut.choice.text)
            assert whole.choice.reasoning.startswith(cut.choice.reasoning)
            assert cut.usage.source in ("partial", "provider" if cut.so_far.ends else "none", "none")


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording_of_llama_cpp_is_a_whole_message(path: Path) -> None:
    data = path.read_bytes()
    outcome = run(data)
    assert outcome.answer is not None
    assert outcome.answer.ends
    assert outcome.choice.text or all(part.complete for part in outcome.choice.tool_calls)
    assert run(data, [7] * (len(data) // 7)) == outcome


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_body_gives_evidence(path: Path) -> None:
    told = json.loads(path.read_text())
    body = told["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    evidence = run(raw, status=told["status"], headers=list((told["headers"] or {}).items())).failure
    assert evidence is not None
    assert (evidence.kind, evidence.status) == ("http", told["status"])
    error = json.loads(raw).get("error", {})
    if isinstance(error, dict) and error.get("message"):
        assert evidence.message == error["message"][:1000]
        assert evidence.error_type == error["type"]
    if told.get("kind_hint") == "quota":
        assert classify(evidence) == "quota"
