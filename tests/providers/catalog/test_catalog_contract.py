"""What holds for every source, over real sockets: the key, other people's headers, failures, bounds."""

import gzip
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from list_server import Given, ListServer

from greenroom.messages.contracts import ModelListError, ModelQuery
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.models import ListedModels
from greenroom.providers.catalog import anthropic, client, gemini, lmstudio, ollama, openai
from greenroom.providers.catalog.entries import MODELS_MAX
from greenroom.providers.registry import model_source_for

KEY = "sk-secret-0123456789"
Query = Callable[..., ModelQuery]


@dataclass(frozen=True)
class Dialect:
    """One source, and the least that its server must say for a list of these names."""

    name: str
    kind: str
    profile: str | None
    path: str
    lists: Callable[[list[str]], Any]
    header: str = "authorization"
    key: str = f"Bearer {KEY}"


def data(names: list[str]) -> Any:
    return {"object": "list", "data": [{"id": name} for name in names]}


DIALECTS = [
    Dialect("openai", "openai-chat", "openai", "/v1/models", data),
    Dialect("azure", "openai-chat", "azure", "/v1/models", data, "api-key", KEY),
    Dialect("xai", "openai-chat", "xai", "/v1/language-models", lambda names: {"models": data(names)["data"]}),
    Dialect("anthropic", "anthropic", None, "/v1/models", data, "x-api-key", KEY),
    Dialect(
        "gemini", "gemini", None, "/v1beta/models",
        lambda names: {"models": [{"name": f"models/{name}"} for name in names]}, "x-goog-api-key", KEY,
    ),
    Dialect("lmstudio", "openai-chat", "lmstudio", "/api/v1/models",
            lambda names: {"models": [{"key": name, "loaded_instances": []} for name in names]}),
    Dialect("ollama", "ollama", None, "/api/tags",
            lambda names: {"models": [{"model": name} for name in names]}),
]  # fmt: skip
each_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def base_of(dialect: Dialect) -> str:
    return "" if dialect.kind in ("gemini", "ollama", "anthropic") else "/v1"


def listed(dialect: Dialect, query: Query, **more: Any) -> ListedModels:
    asked = query(base_of(dialect), dialect.kind, dialect.profile, api_key=KEY, **more)
    return model_source_for(dialect.kind, dialect.profile).models(asked)


def failed(dialect: Dialect, query: Query, **more: Any) -> ErrorEvidence:
    with pytest.raises(ModelListError) as caught:
        listed(dialect, query, **more)
    assert KEY not in repr(caught.value)
    assert KEY not in str(caught.value)
    return caught.value.evidence


@each_dialect
def test_names_come_in_their_order_each_once(dialect: Dialect, query: Query, server: ListServer) -> None:
    server.answers[dialect.path] = dialect.lists(["b", "a", "b", "c/d"])
    assert [model.id for model in listed(dialect, query).models] == ["b", "a", "c/d"]
    assert server.seen[0].headers[dialect.header] == dialect.key
    assert KEY not in server.seen[0].path
    assert server.seen[0].headers["accept-encoding"] == "identity"


@each_dialect
def test_an_empty_list_is_one(dialect: Dialect, query: Query, server: ListServer) -> None:
    server.answers[dialect.path] = dialect.lists([])
    assert listed(dialect, query).models == ()


@each_dialect
def test_configured_headers_replace_ours(dialect: Dialect, query: Query, server: ListServer) -> None:
    server.answers[dialect.path] = dialect.lists(["a"])
    listed(dialect, query, headers=((dialect.header.title(), "mine"), ("X-Org", "acme")))
    assert server.seen[0].headers[dialect.header] == "mine"
    assert server.seen[0].headers["x-org"] == "acme"


@each_dialect
@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_refusal_is_evidence_and_ends_it(
    dialect: Dialect, status: int, query: Query, server: ListServer
) -> None:
    told = {"error": {"message": f"no: {KEY}", "type": "authentication_error"}}
    server.answers[dialect.path] = Given(told, status, {"retry-after": "7", "x-request-id": "req_9"})
    evidence = failed(dialect, query)
    assert (evidence.kind, evidence.status, evidence.retry_after_s) == ("http", status, 7.0)
    assert evidence.provider_request_id == "req_9"
    assert evidence.message == "no: (hidden)"
    assert len(server.seen) == 1


@each_dialect
def test_a_redirect_is_not_followed(dialect: Dialect, query: Query, server: ListServer) -> None:
    server.answers[dialect.path] = Given(b"", 302, {"location": "/elsewhere"})
    server.answers["/elsewhere"] = dialect.lists(["a"])
    evidence = failed(dialect, query)
    assert evidence.status == 302
    assert "redirects to /elsewhere" in evidence.message
    assert server.paths.count("/elsewhere") == 0


@each_dialect
@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html><title>Sign in</title></html>", "protocol", "got HTML (Sign in), not a list of models"),
        (b"", "protocol", "got an empty body, not a list of models"),
        (b'{"data": ', "protocol", "not a list of models"),
        ({"hello": 1}, "protocol", "no list of models"),
        ({"data": "x", "models": 5}, "protocol", "no list of models"),
        ([1, 2], "protocol", "no list of models"),
        ({"error": {"message": "out of credit", "code": "insufficient_quota"}}, "in_stream", "out of credit"),
        ({"error": {"message": f"no such key: {KEY}"}}, "in_stream", "no such key: (hidden)"),
    ],
)
def test_what_is_no_list_is_evidence(
    dialect: Dialect, body: Any, kind: str, words: str, query: Query, server: ListServer
) -> None:
    # Where a dialect has other places to look, they say the same.
    for path in (dialect.path, "/v1/models", "/api/v0/models"):
        server.answers[path] = Given(body)
    evidence = failed(dialect, query)
    assert evidence.kind == kind
    assert words in evidence.message


@each_dialect
def test_nobody_there(dialect: Dialect, query: Query) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    evidence = failed(dialect, query, base_url=f"http://127.0.0.1:{port}{base_of(dialect)}")
    assert (evidence.kind, evidence.phase) == ("transport", "connect")
    assert "connection refused; is the server running?" in evidence.message


@each_dialect
def test_a_server_that_says_nothing_is_left_in_time(
    dialect: Dialect, query: Query, server: ListServer
) -> None:
    server.release.clear()
    evidence = failed(dialect, query, timeout_s=0.2)
    assert (evidence.kind, evidence.clock) == ("clock", "model_list")
    assert "within 0.2 s" in evidence.message


@each_dialect
def test_a_page_is_bounded(
    dialect: Dialect, query: Query, server: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BODY_BYTES_MAX", 100_000)
    server.answers[dialect.path] = Given(b" " * 200_000)
    evidence = failed(dialect, query)
    assert (evidence.kind, evidence.clock) == ("bound", "max_body_bytes")


@each_dialect
def test_a_bomb_is_not_inflated(dialect: Dialect, query: Query, server: ListServer) -> None:
    server.answers[dialect.path] = Given(
        gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"}
    )
    assert failed(dialect, query).clock == "max_inflate_ratio"


@each_dialect
def test_compressed_all_the_same_is_read(dialect: Dialect, query: Query, server: ListServer) -> None:
    body = gzip.compress(json.dumps(dialect.lists(["a"])).encode())
    server.answers[dialect.path] = Given(body, headers={"content-encoding": "gzip"})
    assert [model.id for model in listed(dialect, query).models] == ["a"]


@each_dialect
def test_a_body_that_is_cut_is_no_list(dialect: Dialect, query: Query) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def half() -> None:
            peer, _ = listener.accept()
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[")
            peer.close()

        thread = threading.Thread(target=half)
        thread.start()
        port = listener.getsockname()[1]
        evidence = failed(dialect, query, base_url=f"http://127.0.0.1:{port}{base_of(dialect)}")
        thread.join()
    assert (evidence.kind, evidence.phase) == ("transport", "body")
    assert "broke off" in evidence.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "id", "model", "name", "key", "created", "created_at", "modified_at", "state", "status", "quantization",
    "aliases", "capabilities", "context_length", "meta", "top_provider", "loaded_instances", "details",
    "inputTokenLimit", "supportedGenerationMethods", "variants", "type", "last_id", "lifecycle",
)  # fmt: skip
entries = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8)
bodies = json_values | st.fixed_dictionaries({}, optional={
    "data": st.lists(entries | json_values, max_size=4), "models": st.lists(entries | json_values, max_size=4),
})  # fmt: skip
READERS: list[Callable[[Any], ListedModels]] = [
    openai.read_openai, lmstudio.read_native,
    lambda body: ollama.read_tags(ollama.entries_of(body, "models"), {}, {"a": body}),
    lambda body: ollama.listed(gemini.entries_of(body, "models"), gemini.read_entry),
    lambda body: ollama.listed(openai.entries_of(body, "data"), anthropic.read_entry),
]  # fmt: skip


@pytest.mark.parametrize("read", READERS)
@given(body=bodies)
def test_readers_are_total(read: Callable[[Any], ListedModels], body: Any) -> None:
    try:
        found = read(body)
    except ModelListError:
        return
    # What came of it can be written and read again, so it can be kept and shown.
    assert ListedModels.model_validate_json(found.model_dump_json()) == found
    for model in found.models:
        assert model.id.strip()
        assert len(model.model_dump_json()) < 80_000


def test_a_list_is_bounded() -> None:
    found = openai.read_openai([{"id": f"m{number}"} for number in range(MODELS_MAX + 5)])
    assert (len(found.models), found.complete) == (MODELS_MAX, False)
