"""What greenroom knows of providers without being told: their profiles, kinds and usual variables."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from greenroom.messages.config import ProviderConfig, SystemConfig
from greenroom.messages.invalid import Problem
from greenroom.messages.wording import nearest
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import fitting_profile, profile_for, profile_names
from greenroom.providers.registry import codec_kinds


def own_profiles() -> Iterator[Profile]:
    """The profiles that stand for one provider; the plain one stands for none."""
    for name in profile_names():
        profile = profile_for(name)
        if profile.base_url or profile.hosts:
            yield profile


def meant_provider(name: str) -> str:
    """`; did you mean 'x'?` where a provider that is known bears nearly this name; else ""."""
    known = [profile.name for profile in own_profiles()]
    return "" if name in known else nearest(name, known)


def is_at_home(provider: ProviderConfig, profile: Profile) -> bool:
    """The provider's address is the profile's own, so the profile's usual key belongs there."""
    if provider.base_url is None or provider.base_url == profile.base_url:
        return True
    host = urlsplit(provider.base_url).hostname or ""
    return any(host == end or host.endswith(f".{end}") for end in profile.hosts)


def problems(config: SystemConfig) -> Iterator[Problem]:
    """What no value alone shows: kinds and profiles that nobody registered, an address that nobody knows."""
    for name, provider in config.providers.items():
        path = f"providers.{name}"
        if provider.kind is not None and provider.kind not in codec_kinds():
            yield Problem(f"{path}.kind", repr(provider.kind), _instead(provider.kind))
        elif provider.profile is not None and provider.profile not in profile_names():
            known = ", ".join(profile_names())
            near = nearest(provider.profile, profile_names()) or f"; known: {known}"
            yield Problem(f"{path}.profile", repr(provider.profile), f"unknown profile{near}")
        elif (
            provider.base_url is None
            and fitting_profile(name, provider.profile, provider.base_url, provider.kind).base_url is None
        ):
            expected = "is required: no usual address is known for it; such as http://127.0.0.1:8000/v1"
            yield Problem(f"{path}.base_url", "", expected)


def _instead(kind: str) -> str:
    return f"unknown kind{nearest(kind, codec_kinds())}; known: {', '.join(codec_kinds())}"
