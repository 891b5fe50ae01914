"""HOW THE WIRE SAYS IT: sans-I/O codecs, transports, profiles, the simulator, the local model. Starts no actor.

Names load when they are first used: pytest imports this package in every run of whoever installed greenroom.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.providers.profile import Profile
    from greenroom.providers.profiles import profile_for, profile_names, register_profile
    from greenroom.providers.registry import codec_for, codec_kinds, register_codec

_HOMES = {
    "Profile": "profile",
    "codec_for": "registry",
    "codec_kinds": "registry",
    "profile_for": "profiles",
    "profile_names": "profiles",
    "register_codec": "registry",
    "register_profile": "profiles",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'greenroom.providers' has no attribute {name!r}")
    return getattr(import_module(f"greenroom.providers.{_HOMES[name]}"), name)


__all__ = [
    "Profile",
    "codec_for",
    "codec_kinds",
    "profile_for",
    "profile_names",
    "register_codec",
    "register_profile",
]
