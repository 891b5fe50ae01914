"""Where wires are registered: the `kind` of a ProviderConfig names a codec. Third parties add theirs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

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


def _openai_chat() -> Codec:
    from greenroom.providers.openai_chat import OpenAIChatCodec

    return OpenAIChatCodec()


def _openai_completions() -> Codec:
    from greenroom.providers.openai_completions import OpenAICompletionsCodec

    return OpenAICompletionsCodec()


def _gemini() -> Codec:
    from greenroom.providers.gemini import GeminiCodec

    return GeminiCodec()


def _gemini_interactions() -> Codec:
    from greenroom.providers.gemini_interactions import InteractionsCodec

    return InteractionsCodec()


def _simulated_chat() -> "SimulatedWire":
    from greenroom.providers.simulator.wires import ChatWire

    return ChatWire()


def _simulated_completions() -> "SimulatedWire":
    from greenroom.providers.simulator.wires import CompletionsWire

    return CompletionsWire()


def _simulated_gemini() -> "SimulatedWire":
    from greenroom.providers.gemini.simulated import GeminiWire

    return GeminiWire()


def _simulated_interactions() -> "SimulatedWire":
    from greenroom.providers.gemini_interactions.simulated import InteractionsWire

    return InteractionsWire()


def _anthropic() -> Codec:
    from greenroom.providers.anthropic import AnthropicCodec

    return AnthropicCodec()


def _simulated_anthropic() -> "SimulatedWire":
    from greenroom.providers.anthropic.simulated import MessagesWire

    return MessagesWire()


def _anthropic_text() -> Codec:
    from greenroom.providers.anthropic_text import AnthropicTextCodec

    return AnthropicTextCodec()


def _simulated_anthropic_text() -> "SimulatedWire":
    from greenroom.providers.anthropic_text.simulated import TextWire

    return TextWire()


_codecs: dict[str, CodecFactory] = {
    "openai-chat": _openai_chat,
    "openai-completions": _openai_completions,
    "gemini": _gemini,
    "gemini-interactions": _gemini_interactions,
    "anthropic": _anthropic,
    "anthropic-text": _anthropic_text,
}
_simulated: dict[str, SimulatedFactory] = {
    "openai-chat": _simulated_chat,
    "openai-completions": _simulated_completions,
    "gemini": _simulated_gemini,
    "gemini-interactions": _simulated_interactions,
    "anthropic": _simulated_anthropic,
    "anthropic-text": _simulated_anthropic_text,
}


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
