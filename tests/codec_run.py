"""Runs bytes through a codec as a stream would, and says what came of them."""

import copy
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.completion import Choice
from greenroom.messages.contracts import Call, Codec, Decoded, Decoder, Target
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.fold import Fold
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage

DONE = b"data: [DONE]\n\n"


@dataclass
class Outcome:
    """What a stream came to. Two are equal where a consumer could not tell them apart."""

    deltas: list[Delta] = field(default_factory=list)
    answer: Answer | None = None
    failure: ErrorEvidence | None = None
    so_far: Answer = NO_ANSWER

    def take(self, decoded: Decoded) -> None:
        """One end, and nothing behind it."""
        over = self.answer is not None or self.failure is not None
        assert not (over and (decoded.answer or decoded.failure or decoded.deltas))
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


def broken_here(decoder: Decoder, deltas: list[Delta], whole: Outcome) -> ErrorEvidence:
    """The failure if the connection broke now: no answer, and the beginning of what the whole stream says."""
    cut = Outcome(list(deltas))
    cut.take(copy.deepcopy(decoder).finish(clean=False, seq=len(deltas) + 1, received_at=1000.0))
    assert cut.answer is None
    for got, all_of_it in zip(cut.choices(), whole.choices(), strict=False):
        assert all_of_it.text.startswith(got.text)
        assert all_of_it.reasoning.startswith(got.reasoning)
    assert cut.failure is not None
    return cut.failure


@dataclass(frozen=True)
class CodecRun:
    """One codec under test."""

    codec: Codec
    kind: str

    def call(
        self,
        request: ChatRequest | None = None,
        profile: str | None = None,
        adjustments: Iterable[str] = (),
        **options: Any,
    ) -> Call:
        url, learnt = "https://llm.test/v1", frozenset(adjustments)
        return Call(
            stream_id="s1",
            request_id="r1",
            epoch=1,
            request=request or ChatRequest(model="p/m", messages="hi"),
            target=Target("p", self.kind, "m", profile, url, adjustments=learnt),
            options=StreamingOptions(**options),
            api_key="sk-very-secret",
        )

    def body_of(
        self,
        request: ChatRequest | None = None,
        profile: str | None = None,
        *,
        resume: RetryState | None = None,
        **of_call: Any,
    ) -> dict[str, Any]:
        """The JSON body that the codec sends."""
        told: dict[str, Any] = json.loads(
            self.codec.encode(self.call(request, profile, **of_call), resume).body
        )
        return told

    def problems(self, request: ChatRequest, profile: str | None = None, **of_call: Any) -> list[str]:
        """The paths of what the codec refuses."""
        given = self.call(request, profile, **of_call)
        try:
            self.codec.check(request, given.target, given.options)
        except InvalidInput as error:
            return [problem.path for problem in error.problems]
        return []

    def run(
        self,
        data: bytes,
        sizes: Iterable[int] = (),
        *,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (("Content-Type", "text/event-stream"),),
        clean: bool = True,
        **of_call: Any,
    ) -> Outcome:
        """The outcome of these body bytes, read in pieces of these sizes and then the rest."""
        decoder, outcome, seq, at = self.codec.start(self.call(**of_call)), Outcome(), 1, 0
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

    def however_cut(self, data: bytes, sizes: Iterable[int], **of_run: Any) -> Outcome:
        """The outcome, which is the same in one piece, in pieces of these sizes and byte by byte."""
        outcomes = [self.run(data, each, **of_run) for each in ([], sizes, [1] * len(data))]
        for one in outcomes:
            if one.failure is not None:
                # What was seen around the failure may hold bytes of the same read that came after it.
                one.failure = one.failure.model_copy(update={"body": ""})
        assert outcomes[1] == outcomes[2] == outcomes[0]
        return outcomes[0]

    def took_s(self, data: bytes, deltas: int) -> float:
        """CPU seconds for the deltas of a whole stream, of which there are so many at least; in large reads."""
        decoder, seq = self.codec.start(self.call()), 1
        decoder.head(WireHead(200, ()))
        begun_s = time.process_time()
        for at in range(0, len(data), 65536):
            seq += len(decoder.feed(data[at : at + 65536], seq, 0.0).deltas)
        assert seq > deltas
        return time.process_time() - begun_s
