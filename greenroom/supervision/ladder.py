"""Which rungs of recovery an answer that was cut can take, and why not the others. Pure.

server_cursor   the server keeps the answer and sends what follows an event: exact, no seam
prefix          the same model goes on from the delivered text: plain text only
instruction     the same model is asked in words to go on: plain text only
block           closed blocks stay; an open tool call, JSON value or reasoning is taken back and asked for again
reset           the whole turn again, here or elsewhere, behind a StreamReset
"""

from collections.abc import Iterable
from dataclasses import dataclass

from greenroom.messages.completion import Choice
from greenroom.messages.frozen import FrozenMap
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import Part, ProviderPart, ReasoningPart, TextPart, ToolCallPart
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, OpenBlock, ResumeMode

LADDER: tuple[ResumeMode, ...] = ("server_cursor", "prefix", "instruction", "block", "reset")
_OWN_TURNS = frozenset({"messages", "input", "contents", "suffix", "echo"})
"""Fields of `extra_body` that stand in place of the turns in which a continuation is asked for."""
_OWN_CHOICES = frozenset({"n", "candidateCount", "candidate_count", "best_of"})
_STATEFUL = {
    "previous_response_id": "it goes on from a stored response",
    "previous_interaction_id": "it goes on from a stored interaction",
    "conversation": "it writes to a stored conversation",
    "background": "it is made in the background",
    "container": "it works in a container that is kept",
    "mcp_servers": "the provider calls MCP servers for it",
}
"""Fields of `extra_body` by which a request can have acted before its answer was whole."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the consumer has of the answer, as far as no StreamReset took it back."""

    parts: tuple[Part, ...] = ()
    """Of the first choice."""
    choices: int = 1
    open_block: OpenBlock = "none"

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def calls(self) -> int:
        """Tool calls that are whole."""
        return sum(isinstance(part, ToolCallPart) and part.complete for part in self.parts)


def standing_of(choices: tuple[Choice, ...], *, json_asked: bool) -> Standing:
    """What these folded choices come to; `json_asked`: text is one JSON value."""
    parts = choices[0].parts
    return Standing(parts, max(choice.index for choice in choices) + 1, _open_block(parts, json_asked))


def _open_block(parts: tuple[Part, ...], json_asked: bool) -> OpenBlock:
    if any(isinstance(part, ToolCallPart) and not part.complete for part in parts):
        return "tool_call"
    match parts[-1] if parts else None:
        case None | ToolCallPart():
            return "none"
        case TextPart():
            return "json" if json_asked else "text"
        case ReasoningPart():
            return "reasoning"
        case _:
            return "other"


def wants_json(request: ChatRequest, options: StreamingOptions) -> bool:
    """Half of this answer's text is worth nothing: it is one JSON value."""
    given = request.response_format
    return options.json_mode or (given is not None and given.type != "text")


def danger_of_replay(request: ChatRequest, parts: Iterable[Part]) -> str | None:
    """Why sending this request again may do something twice; None: it is a plain question.

    `store` alone is none: what is stored a second time hangs on nothing.
    """
    if any(isinstance(part, ProviderPart) for part in parts):
        return "tools were run for it by the provider"
    extra = request.extra_body
    if (name := next((name for name in _STATEFUL if extra.get(name)), None)) is not None:
        return f"{_STATEFUL[name]} ({name})"
    tools = extra.get("tools")
    for tool in tools if isinstance(tools, tuple) else ():
        kind = tool.get("type") if isinstance(tool, FrozenMap) else None
        if kind == "mcp":  # a search or a sandbox may run twice
            return "the provider calls MCP tools for it"
    return None


@dataclass(frozen=True, slots=True)
class Place:
    """What decides about the rungs beside the answer itself."""

    request: ChatRequest
    options: StreamingOptions
    can: Capabilities
    cursor_known: bool = False
    ruled_out: frozenset[ResumeMode] = frozenset()
    """Tried for this request, and refused by the server."""


def open_rungs(standing: Standing, place: Place) -> tuple[tuple[ResumeMode, ...], str]:
    """The rungs that this cut answer can take, the first to be tried first, and in words why not the others."""
    why = {mode: _why_not(mode, standing, place) for mode in LADDER}
    modes = tuple(mode for mode in LADDER if why[mode] is None)
    reasons = [reason for reason in why.values() if reason]
    # What nobody asked for needs no word, but where there is nothing else to say.
    telling = [reason for reason in reasons if not reason.endswith(" is off")] or reasons
    return modes, "; ".join(dict.fromkeys(telling))


def _why_not(mode: ResumeMode, standing: Standing, place: Place) -> str | None:
    if mode in place.ruled_out:
        return f"the server refused {mode}"
    match mode:
        case "server_cursor":
            return _no_cursor(place)
        case "prefix":
            return _no_prefix(standing, place) or _no_continuation(standing, place)
        case "instruction":
            return _no_instruction(standing, place) or _no_continuation(standing, place)
        case "block":
            return _no_block(standing, place) or _no_further_turn(standing, place)
        case _:
            return None if place.options.on_cut == "reset" else "on_cut is 'fail'"


def _no_cursor(place: Place) -> str | None:
    if not place.options.server_resume:
        return "server_resume is off"
    if not place.can.server_cursor:
        return "the server keeps no cursor"
    return None if place.cursor_known else "the server told no cursor"


def _no_prefix(standing: Standing, place: Place) -> str | None:
    if not place.options.continue_prefix:
        return "continue_prefix is off"
    if not place.can.prefix_continuation:
        return "the model does not go on from a prefix"
    reasons = _thinks(place.request) or any(isinstance(part, ReasoningPart) for part in standing.parts)
    return "the model reasons" if reasons and not place.can.prefix_after_reasoning else None


def _thinks(request: ChatRequest) -> bool:
    return request.reasoning_effort not in (None, "none") or bool(request.extra_body.get("thinking"))


def _no_instruction(_: Standing, place: Place) -> str | None:
    if not place.options.continue_instruction:
        return "continue_instruction is off"
    return None if place.can.instruction_continuation else "the wire takes no instruction"


def _no_continuation(standing: Standing, place: Place) -> str | None:
    if standing.open_block != "text":
        return (
            f"the answer broke in a {standing.open_block} block"
            if standing.open_block != "none"
            else "no text is open"
        )
    if not all(isinstance(part, (TextPart, ReasoningPart)) for part in standing.parts):
        return "the answer is not plain text"
    return _no_further_turn(standing, place)


def _no_block(standing: Standing, place: Place) -> str | None:
    if not place.options.redo_open_block:
        return "redo_open_block is off"
    if standing.open_block in ("text", "other"):
        return "no block is open that could be asked for again"
    if any(isinstance(part, ProviderPart) for part in standing.parts):
        return "the answer holds items of the provider's own"
    return None


def _no_further_turn(standing: Standing, place: Place) -> str | None:
    request, extra = place.request, place.request.extra_body
    if request.n > 1 or standing.choices > 1 or any(name in extra for name in _OWN_CHOICES):
        return "several choices were asked for"
    if not request.stream:
        return "the answer is not streamed"
    if (own := next((name for name in _OWN_TURNS if name in extra), None)) is not None:
        return f"extra_body.{own} leaves no place for a further turn"
    if not isinstance(extra.get("prompt", ""), str):
        return "extra_body.prompt is no text"
    return "the request ends with an assistant turn" if request.messages[-1].role == "assistant" else None
