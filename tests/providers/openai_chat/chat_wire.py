"""Runs bytes through the codec as a stream would, and says what came of them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.completion import Choice
from greenroom.messages.contracts import Call, Decoded, Target
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import Usage
from greenroom.providers.openai_chat import OpenAIChatCodec

SHARED = Path(os.environ.get("GREENROOM_SHARED", Path(__file__).parents[4] / "shared"))
CODEC = OpenAIChatCodec()
DONE = b"data: [DONE]\n\n"


@dataclass
class Outcome:
    deltas: list[Delta] = field(default_factory=list)
    answer: Answer | None = None
    failure: ErrorEvidence | None = None
    so_far: Answer = NO_ANSWER

    def take(self, decoded: Decoded) -> None:
        assert self.answer is None or not (decoded.answer or decoded.failure or decoded.deltas)
        assert self.failure is None or not (decoded.answer or decoded.failure or decoded.deltas)
        assert decoded.answer is None or decoded.failure is None
        self.deltas += decoded.deltas
        self.answer, self.failure = decoded.answer or self.answer, decoded.failure or self.failure

    def fold(self) -> Fold:
        fold = Fold()
        fold.add(self.deltas)
        return fold

    def choices(self) -> tuple[Choice, ...]:
        return self.fold().choices(self.answer or self.so_far)

    @property
    def choice(self) -> Choice:
        return self.choices()[0]

    @property
    def usage(self) -> Usage:
        return self.fold().usage


def call(
    request: ChatRequest | None = None,
    profile: str | None = None,
    adjustments: Iterable[str] = (),
    **options: Any,
) -> Call:
    return Call(
        stream_id="s1",
        request_id="r1",
        epoch=1,
        request=request or ChatRequest(model="p/m", messages="hi"),
        target=Target(
            "p", "openai-chat", "m", profile, "https://llm.test/v1", adjustments=frozenset(adjustments)
        ),
        options=StreamingOptions(**options),
        api_key="sk-very-secret",
    )


def run(
    data: bytes,
    sizes: Iterable[int] = (),
    *,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (("Content-Type", "text/event-stream"),),
    clean: bool = True,
    profile: str | None = None,
    **options: Any,
) -> Outcome:
    decoder, outcome, seq, at = CODEC.start(call(profile=profile, **options)), Outcome(), 1, 0
    decoder.head(WireHead(status, tuple(headers)))
    for size in [*sizes, len(data)]:
        decoded = decoder.feed(data[at : at + size], seq, 1000.0)
        at += size
        seq += len(decoded.deltas)
        outcome.take(decoded)
    outcome.take(decoder.finish(clean, seq, 1000.0))
    outcome.take(decoder.finish(clean, seq, 1000.0))
    outcome.so_far = decoder.answer_so_far()
    assert [delta.seq for delta in outcome.deltas] == list(range(1, len(outcome.deltas) + 1))
    assert (outcome.answer is None) != (outcome.failure is None)
    return outcome
