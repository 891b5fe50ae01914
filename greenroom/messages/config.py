"""Configuration as values. `greenroom.config` loads them from code, TOML and environment; this only checks.

An `api_key` or a header's value never shows: not in a repr, an error, an event or JSON (a dumped config has
`**********`, and a mask read back is refused). A pickle holds them, as it must: keep it as you keep the key.
"""

import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr, model_validator

from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.given import Given, held
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.prices import ModelPrice
from greenroom.messages.route_check import RouteTable
from greenroom.messages.routes import HopConfig, RouteConfig
from greenroom.messages.value import EMPTY_MAP, FrozenDict, FrozenMap, Input
from greenroom.messages.wording import matching, nearest

if TYPE_CHECKING:
    import requests

_MASK = "**********"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")

Name = Annotated[
    str,
    AfterValidator(
        matching(
            "must be 1 to 64 of a-z, 0-9, '_', '-' and '.', beginning with a letter or digit",
            allowed=re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}").fullmatch,
        )
    ),
]


def _http_url(url: str) -> str:
    if not url:
        raise ValueError("is empty; leave it out for the usual one")
    if not _VISIBLE.fullmatch(url):
        raise ValueError("must be visible ASCII without spaces; write other characters as %XX or punycode")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("its host is not valid; an IPv6 address stands in [ ]") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("must be an http:// or https:// URL with a host, such as https://api.openai.com/v1")
    if "@" in parts.netloc:
        raise ValueError(
            "must not hold a user or password: keys go in api_key or headers, a proxy's in HTTPS_PROXY"
        )
    if "?" in url or "#" in url:
        raise ValueError("must not hold ? or #; only scheme, host, port and path")
    if "\\" in url or not (_is_ipv6(host) if ":" in host else _HOST.fullmatch(host)):
        raise ValueError("its host is not a host name or an IP address")
    _check_port(parts.netloc)
    return url.rstrip("/")


def _check_port(netloc: str) -> None:
    _, colon, port = netloc.rpartition("]")[2].partition(":")
    if colon and not (port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError("its port must be a number from 1 to 65535")


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _api_key(given: Any) -> Any:
    if inspect.iscoroutinefunction(given):
        raise ValueError("must be a plain function, not an async one: it runs in a thread of its own")
    if given is None or (callable(given) and not isinstance(given, type)):
        return given
    keys = given if isinstance(given, (list, tuple)) else (given,)
    if not keys or not all(isinstance(key, (str, SecretStr)) for key in keys):
        raise ValueError("must be a string, a list of strings, or a callable that returns the current key")
    secrets = tuple(key if isinstance(key, SecretStr) else SecretStr(key) for key in keys)
    for secret in secrets:
        _check_key(secret.get_secret_value())
    return secrets if isinstance(given, (list, tuple)) else secrets[0]


def _check_key(key: str) -> None:
    if not key:
        raise ValueError("is empty; leave it out for a server that needs none")
    if key == _MASK:
        raise ValueError("is the mask of a dumped configuration; give the key itself")
    if not _VISIBLE.fullmatch(key):
        raise ValueError("must be visible ASCII without spaces; was it read with its line's end?")


def _session(given: Any) -> Any:
    # Who has made a Session has imported requests; we need not, for all who never use it.
    sessions = sys.modules.get("requests.sessions")
    is_session = sessions is not None and isinstance(given, sessions.Session)
    if given is None or is_session:
        return given
    if inspect.iscoroutinefunction(given):
        raise ValueError("must be a plain function, not an async one: it runs in the connection's own thread")
    if not callable(given):
        raise ValueError("must be a requests.Session, or a callable that makes one; only code can give it")
    return given


def _base_url(url: str) -> str:
    if urlsplit(url).path.endswith("/completions"):
        raise ValueError("must end before the operation: leave out /chat/completions, or /completions")
    return url


def _priced(name: str) -> str:
    provider, _, model = name.partition("/")
    if not provider or not model:
        raise ValueError(
            "must be provider/model, or provider/* for all others of that provider; in a file in quotes: "
            '[prices."openai/gpt-5"]'
        )
    return name


HttpUrl = Annotated[str, AfterValidator(_http_url)]
BaseUrl = Annotated[HttpUrl, AfterValidator(_base_url)]
KeySource = SecretStr | tuple[SecretStr, ...] | Callable[[], str]


class ProviderConfig(Input):
    """One provider endpoint. `kind` names its wire, `profile` the facts about its dialect."""

    kind: str | None = Field(default=None, min_length=1)
    """None takes the profile's own wire: `openai-chat`, unless it says otherwise."""
    profile: str | None = Field(default=None, min_length=1)
    """None takes the profile that fits the provider's name or URL, else the plain one."""
    base_url: BaseUrl | None = None
    """Up to and without the operation: `https://api.openai.com/v1`. None takes the profile's own."""
    api_key: Given[
        str | SecretStr | Sequence[str | SecretStr] | Callable[[], str] | None,
        Annotated[
            KeySource | None,
            BeforeValidator(_api_key),
            PlainSerializer(lambda key: None if key is None else _MASK, when_used="json"),
        ],
    ] = Field(default=held(None), repr=False)
    """A key, several (used in turn; one that is refused rests while others serve), or a callable asked before each
    attempt, in a thread of its own."""
    headers: Given[Mapping[str, str | SecretStr], FrozenDict[str, SecretStr]] = Field(
        default=held(FrozenDict()), repr=False
    )
    """Sent with every request; their values are treated as secrets."""
    default_model: str | None = Field(default=None, min_length=1)
    """For requests that name only the provider."""
    max_connections: int = Field(default=100, ge=1, le=10_000)
    """Sockets to this endpoint at once."""
    pool_timeout_s: float = Field(default=30.0, gt=0)
    """How long a request waits for a free connection."""
    keep_alive_s: float = Field(default=20.0, ge=0)
    """How long an idle connection is kept; a server's shorter Keep-Alive hint wins."""
    proxy: HttpUrl | None = None
    """None takes HTTPS_PROXY, HTTP_PROXY and NO_PROXY from the environment."""
    ca_bundle: str | None = Field(default=None, min_length=1)
    """A PEM file; None takes the system's trust store."""
    transport: Literal["reactor", "requests"] = "reactor"
    """How it is reached: all connections on the dispatcher's loop, or each in a thread with a requests.Session."""
    session: Given[
        "requests.Session | Callable[[], requests.Session] | None",
        Annotated[
            Any,
            BeforeValidator(_session),
            PlainSerializer(lambda session: None if session is None else _MASK, when_used="json"),
        ],
    ] = Field(default=held(None), repr=False)
    """For transport="requests": one Session for all connections, which stays yours; or a callable that makes one
    for each, in its thread, which is closed with it. None: a plain one of our own. JSON has a mask for it."""
    breaker: BreakerConfig | None = None
    """When it is asked no more for a while; None takes the system's."""
    local: bool | None = None
    """True: the server may load a model first. None takes the profile's fact."""
    options: StreamingOptions | None = None
    """For requests to this provider that bring none; None takes the system's."""
    metadata: Given[Mapping[str, Any], FrozenMap] = held(EMPTY_MAP)
    """Yours: greenroom passes it on and reads nothing in it."""

    @model_validator(mode="after")
    def _session_has_its_transport(self) -> Self:
        if self.session is not None and self.transport != "requests":
            raise InvalidInput.at(
                "session", "is for transport='requests' only; set that too, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _headers_are_sendable(self) -> Self:
        for name, secret in self.headers.items():
            value = secret.get_secret_value()
            if not _HEADER_NAME.fullmatch(name):
                raise InvalidInput.at("headers", "a header's name must be ASCII letters, digits and -")
            if value == _MASK:
                raise InvalidInput.at(f"headers.{name}", "is the mask of a dumped configuration")
            if not value.isascii() or any(c in value for c in "\r\n\0"):
                raise InvalidInput.at(f"headers.{name}", "must be one line of ASCII")
        return self


def _store_path(given: Any) -> Any:
    path = os.fspath(given) if isinstance(given, os.PathLike) else given
    if isinstance(path, str):
        if not path.strip() or "\0" in path:
            raise ValueError("is empty; leave it out for the store in memory")
        if path.startswith((":", "file:")) or "://" in path:
            raise ValueError("must be a file's path; the store in memory needs none")
    return path


class RetryStoreConfig(Input):
    """Where retry states are kept: in memory, or in a SQLite file that outlives the process.

    The file is made where it is not there, with mode 0600; it holds prompts and answers, and no key or header. One
    process at a time has it. Its directory must exist.
    """

    path: Given[str | os.PathLike[str] | None, Annotated[str | None, BeforeValidator(_store_path)]] = held(
        None
    )
    """None: in memory."""
    flush_interval_s: float = Field(default=1.0, gt=0, le=3600)
    """With a file and durability="interval": what is older than this is in it."""
    states_max: int = Field(default=1000, ge=0, le=1_000_000)
    """States of streams that failed or were cut off by a process's end; the oldest goes first. 0 keeps none."""
    states_max_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """Of their requests and answers together."""
    at_start: Literal["offer", "resume"] = "offer"
    """resume: what can go on goes on when the system starts, detached: `system.attach(stream_id)` within its
    `detach_grace_s` gives a handle. offer: it waits for `system.recover(stream_id)`."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, given: Any) -> Any:
        if isinstance(given, (str, os.PathLike)):
            return {} if given == "memory" else {"path": given}
        if not isinstance(given, (Mapping, cls)):
            raise ValueError("must be a file's path, 'memory', or a table with path")
        return given

    @model_validator(mode="after")
    def _resumes_from_a_file(self) -> Self:
        if self.at_start == "resume" and self.path is None:
            raise InvalidInput.at(
                "at_start", "needs a file: memory is empty at a start; set path", self.at_start
            )
        return self


class SystemConfig(Input):
    """Everything that an ActorSystem is started with."""

    providers: Given[Mapping[str, ProviderConfig | Mapping[str, Any]], FrozenDict[Name, ProviderConfig]] = (
        held(FrozenDict())
    )
    """By the name that stands before the slash in a request's `model`."""
    routes: Given[
        Mapping[str, RouteConfig | Mapping[str, Any] | Sequence[HopConfig | Mapping[str, Any] | str]],
        FrozenDict[Name, RouteConfig],
    ] = held(FrozenDict())
    """By the name that stands alone as a request's `model`."""
    prices: Given[
        Mapping[str, ModelPrice | Mapping[str, Any]],
        FrozenDict[Annotated[str, AfterValidator(_priced)], ModelPrice],
    ] = held(FrozenDict())
    """By `provider/model` as a request names it; `provider/*` is for all others of that provider."""
    default_model: str | None = None
    """`provider/model` or a route, for requests that name none."""
    options: StreamingOptions = StreamingOptions.model_construct()
    """For requests and providers that bring none."""
    breaker: BreakerConfig = BreakerConfig.model_construct()
    """For providers that bring none."""
    max_streams: int = Field(default=10_000, ge=1)
    """Live requests at once; one more is refused (AdmissionRefused)."""
    drain_s: float = Field(default=10.0, ge=0)
    """How long leaving `with` waits for live streams before it cancels them."""
    model_list_ttl_s: float = Field(default=600.0, ge=0)
    """How long a provider's list of models is taken as it stands before it is fetched again."""
    model_lists_max: int = Field(default=100, ge=1, le=10_000)
    """Lists that are kept, one for each endpoint and credential; the one longest unused goes first."""
    retry_store: Given[RetryStoreConfig | str | os.PathLike[str] | Mapping[str, Any], RetryStoreConfig] = (
        held(RetryStoreConfig.model_construct())
    )
    """Where states of failed streams are kept: "memory", a file's path, or a table of both's details."""
    slow_handler_s: float = Field(default=0.1, gt=0)
    """A handler that holds the dispatcher longer is reported as actor.handler.slow with its stack."""

    @model_validator(mode="after")
    def _durability_has_its_store(self) -> Self:
        named: list[tuple[str, StreamingOptions | None]] = [("options", self.options)]
        named += [(f"providers.{name}.options", each.options) for name, each in self.providers.items()]
        named += [(f"routes.{name}.options", each.options) for name, each in self.routes.items()]
        for path, options in named:
            if options is None:
                continue
            if options.durability in ("interval", "before_deliver") and self.retry_store.path is None:
                text = "needs a retry store that is a file: set retry_store to its path"
                raise InvalidInput.at(f"{path}.durability", text, options.durability)
        return self

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Self:
        if problems := [*self.route_table().problems()]:
            raise InvalidInput("", problems)
        return self

    @model_validator(mode="after")
    def _default_model_leads_somewhere(self) -> Self:
        if self.default_model is not None and self.default_model not in self.routes:
            provider, slash, model = self.default_model.partition("/")
            if not slash or not model:
                its = self.providers[provider].default_model if provider in self.providers else None
                text = "must be provider/model" + (f"; write {provider}/{its}" if its else "")
                if self.routes and not its:
                    text += f", or a route{nearest(self.default_model, self.routes)}"
                raise InvalidInput.at("default_model", text, self.default_model)
            if provider not in self.providers:
                known = ", ".join(sorted(self.providers)) or "none"
                raise InvalidInput.at(
                    "default_model", f"must name a configured provider ({known})", self.default_model
                )
        return self

    def route_table(self) -> RouteTable:
        """The routes, and where their hops lead."""
        defaults = {name: provider.default_model for name, provider in self.providers.items()}
        return RouteTable(self.routes, defaults)
