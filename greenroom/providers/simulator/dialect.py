"""A dialect: how one server writes the OpenAI chat wire. Facts only; the encoder asks for them, never for names.

Templates are JSON objects in which a string `$name` stands for a fact of the answer. Those of an answer:
`$id $object $created $model $finish`; of its usage: `$prompt $completion $total $cached $uncached $reasoning`
and `$answer` (completion without reasoning); of an error: `$status $message $type $param $code`, and
`$status_text`, the status as a string.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Input
from greenroom.providers.profile import PrefixForm

ReasoningForm = Literal[
    "reasoning_content", "reasoning", "both", "reasoning_details", "think", "thinking_list"
]
"""Where reasoning stands: a field of the delta; both fields; `reasoning` and `reasoning_details`; in the text
between <think> tags; in a list of content (Mistral)."""
UsagePlace = Literal["extra_asked", "extra", "extra_with_choice", "finish", "every", "x_groq"]
"""A chunk of its own with `choices: []`, only where asked for, or always; one that has a choice; the chunk
with the finish reason; every chunk, cumulative; `x_groq.usage` of the chunk with the finish reason."""
PrefixFault = Literal["unasked", "flag", "both_flags", "several_turns"]
"""What is wrong with an assistant turn at the end: it comes without the server's own way to ask; with `prefix:
true`; with `continue_final_message` and a generation prompt, too; another one stands before it."""
Later = Literal["absent", "repeat", "null", "empty"]
"""What a tool call's id or name is in its fragments after the first."""
Template = Given[Mapping[str, Any], FrozenMap]

_HEAD = FrozenMap({"id": "$id", "object": "$object", "created": "$created", "model": "$model"})
_FACTS = frozenset({
    "id", "object", "created", "model", "finish", "prompt", "completion", "total", "cached", "uncached",
    "reasoning", "answer", "status", "status_text", "message", "type", "param", "code",
})  # fmt: skip
PLAIN_USAGE = FrozenMap(
    {"prompt_tokens": "$prompt", "completion_tokens": "$completion", "total_tokens": "$total"}
)
_ERROR = FrozenMap({"error": {"message": "$message", "type": "$type", "param": "$param", "code": "$code"}})
_LIMIT_HEADERS = FrozenMap({
    f"{what}_{unit}": f"x-ratelimit-{what}-{unit}"
    for unit in ("requests", "tokens")
    for what in ("limit", "remaining", "reset")
})  # fmt: skip


class Dialect(Input):
    """Facts of one server's answers. The defaults are those of a plain server of the OpenAI chat wire."""

    name: str

    # every chunk
    head: Template = held(_HEAD)
    """The keys before `choices`, as a template."""
    choice_fields: Template = held(EMPTY_MAP)
    """Keys of each choice beside index, delta, logprobs and finish reason."""
    delta_fields: Template = held(EMPTY_MAP)
    """Keys that each delta has, unless it says something else there."""
    logprobs_null: bool = False
    """`logprobs: null` stands in each choice."""
    finish_null: bool = True
    """False: the key of the finish reason is absent until there is one."""
    usage_null: Literal["never", "asked", "always"] = "never"
    """`usage: null` stands in each chunk without usage: not at all; where usage was asked for; always."""
    padding_key: str = "obfuscation"
    padded: bool = False
    """Every chunk is padded, whatever the script says."""
    message_beside_delta: bool = False
    """Each choice carries the whole message so far (Perplexity)."""

    # the beginning
    before_first: Given[Mapping[str, Any] | None, FrozenMap | None] = held(None)
    """A chunk of its own before all others (Azure's prompt filter results)."""
    first_fields: Template = held(EMPTY_MAP)
    """Further keys of the first chunk."""
    role: Literal["alone", "joined", "every", "never"] = "alone"
    """In a chunk of its own; in the first delta; in every delta; nowhere."""
    role_delta: Template = held(FrozenMap({"role": "assistant", "content": ""}))
    """The delta of a role that comes alone."""

    # what is said
    reasoning: ReasoningForm = "reasoning_content"
    tools: Literal["fragments", "whole", "together"] = "fragments"
    """Arguments in fragments; each call whole in a delta; all calls whole in one delta."""
    tool_index: Literal["number", "zero", "absent"] = "number"
    tool_opening: bool = True
    """A call's first fragment has no arguments yet."""
    tool_id: str = "call_sim_{n}"
    """Ids of calls whose script gives none; `{n}`: their number from 0, `{n:08}` to fill up with zeros."""
    tool_id_later: Later = "absent"
    tool_name_later: Later = "absent"
    tool_type: Literal["first", "every", "never"] = "first"

    # the end
    finish: Literal["alone", "on_last"] = "alone"
    """In a chunk of its own, or on the chunk of the last delta."""
    finish_delta: Template = held(EMPTY_MAP)
    finish_fields: tuple[str, ...] = ("finish_reason",)
    finish_twice: bool = False
    """The chunk that carries the usage repeats the finish reason; without usage another chunk does."""
    tool_finish: str = "tool_calls"
    """The finish reason of an answer with tool calls."""
    last_fields: Template = held(EMPTY_MAP)
    """Further keys of the last chunk (timings)."""
    usage: tuple[UsagePlace, ...] = ("extra_asked",)
    usage_object: Template = held(PLAIN_USAGE)
    done: bool = True
    """`data: [DONE]` is sent."""
    terminated: bool = True
    """False: no blank line after the last event."""
    crlf: bool = False
    comment: str | None = Field(default=None, pattern=r"^[^\r\n]*$")
    """What the server sends to keep a connection alive; None: it sends nothing."""
    opening_comments: int = Field(default=0, ge=0)
    """So many of them before the first event."""

    # going on from a given beginning of the answer
    prefix: PrefixForm | None = None
    """How the server is asked to go on from the last assistant turn; None: it answers anew."""
    prefix_echo: Literal["never", "asked", "always"] = "never"
    """The answer repeats that beginning; `asked`: where the request has `echo: true`."""
    prefix_refusals: Given[Mapping[PrefixFault, str], FrozenMap] = held(EMPTY_MAP)
    """What it is refused with (400); a fault that has no words is none."""

    # errors
    error_body: Template = held(_ERROR)
    stream_error: Template = held(_ERROR)
    stream_error_event: str = Field(default="", pattern=r"^[^\r\n]*$")
    stream_error_in_chunk: bool = False
    """The error stands beside the keys of an ordinary chunk."""
    stream_error_done: bool = False
    """`[DONE]` follows the error."""

    # headers
    request_id_header: str = "x-request-id"
    rate_limit_headers: Template = held(_LIMIT_HEADERS)
    """The header of each field of RateLimit; a field that is missing is not told."""
    reset_form: Literal["duration", "seconds"] = "duration"
    """`6m0s`, or a number."""

    @model_validator(mode="after")
    def _known_facts(self) -> Self:
        for field in ("head", "first_fields", "last_fields", "usage_object", "error_body", "stream_error"):
            for name in _names(getattr(self, field)):
                if name not in _FACTS:
                    raise ValueError(f"{field}: ${name} is no fact; there are ${', $'.join(sorted(_FACTS))}")
        return self

    @field_validator("tool_id")
    @classmethod
    def _an_id_for_each(cls, given: str) -> str:
        try:
            one, other = given.format(n=0), given.format(n=1)
        except (LookupError, ValueError):
            one = other = ""
        if one == other:
            raise ValueError("must give each call its own id: a format with {n} in it, as in 'call_{n}'")
        return given

    def __hash__(self) -> int:
        # Equal dialects have equal names; a hash of all fields would cost as much as an answer.
        return hash(self.name)


def filled(template: Any, facts: Mapping[str, Any]) -> Any:
    """The JSON value of a template: `$name` stands for a fact, null where the answer has none."""
    if type(template) is str:
        return facts.get(template[1:]) if template.startswith("$") else template
    if isinstance(template, Mapping):
        return {name: filled(value, facts) for name, value in template.items()}
    return [filled(value, facts) for value in template] if type(template) is tuple else template


def _names(template: Any) -> Iterator[str]:
    if isinstance(template, str) and template.startswith("$"):
        yield template[1:]
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from _names(value)
    elif isinstance(template, tuple):
        for value in template:
            yield from _names(value)
