"""OpenAI's Chat Completions wire and its many dialects."""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.openai_chat.check import check
from greenroom.providers.openai_chat.decode import ChatDecoder
from greenroom.providers.openai_chat.request import choices_asked, http_request
from greenroom.providers.profiles import profile_for

__all__ = ["OpenAIChatCodec"]


class OpenAIChatCodec:
    """Implements Codec. Stateless; the target's profile says what its server's dialect is."""

    kind = "openai-chat"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:
        """What this server does for a cut stream."""
        return profile_for(target.profile, target.base_url).capabilities

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> ChatDecoder:
        profile = profile_for(call.target.profile, call.target.base_url)
        return ChatDecoder(call, profile, resume, choices_asked=choices_asked(call.request, profile))
