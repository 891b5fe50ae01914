"""Which path is answered by whom. A new wire is a new handler and its routes; the server does not change.

Pure but for the script book, from which a script is taken.
"""

import re
from collections.abc import Callable
from itertools import count
from urllib.parse import unquote

from greenroom.providers.registry import simulated_wires
from greenroom.providers.simulator.chaos import Chaos
from greenroom.providers.simulator.continuing import is_heeded
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import OPENAI, dialect_of
from greenroom.providers.simulator.http_request import BadRequest
from greenroom.providers.simulator.lorem import lorem_script
from greenroom.providers.simulator.model_lists import ModelListsWire
from greenroom.providers.simulator.openai_errors import INVALID_REQUEST, Refused, json_reply, refusal_reply
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.rules import ScriptBook
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.variants import Generations
from greenroom.providers.simulator.wires import Desk, Served, SimulatedWire, bearer, check_key

DEFAULT_MODEL = "simulator"
_PATTERN = re.compile(r"[*?\[]")
_OWNER = "greenroom-simulator"
_NO_REPLY = json_reply(500, {})


class Service:
    """Answers requests. `models`: the only ones there are; None: any name is taken.

    `dialect`: of scripts that name none, and of what no script answers. `chaos`: strikes scripted answers.
    `first_id`: the number in the id of the first answer; each further one has the next.
    """

    def __init__(
        self,
        book: ScriptBook,
        api_key: str | None,
        models: tuple[str, ...] | None,
        dialect: Dialect = OPENAI,
        chaos: Chaos | None = None,
        first_id: int = 1,
    ) -> None:
        self._book = book
        self._api_key = api_key
        self._models = models
        self._dialect = dialect
        self._chaos = chaos
        self._numbers = enumerate(count(first_id), 1)
        self._generations = Generations()
        self._wires = (ModelListsWire(self._known_models), *simulated_wires())
        self._routes: dict[str, dict[str, Callable[[HttpRequest, int], Reply]]] = {
            "/health": {"GET": self._health, "HEAD": self._health},
            "/v1/models": {"GET": self._list_models, "HEAD": self._list_models},
        }

    def answer(self, request: HttpRequest, created_s: int) -> Served:
        """The answer to this request."""
        served = Served(_NO_REPLY)
        wire = self._wire(request)
        try:
            if wire is None:
                served.reply = self._handler(request)(request, created_s)
            else:
                check_key(wire.key(request), self._api_key)
                served.reply = wire.answer(request, served, Desk(self._script, self._dialect, created_s))
        except Refused as refused:
            served.reply = self._refusal(wire, refused)
        return served

    def check_key(self, request: HttpRequest) -> Reply | None:
        """The refusal of a request without the key; None: it may pass."""
        wire = self._wire(request)
        try:
            check_key(bearer(request) if wire is None else wire.key(request), self._api_key)
        except Refused as refused:
            return self._refusal(wire, refused)
        return None

    def _wire(self, request: HttpRequest) -> SimulatedWire | None:
        return next((wire for wire in self._wires if wire.takes(request)), None)

    def _refusal(self, wire: SimulatedWire | None, refused: Refused) -> Reply:
        return refusal_reply(refused, self._dialect) if wire is None else wire.refusal(refused, self._dialect)

    def bad_request(self, bad: BadRequest) -> Reply:
        """The answer to what was no request; the connection ends after it."""
        error = {"message": bad.message, "type": INVALID_REQUEST, "param": None, "code": None}
        return json_reply(bad.status, {"error": error}, close=True)

    def _handler(self, request: HttpRequest) -> Callable[[HttpRequest, int], Reply]:
        methods = self._routes.get(request.path)
        if methods is None and request.path.startswith("/v1/models/"):
            methods = {"GET": self._one_model}
        if methods is None:
            raise Refused(404, f"Invalid URL ({request.method} {request.path})")
        if request.method not in methods:
            hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
            raise Refused(405, f"Not allowed to {request.method} on {request.path}. {hint}")
        if request.path != "/health":
            check_key(bearer(request), self._api_key)
        return methods[request.method]

    def _health(self, _request: HttpRequest, _created_s: int) -> Reply:
        return json_reply(200, {"status": "ok"})

    def _list_models(self, _request: HttpRequest, created_s: int) -> Reply:
        data = [_model_object(name, created_s) for name in self._known_models()]
        return json_reply(200, {"object": "list", "data": data})

    def _one_model(self, request: HttpRequest, created_s: int) -> Reply:
        name = unquote(request.path.removeprefix("/v1/models/"))
        if name not in self._known_models():
            raise _no_model(name)
        return json_reply(200, _model_object(name, created_s))

    def _known_models(self) -> tuple[str, ...]:
        if self._models is not None:
            return self._models
        named = [rule.model for rule in self._book.rules.by_model if not _PATTERN.search(rule.model)]
        return tuple(dict.fromkeys((DEFAULT_MODEL, *named)))

    def _script(self, served: Served, call: ChatCall) -> tuple[Script, int]:
        """What answers this call, and the number in the answer's id."""
        served.model = call.model
        if self._models is not None and call.model not in self._models:
            raise _no_model(call.model)
        number, id_number = next(self._numbers)
        chosen = self._book.choose(call.model)
        if chosen is not None:
            chosen = self._generations.next_of(chosen, call)
        script = chosen or lorem_script(call.prompt, self._room(call), self._book.rules.default_interval_s)
        if self._chaos is not None:
            script, served.chaos = self._chaos.strike(script, number)
        served.script = chosen if served.chaos is None else script
        served.dialect = (self._dialect if script.dialect is None else dialect_of(script.dialect)).name
        return script, id_number

    def _room(self, call: ChatCall) -> int | None:
        """How many words a made-up answer may have, those of a given beginning included."""
        beginning = call.beginning
        if call.max_tokens is None or beginning is None or not is_heeded(beginning, self._dialect):
            return call.max_tokens
        return call.max_tokens + len(beginning.text.split(" "))


def _no_model(name: str) -> Refused:
    text = f"The model `{name}` does not exist or you do not have access to it."
    return Refused(404, text, code="model_not_found")


def _model_object(name: str, created_s: int) -> dict[str, object]:
    return {"id": name, "object": "model", "created": created_s, "owned_by": _OWNER}
