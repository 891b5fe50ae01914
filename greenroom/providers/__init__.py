"""HOW THE WIRE SAYS IT: sans-I/O codecs, transports, profiles, the simulator, the local model. Starts no actor.

What is listed here is for those who add a server or a wire (docs/implementing.md). Names load when they are
first used: pytest imports this package in every run of whoever installed greenroom.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.providers.capabilities import capabilities_of, register_capabilities
    from greenroom.providers.left_out import say_left_out
    from greenroom.providers.openai_chat.request import request_headers
    from greenroom.providers.profile import Profile
    from greenroom.providers.profiles import profile_for, profile_names, register_profile
    from greenroom.providers.registry import codec_for, codec_kinds, register_codec, simulated_wires
    from greenroom.providers.sse import SseDecoder, SseError, SseEvent
    from greenroom.providers.wire.allowance import Allowance, TooMuchError
    from greenroom.providers.wire.body import Framing
    from greenroom.providers.wire.counts import count_in, whole_number
    from greenroom.providers.wire.decoder import Reader, WireDecoder, allowance_of
    from greenroom.providers.wire.evidence import http_evidence, in_stream, protocol, too_much, wrong_body
    from greenroom.providers.wire.foreign import foreign_parts, is_foreign
    from greenroom.providers.wire.writer import Writer

_HOMES = {
    "capabilities": ("capabilities_of", "register_capabilities"),
    "left_out": ("say_left_out",),
    "openai_chat.request": ("request_headers",),
    "profile": ("Profile",),
    "profiles": ("profile_for", "profile_names", "register_profile"),
    "registry": ("codec_for", "codec_kinds", "register_codec", "simulated_wires"),
    "sse": ("SseDecoder", "SseError", "SseEvent"),
    "wire.allowance": ("Allowance", "TooMuchError"),
    "wire.body": ("Framing",),
    "wire.counts": ("count_in", "whole_number"),
    "wire.decoder": ("Reader", "WireDecoder", "allowance_of"),
    "wire.evidence": ("http_evidence", "in_stream", "protocol", "too_much", "wrong_body"),
    "wire.foreign": ("foreign_parts", "is_foreign"),
    "wire.writer": ("Writer",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'greenroom.providers' has no attribute {name!r}")
    return getattr(import_module(f"greenroom.providers.{_HOME_OF[name]}"), name)


__all__ = [
    "Allowance",
    "Framing",
    "Profile",
    "Reader",
    "SseDecoder",
    "SseError",
    "SseEvent",
    "TooMuchError",
    "WireDecoder",
    "Writer",
    "allowance_of",
    "capabilities_of",
    "codec_for",
    "codec_kinds",
    "count_in",
    "foreign_parts",
    "http_evidence",
    "in_stream",
    "is_foreign",
    "profile_for",
    "profile_names",
    "protocol",
    "register_capabilities",
    "register_codec",
    "register_profile",
    "request_headers",
    "say_left_out",
    "simulated_wires",
    "too_much",
    "whole_number",
    "wrong_body",
]
