"""Google's Gemini wire: generateContent, of the Gemini API and of Vertex AI."""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.gemini.check import check
from greenroom.providers.gemini.decode import GeminiDecoder
from greenroom.providers.gemini.request import candidates_asked, http_request, supported
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import profile_for

__all__ = ["GeminiCodec"]


class GeminiCodec:
    """Implements Codec. Stateless.

    `base_url` may be the host alone (`https://generativelanguage.googleapis.com`), with `/v1beta`, `/v1` or
    `/v1beta/openai` behind it, or Vertex AI's `https://.../v1/projects/P/locations/L/publishers/google` with
    `profile="vertex"`, whose key is an access token. A model is named with or without `models/`.
    """

    kind = "gemini"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check(request, target.model, _profile(target), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """It can be asked in words to go on; there is no more on this wire."""
        return Capabilities()

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return http_request(call, _profile(call.target), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> GeminiDecoder:
        asked = candidates_asked(supported(call.request, _profile(call.target)))
        return GeminiDecoder(call, asked, resume)


def _profile(target: Target) -> Profile:
    return profile_for(target.profile or "gemini", target.base_url)
