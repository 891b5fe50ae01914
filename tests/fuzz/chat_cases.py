"""The chat and completions codecs: fed anything, they end once, in a type, and say the same for every cut."""

import json
import tracemalloc
from dataclasses import dataclass, field
from random import Random
from typing import Any

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Codec, Decoded, Decoder, Target
from greenroom.messages.deltas import Delta, TextDelta, delta_from_json, delta_json
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.openai_completions import OpenAICompletionsCodec

from .chat_streams import stream, value

_CODEC: Codec = OpenAIChatCodec()
_KEY = "sk-very-secret-key"
_FED_BYTES = 1024 * 1024
_KEPT_BYTES = 1024 * 1024
"""What a decoder of 4 KiB events and output may hold after any stream: 64 KiB of content as Python objects."""


@dataclass
class Said:
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


def chat_case(rng: Random) -> None:
    _case(rng, _CODEC)


def completions_case(rng: Random) -> None:
    _case(rng, OpenAICompletionsCodec())


def _case(rng: Random, codec: Codec) -> None:
    data, clean = stream(rng, older=codec is not _CODEC), rng.random() < 0.7
    status = rng.choice((200, 200, 200, 200, 206, 302, 400, 429, 503))
    how: dict[str, Any] = {
        "profile": rng.choice((None, None, "openai", "vllm", "xai")),
        "raw_deltas": rng.random() < 0.3,
        "max_event_bytes": rng.choice((4096, 1024 * 1024)),
        "n": rng.choice((1, 1, 2)),
        "codec": codec,
    }
    whole = _said(data, [], status, clean, how)
    _check(whole, data, status)
    largest = rng.choice((3, 50, 700))
    cuts = [rng.randrange(0, largest) for _ in range(2 * len(data) // largest + 1)]
    assert _said(data, cuts, status, clean, how) == whole, "another cut says something else"
    if len(data) < 2000:
        assert _said(data, [1] * len(data), status, clean, how) == whole, "single bytes say something else"


def memory_case(rng: Random) -> None:
    """One kind of chunk again and again: what the decoder keeps of it is bounded."""
    template = json.dumps({"id": "c", "choices": [{"index": 0, "delta": value(rng), "logprobs": value(rng)}],
                           "usage": value(rng), "annotations": value(rng)})  # fmt: skip
    decoder = _start({"max_event_bytes": 4096, "max_output_bytes": 4096})
    tracemalloc.start()
    try:
        seq = fed = number = 1
        while fed < _FED_BYTES:
            number += 1
            text = (
                template.replace('"a"', f'"a{number}"')
                .replace('"x"', f'"x{number}"')
                .replace(" two", f" {number}")
            )
            decoded = decoder.feed(f"data: {text}\n\n".encode(), seq, 1000.0)
            seq, fed = seq + len(decoded.deltas), fed + len(text)
            if decoded.failure is not None or decoded.answer is not None:
                break
        del decoded
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < _KEPT_BYTES, f"{kept} bytes are kept after {fed} bytes of {template}"


def _check(said: Said, data: bytes, status: int) -> None:
    assert (said.answer is None) != (said.failure is None), "not exactly one end"
    assert [delta.seq for delta in said.deltas] == list(range(1, len(said.deltas) + 1))
    for delta in said.deltas:
        assert delta_from_json(delta_json(delta)) == delta
    fold = Fold()
    fold.add(said.deltas)
    choices = fold.choices(said.answer or Answer())
    for choice in choices:
        texts = [d.text for d in said.deltas if isinstance(d, TextDelta) and d.index == choice.index]
        assert choice.text == "".join(texts), "the completion says something else than the deltas"
        assert type(choice).model_validate_json(choice.model_dump_json()) == choice
    if said.answer is not None:
        assert 200 <= status < 300
        ended = all(choice.finish_reason is not None for choice in choices)
        assert ended or b"[DONE]" in data or data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in b"{[", (
            "no end was sent"
        )
        Answer.model_validate_json(said.answer.model_dump_json())
    if said.failure is not None:
        assert said.failure.message
        assert _KEY not in said.failure.model_dump_json()


def _start(options: dict[str, Any], profile: str | None = None, codec: Codec = _CODEC, n: int = 1) -> Decoder:
    target = Target("p", codec.kind, "m", profile, "https://llm.test/v1")
    request = ChatRequest(model="p/m", messages="hi", n=n)
    return codec.start(Call("s", "r", 1, request, target, StreamingOptions(**options), api_key=_KEY))


def _said(data: bytes, sizes: list[int], status: int, clean: bool, how: dict[str, Any]) -> Said:
    options = {name: given for name, given in how.items() if name not in ("profile", "codec", "n")}
    decoder, said, at = _start(options, how["profile"], how["codec"], how["n"]), Said(), 0
    decoder.head(WireHead(status, ()))
    for size in [*sizes, len(data)]:
        said.take(decoder.feed(data[at : at + size], len(said.deltas) + 1, 1000.0))
        at += size
    said.take(decoder.finish(clean, len(said.deltas) + 1, 1000.0))
    said.take(decoder.finish(clean, len(said.deltas) + 1, 1000.0))
    decoder.answer_so_far()
    return said
