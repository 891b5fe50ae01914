"""Cloudflare Workers AI's own wire: `POST .../accounts/{account}/ai/run/{model}`.

`base_url` holds the account: `https://api.cloudflare.com/client/v4/accounts/{account}`, with or without `/ai`,
`/ai/run` or `/ai/v1` (which is its OpenAI-compatible wire) behind it; or an AI Gateway's address that ends with
`/workers-ai`.
"""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Decoder, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.cloudflare.check import check
from greenroom.providers.cloudflare.chunks import ResponseChunks
from greenroom.providers.cloudflare.request import http_request
from greenroom.providers.openai_chat.decode import ChatDecoder
from greenroom.providers.profiles import profile_for

__all__ = ["CloudflareAICodec"]


class CloudflareAICodec:
    """Implements Codec. Stateless."""

    kind = "cloudflare-ai"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """It can be asked in words to go on; there is no more on this wire."""
        return Capabilities()

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> Decoder:
        profile = profile_for(call.target.profile, call.target.base_url)
        return ChatDecoder(call, profile, resume, ResponseChunks)
