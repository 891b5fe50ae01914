"""OpenAI's Responses wire, and the servers that speak it too (Azure, xAI, LM Studio, llama.cpp, OpenRouter)."""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.openai_responses.check import check
from greenroom.providers.openai_responses.decode import ResponsesDecoder
from greenroom.providers.openai_responses.request import cancel_request, http_request
from greenroom.providers.profiles import profile_for

__all__ = ["OpenAIResponsesCodec"]


class OpenAIResponsesCodec:
    """Implements Codec. Stateless; the target's profile says what its server's dialect is.

    `base_url` may be the host (`https://api.openai.com`), end with the version (`.../v1`), or with
    `/responses`. A retry state of mode server_cursor asks for the events behind its cursor, and the decoder
    goes on from what was delivered.
    """

    kind = "openai-responses"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:
        """What this server does for a cut stream."""
        return Capabilities(server_cursor=profile_for(target.profile, target.base_url).background)

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def cancel(self, call: Call, response_id: str) -> HttpRequest:
        """What stops this response where it is made in the background (`server_resume`)."""
        return cancel_request(call, profile_for(call.target.profile, call.target.base_url), response_id)

    def start(self, call: Call, resume: RetryState | None = None) -> ResponsesDecoder:
        goes_on = resume is not None and resume.mode == "server_cursor"
        return ResponsesDecoder(call, resume if goes_on else None)
