"""The request message: what a service asks of a model. Checked and deeply frozen when it is built."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.openai_format import message_fields, tool_fields
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import Part, Text, TextPart, ToolCallPart, ToolResultPart
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Input
from greenroom.messages.wording import matching

Role = Literal["system", "developer", "user", "assistant", "tool"]
Identifier = Annotated[
    str,
    AfterValidator(
        matching(
            "must be 1 to 200 visible ASCII characters, as it goes into headers and logs",
            allowed=re.compile(r"[\x21-\x7e]{1,200}").fullmatch,
        )
    ),
]
ToolName = Annotated[
    str,
    AfterValidator(
        matching(
            "must be 1 to 128 letters, digits, '_', '-', '.' or ':'",
            allowed=re.compile(r"[A-Za-z0-9_.:-]{1,128}").fullmatch,
        )
    ),
]
Filled = Annotated[Text, Field(min_length=1)]


class Message(Input):
    """One turn. `content` takes a string, parts, or OpenAI's content list; OpenAI's `tool_calls`,
    `tool_call_id` and `refusal` keys are understood and become parts."""

    role: Role
    content: Given[str | Sequence[Part | Mapping[str, Any]] | None, tuple[Part, ...]] = held(())
    name: Filled | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_openai(cls, given: Any) -> Any:
        return message_fields(given)

    @model_validator(mode="after")
    def _parts_fit_the_role(self) -> Self:
        if self.role == "tool" and not all(isinstance(part, ToolResultPart) for part in self.content):
            raise InvalidInput.at("content", "a tool message holds results: give tool_call_id and its text")
        if self.role == "tool" and not self.content:
            raise InvalidInput.at("content", "a tool message needs tool_call_id and its text")
        if self.role != "assistant" and tool_calls(self):
            raise InvalidInput.at("role", "tool calls are said by 'assistant'", self.role)
        return self

    @property
    def text(self) -> str:
        """Its text parts joined; "" where it has none."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class ToolSpec(Input):
    """A function that the model may call. `parameters` is its JSON Schema."""

    name: ToolName
    description: Text = ""
    parameters: Given[Mapping[str, Any], FrozenMap] = held(FrozenMap({"type": "object", "properties": {}}))
    strict: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_openai(cls, given: Any) -> Any:
        return tool_fields(given)


class ToolChoice(Input):
    """auto, none, required, or one function by `name`. A plain string is taken as `mode`."""

    mode: Literal["auto", "none", "required", "function"] = "auto"
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_openai(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"mode": given}
        if isinstance(given, Mapping) and given.get("type") == "function":
            return {"mode": "function", **tool_fields(given)}
        return given

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.mode == "function") != (self.name is not None):
            raise InvalidInput.at("name", "goes with mode='function', and only with it", self.name)
        return self


class ResponseFormat(Input):
    """The form of the answer: free text, any JSON object, or JSON that follows `json_schema`.

    A plain string is taken as `type`; OpenAI's nested `json_schema` object is understood."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: Filled = "answer"
    description: Text | None = None
    json_schema: Given[Mapping[str, Any] | None, FrozenMap | None] = held(None)
    strict: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_openai(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"type": given}
        inner = given.get("json_schema") if isinstance(given, Mapping) else None
        if isinstance(inner, Mapping) and isinstance(inner.get("schema"), Mapping):
            beside = {name: value for name, value in inner.items() if name != "schema"}
            return {**given, **beside, "json_schema": inner["schema"]}
        return given

    @model_validator(mode="after")
    def _schema_where_named(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise InvalidInput.at("json_schema", "goes with type='json_schema', and only with it")
        return self


class ChatRequest(Input):
    """One request for a completion.

    `model` is `provider/model`: the provider is what stands before the first slash; None takes the
    system's default. `messages` takes a string (one user turn), role/content dicts as in OpenAI's format,
    or `Message`s. Fields left at None are not sent. Fields of one provider alone go in `extra_body`.
    """

    messages: Given[str | Sequence[Message | Mapping[str, Any]], tuple[Message, ...]] = Field(min_length=1)
    model: Filled | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_output_tokens: int | None = Field(default=None, ge=1)
    stop: Given[str | Sequence[str] | None, tuple[Filled, ...] | None] = held(None)
    seed: int | None = None
    n: int = Field(default=1, ge=1, le=128)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    tools: Given[Sequence[ToolSpec | Mapping[str, Any]], tuple[ToolSpec, ...]] = held(())
    tool_choice: Given[ToolChoice | str | Mapping[str, Any] | None, ToolChoice | None] = held(None)
    parallel_tool_calls: bool | None = None
    response_format: Given[ResponseFormat | str | Mapping[str, Any] | None, ResponseFormat | None] = held(
        None
    )
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    stream: bool = True
    """False asks the wire for one whole answer; deltas and completion come out the same."""
    user: Text | None = None
    extra_body: Given[Mapping[str, Any], FrozenMap] = held(EMPTY_MAP)
    """Sent as it stands, over any field of the same name."""
    options: StreamingOptions | None = None
    """None takes the system's options."""
    request_id: Identifier | None = None
    """Kept in every layer's logs and headers; None makes one."""
    tenant: Filled | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    """Higher goes first where requests queue."""

    @field_validator("messages", mode="before")
    @classmethod
    def _string_is_a_user_turn(cls, given: Any) -> Any:
        if isinstance(given, str):
            return ({"role": "user", "content": given},)
        if isinstance(given, (Mapping, Message)):
            raise ValueError("must be a string or a list of messages; put one message in a list")
        if isinstance(given, (bytes, bytearray)) or not isinstance(given, Sequence):
            raise ValueError("must be a string or a list of messages")
        return given

    @field_validator("stop", mode="before")
    @classmethod
    def _string_is_one_stop(cls, given: Any) -> Any:
        if given is not None and (isinstance(given, bytes) or not isinstance(given, (str, Sequence))):
            raise ValueError("must be a string or a list of strings")
        return (given,) if isinstance(given, str) else given

    @field_validator("messages")
    @classmethod
    def _something_is_said(cls, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        said = False
        for place, message in enumerate(messages):
            if not message.content and message.role != "assistant":
                raise InvalidInput.at(str(place), f"a {message.role} message is empty; give it text or parts")
            said = said or _says_something(message)
        if not said:
            raise ValueError("every message is empty; give at least one some text")
        return messages

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        choice, names = self.tool_choice, [tool.name for tool in self.tools]
        if choice is not None and choice.mode != "none" and not names:
            raise InvalidInput.at("tool_choice", "needs tools; give them, or leave it out", choice.mode)
        if choice is not None and choice.name is not None and choice.name not in names:
            raise InvalidInput.at(
                "tool_choice.name", f"must be one of tools: {', '.join(names)}", choice.name
            )
        if len(set(names)) < len(names):
            repeated = next(name for place, name in enumerate(names) if name in names[:place])
            raise InvalidInput.at("tools", "must have different names", repeated)
        return self


def _says_something(message: Message) -> bool:
    for part in message.content:
        # Not `strip`, which copies a long prompt for a newline at its end.
        if isinstance(part, TextPart) and (not part.text or part.text.isspace()):
            continue
        return True
    return False


def tool_calls(message: Message) -> tuple[ToolCallPart, ...]:
    """The calls that an assistant turn made, in order."""
    return tuple([part for part in message.content if isinstance(part, ToolCallPart)])


def tool_results(message: Message) -> tuple[ToolResultPart, ...]:
    """The results that a tool turn carries, in order."""
    return tuple([part for part in message.content if isinstance(part, ToolResultPart)])
