"""Which path is answered by whom. A new wire is a new handler and its routes; the server does not change.

Pure but for the script book, from which a script is taken.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from urllib.parse import unquote

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.chaos import Chaos
from greenroom.providers.simulator.completions import completion_reply, read_completion_call
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import OPENAI, dialect_of
from greenroom.providers.simulator.http_request import BadRequest
from greenroom.providers.simulator.lorem import lorem_script
from greenroom.providers.simulator.openai_chat import Stamp, chat_reply
from greenroom.providers.simulator.openai_errors import (
    INVALID_REQUEST,
    NO_KEY,
    Refused,
    json_reply,
    refusal_reply,
)
from greenroom.providers.simulator.openai_request import ChatCall, read_chat_call, read_json
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.rules import ScriptBook
from greenroom.providers.simulator.script import Script

DEFAULT_MODEL = "simulator"
_PATTERN = re.compile(r"[*?\[]")
_OWNER = "greenroom-simulator"
_NO_REPLY = json_reply(500, {})


@dataclass(slots=True)
class Served:
    """An answer, and what was understood of the request on the way to it."""

    reply: Reply
    model: str | None = None
    body: FrozenMap | None = None
    script: Script | None = None
    dialect: str | None = None
    chaos: str | None = None


class Service:
    """Answers requests. `models`: the only ones there are; None: any name is taken.

    `dialect`: of scripts that name none, and of what no script answers. `chaos`: strikes scripted answers.
    """

    def __init__(
        self,
        book: ScriptBook,
        api_key: str | None,
        models: tuple[str, ...] | None,
        dialect: Dialect = OPENAI,
        chaos: Chaos | None = None,
    ) -> None:
        self._book = book
        self._api_key = api_key
        self._models = models
        self._dialect = dialect
        self._chaos = chaos
        self._numbers = count(1)
        self._routes: dict[str, dict[str, Callable[[HttpRequest, Served, int], Reply]]] = {
            "/health": {"GET": self._health, "HEAD": self._health},
            "/v1/models": {"GET": self._list_models, "HEAD": self._list_models},
            "/v1/chat/completions": {"POST": self._chat},
            "/v1/completions": {"POST": self._complete},
        }

    def answer(self, request: HttpRequest, created_s: int) -> Served:
        """The answer to this request."""
        served = Served(_NO_REPLY)
        try:
            served.reply = self._handler(request)(request, served, created_s)
        except Refused as refused:
            served.reply = refusal_reply(refused, self._dialect)
        return served

    def check_key(self, request: HttpRequest) -> Reply | None:
        """The refusal of a request without the key; None: it may pass."""
        try:
            self._check_key(request)
        except Refused as refused:
            return refusal_reply(refused, self._dialect)
        return None

    def bad_request(self, bad: BadRequest) -> Reply:
        """The answer to what was no request; the connection ends after it."""
        error = {"message": bad.message, "type": INVALID_REQUEST, "param": None, "code": None}
        return json_reply(bad.status, {"error": error}, close=True)

    def _handler(self, request: HttpRequest) -> Callable[[HttpRequest, Served, int], Reply]:
        methods = self._routes.get(request.path)
        if methods is None and request.path.startswith("/v1/models/"):
            methods = {"GET": self._one_model}
        if methods is None:
            raise Refused(404, f"Invalid URL ({request.method} {request.path})")
        if request.method not in methods:
            hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
            raise Refused(405, f"Not allowed to {request.method} on {request.path}. {hint}")
        if request.path != "/health":
            self._check_key(request)
        return methods[request.method]

    def _check_key(self, request: HttpRequest) -> None:
        if self._api_key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer" or not given:
            raise Refused(401, NO_KEY)
        if not hmac.compare_digest(given.encode(), self._api_key.encode()):
            shown = f"{given[:8]}{'*' * 8}{given[-4:]}" if len(given) > 16 else "*" * 8
            message = f"Incorrect API key provided: {shown}. You can set the key with --api-key or api_key=."
            raise Refused(401, message, code="invalid_api_key")

    def _health(self, _request: HttpRequest, _served: Served, _created_s: int) -> Reply:
        return json_reply(200, {"status": "ok"})

    def _list_models(self, _request: HttpRequest, _served: Served, created_s: int) -> Reply:
        data = [_model_object(name, created_s) for name in self._known_models()]
        return json_reply(200, {"object": "list", "data": data})

    def _one_model(self, request: HttpRequest, _served: Served, created_s: int) -> Reply:
        name = unquote(request.path.removeprefix("/v1/models/"))
        if name not in self._known_models():
            raise _no_model(name)
        return json_reply(200, _model_object(name, created_s))

    def _known_models(self) -> tuple[str, ...]:
        if self._models is not None:
            return self._models
        named = [rule.model for rule in self._book.rules.by_model if not _PATTERN.search(rule.model)]
        return tuple(dict.fromkeys((DEFAULT_MODEL, *named)))

    def _chat(self, request: HttpRequest, served: Served, created_s: int) -> Reply:
        served.body = read_json(request.body)
        call = read_chat_call(served.body)
        script, number = self._script(served, call)
        return chat_reply(call, script, Stamp(f"chatcmpl-sim-{number}", created_s), self._dialect)

    def _complete(self, request: HttpRequest, served: Served, created_s: int) -> Reply:
        served.body = read_json(request.body)
        call = read_completion_call(served.body)
        script, number = self._script(served, call.chat)
        dialect = self._dialect if script.dialect is None else dialect_of(script.dialect)
        return completion_reply(call, script, Stamp(f"cmpl-sim-{number}", created_s), dialect)

    def _script(self, served: Served, call: ChatCall) -> tuple[Script, int]:
        """What answers this call, and the call's number: among those that are answered, from 1."""
        served.model = call.model
        if self._models is not None and call.model not in self._models:
            raise _no_model(call.model)
        number = next(self._numbers)
        chosen = self._book.choose(call.model)
        script = chosen or lorem_script(call.prompt, call.max_tokens, self._book.rules.default_interval_s)
        if self._chaos is not None:
            script, served.chaos = self._chaos.strike(script, number)
        served.script = chosen if served.chaos is None else script
        served.dialect = (self._dialect if script.dialect is None else dialect_of(script.dialect)).name
        return script, number


def _no_model(name: str) -> Refused:
    text = f"The model `{name}` does not exist or you do not have access to it."
    return Refused(404, text, code="model_not_found")


def _model_object(name: str, created_s: int) -> dict[str, object]:
    return {"id": name, "object": "model", "created": created_s, "owned_by": _OWNER}
