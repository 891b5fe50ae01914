"""The Responses codec: fed anything it ends once, in a type, says the same for every cut, and keeps little."""

import json
import tracemalloc
from random import Random
from typing import Any

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Decoder, Target
from greenroom.messages.deltas import TextDelta, delta_from_json, delta_json
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.openai_responses import OpenAIResponsesCodec

from .chat_cases import Said
from .responses_streams import event, responses_stream

_CODEC = OpenAIResponsesCodec()
_KEY = "sk-very-secret-key"
_FED_BYTES = 1024 * 1024
_KEPT_BYTES = 1024 * 1024
_ENDS = (b"response.completed", b"response.incomplete", b"response.done", b'"output"', b'"response"')


def responses_case(rng: Random) -> None:
    data, clean = responses_stream(rng), rng.random() < 0.7
    status = rng.choice((200, 200, 200, 200, 206, 302, 400, 429, 503))
    how: dict[str, Any] = {
        "raw_deltas": rng.random() < 0.3,
        "max_event_bytes": rng.choice((4096, 1024 * 1024)),
    }
    whole = _said(data, [], status, clean, how)
    _check(whole, data, status)
    largest = rng.choice((3, 50, 700))
    cuts = [rng.randrange(0, largest) for _ in range(2 * len(data) // largest + 1)]
    assert _said(data, cuts, status, clean, how) == whole, "another cut says something else"
    if len(data) < 2000:
        assert _said(data, [1] * len(data), status, clean, how) == whole, "single bytes say something else"


def responses_memory_case(rng: Random) -> None:
    """One kind of event again and again: what the decoder keeps of it is bounded."""
    template = json.dumps(event(rng))
    decoder = _start({"max_event_bytes": 4096, "max_output_bytes": 4096})
    decoder.head(WireHead(200, ()))
    tracemalloc.start()
    try:
        seq = fed = number = 1
        while fed < _FED_BYTES:
            number += 1
            text = template.replace("_1", f"_{number}").replace('_index": 0', f'_index": {number}')
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
    (choice,) = fold.choices(said.answer or Answer())
    texts = [delta.text for delta in said.deltas if isinstance(delta, TextDelta)]
    assert choice.text == "".join(texts), "the completion says something else than the deltas"
    if choice.parts:
        _sent_back(choice.message)
    if said.answer is not None:
        assert 200 <= status < 300
        assert choice.finish_reason is not None
        assert any(end in data for end in _ENDS), "no end was sent"
        Answer.model_validate_json(said.answer.model_dump_json())
    if said.failure is not None:
        assert said.failure.message
        assert _KEY not in said.failure.model_dump_json()


def _sent_back(message: Message) -> None:
    """Whatever came can go into the next request."""
    turns = [message, Message(role="user", content="go on")]
    call = _call({"on_unsupported": "drop"}, ChatRequest(model="p/m", messages=turns))
    assert isinstance(json.loads(_CODEC.encode(call).body)["input"], list)


def _call(options: dict[str, Any], request: ChatRequest | None = None) -> Call:
    target = Target("p", _CODEC.kind, "m", None, "https://llm.test/v1")
    request = request or ChatRequest(model="p/m", messages="hi")
    return Call("s", "r", 1, request, target, StreamingOptions(**options), api_key=_KEY)


def _start(options: dict[str, Any]) -> Decoder:
    return _CODEC.start(_call(options))


def _said(data: bytes, sizes: list[int], status: int, clean: bool, how: dict[str, Any]) -> Said:
    decoder, said, at = _start(how), Said(), 0
    decoder.head(WireHead(status, ()))
    for size in [*sizes, len(data)]:
        said.take(decoder.feed(data[at : at + size], len(said.deltas) + 1, 1000.0))
        at += size
    said.take(decoder.finish(clean, len(said.deltas) + 1, 1000.0))
    said.take(decoder.finish(clean, len(said.deltas) + 1, 1000.0))
    decoder.answer_so_far()
    return said
