"""A ChatRequest as the HTTP request of the chat wire. Only what was given is sent.

Source: https://platform.openai.com/docs/api-reference/chat/create; dialects by Profile.
"""

from typing import Any
from urllib.parse import urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, ResponseFormat, ToolChoice, ToolSpec
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.turns import continue_answer, wire_turns
from greenroom.providers.profile import Profile
from greenroom.providers.wire.asked_format import format_asked

_AS_THEY_ARE = (
    "temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs",
    "parallel_tool_calls", "reasoning_effort", "user",
)  # fmt: skip


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    path = urlsplit(call.target.base_url or profile.base_url or "").path.rstrip("/")
    body = request_body(call, profile, resume)
    return HttpRequest("POST", f"{path}/chat/completions", request_headers(call, profile), to_json(body))


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, the dialect's names, `extra_body` over all."""
    request, left_out = call.request, profile.unsupported
    body: dict[str, Any] = {"model": call.target.model, "messages": wire_turns(request.messages, profile)}
    if request.stream:
        body["stream"] = True
        if profile.stream_options and "no_stream_options" not in call.target.adjustments:
            body["stream_options"] = {"include_usage": True}
    for name in _AS_THEY_ARE:
        value = getattr(request, name)
        if value is not None and name not in left_out and (name != "top_logprobs" or request.logprobs):
            body[name] = value
    if request.n != 1 and "n" not in left_out:
        body["n"] = request.n
    if request.stop is not None and "stop" not in left_out:
        body["stop"] = list(request.stop)
    if request.max_output_tokens is not None:
        body[profile.max_tokens_field] = request.max_output_tokens
    body |= _tools(request, left_out) | _format(request, call.options, profile)
    if resume is not None and resume.delivered_text:
        continue_answer(body, resume, profile)
    for name, here in profile.renames.items():
        if name in body:
            body[here] = body.pop(name)
    if request.extra_body:
        body.update(thaw(request.extra_body))
    return body


def choices_asked(request: ChatRequest, profile: Profile) -> int:
    """How many choices the body asks for."""
    n = request.extra_body.get("n", 1 if "n" in profile.unsupported else request.n)
    return n if type(n) is int and n > 0 else 1


def _tools(request: ChatRequest, left_out: frozenset[str]) -> dict[str, Any]:
    if not request.tools or "tools" in left_out:
        return {}
    fields: dict[str, Any] = {
        "tools": [{"type": "function", "function": _function(tool)} for tool in request.tools]
    }
    if request.tool_choice is not None and "tool_choice" not in left_out:
        fields["tool_choice"] = _choice(request.tool_choice)
    return fields


def _function(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": thaw(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def _choice(choice: ToolChoice) -> Any:
    return choice.mode if choice.name is None else {"type": "function", "function": {"name": choice.name}}


def _format(request: ChatRequest, options: StreamingOptions, profile: Profile) -> dict[str, Any]:
    given = format_asked(request, options)
    if given is None or "response_format" in profile.unsupported:
        return {}
    if given.type == "json_object" and not profile.json_object:
        given = ResponseFormat.model_validate({"type": "json_schema", "json_schema": {"type": "object"}})
    if given.json_schema is None:
        return {"response_format": {"type": given.type}}
    schema: dict[str, Any] = {"name": given.name, "schema": thaw(given.json_schema)}
    if given.description is not None:
        schema["description"] = given.description
    if given.strict is not None:
        schema["strict"] = given.strict
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def request_headers(call: Call, profile: Profile) -> tuple[tuple[str, str], ...]:
    """Ours, then the configured ones in place of those of the same name."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if call.request.stream else "application/json",
        "user-agent": "greenroom",
        profile.request_id_header: call.request_id,
    }
    if call.api_key:
        bearer = profile.auth_header == "authorization"
        headers[profile.auth_header] = f"Bearer {call.api_key}" if bearer else call.api_key
    return tuple((headers | {name.lower(): value for name, value in call.headers}).items())
