"""A ChatRequest as the HTTP request of the Responses wire. Only what was given is sent, but for `store`.

Source: https://platform.openai.com/docs/api-reference/responses; dialects by Profile.
"""

from typing import Any
from urllib.parse import quote, urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, ResponseFormat, ToolChoice, ToolSpec
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.openai_responses.decode import NO_ENCRYPTED_REASONING
from greenroom.providers.openai_responses.events import number_of
from greenroom.providers.openai_responses.turns import input_items
from greenroom.providers.profile import Profile
from greenroom.providers.wire.asked_format import format_asked

_AS_THEY_ARE = ("temperature", "top_p", "max_output_tokens", "top_logprobs", "parallel_tool_calls", "user")
_GO_ON = "Continue your last message exactly where it stops. Repeat nothing of it and add no remark."
_MIN_OUTPUT_TOKENS = 16
"""OpenAI refuses a smaller max_output_tokens."""


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    """A new response; with mode server_cursor, the rest of one that the server keeps.

    Raises InvalidInput for a retry state without the response's id or its cursor.
    """
    if resume is not None and resume.mode == "server_cursor":
        return _rest_of(call, profile, resume)
    body = request_body(call, profile, resume)
    return HttpRequest("POST", responses_path(call, profile), request_headers(call, profile), to_json(body))


def cancel_request(call: Call, profile: Profile, response_id: str) -> HttpRequest:
    """Stops a response that is made in the background; any other ends with its connection.

    Source: https://platform.openai.com/docs/api-reference/responses/cancel
    """
    path = responses_path(call, profile, f"/{quote(response_id, safe='')}/cancel")
    headers = tuple(
        (name, "application/json" if name == "accept" else value)
        for name, value in request_headers(call, profile)
    )
    return HttpRequest("POST", path, headers, b"{}")


def responses_path(call: Call, profile: Profile, below: str = "") -> str:
    """`base_url` may end before or behind the version, and with `/responses`; its query is kept (Azure)."""
    base = urlsplit(call.target.base_url or profile.base_url or "")
    path = base.path.rstrip("/").removesuffix("/responses") or profile.responses_root
    return f"{path}/responses{below}" + (f"?{base.query}" if base.query else "")


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, `extra_body` over all."""
    request, left_out, extra = call.request, profile.responses_unsupported, thaw(call.request.extra_body)
    kept = call.options.server_resume and profile.background and request.stream
    stored = bool(extra.get("store", kept))
    body: dict[str, Any] = {
        "model": call.target.model,
        "input": input_items(request.messages, profile, stored),
        "store": kept,
    }
    if request.stream:
        body["stream"] = True
    if kept:
        body["background"] = True
    for name in _AS_THEY_ARE:
        value = getattr(request, name)
        if value is not None and name not in left_out and (name != "top_logprobs" or request.logprobs):
            body[name] = value
    if request.reasoning_effort is not None and "reasoning_effort" not in left_out:
        body["reasoning"] = {"effort": request.reasoning_effort}
    if include := _include(call, profile):
        body["include"] = include
    body |= _tools(request, left_out) | _format(request, call.options, profile)
    if resume is not None and resume.delivered_text:
        _continue(body, resume)
    body |= extra
    return body


def _rest_of(call: Call, profile: Profile, resume: RetryState) -> HttpRequest:
    number = number_of(resume.cursor)
    if not resume.response_id:
        raise InvalidInput.at("response_id", "is needed to go on behind a cursor", resume.response_id)
    if number is None:
        raise InvalidInput.at("cursor", "must be the sequence number of the last event", resume.cursor)
    path = responses_path(call, profile, f"/{quote(resume.response_id, safe='')}")
    path += f"{'&' if '?' in path else '?'}stream=true&starting_after={number}"
    headers = request_headers(call, profile)
    return HttpRequest("GET", path, tuple(pair for pair in headers if pair[0] != "content-type"))


def _continue(body: dict[str, Any], resume: RetryState) -> None:
    """Asks for what follows `resume.delivered_text`: the wire knows no true continuation."""
    text = {"type": "output_text", "text": resume.delivered_text}
    body["input"].append({"type": "message", "role": "assistant", "content": [text]})
    body["input"].append({"role": "user", "content": _GO_ON})
    spent = resume.spent.output_tokens or len(resume.delivered_text) // 4
    if "max_output_tokens" in body:
        body["max_output_tokens"] = max(_MIN_OUTPUT_TOKENS, body["max_output_tokens"] - spent)


def _include(call: Call, profile: Profile) -> list[str]:
    refused = f"{NO_ENCRYPTED_REASONING}:{call.target.model}" in call.target.adjustments
    include = ["reasoning.encrypted_content"] if profile.encrypted_reasoning and not refused else []
    if call.request.logprobs and "logprobs" not in profile.responses_unsupported:
        include.append("message.output_text.logprobs")
    return include


def _tools(request: ChatRequest, left_out: frozenset[str]) -> dict[str, Any]:
    if not request.tools or "tools" in left_out:
        return {}
    fields: dict[str, Any] = {"tools": [_function(tool) for tool in request.tools]}
    if request.tool_choice is not None and "tool_choice" not in left_out:
        fields["tool_choice"] = _choice(request.tool_choice)
    return fields


def _function(tool: ToolSpec) -> dict[str, Any]:
    """`strict` is always said: this wire takes a missing one for true, the chat wire for false."""
    function: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": thaw(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    return {**function, "strict": bool(tool.strict)}


def _choice(choice: ToolChoice) -> Any:
    return choice.mode if choice.name is None else {"type": "function", "name": choice.name}


def _format(request: ChatRequest, options: StreamingOptions, profile: Profile) -> dict[str, Any]:
    given = format_asked(request, options)
    if given is None or "response_format" in profile.responses_unsupported:
        return {}
    if given.type == "json_object" and not profile.json_object:
        given = ResponseFormat.model_validate({"type": "json_schema", "json_schema": {"type": "object"}})
    if given.json_schema is None:
        return {"text": {"format": {"type": given.type}}}
    schema: dict[str, Any] = {"type": given.type, "name": given.name, "schema": thaw(given.json_schema)}
    if given.description is not None:
        schema["description"] = given.description
    if given.strict is not None:
        schema["strict"] = given.strict
    return {"text": {"format": schema}}
