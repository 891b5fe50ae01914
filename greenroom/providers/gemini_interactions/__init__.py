"""Google's Interactions API: steps that are streamed, kept on the server where asked for, and resumed."""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.gemini_interactions.check import check
from greenroom.providers.gemini_interactions.decode import InteractionDecoder
from greenroom.providers.gemini_interactions.request import cancel_request, http_request
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import profile_for

__all__ = ["InteractionsCodec"]


class InteractionsCodec:
    """Implements Codec. Stateless. `base_url` as for the wire `gemini`: the host alone, or with its version."""

    kind = "gemini-interactions"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, target.model, _profile(target), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """Its events are kept where asked for."""
        return Capabilities(server_cursor=True)

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, _profile(call.target), resume)

    def cancel(self, call: Call, interaction_id: str) -> HttpRequest:
        """What stops this interaction where it runs in the background (`server_resume`)."""
        return cancel_request(call, _profile(call.target), interaction_id)

    def start(self, call: Call, resume: RetryState | None = None) -> InteractionDecoder:
        return InteractionDecoder(call, resume)


def _profile(target: Target) -> Profile:
    return profile_for(target.profile or "gemini-interactions", target.base_url)
