"""A ChatRequest as Gemini's HTTP request. Only what was given is sent.

Source: https://ai.google.dev/api/generate-content; https://ai.google.dev/api/caching#Tool. Vertex AI takes the
same body below `.../publishers/google`. `extra_body` is merged over ours, objects member by member, so that
`{"generationConfig": {"topK": 40}}` leaves the other settings; lists and values replace.
"""

import re
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import FrozenMap, thaw
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, ToolSpec
from greenroom.messages.retry_state import RetryState
from greenroom.providers.gemini.families import family_of
from greenroom.providers.gemini.turns import GO_ON, contents_of, system_instruction
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.profile import Profile

_VERSION = re.compile(r"/v\d+\w*$")
_COLLECTION = re.compile(r"(models|tunedModels|endpoints|publishers)/")
_FIELDS = {
    "temperature": "temperature", "top_p": "topP", "max_output_tokens": "maxOutputTokens", "seed": "seed",
    "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs", "top_logprobs": "logprobs",
}  # fmt: skip
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "function": "ANY"}


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    base = base_path(call.target.base_url or profile.base_url or "")
    method = "streamGenerateContent?alt=sse" if call.request.stream else "generateContent"
    path = f"{base}/{model_path(call.target.model, base)}:{method}"
    body = request_body(call, profile, resume)
    return HttpRequest("POST", path, request_headers(call, profile), to_json(body))


def base_path(base_url: str) -> str:
    """The path up to the model, whatever of it was written: the host alone, with its version, with `/models`,
    as the OpenAI-compatible endpoint, or Vertex AI's `.../publishers/google`."""
    path = urlsplit(base_url).path.rstrip("/").removesuffix("/openai").removesuffix("/models")
    if "/publishers/" in path or _VERSION.search(path):
        return path
    return f"{path}/v1beta"


def model_path(model: str, base: str) -> str:
    """`models/<name>`, where the name does not say its collection itself."""
    if "/publishers/" in base:
        model = model.removeprefix("publishers/google/")
    named = model if _COLLECTION.match(model) else f"models/{model}"
    return quote(named, safe="/@")


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent."""
    request = supported(call.request, profile)
    family = family_of(call.target.model)
    body: dict[str, Any] = {"contents": contents_of(request, family)}
    if (instruction := system_instruction(request)) is not None:
        body["systemInstruction"] = instruction
    settings = _settings(request, call.options) | _thinking(request, call.target.model)
    if settings:
        body["generationConfig"] = settings
    body |= _tools(request)
    if resume is not None:
        _go_on(body, resume)
    return merged(body, thaw(request.extra_body))


def supported(request: ChatRequest, profile: Profile) -> ChatRequest:
    """The request without what this server does not take."""
    return request.model_copy(
        update={name: ChatRequest.model_fields[name].default for name in profile.unsupported}
    )


def candidates_asked(request: ChatRequest) -> int:
    """How many candidates the body asks for."""
    settings = request.extra_body.get("generationConfig")
    n = settings.get("candidateCount", request.n) if isinstance(settings, FrozenMap) else request.n
    return n if type(n) is int and n > 0 else 1


def merged(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """`theirs` over `ours`: objects member by member, all else as it stands."""
    both = dict(ours)
    for name, value in theirs.items():
        known = both.get(name)
        both[name] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return both


def _settings(request: ChatRequest, options: StreamingOptions) -> dict[str, Any]:
    given = {here: getattr(request, name) for name, here in _FIELDS.items()}
    settings = {name: value for name, value in given.items() if value is not None and value is not False}
    if request.stop is not None:
        settings["stopSequences"] = list(request.stop)
    if request.n != 1:
        settings["candidateCount"] = request.n
    form = request.response_format
    if form is not None and form.json_schema is not None:
        settings["responseJsonSchema"] = thaw(form.json_schema)
    if options.json_mode or (form is not None and form.type != "text"):
        settings["responseMimeType"] = "application/json"
    return settings


def _thinking(request: ChatRequest, model: str) -> dict[str, Any]:
    config = None if request.reasoning_effort is None else family_of(model).thinking(request.reasoning_effort)
    return {} if config is None else {"thinkingConfig": config}


def _tools(request: ChatRequest) -> dict[str, Any]:
    if not request.tools:
        return {}
    fields: dict[str, Any] = {
        "tools": [{"functionDeclarations": [_declared(tool) for tool in request.tools]}]
    }
    choice = request.tool_choice
    mode = None if choice is None else _MODES[choice.mode]
    if mode in (None, "AUTO") and any(tool.strict for tool in request.tools):
        mode = "VALIDATED"  # AUTO whose calls follow their schemas, as those of ANY always do
    if mode is not None:
        config: dict[str, Any] = {"mode": mode}
        if choice is not None and choice.name is not None:
            config["allowedFunctionNames"] = [choice.name]
        fields["toolConfig"] = {"functionCallingConfig": config}
    return fields


def _declared(tool: ToolSpec) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    schema = thaw(tool.parameters)
    if schema.get("properties") or schema.keys() - {"type", "properties"}:
        declared["parametersJsonSchema"] = schema
    return declared


def _go_on(body: dict[str, Any], resume: RetryState) -> None:
    """The rest of an answer that the server paused, or of one that was cut."""
    if resume.mode == "pause":
        if resume.cursor is not None:
            body["continuationToken"] = resume.cursor
        return
    if not resume.delivered_text:
        return
    body["contents"] += [
        {"role": "model", "parts": [{"text": resume.delivered_text}]},
        {"role": "user", "parts": [{"text": GO_ON}]},
    ]
    settings = body.get("generationConfig", {})
    if "maxOutputTokens" in settings:
        spent = resume.spent.output_tokens or len(resume.delivered_text) // 4
        settings["maxOutputTokens"] = max(1, settings["maxOutputTokens"] - spent)
