"""Short cuts read what the long way reads: whatever a piece holds, however lines end, however it is cut."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Decoded
from greenroom.providers.registry import codec_for
from greenroom.providers.wire.decoder import WireDecoder

from codec_run import CodecRun

PIECES = (
    "a",
    "b",
    "100%d",
    '","obfuscation":"',
    '\\","logprobs":[],"obfuscation":"',
    "\n\r",
    "é😀",
    '"',
    "}",
)


def completion(piece: str, _number: int) -> dict[str, Any]:
    return {"type": "completion", "id": "c", "completion": piece, "stop_reason": None}


def text_delta(piece: str, number: int) -> dict[str, Any]:
    shape = {"type": "response.output_text.delta", "sequence_number": number, "item_id": "m%1"}
    place = {"output_index": 0, "content_index": 0}
    return {**shape, **place, "delta": piece, "logprobs": [], "obfuscation": "x" * (number % 5)}


def alphabetical(piece: str, number: int) -> dict[str, Any]:
    return dict(sorted(text_delta(piece, number).items()) if number else ())


def numbered_last(piece: str, number: int) -> dict[str, Any]:
    told = text_delta(piece, number)
    return {**{name: told[name] for name in told if name != "sequence_number"}, "sequence_number": number}


def unnumbered(piece: str, number: int) -> dict[str, Any]:
    return {name: value for name, value in text_delta(piece, number).items() if name != "sequence_number"}


def arguments(piece: str, number: int) -> dict[str, Any]:
    if not number:
        step = {"type": "function_call", "id": "c", "name": "f"}
        return {"index": 0, "step": step, "event_type": "step.start"}
    delta = {"arguments": piece, "type": "arguments_delta"}
    return {"index": 0, "delta": delta, "event_type": "step.delta"}


def call(piece: str, number: int) -> dict[str, Any]:
    function = {"arguments": piece} if number else {"name": "f"}
    return {"tool_calls": [{"index": 0, "function": function} | ({} if number else {"id": "c"})]}


def events(shape: Any, name: str, line_end: str) -> list[bytes]:
    line = f"event: {name}{line_end}" if name else ""
    pieces = [PIECES[0], *PIECES, *PIECES]
    told = [shape(piece, number) for number, piece in enumerate(pieces)]
    return [f"{line}data: {json.dumps(one)}{line_end * 2}".encode() for one in told]


def read(wire: str, reads: Sequence[bytes]) -> list[Any]:
    """What every delta says."""
    run = CodecRun(codec_for(wire), wire)
    decoder = run.codec.start(run.call())
    decoder.head(WireHead(200, ()))
    seq, said = 1, list[Any]()
    for data in reads:
        whole: Decoded = decoder.feed(data, seq, 0.0)
        assert whole.failure is None
        seq += len(whole.deltas)
        said += [
            (
                type(delta).__name__,
                getattr(delta, "block", 0),
                getattr(delta, "text", ""),
                getattr(delta, "arguments", ""),
            )
            for delta in whole.deltas
        ]
    return said


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("wire", "shape", "name"),
    [
        ("anthropic-text", completion, "completion"),
        ("anthropic-text", completion, ""),
        ("openai-responses", text_delta, "response.output_text.delta"),
        ("openai-responses", text_delta, ""),
        ("openai-responses", alphabetical, "response.output_text.delta"),
        ("openai-responses", numbered_last, ""),
        ("openai-responses", unnumbered, ""),
        ("gemini-interactions", arguments, ""),
        ("cloudflare-ai", call, ""),
    ],
)
def test_any_cut_says_the_same(wire: str, shape: Any, name: str, line_end: str) -> None:
    sent = events(shape, name, line_end)
    data = b"".join(sent)
    one_by_one = read(wire, sent)
    assert one_by_one == read(wire, [data]) == read(wire, [data[at : at + 1] for at in range(len(data))])
    said = "".join(text + more for _, _, text, more in one_by_one)
    assert said.endswith("".join(PIECES * 2))


@pytest.mark.parametrize(
    ("wire", "shape", "name"),
    [
        ("anthropic-text", completion, "completion"),
        ("openai-responses", text_delta, "response.output_text.delta"),
        ("openai-responses", alphabetical, ""),
        ("gemini-interactions", arguments, "step.delta"),
        ("cloudflare-ai", call, ""),
    ],
)
def test_lone_events_are_not_parsed_as_a_whole(wire: str, shape: Any, name: str) -> None:
    run = CodecRun(codec_for(wire), wire)
    decoder = run.codec.start(run.call())
    assert isinstance(decoder, WireDecoder)
    line = f"event: {name}\n" if name else ""
    data = [f"{line}data: {json.dumps(shape('piece', number))}\n\n".encode() for number in range(12)]
    seq = 1
    for event in data[:-1]:
        seq += len(decoder.feed(event, seq, 0.0).deltas)
    decoder._writer.begin(seq, 0.0)
    assert decoder._reader.take_lone(data[-1])


def test_an_end_that_runs_into_the_padding_is_no_piece() -> None:
    sent = [
        f"data: {json.dumps(text_delta('a', number), separators=(',', ':'))}\n\n".encode()
        for number in range(6)
    ]
    cut = sent[5].replace(b'"obfuscation":""}', b'"obfuscation":"}')
    assert cut != sent[5]
    run = CodecRun(codec_for("openai-responses"), "openai-responses")
    decoder, seq, failure = run.codec.start(run.call()), 1, None
    for data in (*sent[:5], cut):
        decoded = decoder.feed(data, seq, 0.0)
        seq, failure = seq + len(decoded.deltas), failure or decoded.failure
    assert failure is not None
    assert failure.kind == "protocol"
