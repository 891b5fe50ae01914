"""Where wires are registered: the `kind` of a ProviderConfig names a codec. Third parties add theirs."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greenroom.messages.contracts import Codec
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.wording import nearest
from greenroom.providers.model_sources import model_source_for, register_model_source
from greenroom.providers.profiles import profile_for, profile_names, register_profile

if TYPE_CHECKING:
    from greenroom.providers.simulator.wires import SimulatedWire

__all__ = [
    "codec_for", "codec_kinds", "model_source_for", "profile_for", "profile_names", "register_codec",
    "register_model_source", "register_profile", "simulated_wires",
]  # fmt: skip

CodecFactory = Callable[[], Codec]
SimulatedFactory = Callable[[], "SimulatedWire"]


def _loads(place: str) -> Callable[[], Any]:
    """Makes what stands at `module.Class` below greenroom.providers; the module loads when it is used."""

    def make() -> Any:
        module, _, name = place.rpartition(".")
        return getattr(import_module(f"greenroom.providers.{module}"), name)()

    return make


# One line a wire: its kind, its codec, and its side of the simulator.
_BUILT_IN = (
    ("openai-chat", "openai_chat.OpenAIChatCodec", "simulator.wires.ChatWire"),
    ("openai-completions", "openai_completions.OpenAICompletionsCodec", "simulator.wires.CompletionsWire"),
    ("openai-responses", "openai_responses.OpenAIResponsesCodec", "openai_responses.simulated.ResponsesWire"),
    ("anthropic", "anthropic.AnthropicCodec", "anthropic.simulated.MessagesWire"),
    ("anthropic-text", "anthropic_text.AnthropicTextCodec", "anthropic_text.simulated.TextWire"),
    ("gemini", "gemini.GeminiCodec", "gemini.simulated.GeminiWire"),
    ("gemini-interactions", "gemini_interactions.InteractionsCodec",
     "gemini_interactions.simulated.InteractionsWire"),
    ("ollama", "ollama.OllamaCodec", "ollama.simulated.OllamaWire"),
    ("ollama-generate", "ollama.OllamaGenerateCodec", "ollama.simulated.OllamaGenerateWire"),
    ("cohere-chat", "cohere.CohereChatCodec", "cohere.simulated.CohereWire"),
    ("cloudflare-ai", "cloudflare.CloudflareAICodec", "cloudflare.simulated.CloudflareWire"),
)  # fmt: skip
_codecs: dict[str, CodecFactory] = {kind: _loads(codec) for kind, codec, _ in _BUILT_IN}
_simulated: dict[str, SimulatedFactory] = {kind: _loads(wire) for kind, _, wire in _BUILT_IN}


def register_codec(kind: str, codec: CodecFactory, simulated: SimulatedFactory | None = None) -> None:
    """From now on `kind` names it: a codec class, or a callable that makes one. Replaces one of that kind.

    `simulated`: what makes the wire's side of the simulator; simulators that start from now on speak it.
    """
    if not kind or not callable(codec):
        raise InvalidInput(
            "register_codec", [Problem("kind", repr(kind), "needs a name and a callable that makes a codec")]
        )
    _codecs[kind] = codec
    if simulated is not None:
        _simulated[kind] = simulated


def codec_for(kind: str) -> Codec:
    """A codec of this kind. Raises InvalidInput that lists the known kinds."""
    factory = _codecs.get(kind)
    if factory is None:
        known = f"unknown kind{nearest(kind, codec_kinds())}; known: {', '.join(codec_kinds())}"
        raise InvalidInput("provider", [Problem("kind", repr(kind), known)])
    return factory()


def codec_kinds() -> tuple[str, ...]:
    return tuple(sorted(_codecs))


def simulated_wires() -> "tuple[SimulatedWire, ...]":
    """A fresh object for each wire that the simulator can speak, the newest registration first."""
    return tuple(make() for make in reversed(_simulated.values()))
