"""The body of an error answer: what is kept of it, and that nobody waits for more."""

import pytest

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Decoder, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.registry import codec_for, codec_kinds
from greenroom.providers.wire.body import ERROR_BODY_BYTES


def decoder_of(kind: str) -> Decoder:
    target, options = Target("p", kind, "m"), StreamingOptions()
    return codec_for(kind).start(Call("s", "r", 1, ChatRequest(messages="x"), target, options))


@pytest.mark.parametrize("kind", codec_kinds())
def test_an_error_is_told_once_as_much_of_it_is_there_as_is_kept(kind: str) -> None:
    decoder = decoder_of(kind)
    decoder.head(WireHead(503, (("content-type", "text/plain"),)))
    told = [decoder.feed(b"x" * 1024, 1, 0.0) for _ in range(ERROR_BODY_BYTES // 1024)]
    assert all(decoded.failure is None for decoded in told[:-1])
    failure = told[-1].failure
    assert failure is not None
    assert (failure.kind, failure.status) == ("http", 503)
    assert decoder.feed(b"x" * 1024, 1, 0.0) == decoder.finish(True, 1, 0.0)
    assert decoder.finish(True, 1, 0.0).failure is None


def test_a_small_one_is_told_at_its_end() -> None:
    decoder = decoder_of("openai-chat")
    decoder.head(WireHead(400, ()))
    assert decoder.feed(b'{"error":{"message":"no"}}', 1, 0.0).failure is None
    failure = decoder.finish(True, 1, 0.0).failure
    assert failure is not None
    assert failure.message == "no"
