"""What a simulator tells and takes over HTTP, for tests that are not written in Python.

    GET  /_simulator/requests    the kept records, oldest first, up to 1000; ?since=NUMBER: those after that one;
                                 ?request_id=ID: the attempts of one request of the client's
    GET  /_simulator/statistics  the counts
    POST /_simulator/scripts     one script, or a list: the answers to the next requests; ?model=PATTERN

These requests are not recorded and not struck by any fault. Headers that hold secrets are hidden.
"""

from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.value import FrozenMap, thaw
from greenroom.providers.simulator.history import History
from greenroom.providers.simulator.openai_errors import Refused, json_reply, refusal_reply
from greenroom.providers.simulator.openai_request import read_json_value
from greenroom.providers.simulator.records import RequestRecord
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.rules import ScriptBook
from greenroom.providers.simulator.script import Script

PREFIX = "/_simulator/"
_RECORDS_MAX = 1000


class Control:
    """Answers the requests below `/_simulator/`. The loop's thread only."""

    def __init__(self, history: History, book: ScriptBook) -> None:
        self._history, self._book = history, book

    def answer(self, request: HttpRequest) -> Reply:
        """The answer to this request."""
        try:
            return json_reply(200, self._value(request))
        except Refused as refused:
            return refusal_reply(refused)

    def _value(self, request: HttpRequest) -> Any:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        what = f"{request.method} {request.path.removeprefix(PREFIX)}"
        if what == "GET requests":
            return {"requests": [record_json(record) for record in self._records(query)]}
        if what == "GET statistics":
            open_connections = self._history.open_connections
            return {**asdict(self._history.statistics()), "open_connections": open_connections}
        if what == "POST scripts":
            return self._enqueue(request.body, query.get("model"))
        known = "GET requests, GET statistics, POST scripts"
        raise Refused(404, f"{what} is unknown below {PREFIX}; there are: {known}")

    def _records(self, query: dict[str, str]) -> tuple[RequestRecord, ...]:
        since = query.get("since", "0")
        if not since.isdecimal() or len(since) > 18:
            raise Refused(400, f"since={since!r} must be the number of a request", param="since")
        kept = self._history.snapshot()
        if "request_id" in query:
            kept = self._history.attempts(query["request_id"])
        return tuple(record for record in kept if record.number > int(since))[:_RECORDS_MAX]

    def _enqueue(self, body: bytes, model: str | None) -> dict[str, int]:
        given = read_json_value(body)
        scripts = given if isinstance(given, tuple) else (given,)
        try:
            self._book.enqueue(tuple(_script(number, script) for number, script in enumerate(scripts)), model)
        except (InvalidInput, OverflowError) as error:
            raise Refused(400, str(error)) from None
        return {"queued": self._book.queued}


def record_json(record: RequestRecord) -> dict[str, Any]:
    """One record as JSON; headers that hold secrets are hidden."""
    return {
        "number": record.number, "method": record.method, "path": record.path,
        "headers": record.headers.shown(), "connection": record.connection,
        "reused_connection": record.reused_connection, "client_request_id": record.client_request_id,
        "model": record.model, "body": None if record.body is None else thaw(record.body),
        "status": record.status, "started_at_s": record.started_at_s,
        "first_delta_after_s": _after(record, record.first_delta_s),
        "stalled_after_s": _after(record, record.stalled_s),
        "ended": record.ended, "ended_after_s": _after(record, record.ended_s),
        "disconnect_noticed_after_s": record.disconnect_noticed_after_s,
        "deltas_sent": record.deltas_sent, "bytes_sent": record.bytes_sent, "dialect": record.dialect,
        "faults": list(record.faults), "chaos": record.chaos,
    }  # fmt: skip


def _after(record: RequestRecord, at_s: float | None) -> float | None:
    return None if at_s is None else round(at_s - record.started_s, 6)


def _script(number: int, given: Any) -> Script:
    if not isinstance(given, FrozenMap):
        raise InvalidInput("", [Problem(f"scripts.{number}", repr(given)[:80], "must be an object")])
    try:
        return Script(**thaw(given))
    except InvalidInput as error:
        raise error.under(f"scripts.{number}") from None
