"""A ChatRequest as the HTTP request of the messages wire. Only what was given is sent, and `max_tokens`.

Source: https://platform.claude.com/docs/en/api/messages. A server whose wire this is under another name has a
profile of its own; only its header for the key is asked for.
"""

from typing import Any
from urllib.parse import urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.request import ChatRequest, ToolChoice, ToolSpec
from greenroom.messages.retry_state import RetryState
from greenroom.providers.anthropic.models import Facts, facts_of
from greenroom.providers.anthropic.thinking import forces_a_tool, format_field, thinking_fields, thinks
from greenroom.providers.anthropic.turns import (
    add_turn,
    blocks_of,
    is_prefix,
    system_blocks,
    trim_last,
    wire_turns,
)
from greenroom.providers.anthropic.words import VERSION
from greenroom.providers.profile import Profile

_GO_ON = (
    "Your previous answer was interrupted. Continue it exactly from where it stops. "
    "Repeat nothing of it and add no remark."
)


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    path = operation_path(call.target.base_url or profile.base_url or "", "messages")
    return HttpRequest("POST", path, request_headers(call, profile), to_json(request_body(call, resume)))


def operation_path(base_url: str, operation: str) -> str:
    """The operation below `/v1`, whether the base URL ends with that (ours), or not (the SDK's), or with both."""
    path = urlsplit(base_url).path.rstrip("/").removesuffix(f"/{operation}")
    return f"{path}/{operation}" if path.endswith("/v1") else f"{path}/v1/{operation}"


def request_headers(call: Call, profile: Profile) -> tuple[tuple[str, str], ...]:
    """Ours, then the configured ones (`anthropic-beta`, a bearer token) in place of those of the same name."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if call.request.stream else "application/json",
        "user-agent": "greenroom",
        "anthropic-version": VERSION,
        profile.request_id_header: call.request_id,
    }
    if call.api_key:
        bearer = profile.auth_header == "authorization"
        headers[profile.auth_header] = f"Bearer {call.api_key}" if bearer else call.api_key
    return tuple((headers | {name.lower(): value for name, value in call.headers}).items())


def request_body(call: Call, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, `extra_body` over all."""
    request, facts = call.request, facts_of(call.target.model)
    max_tokens = request.max_output_tokens or facts.default_max_tokens
    turns = wire_turns(request.messages)
    begins = is_prefix(turns)
    body: dict[str, Any] = {"model": call.target.model, "max_tokens": max_tokens, "messages": turns}
    if resume is not None:
        _go_on(body, resume, facts)
        begins = begins or (resume.mode != "pause" and is_prefix(turns))
    if not facts.trailing_space:
        trim_last(turns)
    if request.stream:
        body["stream"] = True
    if system := system_blocks(request.messages):
        body["system"] = system[0]["text"] if len(system) == 1 else system
    body |= _tools(request)
    thinking = thinking_fields(request.reasoning_effort, facts, body["max_tokens"])
    if thinks(thinking) and (forces_a_tool(request) or begins):
        thinking = {}
    config = {**thinking.pop("output_config", {}), **format_field(request.response_format, facts)}
    body |= thinking | ({"output_config": config} if config else {})
    body |= _sampling(request, facts, thinks(thinking))
    if request.stop is not None and (stops := [stop for stop in request.stop if stop.strip()]):
        body["stop_sequences"] = stops
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    body.update(thaw(request.extra_body))
    return body


def _go_on(body: dict[str, Any], resume: RetryState, facts: Facts) -> None:
    """Asks for what follows the parts that were delivered.

    After the wire's own pause all of them go back unchanged, with the container in which tools ran. After a
    cut the text alone does: as the beginning of the answer where the model takes one, else with a request in
    words. What was spent is taken off the tokens that it may still make.
    """
    turns = body["messages"]
    if resume.mode == "pause":
        add_turn(turns, "assistant", blocks_of(resume.delivered_parts))
        if resume.cursor:
            body["container"] = resume.cursor
        return
    if resume.mode not in ("prefix", "instruction") or not resume.delivered_text.strip():
        return
    add_turn(turns, "assistant", [{"type": "text", "text": resume.delivered_text}])
    if resume.mode == "instruction" or not facts.prefill:
        trim_last(turns)
        add_turn(turns, "user", [{"type": "text", "text": _GO_ON}])
    spent = resume.spent.output_tokens or len(resume.delivered_text) // 4
    body["max_tokens"] = max(1, body["max_tokens"] - spent)


def _tools(request: ChatRequest) -> dict[str, Any]:
    if not request.tools:
        return {}
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in request.tools]}
    choice = request.tool_choice
    alone = {"disable_parallel_tool_use": True} if request.parallel_tool_calls is False else {}
    if choice is not None and choice.mode == "none":
        fields["tool_choice"] = {"type": "none"}
    elif choice is not None or alone:
        fields["tool_choice"] = {**_choice(choice or ToolChoice()), **alone}
    return fields


def _tool(tool: ToolSpec) -> dict[str, Any]:
    given: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **thaw(tool.parameters)}}
    if tool.description:
        given["description"] = tool.description
    if tool.strict is not None:
        given["strict"] = tool.strict
    return given


def _choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.name is not None:
        return {"type": "tool", "name": choice.name}
    return {"type": {"required": "any"}.get(choice.mode, choice.mode)}


def _sampling(request: ChatRequest, facts: Facts, is_thinking: bool) -> dict[str, Any]:
    """What the model takes of temperature and top_p; both are refused by the newest, and beside thinking."""
    if not facts.sampling or is_thinking:
        return {}
    fields: dict[str, Any] = {}
    if request.temperature is not None and request.temperature <= 1:
        fields["temperature"] = request.temperature
    if request.top_p is not None and (facts.both_samplings or not fields):
        fields["top_p"] = request.top_p
    return fields
