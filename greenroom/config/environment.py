"""What the environment says: the providers' usual variables, GREENROOM_... for every scalar field, and routes.

A variable that is set to nothing counts as not set (compose files and CI write them so).
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from greenroom.config.known import own_profiles
from greenroom.config.layer import Layer
from greenroom.messages.options import StreamingOptions
from greenroom.providers.profile import Profile

_PREFIX = "GREENROOM_"
_SYSTEM_FIELDS = (
    "default_model", "max_streams", "drain_s", "slow_handler_s", "model_list_ttl_s", "model_lists_max",
    "retry_store",
)  # fmt: skip
_ROUTE = "GREENROOM_ROUTE_"
"""GREENROOM_ROUTE_SMART=openai/gpt-5-mini,anthropic: the route `smart`, its hops in their order; with `=3` behind
a hop they are drawn by weight."""
_ROUTES = "GREENROOM_ROUTES_"
_NAMED_APART = {
    "STEER_STREAMING_STATE_TTL": ("options", "state_ttl_s"),
    "GREENROOM_STREAM_STATE_TTL_S": ("options", "state_ttl_s"),  # the newer name, so it wins
}
_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[^\]]*\]|[^:/]*)(?::(?P<port>[^:/]*))?(?P<path>/.*)?"
)
_READ_ELSEWHERE = frozenset({"GREENROOM_CONFIG", "GREENROOM_CACHE_DIR", "GREENROOM_DEBUG"})


def variable_names() -> dict[str, tuple[str, ...]]:
    """Every GREENROOM_... variable, and the field it sets."""
    names: dict[str, tuple[str, ...]] = {_PREFIX + name.upper(): (name,) for name in _SYSTEM_FIELDS}
    names |= {_PREFIX + name.upper(): ("options", name) for name in StreamingOptions.model_fields}
    return names | _NAMED_APART


def environment_layer(environ: Mapping[str, str], with_address: Collection[str]) -> tuple[Layer, list[str]]:
    """The environment's values, and warnings about names that look like misspelt ones of ours.

    A key alone configures its provider where its address is known: to the profile, or by `with_address`.
    """
    layer = Layer()
    claimed: set[str] = (
        set()
    )  # two profiles may share a variable; it configures the first that has an address
    for profile in sorted(own_profiles(), key=lambda each: _first_set(environ, each.base_url_env) is None):
        url = _first_set(environ, profile.base_url_env)
        key = _first_set(environ, profile.key_env)
        if url and url not in claimed:
            layer.put(("providers", profile.name, "base_url"), _url(environ[url], url, profile), _stood(url))
        if key and key not in claimed and (url or profile.base_url or profile.name in with_address):
            layer.put(("providers", profile.name, "api_key"), SecretStr(environ[key].strip()), _stood(key))
        claimed.update(profile.base_url_env, profile.key_env)
    for variable, path in variable_names().items():
        if environ.get(variable):
            layer.put(path, environ[variable], _stood(variable))
    for variable, value in environ.items():
        if variable.startswith(_ROUTE) and value:
            layer.put(("routes", variable.removeprefix(_ROUTE).lower()), _route(value), _stood(variable))
    return layer, list(_misspelt(environ))


def configuring_variables(provider: str) -> tuple[str, ...]:
    """The variables that configure this provider where all of them are set; () where none do."""
    profile = next((each for each in own_profiles() if each.name == provider), None)
    if profile is None:
        return ()
    address = () if profile.base_url else profile.base_url_env[:1]
    named = (*address, *profile.key_env[:1])
    layer, _ = environment_layer(dict.fromkeys(named, "https://x.test"), ())
    return named if provider in layer.values.get("providers", {}) else ()


def _route(value: str) -> dict[str, Any]:
    hops = [hop.strip() for hop in value.split(",")]
    if not any("=" in hop for hop in hops):
        return {"hops": hops}
    parts = [hop.rpartition("=") for hop in hops]
    weighed = [
        {"model": model.strip(), "weight": weight} if equals else weight for model, equals, weight in parts
    ]
    return {"order": "weighted", "hops": weighed}


def _url(value: str, variable: str, profile: Profile) -> str:
    """The variable's base URL. OLLAMA_HOST may be host:port, AZURE_OPENAI_ENDPOINT has no path."""
    if variable.endswith("_HOST"):
        return _url_of_address(value, urlsplit(profile.base_url or ""))
    if variable.endswith("_ENDPOINT") and value.rstrip("/").count("/") == 2:
        return f"{value.rstrip('/')}/openai/v1"
    return value


def _url_of_address(address: str, usual: SplitResult) -> str:
    """What the address leaves out is as usual. A server's "all interfaces" is this machine to clients."""
    given = _ADDRESS.fullmatch(address)
    if given is None:
        return address
    host = "127.0.0.1" if given["host"] in {"", "0.0.0.0", "[::]"} else given["host"]  # noqa: S104
    path = (given["path"] or "").rstrip("/") or usual.path
    return f"{given['scheme'] or usual.scheme}://{host}:{given['port'] or usual.port}{path}"


def _first_set(environ: Mapping[str, str], variables: Iterable[str]) -> str | None:
    return next((variable for variable in variables if environ.get(variable)), None)


def _stood(variable: str) -> str:
    return f"environment variable {variable}"


def _misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Never an error: others set such names too (Kubernetes gives every pod GREENROOM_PORT for a service)."""
    known = {*variable_names(), *_READ_ELSEWHERE}
    for name in sorted(environ):
        if name.startswith(_ROUTES):
            meant = name.replace(_ROUTES, _ROUTE)
            yield f"environment variable {name} is not one of greenroom's; did you mean {meant}?"
        elif name.startswith(_PREFIX) and not name.startswith(_ROUTE) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
            if near:
                yield f"environment variable {name} is not one of greenroom's; did you mean {near[0]}?"
