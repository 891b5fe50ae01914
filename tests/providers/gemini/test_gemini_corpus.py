"""Recorded Gemini streams against what a careful reader, checked with Google's SDK, made of them."""

import json
import random

import pytest
from gemini_wire import CODEC, array, call, run

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import Delta

from codec_run import broken_here
from recorded_chats import found, headers_of, heard, random_sizes, stream_bytes
from recorded_gemini import EXCEPTIONS, STREAMS, allowed, differences, expected
from shared_files import CORPUS

ERRORS = sorted(path for api in ("google", "vertex") for path in (CORPUS / "errors").glob(f"*-{api}-*.json"))
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")

_SAMPLES = 30
"""Places of a stream at which a copy of the decoder is told that the connection broke there."""


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    differing = differences(heard(name, run), expected(name))
    assert differing.keys() == allowed(name), differing


@pytest.mark.parametrize("name", STREAMS)
def test_the_same_chunks_as_an_array_are_the_same_answer(name: str) -> None:
    data = array(*chunks_of(name))
    outcome = run(data)
    assert differences(found(outcome), expected(name)).keys() == allowed(name)
    assert run(data, random_sizes(name, len(data))) == outcome


def chunks_of(name: str) -> list[object]:
    return [json.loads(line[5:]) for line in stream_bytes(name).splitlines() if line.startswith(b"data:")]


def test_exceptions_name_streams_that_exist() -> None:
    assert set(STREAMS) >= EXCEPTIONS.keys()


def test_arguments_that_come_value_by_value_are_put_together() -> None:
    calls = run(stream_bytes("gem-google-b1415e22")).choice.tool_calls
    assert [(each.name, json.loads(each.arguments)) for each in calls] == [
        ("read_theme", {}), ("read_screen", {"id": "A"}), ("read_screen", {"id": "B"}),
        ("read_screen", {"id": "C"}),
    ]  # fmt: skip
    assert len({each.id for each in calls}) == 4


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_recording(name: str) -> None:
    data, whole = stream_bytes(name), run(stream_bytes(name), headers=headers_of(name))
    decoder, deltas = CODEC.start(call()), list[Delta]()
    decoder.head(WireHead(200, tuple(headers_of(name))))
    samples = set(random.Random(name).sample(range(len(data)), min(_SAMPLES, len(data))))
    for at in range(len(data)):
        decoded = decoder.feed(data[at : at + 1], len(deltas) + 1, 1000.0)
        before = len(deltas)
        deltas += decoded.deltas
        assert deltas[before:] == whole.deltas[before : len(deltas)]
        assert decoded.answer is None
        if decoded.failure is not None:
            assert decoded.failure == whole.failure
            return
        if at in samples:
            assert broken_here(decoder, deltas, whole).kind == "transport"


@pytest.mark.parametrize("name", STREAMS)
def test_clean_end_is_an_answer_only_behind_a_finish_reason(name: str) -> None:
    data = stream_bytes(name)
    for at in random.Random(name).sample(range(len(data)), min(20, len(data))):
        outcome = run(data[:at], headers=headers_of(name), clean=True)
        ended = [choice.finish_reason_raw is not None for choice in outcome.choices()]
        assert (outcome.answer is not None) == (all(ended) and outcome.failure is None)


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_body_gives_evidence(path: object) -> None:
    told = json.loads(path.read_text())  # type: ignore[attr-defined]
    outcome = run(told["body"].encode(), status=told["status"], headers=list(told["headers"].items()))
    assert outcome.failure is not None
    given = json.loads(told["body"])
    error = (given[0] if isinstance(given, list) else given)["error"]
    got = (outcome.failure.kind, outcome.failure.status, outcome.failure.error_type)
    assert got == ("http", told["status"], error["status"])
    assert outcome.failure.message == error["message"].strip().removeprefix("* ")
