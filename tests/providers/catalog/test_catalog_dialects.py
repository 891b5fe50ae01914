"""What each dialect tells of its models: entries as the providers' pages show them."""

import json
from collections.abc import Callable

import pytest
from list_server import Given, ListServer

from greenroom.messages.contracts import ModelListError, ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers.catalog.anthropic import aliases_of
from greenroom.providers.catalog.ollama import SHOWN_MAX
from greenroom.providers.catalog.openai import read_openai
from greenroom.providers.registry import model_source_for
from greenroom.providers.simulator import Simulator

Query = Callable[..., ModelQuery]


def one(body: object) -> ModelInfo:
    (model,) = read_openai(body).models
    return model


def models(query: ModelQuery) -> ListedModels:
    return model_source_for(query.target.kind, query.target.profile).models(query)


@pytest.mark.parametrize(
    ("kind", "usual"),
    [("anthropic-text", "anthropic"), ("gemini-interactions", "gemini"), ("ollama-generate", "ollama")],
)
def test_a_servers_second_wire_has_the_list_of_its_first(kind: str, usual: str) -> None:
    assert type(model_source_for(kind, None)) is type(model_source_for(usual, None))


# ---- OpenAI's, and who is compatible


def test_openai() -> None:
    model = one({"object": "list", "data": [
        {"id": "gpt-5-mini", "object": "model", "created": 1754425928, "owned_by": "system"},
    ]})  # fmt: skip
    assert (model.id, model.created_at_s, model.owned_by) == ("gpt-5-mini", 1754425928.0, "system")
    assert (model.context_length_tokens, model.state, model.kind, model.capabilities) == (
        None,
        None,
        None,
        (),
    )
    assert model.metadata["object"] == "model"


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ({"id": "m", "max_model_len": 4096, "root": "org/m"}, {"context_length_tokens": 4096}),  # vLLM
        (
            {"id": "m", "context_length": 200000, "canonical_slug": "m-20250101", "name": "M",
             "top_provider": {"context_length": 100000, "max_completion_tokens": 8192}},
            {"context_length_tokens": 200000, "max_output_tokens": 8192, "aliases": ("m-20250101",),
             "display_name": "M"},
        ),  # OpenRouter
        (
            {"id": "m", "max_context_length": 32768, "aliases": ["m-latest", "m"],
             "capabilities": {"completion_chat": True, "vision": False}},
            {"context_length_tokens": 32768, "aliases": ("m-latest",), "capabilities": ("completion_chat",)},
        ),  # Mistral
        ({"id": "m", "context_window": 131072, "max_completion_tokens": 40960, "active": True},
         {"context_length_tokens": 131072, "max_output_tokens": 40960}),  # Groq
        (
            {"id": "m", "type": "chat", "organization": "Meta", "display_name": "M", "context_length": 131072.0},
            {"kind": "chat", "owned_by": "Meta", "context_length_tokens": 131072},
        ),  # Together
        ({"id": "m", "status": {"value": "unloaded", "args": []}, "meta": None}, {"state": "not-loaded"}),
        ({"id": "m", "meta": {"n_ctx_train": 40960, "n_ctx": 8192}}, {"context_length_tokens": 8192}),  # llama.cpp
        ({"id": "m", "type": "vlm", "state": "loaded", "max_context_length": 32768, "quantization": "4bit",
          "loaded_context_length": 4096, "publisher": "mlx-community"},
         {"state": "loaded", "context_length_tokens": 4096, "quantization": "4bit", "kind": "vlm",
          "owned_by": "mlx-community"}),  # LM Studio, v0
    ],
)  # fmt: skip
def test_compatible_servers_fields(entry: dict[str, object], facts: dict[str, object]) -> None:
    model = one({"data": [entry]})
    assert {name: getattr(model, name) for name in facts} == facts


def test_patterns_stand_for_names_that_are_not_listed() -> None:
    assert not read_openai({"data": [{"id": "openai/*"}, {"id": "m"}]}).complete


def test_geminis_compatible_list_is_asked_without_the_prefix() -> None:
    assert one({"data": [{"id": "models/gemini-2.5-flash"}]}).aliases == ("gemini-2.5-flash",)


def test_a_bare_array_is_a_list() -> None:
    assert one([{"id": "m", "created": 0}]).created_at_s is None


def test_what_no_request_can_name_is_left_out() -> None:
    found = read_openai(
        {"data": [{"id": ""}, {"id": 5}, {}, {"id": "x" * 300}, {"id": "a\nb"}, {"id": "ok"}]}
    )
    assert [model.id for model in found.models] == ["ok"]


def test_metadata_is_bounded() -> None:
    entry = {
        "id": "m",
        "description": "long" * 5000,
        "small": 1,
        "list": list(range(3000)),
        "pricing": {"a": "1"},
    }
    metadata = one({"data": [entry]}).metadata
    assert dict(metadata) == {"id": "m", "small": 1, "pricing": {"a": "1"}}
    many = one({"data": [{"id": "m", **{f"f{number}": "x" * 100 for number in range(500)}}]}).metadata
    assert len(json.dumps(dict(many))) < 5000


def test_azure_and_fireworks_name_deployments() -> None:
    with Simulator(models=["m"]) as simulator:
        for profile, complete in (("azure", False), ("fireworks", False), ("openai", True)):
            assert models(_query(simulator.base_url, "openai-chat", profile)).complete is complete


def test_openrouters_suffixes_and_xais_aliases(query: Query, server: ListServer) -> None:
    server.answers["/v1/models"] = {"data": [{"id": "a/b"}]}
    (model,) = models(query(profile="openrouter")).models
    assert "a/b:online" in model.aliases
    server.answers["/v1/language-models"] = {"models": [{"id": "grok-4-0709", "aliases": ["grok-4"]}]}
    (model,) = models(query(profile="xai")).models
    assert (model.id, model.aliases) == ("grok-4-0709", ("grok-4",))


def _query(base_url: str, kind: str, profile: str | None = None, api_key: str | None = None) -> ModelQuery:
    from greenroom.actors.clock import SystemClock
    from greenroom.messages.contracts import Target

    target = Target("prov", kind, "", profile=profile, base_url=base_url)
    return ModelQuery(target=target, clock=SystemClock(), api_key=api_key)


# ---- Anthropic


def test_anthropics_pages_and_facts(query: Query, server: ListServer) -> None:
    first = {
        "type": "model", "id": "claude-sonnet-4-5-20250929", "display_name": "Claude Sonnet 4.5",
        "created_at": "2025-09-29T00:00:00Z", "max_input_tokens": 200000, "max_tokens": 64000,
        "capabilities": {"batch": {"supported": True}, "citations": {"supported": False}},
    }  # fmt: skip
    retired = {"type": "model", "id": "claude-2.0", "lifecycle": "retired"}
    server.answers["/v1/models?limit=1000"] = {
        "data": [first, retired],
        "has_more": True,
        "last_id": "claude-2.0",
    }
    server.answers["/v1/models?limit=1000&after_id=claude-2.0"] = {
        "data": [{"id": "claude-opus-4-20250514"}],
        "has_more": False,
        "last_id": "claude-opus-4-20250514",
    }
    found = models(query("", "anthropic", api_key="k"))
    assert [model.id for model in found.models] == ["claude-sonnet-4-5-20250929", "claude-opus-4-20250514"]
    model = found.models[0]
    assert (model.context_length_tokens, model.max_output_tokens, model.kind) == (200000, 64000, "llm")
    assert (model.created_at_s, model.capabilities) == (1759104000.0, ("batch",))
    assert server.seen[0].headers["anthropic-version"] == "2023-06-01"


def test_anthropics_aliases() -> None:
    assert "claude-sonnet-4-5" in aliases_of("claude-sonnet-4-5-20250929")
    assert "claude-3-5-haiku-latest" in aliases_of("claude-3-5-haiku-20241022")
    assert "claude-opus-4-0" in aliases_of("claude-opus-4-20250514")
    assert aliases_of("claude-sonnet-4-6") == ()


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_pages_without_end_are_cut(kind: str, query: Query, server: ListServer) -> None:
    server.answers["/v1/models"] = {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    server.answers["/v1beta/models"] = {"models": [{"name": "models/a"}], "nextPageToken": "again"}
    found = models(query("", kind))
    assert [model.id for model in found.models] == ["a"]
    assert len(server.seen) == 2, "the same page again is the end"
    server.seen.clear()
    for number in range(40):
        server.answers[f"/v1/models?limit=1000&after_id={number}"] = {
            "data": [{"id": f"m{number}"}], "has_more": True, "last_id": str(number + 1),
        }  # fmt: skip
        server.answers[f"/v1beta/models?pageSize=1000&pageToken={number}"] = {
            "models": [{"name": f"models/m{number}"}],
            "nextPageToken": str(number + 1),
        }
    server.answers["/v1/models?limit=1000"] = {"data": [{"id": "x"}], "has_more": True, "last_id": "0"}
    server.answers["/v1beta/models?pageSize=1000"] = {"models": [{"name": "x"}], "nextPageToken": "0"}
    found = models(query("", kind))
    assert (len(found.models), len(server.seen), found.complete) == (20, 20, False)


# ---- Gemini


def test_geminis_facts(query: Query, server: ListServer) -> None:
    server.answers["/v1beta/models"] = {"models": [
        {"name": "models/gemini-2.5-flash", "displayName": "Gemini 2.5 Flash", "inputTokenLimit": 1048576,
         "outputTokenLimit": 65536, "supportedGenerationMethods": ["generateContent", "countTokens"],
         "thinking": True},
        {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
    ]}  # fmt: skip
    flash, embedding = models(query("/v1beta", "gemini", api_key="k")).models
    assert (flash.id, flash.aliases, flash.kind) == ("gemini-2.5-flash", ("models/gemini-2.5-flash",), "llm")
    assert (flash.context_length_tokens, flash.max_output_tokens) == (1048576, 65536)
    assert flash.capabilities == ("generateContent", "countTokens", "thinking")
    assert embedding.kind == "embeddings"


def test_an_account_without_gemini_models(query: Query, server: ListServer) -> None:
    server.answers["/v1beta/models"] = {}
    assert models(query("", "gemini")) == ListedModels()


# ---- LM Studio

_UNEXPECTED = {"error": "Unexpected endpoint or method. (GET /api/v1/models). Returning 200 anyway"}


def test_lmstudios_own_list(query: Query, server: ListServer) -> None:
    instance = {"id": "qwen3:2", "config": {"context_length": 8192, "parallel": 4}}
    server.answers["/api/v1/models"] = {"models": [
        {"type": "llm", "key": "qwen/qwen3-4b", "display_name": "Qwen3 4B", "publisher": "qwen",
         "quantization": {"name": "Q4_K_M"}, "max_context_length": 32768, "loaded_instances": [instance],
         "capabilities": {"vision": False, "trained_for_tool_use": True}, "variants": ["qwen/qwen3-4b@q4_k_m"]},
        {"type": "embedding", "key": "nomic", "loaded_instances": [], "max_context_length": 2048},
    ]}  # fmt: skip
    chat, embedding = models(query(profile="lmstudio")).models
    assert (chat.state, chat.context_length_tokens, chat.quantization) == ("loaded", 8192, "Q4_K_M")
    assert chat.aliases == ("qwen3:2", "qwen/qwen3-4b@q4_k_m")
    assert chat.capabilities == ("trained_for_tool_use",)
    assert (embedding.state, embedding.context_length_tokens, embedding.kind) == (
        "not-loaded",
        2048,
        "embedding",
    )


@pytest.mark.parametrize("absent", [_UNEXPECTED, Given({"error": "no"}, 404)])
def test_an_older_lmstudio_is_asked_the_older_way(absent: object, query: Query, server: ListServer) -> None:
    server.answers |= {
        "/api/v1/models": absent,
        "/api/v0/models": {"data": [{"id": "m", "state": "not-loaded", "type": "llm"}]},
    }
    (model,) = models(query("/api/v0", profile="lmstudio")).models
    assert (model.id, model.state) == ("m", "not-loaded")
    server.answers |= {"/api/v0/models": absent, "/v1/models": {"data": [{"id": "plain"}]}}
    (model,) = models(query(profile="lmstudio")).models
    assert (model.id, model.state) == ("plain", None)


def test_a_refused_key_is_not_tried_elsewhere(query: Query, server: ListServer) -> None:
    server.answers |= {"/api/v1/models": Given({}, 401), "/v1/models": {"data": [{"id": "plain"}]}}
    with pytest.raises(ModelListError):
        models(query(profile="lmstudio"))
    assert server.paths == ["/api/v1/models"]


# ---- Ollama


def tag(name: str) -> dict[str, object]:
    details = {"family": "qwen3", "parameter_size": "4B", "quantization_level": "Q4_K_M"}
    return {"name": name, "model": name, "modified_at": "2025-05-04T17:37:44.7Z", "details": details}


def test_ollamas_three_lists_are_one(query: Query, server: ListServer) -> None:
    server.answers |= {
        "/api/tags": {"models": [tag("qwen3:4b"), tag("llama3.2:latest")]},
        "/api/ps": {"models": [{"model": "qwen3:4b", "context_length": 4096}]},
        "/api/show": {
            "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
            "capabilities": ["completion", "tools"],
        },
    }
    loaded, other = models(query("/v1", "openai-chat", "ollama")).models
    assert (loaded.state, loaded.context_length_tokens, loaded.quantization) == ("loaded", 4096, "Q4_K_M")
    assert (other.state, other.context_length_tokens) == ("not-loaded", 131072)
    assert (other.aliases, other.capabilities) == (("llama3.2",), ("completion", "tools"))
    assert [json.loads(seen.body) for seen in server.seen if seen.body] == [{"model": "llama3.2:latest"}]


def test_ollama_is_shown_a_few_only(query: Query, server: ListServer) -> None:
    server.answers |= {"/api/tags": {"models": [tag(f"m{number}") for number in range(50)]}, "/api/show": {}}
    found = models(query("", "ollama")).models
    assert len(found) == 50
    assert found[0].state is None, "/api/ps is not there, so nobody said"
    assert server.paths.count("/api/show") == SHOWN_MAX


def test_a_list_stands_without_what_show_tells(query: Query, server: ListServer) -> None:
    server.answers |= {"/api/tags": {"models": [tag("a"), tag("b")]}, "/api/ps": {"models": []}}
    assert [model.context_length_tokens for model in models(query("/api", "ollama")).models] == [None, None]
    assert server.paths.count("/api/show") == 1


# ---- which source


@pytest.mark.parametrize(
    ("kind", "profile", "path"),
    [
        ("openai-chat", "generic", "/v1/models"), ("openai-responses", "openai", "/v1/models"),
        ("openai-chat", "ollama", "/api/tags"), ("ollama", "generic", "/api/tags"),
        ("openai-chat", "lmstudio", "/api/v1/models"), ("anthropic", "lmstudio", "/v1/models"),
        ("gemini", None, "/v1beta/models"), ("no-such-kind", None, "/v1/models"),
    ],
)  # fmt: skip
def test_the_kind_picks_then_the_profile(kind: str, profile: str | None, path: str) -> None:
    with Simulator(models=["small", "large"], api_key="sk-1") as simulator:
        root = simulator.base_url.removesuffix("/v1")
        base_url = root if kind in ("anthropic", "gemini") else simulator.base_url
        found = models(_query(base_url, kind, profile, "sk-1")).models
        assert {alias for model in found for alias in (model.id, *model.aliases)} >= {"small", "large"}
        assert simulator.requests[0].path == path


@pytest.mark.parametrize("kind", ["openai-chat", "anthropic", "gemini", "ollama"])
def test_the_simulators_lists_need_its_key(kind: str) -> None:
    with Simulator(models=["small"], api_key="sk-1") as simulator:
        query = _query(
            simulator.base_url.removesuffix("/v1" if kind != "openai-chat" else ""), kind, None, "sk-2"
        )
        with pytest.raises(ModelListError) as caught:
            models(query)
        assert caught.value.evidence.status == 401


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_the_simulators_pages(kind: str) -> None:
    names = [f"m{number:04}" for number in range(2500)]
    with Simulator(models=names) as simulator:
        found = models(_query(simulator.base_url.removesuffix("/v1"), kind))
        assert [model.id for model in found.models] == names
        assert len(simulator.requests) == 3
