"""Anthropic's older Text Completions wire: `POST .../v1/complete`. A prompt with two speakers in, text out.

Gone from Anthropic's own API with the models that spoke it; gateways and recordings still do. `base_url` as for
the messages wire: with `/v1` or without.
Source: https://docs.anthropic.com/en/api/complete.
"""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Decoder, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.anthropic_text.completions import completion_decoder
from greenroom.providers.anthropic_text.prompt import WIRE, check, http_request
from greenroom.providers.profiles import profile_for

__all__ = ["AnthropicTextCodec"]


class AnthropicTextCodec:
    """Implements Codec. Stateless."""

    kind = WIRE

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, profile_for(target.profile, target.base_url).name, options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """What was delivered is more of the prompt; nobody reads instructions."""
        return Capabilities(prefix_continuation=True, prefix_trims=True, instruction_continuation=False)

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> Decoder:  # noqa: ARG002  (nothing repeats)
        return completion_decoder(call)
