"""Usage of our own, for an answer whose provider counted nothing. Pure; the counting itself is an actor's."""

from typing import Any

from greenroom.messages.completion import Completion
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import Usage

COUNT_TIMEOUT_S = 5.0
"""How long the token counter may take (it loads a vocabulary first); then characters are counted."""
CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English
(https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them)."""


def is_wanted(options: StreamingOptions, completion: Completion[Any]) -> bool:
    """True where the request asks for it and nobody told a count."""
    return options.aggregation != "provider" and completion.usage.source == "none"


def texts(request: ChatRequest, completion: Completion[Any]) -> tuple[str, str]:
    """What went in and what came out, as text: images and tool schemas are not counted."""
    asked = "\n".join(message.text for message in request.messages)
    answered = [
        choice.reasoning
        + choice.text
        + choice.refusal
        + "".join(call.arguments for call in choice.tool_calls)
        for choice in completion.choices
    ]
    return asked, "".join(answered)


def by_characters(text: str) -> int:
    """A quarter of the characters, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def counted(completion: Completion[Any], input_tokens: int, output_tokens: int) -> Completion[Any]:
    """The completion with these counts, marked as estimated."""
    usage = Usage(
        input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens,
        source="estimated",
    )  # fmt: skip
    return completion.model_copy(update={"usage": usage})
