"""Configuration values, and that what is secret stays so: everywhere."""

# ruff: noqa: E501, ISC004  (the exact error texts stand unbroken)

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from requests import Session

from greenroom.messages import (
    Call,
    ChatRequest,
    Completion,
    ErrorEvidence,
    Failure,
    FrozenDict,
    HttpRequest,
    InvalidInput,
    ProviderConfig,
    StreamingOptions,
    SystemConfig,
    Target,
    WireHead,
    exception_of,
)

from strategies import requests

SECRET = "sk-THE-SECRET-KEY-0123456789"
PRIVATE = "the private words"
KEY_FORMS: dict[str, Any] = {
    "string": SECRET,
    "secret": SecretStr(SECRET),
    "list": [SECRET, SecretStr(SECRET)],
    "tuple": (SECRET,),
    "callable": lambda: SECRET,
}


def error_of(build: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        build()
    assert SECRET not in repr(caught.value) + repr(caught.value.problems)
    return str(caught.value)


def assert_hidden(thing: Any, secret: str = SECRET) -> None:
    for shown in (repr(thing), str(thing), f"{thing}", f"{[thing]}", f"{thing!r:>10}"):
        assert secret not in shown


@pytest.mark.parametrize("form", KEY_FORMS)
def test_a_key_shows_nowhere(form: str) -> None:
    provider = ProviderConfig(api_key=KEY_FORMS[form], headers={"x-auth": SECRET})
    system = SystemConfig(providers={"p": provider})
    for thing in (provider, system, provider.api_key, provider.headers, system.providers):
        assert_hidden(thing)
    for value in (provider, system):
        assert SECRET not in value.model_dump_json()
        assert SECRET not in str(value.model_dump(mode="json"))
        assert SECRET not in repr(value.model_dump())
    assert '"api_key":"**********"' in provider.model_dump_json()
    assert '"x-auth":"**********"' in provider.model_dump_json()


@pytest.mark.parametrize("form", ["string", "secret", "list", "tuple"])
def test_a_config_with_keys_pickles_and_copies_and_stays_hidden(form: str) -> None:
    system = SystemConfig(
        providers={"p": ProviderConfig(api_key=KEY_FORMS[form], headers={"x-auth": SECRET})}
    )
    for again in (pickle.loads(pickle.dumps(system)), copy.deepcopy(system), system.replace()):  # noqa: S301
        assert again == system
        assert again.providers["p"].headers["x-auth"].get_secret_value() == SECRET
        assert_hidden(again)


def test_a_mask_read_back_is_refused_instead_of_sent() -> None:
    dumped = ProviderConfig(api_key=SECRET, headers={"x-auth": SECRET}).model_dump_json()
    with pytest.raises(InvalidInput) as caught:
        ProviderConfig.model_validate_json(dumped)
    assert "api_key = (hidden): is the mask of a dumped configuration; give the key itself" in str(
        caught.value
    )
    told = error_of(lambda: ProviderConfig(headers={"x-auth": "**********"}))
    assert told == "ProviderConfig: headers.x-auth: is the mask of a dumped configuration"


def test_keys_keep_their_form() -> None:
    assert ProviderConfig(api_key="k").api_key == SecretStr("k")
    assert ProviderConfig(api_key=["k", "l"]).api_key == (SecretStr("k"), SecretStr("l"))
    give = KEY_FORMS["callable"]
    assert ProviderConfig(api_key=give).api_key is give
    assert ProviderConfig().api_key is None


async def a_coroutine() -> None:
    """Not what a session is made by."""


@pytest.mark.parametrize("given", [Session(), Session, KEY_FORMS["callable"]])
def test_a_session_is_held_as_it_is_and_never_shown(given: Any) -> None:
    config = ProviderConfig(transport="requests", session=given)
    assert config.session is given
    assert config.replace(max_connections=3).session is given
    assert "session" not in repr(config).replace("Session", "")
    assert json.loads(config.model_dump_json())["session"] == "**********"
    assert ProviderConfig.model_validate_json(ProviderConfig().model_dump_json()).session is None
    with pytest.raises(InvalidInput, match="only code can give it"):
        ProviderConfig.model_validate_json(config.model_dump_json())


def test_the_library_is_imported_without_requests() -> None:
    code = "import sys, greenroom; greenroom.ProviderConfig(); assert 'requests' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"api_key": ""}, "api_key = (hidden): is empty; leave it out for a server that needs none"),
        ({"api_key": SecretStr("")}, "api_key = (hidden): is empty; leave it out for a server that needs none"),
        ({"api_key": [SECRET, ""]}, "api_key = (hidden): is empty; leave it out for a server that needs none"),
        (
            {"api_key": SECRET + "\n"},
            "api_key = (hidden): must be visible ASCII without spaces; was it read with its line's end?",
        ),
        ({"api_key": []}, "api_key = (hidden): must be a string, a list of strings, or a callable that returns "
         "the current key"),
        ({"api_key": {"key": SECRET}}, "api_key: must be a string, a list of strings, or a callable that "
         "returns the current key"),
        ({"api_key": 12345678}, "api_key = (hidden): must be a string, a list of strings, or a callable that returns "
         "the current key"),
        ({"apikey": SECRET}, "apikey: unknown field; did you mean 'api_key'?"),
        ({"base_url": SECRET}, "base_url = (hidden: it looks like a key): must be an http:// or https:// URL with "
         "a host, such as https://api.openai.com/v1"),
        ({"headers": {"x-auth": SECRET + "\r\nHost: evil"}}, "headers.x-auth: must be one line of ASCII"),
        ({"headers": {"bad name": SECRET}}, "headers: a header's name must be ASCII letters, digits and -"),
        ({"headers": {"x": 5}}, "headers.x = (hidden): must be a string"),
        ({"headers": SECRET}, "headers = (hidden): must be a dict"),
        ({"transport": "requests", "session": 7}, "session = 7: must be a requests.Session, or a callable that makes "
         "one; only code can give it"),
        ({"transport": "requests", "session": a_coroutine}, "session = (function): must be a plain function, not an async one: "
         "it runs in the connection's own thread"),
        ({"session": lambda: None}, "session: is for transport='requests' only; set that too, or leave it out"),
        ({"transport": "threads"}, "transport = 'threads': must be 'reactor' or 'requests'"),
        ({"max_connections": 0}, "max_connections = 0: must be greater than or equal to 1"),
        ({"pool_timeout_s": -1}, "pool_timeout_s = -1: must be greater than 0"),
        ({"keep_alive_s": -1}, "keep_alive_s = -1: must be greater than or equal to 0"),
        ({"kind": 5}, "kind = 5: must be a string"),
        ({"kind": ""}, "kind = '': must not be empty"),
        ({"metadata": {"a": {SECRET}}}, "metadata.a: set is not a JSON value; use str, int, float, bool, None, "
         "list or dict"),
    ],
)  # fmt: skip
def test_a_wrong_provider_field_is_told_without_its_secret(fields: dict[str, Any], told: str) -> None:
    assert error_of(lambda: ProviderConfig(**fields)) == f"ProviderConfig: {told}"


A_URL = "must be an http:// or https:// URL with a host, such as https://api.openai.com/v1"
BAD_URLS = {
    "": "is empty; leave it out for the usual one",
    " ": "must be visible ASCII without spaces; write other characters as %XX or punycode",
    "http://a b": "must be visible ASCII without spaces; write other characters as %XX or punycode",
    "http://a\n": "must be visible ASCII without spaces; write other characters as %XX or punycode",
    "http://a\r\nHost: x": "must be visible ASCII without spaces; write other characters as %XX or punycode",
    "http://exämple.com": "must be visible ASCII without spaces; write other characters as %XX or punycode",
    "localhost:1234/v1": A_URL,
    "api.openai.com/v1": A_URL,
    "ftp://host": A_URL,
    "http:": A_URL,
    "http://": A_URL,
    "http:///v1": A_URL,
    "//host": A_URL,
    "http://:80": A_URL,
    "http://host:": "its port must be a number from 1 to 65535",
    "http://host:0": "its port must be a number from 1 to 65535",
    "http://host:65536": "its port must be a number from 1 to 65535",
    "http://host:http": "its port must be a number from 1 to 65535",
    "http://host:-1": "its port must be a number from 1 to 65535",
    "http://host:1:2": "its port must be a number from 1 to 65535",
    "http://[::1": "its host is not valid; an IPv6 address stands in [ ]",
    "http://::1": A_URL,
    "http://[nonsense]": "its host is not valid; an IPv6 address stands in [ ]",
    "http://host?x=1": "must not hold ? or #; only scheme, host, port and path",
    "http://host?": "must not hold ? or #; only scheme, host, port and path",
    "http://host/#": "must not hold ? or #; only scheme, host, port and path",
    "http://host\\@evil": "must not hold a user or password: keys go in api_key or headers, a proxy's in HTTPS_PROXY",
    "http://@host": "must not hold a user or password: keys go in api_key or headers, a proxy's in HTTPS_PROXY",
    "http://host\\evil": "its host is not a host name or an IP address",
    "http://%zz": "its host is not a host name or an IP address",
    "http://-": "its host is not a host name or an IP address",
    "http://a,b": "its host is not a host name or an IP address",
}


@pytest.mark.parametrize("operation", ["/chat/completions", "/completions", "/chat/completions/"])
def test_a_base_url_that_holds_the_operation_is_told(operation: str) -> None:
    told = error_of(lambda: ProviderConfig(base_url=f"https://llm.test/v1{operation}"))
    assert "base_url" in told
    assert "leave out /chat/completions, or /completions" in told


@pytest.mark.parametrize("url", BAD_URLS)
@pytest.mark.parametrize("field", ["base_url", "proxy"])
def test_a_bad_url_is_refused_with_its_remedy(field: str, url: str) -> None:
    told = error_of(lambda: ProviderConfig(**{field: url}))
    assert told.startswith(f"ProviderConfig: {field} = ")
    assert told.endswith(f": {BAD_URLS[url]}")


@pytest.mark.parametrize(
    "url", ["http://u:pass-word@h/v1", "u:pass-word@h", "https://u:pass-word/x@h", "http://h?k=pass-word"]
)
def test_a_url_is_told_without_the_password_in_it(url: str) -> None:
    assert "pass-word" not in error_of(lambda: ProviderConfig(base_url=url))


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://[fe80::1]", "http://[fe80::1]"),
        ("HTTP://Host_name.local/", "HTTP://Host_name.local"),
        ("http://a.b./v1", "http://a.b./v1"),
    ],
)
def test_a_good_url_is_kept_without_its_last_slash(given_url: str, kept: str) -> None:
    assert ProviderConfig(base_url=given_url).base_url == kept


@given(
    st.text(max_size=30)
    | st.text("htp:/[]@?#.%\\ 0123456789ab", max_size=20).map(lambda rest: "http://" + rest)
)
def test_any_text_as_url_is_taken_or_refused(url: str) -> None:
    try:
        kept = ProviderConfig(base_url=url).base_url
    except InvalidInput:
        return
    assert kept is not None
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept


def test_a_system_config_names_each_providers_fault() -> None:
    providers = {"a": 5, "B b": {}, "c": {"base_url": "localhost:80", "api_key": SECRET, "profil": "x"}}
    told = error_of(lambda: SystemConfig(providers=providers, drain_s=-1))
    assert told.splitlines() == [
        "SystemConfig: 5 problems",
        "  providers.a = 5: must be a dict or a ProviderConfig",
        "  providers.B b = 'B b': must be 1 to 64 of a-z, 0-9, '_', '-' and '.', beginning with a letter or digit",
        "  providers.c.base_url = 'localhost:80': must be an http:// or https:// URL with a host, such as "
        "https://api.openai.com/v1",
        "  providers.c.profil: unknown field; did you mean 'profile'?",
        "  drain_s = -1: must be greater than or equal to 0",
    ]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("gpt-4", "default_model = 'gpt-4': must be provider/model"),
        ("openai/", "default_model = 'openai/': must be provider/model"),
        ("other/gpt-4", "default_model = 'other/gpt-4': must name a configured provider (local, openai)"),
    ],
)
def test_the_default_model_must_be_reachable(model: str, told: str) -> None:
    providers = {"openai": {}, "local": {}}
    assert error_of(lambda: SystemConfig(providers=providers, default_model=model)) == f"SystemConfig: {told}"
    assert SystemConfig(providers=providers, default_model="openai/a/b").default_model == "openai/a/b"


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("smrt", "must be provider/model, or a route; did you mean 'smart'?"),
        ("zebra", "must be provider/model, or a route"),
        ("local", "must be provider/model; write local/m"),
    ],
)
def test_the_default_model_may_be_meant_otherwise(model: str, told: str) -> None:
    config = {"providers": {"local": {"default_model": "m"}}, "routes": {"smart": ["local"]}}
    said = error_of(lambda: SystemConfig(**config, default_model=model))
    assert said == f"SystemConfig: default_model = {model!r}: {told}"


@pytest.mark.parametrize("given", [5, ["x.db"], True])
def test_what_is_no_retry_store(given: Any) -> None:
    said = error_of(lambda: SystemConfig(retry_store=given))
    assert said.startswith("SystemConfig: retry_store = ")
    assert said.endswith(": must be a file's path, 'memory', or a table with path")


def test_the_callers_dicts_are_copied() -> None:
    headers, providers = {"a": "b"}, {}
    provider = ProviderConfig(headers=headers)
    providers["p"] = provider
    system = SystemConfig(providers=providers)
    headers.clear()
    providers.clear()
    assert list(system.providers) == ["p"]
    assert isinstance(system.providers, FrozenDict)
    assert list(provider.headers) == ["a"]
    with pytest.raises(TypeError):
        provider.headers["x"] = SecretStr("y")  # type: ignore[index]
    assert hash(system) == hash(SystemConfig(providers={"p": {"headers": {"a": "b"}}}))


def test_what_carries_keys_to_the_wire_never_shows_them() -> None:
    request = ChatRequest(messages=PRIVATE)
    target = Target(provider="p", kind="openai-chat", model="m")
    http = HttpRequest("POST", "/v1/x", (("authorization", SECRET),), PRIVATE.encode())
    call = Call(
        "s", "r", 1, request, target, StreamingOptions(), api_key=SECRET, headers=(("x-auth", SECRET),)
    )
    head = WireHead(401, (("set-cookie", SECRET),))
    for thing in (http, call, head, pickle.loads(pickle.dumps(http)), pickle.loads(pickle.dumps(call))):  # noqa: S301
        assert_hidden(thing)
        assert_hidden(thing, PRIVATE)


def test_an_exception_does_not_show_what_was_said() -> None:
    partial = Completion(
        outcome="failed", provider="p", model_asked="m", request_id="r", stream_id="s",
        choices=[{"parts": [{"type": "text", "text": PRIVATE}]}],
    )  # fmt: skip
    failure = Failure(
        error_class="rate_limit",
        message="too fast",
        evidence=ErrorEvidence(kind="http", message="x", body=PRIVATE),
    )
    error = exception_of(failure, partial)
    assert error.partial is partial
    assert PRIVATE not in repr(error) + str(error)


@given(requests(), st.sampled_from(["n", "temperature", "tools", "options", "stop"]))
def test_a_wrong_field_beside_a_prompt_does_not_show_it(request: ChatRequest, field: str) -> None:
    fields = {**request.model_dump(), "messages": PRIVATE, "tool_choice": None, field: object()}
    with pytest.raises(InvalidInput) as caught:
        ChatRequest(**fields)
    assert PRIVATE not in str(caught.value) + repr(caught.value)
