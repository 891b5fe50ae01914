"""Recorded interactions: whole, in any cut, and broken off at every byte."""

import copy

import pytest
from interactions_wire import CODEC, Outcome, call, run

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import Delta

from recorded_chats import found, headers_of, random_sizes, stream_bytes
from recorded_interactions import STREAMS, differences, expected
from shared_files import CORPUS

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")


def in_stream(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.kind == "in_stream"


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    data = stream_bytes(name)
    outcome = run(data, headers=headers_of(name))
    assert differences(found(outcome), expected(name)) == {}
    assert run(data, random_sizes(name, len(data)), headers=headers_of(name)) == outcome
    thought = outcome.choice.parts[0]
    assert (thought.type, thought.type == "reasoning" and bool(thought.signature)) == ("reasoning", True)


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_recording(name: str) -> None:
    data, whole = stream_bytes(name), run(stream_bytes(name), headers=headers_of(name))
    decoder, deltas = CODEC.start(call()), list[Delta]()
    decoder.head(WireHead(200, tuple(headers_of(name))))
    for at in range(len(data)):
        decoded = decoder.feed(data[at : at + 1], len(deltas) + 1, 1000.0)
        deltas += decoded.deltas
        assert deltas == whole.deltas[: len(deltas)]
        assert decoded.failure is None
        if decoded.answer is not None:
            assert b"interaction.completed" in data[: at + 1]
            return
        if at % 41 == 0:
            for clean in (True, False):
                cut = copy.deepcopy(decoder).finish(clean, len(deltas) + 1, 1000.0)
                if cut.answer is not None:  # the last event whole, but for its blank line
                    assert clean
                    assert data[: at + 1].rstrip(b"\n").endswith(b"}")
                    assert b"interaction.completed" in data[: at + 1]
                    continue
                assert cut.failure is not None
                assert cut.failure.kind == ("protocol" if clean else "transport")
    raise AssertionError("it never completed")
