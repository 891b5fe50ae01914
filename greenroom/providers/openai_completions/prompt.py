"""The prompt of a completions request, and what of a conversation can be none.

The wire has no roles, and no template is applied to what it is sent: only the caller knows what a model was
trained to read. So a prompt is never made of several turns. It is, the first that applies:

    extra_body["prompt"]            as it stands: a string, several, or tokens
    one user turn                   its text
    one user turn, one assistant    both texts, joined with nothing between: the answer goes on from there
"""

from collections.abc import Iterator, Mapping

from greenroom.messages.invalid import Problem
from greenroom.messages.request import ChatRequest

CHOICES_MAX = 128
"""The reader of an answer keeps no more choices apart."""

_INSTEAD = "or give the whole prompt in extra_body['prompt']"


def prompt_of(request: ChatRequest) -> str:
    """The prompt that the messages say. The request has passed `turn_problems`."""
    return "".join(message.text for message in request.messages)


def is_given_whole(request: ChatRequest) -> bool:
    """The caller wrote the prompt; the messages are not read."""
    return "prompt" in request.extra_body


def prompts_in(request: ChatRequest) -> int:
    """Each is answered apart. A list of numbers is one prompt, in tokens."""
    prompt = request.extra_body.get("prompt")
    if not isinstance(prompt, tuple) or not prompt or isinstance(prompt[0], int):
        return 1
    return len(prompt)


def turn_problems(request: ChatRequest) -> Iterator[Problem]:
    """Turns that no prompt can be made of. Leaving one out would ask something else: never dropped."""
    if is_given_whole(request):
        return
    users = 0
    for place, message in enumerate(request.messages):
        role, last = message.role, place == len(request.messages) - 1
        users += role == "user"
        if role in ("system", "developer"):
            wrong = f"a completions endpoint has no roles: write it into the user's text, {_INSTEAD}"
        elif role == "tool" or users > 1:
            wrong = f"a completions endpoint takes one prompt: join the turns in one user turn, {_INSTEAD}"
        elif role == "assistant" and not (last and users):
            wrong = "can only stand last, after the user turn whose text it goes on with"
        elif role == "user" and not any(part.type == "text" for part in message.content):
            wrong = f"has no text, and a prompt is text; give it some, {_INSTEAD}"
        else:
            continue
        yield Problem(f"messages.{place}", repr(role), wrong)


def part_problems(request: ChatRequest) -> Iterator[Problem]:
    """Parts and names of turns that a prompt does not carry."""
    if is_given_whole(request):
        return
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            if part.type != "text":
                path = f"messages.{place}.content.{number}"
                yield Problem(path, repr(part.type), "a prompt cannot carry it: text only on this wire")
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", "a prompt cannot carry it; write it into the text")


def prompt_problems(request: ChatRequest) -> Iterator[Problem]:
    """What is wrong with a prompt that the caller wrote."""
    if not is_given_whole(request):
        return
    prompt = request.extra_body["prompt"]
    if isinstance(prompt, Mapping) or not isinstance(prompt, (str, tuple)) or not prompt:
        yield Problem("extra_body.prompt", "", "must be a string, a list of strings, or token numbers")
        return
    prompts = prompts_in(request)
    n = request.extra_body.get("n", request.n)
    if isinstance(n, int) and prompts * n > CHOICES_MAX:
        asked = f"{prompts} prompts x n {n}"
        yield Problem(
            "extra_body.prompt", asked, f"asks for more than {CHOICES_MAX} answers; send fewer at once"
        )
