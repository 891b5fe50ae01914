"""The Gemini codec: fed anything, it ends once, in a type, and says the same for every cut."""

from random import Random
from typing import Any

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Codec, Target
from greenroom.messages.deltas import TextDelta, delta_from_json, delta_json
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.gemini import GeminiCodec

from .chat_cases import Said
from .gemini_streams import gemini_stream

_KEY = "a-very-secret-key"


def gemini_case(rng: Random) -> None:
    data, clean = gemini_stream(rng), rng.random() < 0.7
    status = rng.choice((200, 200, 200, 200, 206, 400, 429, 503))
    how: dict[str, Any] = {
        "raw_deltas": rng.random() < 0.3,
        "max_event_bytes": rng.choice((4096, 1024 * 1024)),
        "n": rng.choice((1, 1, 2)),
        "codec": GeminiCodec(),
    }
    whole = said(data, [], status, clean, how)
    check(whole, status)
    largest = rng.choice((3, 50, 700))
    cuts = [rng.randrange(0, largest) for _ in range(2 * len(data) // largest + 1)]
    assert said(data, cuts, status, clean, how) == whole, "another cut says something else"
    if len(data) < 2000:
        assert said(data, [1] * len(data), status, clean, how) == whole, "single bytes say something else"


def check(said: Said, status: int) -> None:
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
        assert all(choice.finish_reason is not None for choice in choices), "no end was sent"
        Answer.model_validate_json(said.answer.model_dump_json())
    if said.failure is not None:
        assert said.failure.message
        assert _KEY not in said.failure.model_dump_json()


def said(data: bytes, sizes: list[int], status: int, clean: bool, how: dict[str, Any]) -> Said:
    """`how`: the codec, n, and options."""
    options = {name: given for name, given in how.items() if name not in ("codec", "n")}
    codec: Codec = how["codec"]
    target = Target("p", codec.kind, "m", None, "https://llm.test")
    request = ChatRequest(model="p/m", messages="hi", n=how["n"])
    decoder = codec.start(Call("s", "r", 1, request, target, StreamingOptions(**options), api_key=_KEY))
    came, at = Said(), 0
    decoder.head(WireHead(status, ()))
    for size in [*sizes, len(data)]:
        came.take(decoder.feed(data[at : at + size], len(came.deltas) + 1, 1000.0))
        at += size
    came.take(decoder.finish(clean, len(came.deltas) + 1, 1000.0))
    came.take(decoder.finish(clean, len(came.deltas) + 1, 1000.0))
    decoder.answer_so_far()
    return came
