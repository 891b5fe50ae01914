"""What a wire brings to the simulator: which requests are its own, and the answers to them.

A wire outside this package registers its side together with its codec (`register_codec(..., simulated=...)`).
One object a wire lives in each running simulator: what it remembers of its answers is that server's memory.
The server's loop alone calls it; it must not block, and what it remembers must be bounded.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.completions import completion_reply, read_completion_call
from greenroom.providers.simulator.continuing import going_on
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.openai_chat import Stamp, chat_reply
from greenroom.providers.simulator.openai_errors import NO_KEY, Refused, refusal_reply
from greenroom.providers.simulator.openai_request import ChatCall, read_chat_call, read_json
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.said_prompts import SaidPrompts
from greenroom.providers.simulator.script import Script


@dataclass(slots=True)
class Served:
    """An answer, and what was understood of the request on the way to it."""

    reply: Reply
    model: str | None = None
    body: FrozenMap | None = None
    script: Script | None = None
    dialect: str | None = None
    chaos: str | None = None

    def take(self, script: Script) -> Script:
        """The script as this request changed it; noted, where it was no made-up answer."""
        if self.script is not None:
            self.script = script
        return script


@dataclass(frozen=True, slots=True)
class Desk:
    """What the server gives to a wire with each request. `created_s`: seconds since 1970."""

    choose: Callable[[Served, ChatCall], tuple[Script, int]]
    """The script that answers this call, and the number for the answer's id. Raises Refused: no such model."""
    dialect: Dialect
    """The simulator's own: for wires that have dialects."""
    created_s: int


class SimulatedWire(Protocol):
    """See the module."""

    kind: str

    def takes(self, request: HttpRequest) -> bool:
        """The request is of this wire, whatever its method."""

    def key(self, request: HttpRequest) -> str | None:
        """The key that came with it, from where this wire's clients put it."""

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        """The answer; what was understood of the request is noted in `served`. Raises Refused."""

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:
        """A refusal in this wire's words."""


def bearer(request: HttpRequest) -> str | None:
    """The key of an `authorization: Bearer` header."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() or None if scheme.lower() == "bearer" else None


def check_key(given: str | None, wanted: str | None) -> None:
    """Raises Refused where the key is missing or another one."""
    if wanted is None:
        return
    if given is None:
        raise Refused(401, NO_KEY)
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        shown = f"{given[:8]}{'*' * 8}{given[-4:]}" if len(given) > 16 else "*" * 8
        message = f"Incorrect API key provided: {shown}. You can set the key with --api-key or api_key=."
        raise Refused(401, message, code="invalid_api_key")


def only_post(request: HttpRequest) -> None:
    """Raises Refused for any other method."""
    if request.method != "POST":
        hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
        raise Refused(405, f"Not allowed to {request.method} on {request.path}. {hint}")


class ChatWire:
    """OpenAI's chat wire in any dialect."""

    kind = "openai-chat"

    def takes(self, request: HttpRequest) -> bool:
        return request.path == "/v1/chat/completions"

    def key(self, request: HttpRequest) -> str | None:
        return bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        served.body = read_json(request.body)
        call = read_chat_call(served.body)
        script, number = desk.choose(served, call)
        dialect = desk.dialect if script.dialect is None else dialect_of(script.dialect)
        script = served.take(going_on(script, call.beginning, dialect))
        return chat_reply(call, script, Stamp(f"chatcmpl-sim-{number}", desk.created_s), dialect)

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:
        return refusal_reply(refused, dialect)


class CompletionsWire(ChatWire):
    """OpenAI's older completions."""

    kind = "openai-completions"

    def __init__(self) -> None:
        self._prompts = SaidPrompts()

    def takes(self, request: HttpRequest) -> bool:
        return request.path == "/v1/completions"

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        served.body = read_json(request.body)
        call = self._prompts.read(read_completion_call(served.body))
        script, number = desk.choose(served, call.chat)
        dialect = desk.dialect if script.dialect is None else dialect_of(script.dialect)
        script = served.take(going_on(script, call.chat.beginning, dialect))
        self._prompts.note(call, script)
        return completion_reply(call, script, Stamp(f"cmpl-sim-{number}", desk.created_s), dialect)
