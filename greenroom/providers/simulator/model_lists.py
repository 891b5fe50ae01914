"""Lists of models in each server's own form, beside OpenAI's `/v1/models`, which the service has itself.

Shapes: LM Studio's /api/v1/models and /api/v0/models, Ollama's /api/tags, /api/ps and /api/show, Gemini's
/v1beta/models with pages, Anthropic's /v1/models with pages, xAI's /v1/language-models. The first model is
loaded, the others are not.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.openai_errors import Refused, json_reply, refusal_reply
from greenroom.providers.simulator.openai_request import read_json
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.wires import Desk, Served, bearer

CONTEXT_TOKENS = 32_768
LOADED_TOKENS = 8_192
OUTPUT_TOKENS = 4_096
_OWNER = "greenroom-simulator"
_PAGE_MAX = 1000


class ModelListsWire:
    """`models` gives the names there are now."""

    kind = "model-lists"

    def __init__(self, models: Callable[[], tuple[str, ...]]) -> None:
        self._models = models

    def takes(self, request: HttpRequest) -> bool:
        if request.path == "/v1/models":
            return not request.headers.keys().isdisjoint(("anthropic-version", "x-goog-api-key"))
        return request.path in _LISTS or request.path == "/api/show"

    def key(self, request: HttpRequest) -> str | None:
        named = request.headers.get("x-api-key") or request.headers.get("x-goog-api-key")
        return named or bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        models = self._models()
        if request.path == "/api/show":
            served.body = read_json(request.body)
            return json_reply(200, _ollama_show(served.body.get("model"), models))
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, f"Not allowed to {request.method} on {request.path}.")
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if request.path == "/v1/models":
            theirs = _anthropic if "anthropic-version" in request.headers else _gemini
            return json_reply(200, theirs(models, query, desk.created_s))
        return json_reply(200, _LISTS[request.path](models, query, desk.created_s))

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:
        return refusal_reply(refused, dialect)


def _anthropic(models: tuple[str, ...], query: dict[str, str], created_s: int) -> Any:
    after = query.get("after_id")
    start = models.index(after) + 1 if after in models else 0
    page = models[start : start + _page_size(query.get("limit"))]
    data = [
        {
            "type": "model", "id": name, "display_name": name.title(), "created_at": _instant(created_s),
            "max_input_tokens": CONTEXT_TOKENS, "max_tokens": OUTPUT_TOKENS,
        }
        for name in page
    ]  # fmt: skip
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return {"data": data, "has_more": start + len(page) < len(models), **ends}


def _gemini(models: tuple[str, ...], query: dict[str, str], _: int) -> Any:
    token = query.get("pageToken", "")
    start = int(token) if token.isdecimal() else 0
    page = models[start : start + _page_size(query.get("pageSize"))]
    body: dict[str, Any] = {
        "models": [
            {
                "name": f"models/{name}", "version": "001", "displayName": name.title(),
                "inputTokenLimit": CONTEXT_TOKENS, "outputTokenLimit": OUTPUT_TOKENS,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            }
            for name in page
        ]
    }  # fmt: skip
    if start + len(page) < len(models):
        body["nextPageToken"] = str(start + len(page))
    return body


def _lmstudio(models: tuple[str, ...], _query: dict[str, str], _: int) -> Any:
    entries = []
    for place, name in enumerate(models):
        instance = {"id": name, "config": {"context_length": LOADED_TOKENS, "parallel": 4}}
        entries.append({
            "type": "llm", "publisher": _OWNER, "key": name, "display_name": name.title(),
            "quantization": {"name": "Q4_K_M", "bits_per_weight": 4}, "max_context_length": CONTEXT_TOKENS,
            "loaded_instances": [] if place else [instance], "format": "gguf",
            "capabilities": {"vision": False, "trained_for_tool_use": True},
        })  # fmt: skip
    return {"models": entries}


def _lmstudio_v0(models: tuple[str, ...], _query: dict[str, str], _: int) -> Any:
    entries: list[dict[str, Any]] = [
        {
            "id": name, "object": "model", "type": "llm", "publisher": _OWNER, "quantization": "Q4_K_M",
            "state": "not-loaded" if place else "loaded", "max_context_length": CONTEXT_TOKENS,
        }
        for place, name in enumerate(models)
    ]  # fmt: skip
    for entry in entries[:1]:
        entry["loaded_context_length"] = LOADED_TOKENS
    return {"object": "list", "data": entries}


def _ollama_tags(models: tuple[str, ...], _query: dict[str, str], created_s: int) -> Any:
    return {"models": [_ollama_model(name, created_s) for name in models]}


def _ollama_ps(models: tuple[str, ...], _query: dict[str, str], created_s: int) -> Any:
    loaded = [{**_ollama_model(name, created_s), "context_length": LOADED_TOKENS} for name in models[:1]]
    return {"models": loaded}


def _ollama_show(name: object, models: tuple[str, ...]) -> Any:
    if not isinstance(name, str) or name not in [_tagged(model) for model in models]:
        raise Refused(404, f"model '{name}' not found")
    return {
        "model_info": {"general.architecture": "sim", "sim.context_length": CONTEXT_TOKENS},
        "capabilities": ["completion", "tools"],
    }


def _ollama_model(name: str, created_s: int) -> dict[str, Any]:
    details = {"format": "gguf", "family": "sim", "parameter_size": "4B", "quantization_level": "Q4_K_M"}
    tagged, modified = _tagged(name), _instant(created_s)
    return {
        "name": tagged,
        "model": tagged,
        "modified_at": modified,
        "size": 2_000_000_000,
        "details": details,
    }


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _xai(models: tuple[str, ...], _query: dict[str, str], created_s: int) -> Any:
    facts = {"object": "model", "owned_by": _OWNER, "created": created_s, "input_modalities": ["text"]}
    return {"models": [{"id": name, "aliases": [f"{name}-latest"], **facts} for name in models]}


def _page_size(given: str | None) -> int:
    return min(int(given), _PAGE_MAX) if given is not None and given.isdecimal() and int(given) else 20


def _instant(created_s: int) -> str:
    return datetime.fromtimestamp(created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_LISTS: dict[str, Callable[[tuple[str, ...], dict[str, str], int], Any]] = {
    "/api/v1/models": _lmstudio,
    "/api/v0/models": _lmstudio_v0,
    "/api/tags": _ollama_tags,
    "/api/ps": _ollama_ps,
    "/v1beta/models": _gemini,
    "/v1/language-models": _xai,
}
