"""Anthropic's Messages wire: `POST .../v1/messages`.

`base_url` may be what Anthropic's own SDK takes (`https://api.anthropic.com`), or end with `/v1` as other
wires' do; servers with a path before that (`https://api.deepseek.com/anthropic`) are taken in both forms too.
"""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Decoder, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.anthropic.check import check
from greenroom.providers.anthropic.decode import message_decoder
from greenroom.providers.anthropic.models import facts_of
from greenroom.providers.anthropic.request import http_request
from greenroom.providers.anthropic.words import WIRE
from greenroom.providers.profiles import profile_for

__all__ = ["AnthropicCodec"]


class AnthropicCodec:
    """Implements Codec. Stateless; the model's name says what it takes (models.py)."""

    kind = WIRE

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, target.model, profile_for(target.profile, target.base_url).name, options)

    def capabilities(self, target: Target) -> Capabilities:
        """A Claude up to 4.5 goes on from a prefix; of another maker's model behind this wire nothing is known."""
        facts = facts_of(target.model)
        goes_on = facts.prefill and not facts.trailing_space
        return Capabilities(prefix_continuation=goes_on, prefix_trims=goes_on)

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> Decoder:
        return message_decoder(call, resume)
