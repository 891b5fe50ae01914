"""Ollama's own wire: NDJSON in answer to `POST /api/chat` and `POST /api/generate`.

`base_url` is the server's address, as Ollama's client takes it (`http://gpu-box:11434`), with or without `/api`;
`/v1`, which belongs to its OpenAI-compatible wire, is taken off. A key is optional: ollama.com asks for one.
"""

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.providers.ollama.check import check_chat
from greenroom.providers.ollama.decode import OllamaDecoder
from greenroom.providers.ollama.generate import check_generate, generate_request
from greenroom.providers.ollama.request import chat_request
from greenroom.providers.profiles import profile_for

__all__ = ["OllamaCodec", "OllamaGenerateCodec"]


class OllamaCodec:
    """Implements Codec for `/api/chat`. Stateless."""

    kind = "ollama"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check_chat(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """It can be asked in words to go on: whether a template continues a last turn, nobody tells."""
        return Capabilities()

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return chat_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> OllamaDecoder:  # noqa: ARG002
        return OllamaDecoder(call, profile_for(call.target.profile, call.target.base_url), self.kind)


class OllamaGenerateCodec:
    """Implements Codec for `/api/generate`. Stateless."""

    kind = "ollama-generate"

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        check_generate(request, profile_for(target.profile, target.base_url), options)

    def capabilities(self, target: Target) -> Capabilities:  # noqa: ARG002
        """It can be asked in words to go on: whether a template continues a last turn, nobody tells."""
        return Capabilities()

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        return generate_request(call, profile_for(call.target.profile, call.target.base_url), resume)

    def start(self, call: Call, resume: RetryState | None = None) -> OllamaDecoder:  # noqa: ARG002
        return OllamaDecoder(call, profile_for(call.target.profile, call.target.base_url), self.kind)
