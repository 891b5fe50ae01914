"""The wires of Ollama, Cohere and Workers AI side by side: codec, the simulator's side, a base URL."""

from collections.abc import Callable
from dataclasses import dataclass

from greenroom.messages.contracts import Codec
from greenroom.providers.cloudflare import CloudflareAICodec
from greenroom.providers.cloudflare import simulated as cloudflare
from greenroom.providers.cohere import CohereChatCodec
from greenroom.providers.cohere import simulated as cohere
from greenroom.providers.ollama import OllamaCodec, OllamaGenerateCodec
from greenroom.providers.ollama import simulated as ollama
from greenroom.providers.simulator import Script
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.openai_whole import Stamp
from greenroom.providers.simulator.reply import Reply

from codec_run import CodecRun

Answering = Callable[[ChatCall, Script, Stamp], Reply]


@dataclass(frozen=True)
class SmallWire:
    """`profile`: the one of its usual server. `path`: what stands behind the simulator's URL."""

    codec: Codec
    profile: str
    path: str
    answering: Answering
    has_calls: bool = True
    tells_reasoning_tokens: bool = False
    done_reason: str | None = "stop"
    """How an answer without calls ends, in this wire's word."""

    @property
    def run(self) -> CodecRun:
        return CodecRun(self.codec, self.codec.kind)


WIRES = {
    "ollama": SmallWire(
        OllamaCodec(),
        "ollama-native",
        "",
        lambda call, script, stamp: ollama.reply_of(call, script, stamp, "chat"),
    ),
    "ollama-generate": SmallWire(
        OllamaGenerateCodec(),
        "ollama-native",
        "/api",
        lambda call, script, stamp: ollama.reply_of(call, script, stamp, "generate"),
        has_calls=False,
    ),
    "cohere-chat": SmallWire(
        CohereChatCodec(),
        "cohere",
        "/v2",
        cohere.reply_of,
        tells_reasoning_tokens=True,
        done_reason="COMPLETE",
    ),
    "cloudflare-ai": SmallWire(
        CloudflareAICodec(), "cloudflare", "/client/v4/accounts/a1/ai", cloudflare.reply_of, done_reason=None
    ),
}
