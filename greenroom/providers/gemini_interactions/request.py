"""A ChatRequest as the request that creates an interaction, or that resumes its stream.

Only what was given is sent. Nothing is kept on the server (`store: false`) unless `options.server_resume` asks for
it: then the interaction runs in the background, and its stream can be read again from any event. `extra_body` is
merged over ours, objects member by member; an `agent` in it stands in place of the model.
Source: https://ai.google.dev/api/interactions-api.
"""

from typing import Any
from urllib.parse import quote, urlencode

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.providers.gemini.families import family_of
from greenroom.providers.gemini.request import base_path, merged, supported
from greenroom.providers.gemini_interactions.turns import go_on, steps_of, system_instruction
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.profile import Profile

_SETTINGS = {
    "temperature": "temperature", "top_p": "top_p", "max_output_tokens": "max_output_tokens", "seed": "seed",
}  # fmt: skip
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    base = base_path(call.target.base_url or profile.base_url or "").removesuffix("/publishers/google")
    headers = request_headers(call, profile)
    if resume is not None and resume.mode == "server_cursor" and resume.response_id and resume.cursor:
        asked = urlencode({"stream": "true", "last_event_id": resume.cursor})
        path = f"{base}/interactions/{quote(resume.response_id, safe='')}?{asked}"
        return HttpRequest("GET", path, tuple(pair for pair in headers if pair[0] != "content-type"))
    body = to_json(request_body(call, profile, resume))
    return HttpRequest("POST", f"{base}/interactions", headers, body)


def cancel_request(call: Call, profile: Profile, interaction_id: str) -> HttpRequest:
    """Stops an interaction that runs in the background.

    Source: https://ai.google.dev/api/interactions-api (cancelInteractionById)
    """
    base = base_path(call.target.base_url or profile.base_url or "").removesuffix("/publishers/google")
    path = f"{base}/interactions/{quote(interaction_id, safe='')}/cancel"
    return HttpRequest("POST", path, request_headers(call, profile), b"{}")


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent."""
    request, extra = supported(call.request, profile), thaw(call.request.extra_body)
    body: dict[str, Any] = {"input": steps_of(request)}
    if "agent" not in extra:
        body["model"] = call.target.model.removeprefix("models/")
    if request.stream:
        body["stream"] = True
    body |= {"store": True, "background": True} if call.options.server_resume else {"store": False}
    if instruction := system_instruction(request):
        body["system_instruction"] = instruction
    if settings := _settings(request, call.target.model):
        body["generation_config"] = settings
    if request.tools:
        body["tools"] = [_tool(tool.name, tool.description, thaw(tool.parameters)) for tool in request.tools]
    body |= _format(request, json_mode=call.options.json_mode)
    if resume is not None and resume.mode == "pause" and resume.cursor is not None:
        body["continuation_token"] = resume.cursor
    elif resume is not None and resume.delivered_text:
        body["input"] += go_on(resume.delivered_text)
    return merged(body, extra)


def thinking_level(model: str, effort: str) -> str | None:
    """The level of this effort; None where the model has none. Models with budgets take levels here, too."""
    family = family_of(model)
    level: str | None = family.levels.get(effort)
    if level is None and effort in family.budgets and effort != "none":
        level = "high" if effort == "xhigh" else effort
    return level


def _settings(request: ChatRequest, model: str) -> dict[str, Any]:
    given = {here: getattr(request, name) for name, here in _SETTINGS.items()}
    settings = {name: value for name, value in given.items() if value is not None}
    if request.stop is not None:
        settings["stop_sequences"] = list(request.stop)
    level = None if request.reasoning_effort is None else thinking_level(model, request.reasoning_effort)
    if level is not None:
        settings |= {"thinking_level": level, "thinking_summaries": "auto"}
    choice = request.tool_choice
    if choice is not None and choice.name is not None:
        settings["tool_choice"] = {"allowed_tools": {"mode": "any", "tools": [choice.name]}}
    elif choice is not None:
        settings["tool_choice"] = _CHOICES[choice.mode]
    if choice is None or choice.mode == "auto":
        # auto whose calls follow their schemas, as those of any always do
        settings |= {"tool_choice": "validated"} if any(tool.strict for tool in request.tools) else {}
    return settings


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    described = {"description": description} if description else {}
    return {"type": "function", "name": name, **described, "parameters": parameters}


def _format(request: ChatRequest, *, json_mode: bool) -> dict[str, Any]:
    form = request.response_format
    if not json_mode and (form is None or form.type == "text"):
        return {}
    wanted: dict[str, Any] = {"type": "text", "mime_type": "application/json"}
    if form is not None and form.json_schema is not None:
        wanted["schema"] = thaw(form.json_schema)
    return {"response_format": wanted}
