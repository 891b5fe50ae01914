"""`reasoning_effort` in the two ways in which Claude's models are asked to think, and the JSON form of answers.

    budget      thinking: {"type": "enabled", "budget_tokens": N}; N by effort, at most half of max_tokens
    adaptive    thinking: {"type": "adaptive"}, output_config: {"effort": ...}; the next lower where a model
                lacks a level, and `low` for `minimal`

Opus 4.5 takes both an effort and a budget and gets both. `none` asks older models for nothing, as they think
only when asked; of those that think as they see fit it asks that they do not.
"""

from typing import Any

from greenroom.messages.frozen import thaw
from greenroom.messages.request import ChatRequest, ResponseFormat
from greenroom.providers.anthropic.models import Facts

BUDGETS_TOKENS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576}
BUDGET_MIN_TOKENS = 1024
_LEVELS = ("low", "medium", "high", "xhigh")


def thinking_fields(effort: str | None, facts: Facts, max_tokens: int) -> dict[str, Any]:
    """`thinking` and `output_config` for this effort; {} where the model is not asked to think."""
    if effort is None or facts.thinking == "none":
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if facts.thinking == "adaptive" else {}
    level = _level(effort, facts.efforts)
    config = {"output_config": {"effort": level}} if level else {}
    if facts.thinking == "adaptive":
        return {"thinking": {"type": "adaptive"}, **config}
    if max_tokens <= BUDGET_MIN_TOKENS:
        return config
    budget = max(BUDGET_MIN_TOKENS, min(BUDGETS_TOKENS[effort], max_tokens // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, **config}


def thinks(fields: dict[str, Any]) -> bool:
    """These fields ask the model to think."""
    return fields.get("thinking", {}).get("type") in ("enabled", "adaptive")


def forces_a_tool(request: ChatRequest) -> bool:
    """A call is demanded: no model thinks before that."""
    choice = request.tool_choice
    return choice is not None and choice.mode in ("required", "function")


def format_field(given: ResponseFormat | None, facts: Facts) -> dict[str, Any]:
    """`output_config.format`; {} where it cannot be asked for."""
    if given is None or given.json_schema is None or not facts.json_schema:
        return {}
    return {"format": {"type": "json_schema", "schema": thaw(given.json_schema)}}


def _level(effort: str, known: tuple[str, ...]) -> str | None:
    wanted = "low" if effort == "minimal" else effort
    lower = _LEVELS[: _LEVELS.index(wanted) + 1]
    return next((level for level in reversed(lower) if level in known), None)
