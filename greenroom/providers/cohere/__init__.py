"""Cohere's own chat wire, version 2: named server-sent events in answer to `POST /v2/chat`.

`base_url` is the server's address as Cohere's client takes it (`https://api.cohere.com`); `/v1`, `/v2` and
`/compatibility/v1`, which is Cohere's OpenAI-compatible wire, are taken off its end.
"""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.cohere.check import check
from greenroom.providers.cohere.events import Events
from greenroom.providers.cohere.request import http_request
from greenroom.providers.profiles import profile_for
from greenroom.providers.sse import SseDecoder
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer

__all__ = ["CohereChatCodec"]


class CohereChatCodec:
    """Implements Codec. Stateless."""

    kind = "cohere-chat"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """It can be asked in words to go on; there is no more on this wire."""
        return Capabilities()

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> WireDecoder:  # noqa: ARG002
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        reader = Events(call, writer, allowance)
        return WireDecoder(call, reader, writer, SseDecoder(call.options.max_event_bytes), allowance)
