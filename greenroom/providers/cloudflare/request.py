"""A ChatRequest as the HTTP request of Workers AI. Only what was given is sent; the model stands in the path.

Source: https://developers.cloudflare.com/workers-ai/models/ (parameters of text generation). `top_k`,
`repetition_penalty`, `lora` and `raw` go in `extra_body`.
"""

from typing import Any
from urllib.parse import quote, urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, Message, ToolSpec, tool_calls
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.openai_chat.turns import continue_answer, wire_turns
from greenroom.providers.profile import Profile
from greenroom.providers.wire.asked_format import format_asked

_AS_THEY_ARE = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
_OTHER_PATHS = ("/v1", "/run", "/ai")


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    body = request_body(call, profile, resume)
    return HttpRequest("POST", path_of(call, profile), request_headers(call, profile), to_json(body))


def path_of(call: Call, profile: Profile) -> str:
    """Behind an account `/ai/run/{model}`, behind a gateway's `/workers-ai` the model alone."""
    path = urlsplit(call.target.base_url or profile.base_url or "").path.rstrip("/")
    model = quote(call.target.model, safe="@/:._-~")
    if path.endswith("/workers-ai"):
        return f"{path}/{model}"
    for other in _OTHER_PATHS:
        path = path.removesuffix(other)
    return f"{path}/ai/run/{model}"


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, `extra_body` over all."""
    request = call.request
    body: dict[str, Any] = {"messages": turns_of(request, profile), "stream": request.stream}
    fields = {name: getattr(request, name) for name in _AS_THEY_ARE}
    fields |= {"max_tokens": request.max_output_tokens, "response_format": _format(request, call.options)}
    body |= {name: value for name, value in fields.items() if value is not None}
    if request.tools and (request.tool_choice is None or request.tool_choice.mode != "none"):
        body["tools"] = [{"type": "function", "function": _function(tool)} for tool in request.tools]
    if resume is not None and resume.delivered_text:
        continue_answer(body, resume, profile.model_copy(update={"max_tokens_field": "max_tokens"}))
    body.update(thaw(request.extra_body))
    return body


def turns_of(request: ChatRequest, profile: Profile) -> list[dict[str, Any]]:
    """The chat wire's turns. Content is never null here, a refusal is text, a result bears its function's name."""
    names = {call.id: call.name for message in request.messages for call in tool_calls(message)}
    plain = profile.model_copy(update={"developer_role": False, "reasoning_field": None})
    turns = wire_turns([_nameless(message) for message in request.messages], plain)
    for turn in turns:
        turn["content"] = (turn.get("content") or "") if turn["role"] == "assistant" else turn["content"]
        if refusal := turn.pop("refusal", ""):
            turn["content"] += refusal
        if turn["role"] == "tool" and turn["tool_call_id"] in names:
            turn["name"] = names[turn["tool_call_id"]]
    return turns


def _nameless(message: Message) -> Message:
    return message if message.name is None else message.replace(name=None)


def _format(request: ChatRequest, options: StreamingOptions) -> dict[str, Any] | None:
    given = format_asked(request, options)
    if given is None or given.type == "text":
        return None
    if given.json_schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": thaw(given.json_schema)}


def _function(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": thaw(tool.parameters)}
