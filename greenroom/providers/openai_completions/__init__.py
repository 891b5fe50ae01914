"""OpenAI's older completions wire: a prompt in, the text that follows it out. No roles, no tools, no template.

It differs from the chat wire in the request and in where a chunk keeps its text; event stream, errors, ends
and usage are the same and are shared with it.
"""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Decoder, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.openai_chat.decode import ChatDecoder
from greenroom.providers.openai_chat.request import choices_asked
from greenroom.providers.openai_completions.check import check
from greenroom.providers.openai_completions.chunks import TextChunks
from greenroom.providers.openai_completions.prompt import prompts_in
from greenroom.providers.openai_completions.request import http_request
from greenroom.providers.profiles import profile_for

__all__ = ["OpenAICompletionsCodec"]

_TEXT_AS_IT_COMES = {"think_tags": False, "prefix_echo": False}
"""Facts of the chat wire alone: only a prompt is gone on with here, it is not repeated, and no tag is meant."""


class OpenAICompletionsCodec:
    """Implements Codec. Stateless; the target's profile says what its server's dialect is."""

    kind = "openai-completions"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """What was delivered is more of the prompt, on every server; nobody reads instructions."""
        return Capabilities(prefix_continuation=True, instruction_continuation=False)

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> Decoder:
        profile = profile_for(call.target.profile, call.target.base_url)
        asked = prompts_in(call.request) * choices_asked(call.request, profile)
        return ChatDecoder(call, profile.model_copy(update=_TEXT_AS_IT_COMES), resume, TextChunks, asked)
