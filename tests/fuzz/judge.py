"""What holds of every decoder, whatever it is fed: one end, in a type, the same for every cut, and little kept."""

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.completion import Choice
from greenroom.messages.contracts import Call, Codec, Decoded, Decoder, Target
from greenroom.messages.deltas import Delta, TextDelta, delta_from_json, delta_json
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest

_STATUSES = (*[200] * 8, 206, 302, 400, 429, 503, 529)
_KEY = "sk-very-secret-key"
_SINGLE_BYTES_MAX = 2000
_FED_BYTES = 1024 * 1024
_KEPT_BYTES = 1024 * 1024
"""What a decoder of 4 KiB events and output may hold after any stream: 64 KiB of content as Python objects."""


@dataclass
class Said:
    """All that a decoder said of one answer. Two are equal where a consumer could not tell them apart."""

    deltas: list[Delta] = field(default_factory=list)
    answer: Answer | None = None
    failure: ErrorEvidence | None = None

    def take(self, decoded: Decoded) -> None:
        ended = self.answer is not None or self.failure is not None
        said = decoded.deltas or decoded.answer or decoded.failure
        assert not (ended and said), "something was said after the end"
        assert decoded.answer is None or decoded.failure is None, "two ends"
        self.deltas += decoded.deltas
        self.answer, self.failure = self.answer or decoded.answer, self.failure or decoded.failure

    def choices(self) -> tuple[Choice, ...]:
        fold = Fold()
        fold.add(self.deltas)
        return fold.choices(self.answer or Answer())


EndWasSent = Callable[[tuple[Choice, ...], bytes], bool]
"""Whether a server that sent these bytes ended the answer, as far as its wire lets one see it."""


@dataclass(frozen=True)
class Exchange:
    """One answer of a server, and how it was asked for."""

    codec: Codec
    data: bytes
    status: int
    clean: bool
    """The body ended in order; else the connection broke."""
    options: dict[str, Any]
    profile: str | None = None
    n: int = 1

    def said(self, sizes: Sequence[int] = ()) -> Said:
        """Read in pieces of these sizes and then the rest; told of its end twice."""
        decoder, said, at = started(self.codec, self.options, self.profile, self.n), Said(), 0
        decoder.head(WireHead(self.status, ()))
        for size in [*sizes, len(self.data)]:
            said.take(decoder.feed(self.data[at : at + size], len(said.deltas) + 1, 1000.0))
            at += size
        for _ in range(2):
            said.take(decoder.finish(self.clean, len(said.deltas) + 1, 1000.0))
        decoder.answer_so_far()
        return said


def exchange(rng: Random, codec: Codec, data: bytes, profile: str | None = None, n: int = 1) -> Exchange:
    """These bytes under any status, end of the body and options; some servers say the key in them."""
    if rng.random() < 0.1:
        data = data.replace(b'"a"', f'"{_KEY}"'.encode())
    options = {"raw_deltas": rng.random() < 0.3, "max_event_bytes": rng.choice((4096, 1024 * 1024))}
    return Exchange(codec, data, rng.choice(_STATUSES), rng.random() < 0.7, options, profile, n)


def judge(rng: Random, given: Exchange, end_was_sent: EndWasSent, *cuts: Sequence[int]) -> Said:
    """Raises AssertionError at the first law broken; `cuts`: of this answer, beside those made up here."""
    whole, size = given.said(), len(given.data)
    _check(given, whole, end_was_sent)
    largest = rng.choice((3, 50, 700))
    anyhow = [rng.randrange(0, largest) for _ in range(2 * size // largest + 1)]
    assert given.said(anyhow) == whole, "another cut says something else"
    if size < _SINGLE_BYTES_MAX:
        assert given.said([1] * size) == whole, "single bytes say something else"
    for sizes in cuts:
        assert given.said(sizes) == whole, "one event a read says something else"
    return whole


def _check(given: Exchange, said: Said, end_was_sent: EndWasSent) -> None:
    assert (said.answer is None) != (said.failure is None), "not exactly one end"
    assert [delta.seq for delta in said.deltas] == list(range(1, len(said.deltas) + 1))
    for delta in said.deltas:
        assert delta_from_json(delta_json(delta)) == delta
    choices = said.choices()
    for choice in choices:
        texts = [d.text for d in said.deltas if isinstance(d, TextDelta) and d.index == choice.index]
        assert choice.text == "".join(texts), "the completion says something else than the deltas"
        assert type(choice).model_validate_json(choice.model_dump_json()) == choice
        assert choice.message.content == choice.parts
    if said.answer is not None:
        assert 200 <= given.status < 300
        assert end_was_sent(choices, given.data), "no end was sent"
        Answer.model_validate_json(said.answer.model_dump_json())
    if said.failure is not None:
        assert said.failure.message
        assert _KEY not in said.failure.model_dump_json()


def judge_memory(codec: Codec, event: Callable[[int], bytes], feeds: int = _FED_BYTES) -> None:
    """One event again and again, numbered: what the decoder keeps of it is bounded. At most so many `feeds`."""
    decoder = started(codec, {"max_event_bytes": 4096, "max_output_bytes": 4096})
    decoder.head(WireHead(200, ()))
    tracemalloc.start()
    try:
        seq = fed = number = 1
        while fed < _FED_BYTES and number < feeds:
            number += 1
            data = event(number)
            decoded = decoder.feed(data, seq, 1000.0)
            seq, fed = seq + len(decoded.deltas), fed + len(data)
            if decoded.failure is not None or decoded.answer is not None:
                break
        del decoded
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < _KEPT_BYTES, f"{kept} bytes are kept after {fed} bytes of {event(0)!r}"


def call_of(codec: Codec, request: ChatRequest, options: dict[str, Any], profile: str | None = None) -> Call:
    target = Target("p", codec.kind, "m", profile, "https://llm.test/v1")
    return Call("s", "r", 1, request, target, StreamingOptions(**options), api_key=_KEY)


def started(codec: Codec, options: dict[str, Any], profile: str | None = None, n: int = 1) -> Decoder:
    return codec.start(call_of(codec, ChatRequest(model="p/m", messages="hi", n=n), options, profile))


def has_finished(choices: tuple[Choice, ...], _data: bytes) -> bool:
    """Of a wire that says of every choice why it ended."""
    return all(choice.finish_reason is not None for choice in choices)
