"""A ChatRequest as the HTTP request of Cohere's chat. Only what was given is sent.

Source: https://docs.cohere.com/reference/chat. `documents`, `citation_options`, `safety_mode`, `k` and a budget
for `thinking` go in `extra_body`.
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
from greenroom.providers.cohere.turns import wire_turns
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.openai_chat.turns import continue_answer
from greenroom.providers.profile import Profile
from greenroom.providers.wire.asked_format import format_asked

_OTHER_PATHS = ("/v1", "/v2", "/compatibility")
_CHOICES = {"required": "REQUIRED", "none": "NONE"}
"""What is left out means `auto`."""


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    path = urlsplit(call.target.base_url or profile.base_url or "").path.rstrip("/")
    for other in _OTHER_PATHS:
        path = path.removesuffix(other)
    body = request_body(call, profile, resume)
    return HttpRequest("POST", f"{path}/v2/chat", request_headers(call, profile), to_json(body))


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, `extra_body` over all."""
    request = call.request
    body: dict[str, Any] = {"model": call.target.model, "messages": wire_turns(request.messages)}
    fields = {
        "stream": request.stream,
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "p": request.top_p,
        "seed": request.seed,
        "stop_sequences": list(request.stop) if request.stop is not None else None,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "logprobs": request.logprobs,
        "thinking": _thinking(request),
        "response_format": _format(request, call.options),
    }
    body |= {name: value for name, value in fields.items() if value is not None}
    body |= _tools(request)
    if resume is not None and resume.delivered_text:
        continue_answer(body, resume, profile.model_copy(update={"max_tokens_field": "max_tokens"}))
    body.update(thaw(request.extra_body))
    return body


def _thinking(request: ChatRequest) -> dict[str, Any] | None:
    """On or off: how much is a budget of tokens here, which no level stands for."""
    if request.reasoning_effort is None:
        return None
    return {"type": "disabled" if request.reasoning_effort == "none" else "enabled"}


def _format(request: ChatRequest, options: StreamingOptions) -> dict[str, Any] | None:
    given = format_asked(request, options)
    if given is None:
        return None
    if given.json_schema is None:
        return {"type": given.type}
    return {"type": "json_object", "json_schema": thaw(given.json_schema)}


def _tools(request: ChatRequest) -> dict[str, Any]:
    """`strict_tools` is of all tools: one that asks for it brings it to all."""
    if not request.tools:
        return {}
    fields: dict[str, Any] = {
        "tools": [{"type": "function", "function": _function(tool)} for tool in request.tools]
    }
    if any(tool.strict for tool in request.tools):
        fields["strict_tools"] = True
    if request.tool_choice is not None and request.tool_choice.mode in _CHOICES:
        fields["tool_choice"] = _CHOICES[request.tool_choice.mode]
    return fields


def _function(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": thaw(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    return function
