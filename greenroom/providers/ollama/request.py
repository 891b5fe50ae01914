"""A ChatRequest as the HTTP request of Ollama's chat. Only what was given is sent.

Source: https://docs.ollama.com/api/chat. What the wire has beyond ChatRequest (`keep_alive`, `options.num_ctx`,
`options.top_k`) goes in `extra_body`: its `options` join ours, name by name; everything else replaces ours.
"""

from typing import Any
from urllib.parse import urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, ToolSpec
from greenroom.messages.retry_state import RetryState
from greenroom.providers.ollama.turns import wire_turns
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.openai_chat.turns import continue_answer
from greenroom.providers.profile import Profile
from greenroom.providers.wire.asked_format import format_asked

_NDJSON = "application/x-ndjson"
_OTHER_PATHS = ("/v1", "/api")
_WITH_LEVELS = ("gpt-oss",)
"""Models that take how hard to think, and cannot stop; all others take yes or no."""
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "none": "low"}


def chat_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    body = chat_body(call, profile, resume)
    return HttpRequest("POST", path_of(call, profile, "chat"), headers_of(call, profile), to_json(body))


def path_of(call: Call, profile: Profile, operation: str) -> str:
    """`{base}/api/{operation}`, whichever of Ollama's base URLs was written."""
    path = urlsplit(call.target.base_url or profile.base_url or "").path.rstrip("/")
    for other in _OTHER_PATHS:
        path = path.removesuffix(other)
    return f"{path}/api/{operation}"


def headers_of(call: Call, profile: Profile) -> tuple[tuple[str, str], ...]:
    """As those of the chat wire; but what is accepted are lines of JSON."""
    own = {name.lower() for name, _ in call.headers}
    return tuple(
        (name, _NDJSON if name == "accept" and call.request.stream and name not in own else value)
        for name, value in request_headers(call, profile)
    )


def chat_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent. `stream` always stands in it: what is left out means a stream here."""
    request = call.request
    body: dict[str, Any] = {"model": call.target.model, "messages": wire_turns(request.messages)}
    body |= shared_fields(call)
    if request.tools and (request.tool_choice is None or request.tool_choice.mode != "none"):
        body["tools"] = [{"type": "function", "function": _function(tool)} for tool in request.tools]
    if resume is not None and resume.delivered_text:
        continue_answer(body, resume, profile)
        lower_limit(body, resume)
    return with_extra(body, request)


def shared_fields(call: Call) -> dict[str, Any]:
    """The fields that both operations have."""
    request = call.request
    fields = {
        "stream": request.stream,
        "format": _format(request, call.options),
        "think": _think(request, call.target.model),
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs if request.logprobs else None,
        "options": _options(request) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def with_extra(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    """The body with `extra_body` over it; of `options` only the names that stand there are replaced."""
    extra = thaw(request.extra_body)
    if isinstance(extra.get("options"), dict):
        extra["options"] = {**body.get("options", {}), **extra["options"]}
    return {**body, **extra}


def lower_limit(body: dict[str, Any], resume: RetryState) -> None:
    """An answer that is gone on with has so many tokens less to say."""
    options = body.get("options", {})
    if "num_predict" in options:
        spent = resume.spent.output_tokens or len(resume.delivered_text) // 4
        options["num_predict"] = max(1, options["num_predict"] - spent)


def _options(request: ChatRequest) -> dict[str, Any]:
    options = {
        "num_predict": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) if request.stop is not None else None,
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
    }
    return {name: value for name, value in options.items() if value is not None}


def _format(request: ChatRequest, options: StreamingOptions) -> Any:
    given = format_asked(request, options)
    if given is None or given.type == "text":
        return None
    return "json" if given.json_schema is None else thaw(given.json_schema)


def _think(request: ChatRequest, model: str) -> bool | str | None:
    effort = request.reasoning_effort
    if effort is None:
        return None
    if model.rpartition("/")[2].startswith(_WITH_LEVELS):
        return _LEVELS[effort]
    return effort != "none"


def _function(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": thaw(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    return function
