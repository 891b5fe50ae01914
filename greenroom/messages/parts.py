"""What a message is made of: text, images, tool calls and their results, reasoning, refusals."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Input, valid_text
from greenroom.messages.wording import matching

Text = Annotated[
    str,
    AfterValidator(
        matching(
            "holds half a surrogate pair, which is not valid Unicode; join it or leave it out",
            allowed=lambda text: valid_text(text) == text,
        )
    ),
]
"""A string that UTF-8 can carry. `valid_text` makes one of any string."""


class TextPart(Input):
    """Plain text. `signature` is sent back to the `wire` that gave it (Gemini signs text)."""

    type: Literal["text"] = "text"
    text: Text
    signature: Text | None = None
    wire: Text | None = None


class ImagePart(Input):
    """An image by URL, or as base64 `data` with its `media_type` (`image/png`). Exactly one of the two."""

    type: Literal["image"] = "image"
    url: Annotated[Text, Field(min_length=1)] | None = None
    data: Annotated[Text, Field(min_length=1)] | None = None
    media_type: Annotated[Text, Field(min_length=1)] | None = None
    detail: Literal["auto", "low", "high"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "ImagePart":
        if (self.url is None) == (self.data is None):
            raise ValueError("an image needs either url, or data with media_type")
        if self.data is not None and self.media_type is None:
            raise InvalidInput.at("media_type", "is required with data, such as 'image/png'")
        return self


class ToolCallPart(Input):
    """A call that the model asked for. `arguments` is the JSON text exactly as the model wrote it."""

    type: Literal["tool_call"] = "tool_call"
    id: Text
    name: Text = Field(min_length=1)
    arguments: Text = "{}"
    index: int = 0
    """Its place among the calls of its answer."""
    complete: bool = True
    """False where the stream ended inside the call."""
    metadata: Given[Mapping[str, Any], FrozenMap] = held(EMPTY_MAP)


class ToolResultPart(Input):
    """What a tool answered to the call with this id."""

    type: Literal["tool_result"] = "tool_result"
    tool_call_id: Text
    content: Text
    is_error: bool = False


class ReasoningPart(Input):
    """Reasoning of an answer; `signature`, `encrypted` and `id` are sent back where a provider needs them."""

    type: Literal["reasoning"] = "reasoning"
    text: Text = ""
    signature: Text | None = None
    encrypted: Text | None = None
    id: Text | None = None
    wire: Text | None = None
    """The kind of the wire that gave those marks: another one would refuse them."""
    metadata: Given[Mapping[str, Any], FrozenMap] = held(EMPTY_MAP)


class ProviderPart(Input):
    """An item of an answer that only its own wire understands: a hosted tool's call or result, a picture.

    Sent back unchanged to a provider of the same wire (`kind`), left out and said to any other.
    """

    type: Literal["provider"] = "provider"
    wire: Text
    item: Given[Mapping[str, Any], FrozenMap]


class RefusalPart(Input):
    """What the model said instead of an answer."""

    type: Literal["refusal"] = "refusal"
    refusal: Text


Part = Annotated[
    TextPart | ImagePart | ToolCallPart | ToolResultPart | ReasoningPart | RefusalPart | ProviderPart,
    Field(discriminator="type"),
]
