"""Errors in Google's words: {"error": {"code", "message", "status", "details"}}; in an array that is streamed.

Source: https://cloud.google.com/apis/design/errors.
"""

from collections.abc import Mapping
from typing import Any

from greenroom.messages.value import FrozenMap, thaw
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.openai_errors import Refused, json_reply, scripted_reply
from greenroom.providers.simulator.reply import Reply
from greenroom.providers.simulator.script_faults import HttpAnswer

_TYPES = "type.googleapis.com/google.rpc."
_USUAL: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}


def error_of(
    status: int, told: Mapping[str, Any] | None = None, wait_s: float | None = None
) -> dict[str, Any]:
    """The error object. `told`: what a script says of it; `type` is the word in `status`, other keys stand beside
    it. `wait_s`: told in a RetryInfo."""
    given = dict(told or {})
    status = given["code"] if type(given.get("code")) is int else status
    word, message = _USUAL.get(status, ("UNKNOWN", f"The request failed with status {status}."))
    code, kind = given.pop("code", None), given.pop("type", None)
    given.pop("param", None)
    details = list(thaw(given.pop("details", ())))
    if isinstance(code, str) and code:
        details.append({"@type": f"{_TYPES}ErrorInfo", "reason": code, "domain": "googleapis.com"})
    if wait_s is not None:
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{wait_s:g}s"})
    error = {
        "code": code if isinstance(code, int) else status,
        "message": given.pop("message", None) or message,
        "status": kind if isinstance(kind, str) and kind.isupper() else word,
        **({"details": details} if details else {}),
    }
    return {"error": {**error, **{name: thaw(value) for name, value in given.items()}}}


def scripted(answer: HttpAnswer, now_s: int, in_array: bool) -> Reply:
    """The answer that a script gives in place of a completion."""
    if answer.body is not None or (answer.error is None and answer.status < 400):
        return scripted_reply(answer, OPENAI, now_s)
    plain = scripted_reply(answer, OPENAI, now_s)
    headers = {name: value for name, value in plain.headers if name.lower() != "content-type"}
    error = error_of(answer.status, answer.error, _wait_s(answer, headers))
    return json_reply(answer.status, [error] if in_array else error, headers=FrozenMap(headers))


def refused_in_its_words(refused: Refused) -> Reply:
    """The answer to a request that was refused: a wrong key is a 400 here, a missing one a 403."""
    status, message, code = refused.status, refused.error["message"], refused.error["code"]
    if status == 401 and code is not None:
        error = error_of(
            400, {"message": "API key not valid. Please pass a valid API key.", "code": "API_KEY_INVALID"}
        )
        return json_reply(400, error)
    if status == 401:
        error = error_of(403, {"message": "Method doesn't allow unregistered callers. Please use API Key."})
        return json_reply(403, error)
    return json_reply(status, error_of(status, {"message": message}))


def _wait_s(answer: HttpAnswer, headers: Mapping[str, str]) -> float | None:
    if answer.retry_after is not None:
        return answer.retry_after.seconds
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(given) if given.replace(".", "", 1).isdigit() else None
