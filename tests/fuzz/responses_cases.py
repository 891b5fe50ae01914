"""The Responses codec: fed anything it ends once, in a type, says the same for every cut, and keeps little."""

import json
from random import Random

from greenroom.messages.completion import Choice
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.openai_responses import OpenAIResponsesCodec

from .judge import call_of, exchange, has_finished, judge, judge_memory
from .responses_streams import event, responses_stream

_CODEC = OpenAIResponsesCodec()
_ENDS = (b"response.completed", b"response.incomplete", b"response.done", b'"output"', b'"response"')


def responses_case(rng: Random) -> None:
    said = judge(rng, exchange(rng, _CODEC, responses_stream(rng)), end_was_sent)
    (choice,) = said.choices()
    if choice.parts:
        _sent_back(choice.message)


def end_was_sent(choices: tuple[Choice, ...], data: bytes) -> bool:
    return has_finished(choices, data) and any(end in data for end in _ENDS)


def responses_memory_case(rng: Random) -> None:
    """One kind of event again and again."""
    template = json.dumps(event(rng))

    def numbered(number: int) -> bytes:
        text = template.replace("_1", f"_{number}").replace('_index": 0', f'_index": {number}')
        return f"data: {text}\n\n".encode()

    judge_memory(_CODEC, numbered)


def _sent_back(message: Message) -> None:
    """Whatever came can go into the next request."""
    turns = [message, Message(role="user", content="go on")]
    call = call_of(_CODEC, ChatRequest(model="p/m", messages=turns), {"on_unsupported": "drop"})
    assert isinstance(json.loads(_CODEC.encode(call).body)["input"], list)
