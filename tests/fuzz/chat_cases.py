"""The chat and completions codecs: fed anything, they end once, in a type, and say the same for every cut."""

import json
from random import Random

from greenroom.messages.completion import Choice
from greenroom.messages.contracts import Codec
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.openai_completions import OpenAICompletionsCodec

from .chat_streams import CHAT, stream
from .judge import exchange, has_finished, judge, judge_memory

_CODEC: Codec = OpenAIChatCodec()
_OLDER: Codec = OpenAICompletionsCodec()


def chat_case(rng: Random) -> None:
    _case(rng, _CODEC)


def completions_case(rng: Random) -> None:
    _case(rng, _OLDER)


def _case(rng: Random, codec: Codec) -> None:
    profile = rng.choice((None, None, "openai", "vllm", "xai"))
    data = stream(rng, older=codec is _OLDER)
    judge(rng, exchange(rng, codec, data, profile, n=rng.choice((1, 1, 2))), end_was_sent)


def end_was_sent(choices: tuple[Choice, ...], data: bytes) -> bool:
    """By its reasons, by the terminator, or as the end of a body that is no stream."""
    whole = data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in b"{["
    return has_finished(choices, data) or b"[DONE]" in data or whole


def memory_case(rng: Random) -> None:
    """One kind of chunk again and again."""
    choice = {"index": 0, "delta": CHAT.value(rng), "logprobs": CHAT.value(rng)}
    template = json.dumps(
        {"id": "c", "choices": [choice], "usage": CHAT.value(rng), "annotations": CHAT.value(rng)}
    )

    def event(number: int) -> bytes:
        text = template.replace('"a"', f'"a{number}"').replace('"x"', f'"x{number}"')
        return f"data: {text.replace(' two', f' {number}')}\n\n".encode()

    judge_memory(_CODEC, event)
