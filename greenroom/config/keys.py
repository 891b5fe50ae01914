"""Which provider takes which key, where the environment and the file both speak.

Rules. A key that the file names (`api_key_env`) is the user's choice: the usual variable does not replace it.
A provider without a key takes the usual one of its profile where it goes to that profile's own address.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from greenroom.config.known import is_at_home, own_profiles
from greenroom.config.layer import Layer, stood_of
from greenroom.config.toml_file import ConfigFile
from greenroom.messages.config import ProviderConfig, SystemConfig
from greenroom.messages.invalid import Problem
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import fitting_profile

_KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")


def heed_named_keys(environment: Layer, file: Layer) -> None:
    """Takes the usual keys out of `environment` where the file has named another variable."""
    ours, theirs = environment.values.get("providers", {}), file.values.get("providers", {})
    for name, table in theirs.items() if isinstance(theirs, dict) else ():
        # Invariant: in the file's layer only a key that api_key_env named is a SecretStr.
        if isinstance(table, dict) and isinstance(table.get("api_key"), SecretStr) and name in ours:
            ours[name].pop("api_key", None)
            environment.stood.pop(f"providers.{name}.api_key", None)


def usual_keys(
    config: SystemConfig, environ: Mapping[str, str], stood: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Provider and variable, for each provider about whose key nothing was said and whose variable is set."""
    for name, provider in config.providers.items():
        profile = fitting_profile(name, provider.profile, provider.base_url, provider.kind)
        if f"providers.{name}.api_key" in stood or _authorized(provider) or not _has_a_place(profile):
            continue
        variable = next((v for v in profile.key_env if environ.get(v)), None)
        if variable is not None and is_at_home(provider, profile):
            yield name, variable


def missing_key(name: str, provider: ProviderConfig, stood: Mapping[str, str]) -> Problem | None:
    """What is wrong where the provider's own servers would refuse a request without a key; else None."""
    profile = fitting_profile(name, provider.profile, provider.base_url, provider.kind)
    needed = profile.key_env and _has_a_place(profile) and not profile.local and is_at_home(provider, profile)
    if not needed or _authorized(provider):
        return None
    expected = f"is missing; set {profile.key_env[0]}, or name a variable of yours with api_key_env"
    return Problem(f"providers.{name}.api_key", "", expected, stood_of(stood, f"providers.{name}"))


def _authorized(provider: ProviderConfig) -> bool:
    names = {name.lower() for name in provider.headers}
    return provider.api_key is not None or not names.isdisjoint(_KEY_HEADERS)


def _has_a_place(profile: Profile) -> bool:
    return bool(profile.hosts or profile.base_url)


def diverted_keys(file: ConfigFile | None, whole: Layer, config: SystemConfig) -> Iterator[str]:
    """Warnings: a file that merely lay in this folder sends a well-known key to somebody else's server."""
    if file is None or not file.in_working_dir:
        return
    for name, provider in config.providers.items():
        key_stood = whole.stood.get(f"providers.{name}.api_key", "")
        url_stood = whole.stood.get(f"providers.{name}.base_url", "")
        variable = key_stood.removeprefix("environment variable ").partition(",")[0]
        owner = next((profile for profile in own_profiles() if variable in profile.key_env), None)
        if owner is None or not url_stood.startswith(f"{file.path}:") or _is_here(provider.base_url or ""):
            continue
        if not is_at_home(provider, owner):
            yield (
                f"{url_stood}: the key in {variable} goes to {provider.base_url}, because {file.path} "
                "lies in this folder; if you mean it, name the file with GREENROOM_CONFIG or --config"
            )


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
