"""Recorded streams cut at every byte: what came of whole events is kept, and nothing is called an answer."""

import random

import pytest
from chat_wire import CODEC, call, run

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import Delta

from codec_run import broken_here
from recorded_chats import CORPUS, STREAMS, headers_of, stream_bytes

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")

_SAMPLES = 30
"""Places of a stream at which a copy of the decoder is told that the connection broke there."""
_BLANK_LINE = (b"\n\n", b"\r\n\r", b"\r\r", b"\n\r")


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_recording(name: str) -> None:
    data, whole = stream_bytes(name), run(stream_bytes(name), headers=headers_of(name))
    decoder, deltas, over_at = CODEC.start(call()), list[Delta](), len(data)
    decoder.head(WireHead(200, tuple(headers_of(name))))
    samples = set(random.Random(name).sample(range(len(data)), min(_SAMPLES, len(data))))
    for at in range(len(data)):
        decoded = decoder.feed(data[at : at + 1], len(deltas) + 1, 1000.0)
        before = len(deltas)
        deltas += decoded.deltas
        if decoded.deltas or decoded.answer or decoded.failure:
            # Only whole events say something, each what it says in the whole stream.
            assert data[: at + 1].endswith(_BLANK_LINE)
            assert deltas[before:] == whole.deltas[before : len(deltas)]
        if decoded.answer or decoded.failure:
            assert decoded.answer is None or b"[DONE]" in data[: at + 1]
            assert (decoded.answer, decoded.failure) == (whole.answer, whole.failure)
            over_at = at
            break
        if at in samples:
            assert broken_here(decoder, deltas, whole).kind in ("transport", "in_stream")
    if over_at == len(data) or whole.failure is not None:
        return
    assert deltas == whole.deltas


@pytest.mark.parametrize("name", STREAMS)
def test_clean_end_is_an_answer_only_with_the_wires_own_end(name: str) -> None:
    data = stream_bytes(name)
    chance = random.Random(name)
    for at in chance.sample(range(len(data)), min(6, len(data))):
        outcome = run(data[:at], headers=headers_of(name), clean=True)
        if outcome.answer is not None:
            ended = all(choice.finish_reason_raw is not None for choice in outcome.choices())
            assert ended or b"[DONE]" in data[:at]
