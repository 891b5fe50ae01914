"""Errors as a server of a dialect words them."""

import json
from collections.abc import Mapping
from email.utils import formatdate
from math import ceil
from typing import Any

from greenroom.messages.value import EMPTY_MAP, FrozenMap, thaw
from greenroom.providers.simulator.dialect import Dialect, filled
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.reply import Reply, Step
from greenroom.providers.simulator.script_faults import HttpAnswer, RetryAfter

INVALID_REQUEST = "invalid_request_error"
BAD_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
    "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you "
    "have trouble figuring out how to fix this, please contact us through our help center at "
    "help.openai.com.)"
)
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're "
    "accessing the API from your browser and are prompted for a username and password. You can obtain an API "
    "key from https://platform.openai.com/account/api-keys."
)
_USUAL: dict[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", INVALID_REQUEST, "invalid_api_key"),
    403: ("You are not allowed to sample from this model", INVALID_REQUEST, None),
    404: ("The model does not exist or you do not have access to it.", INVALID_REQUEST, "model_not_found"),
    429: ("Rate limit reached for requests. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    503: ("The engine is currently overloaded, please try again later", "server_error", None),
}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Refused(Exception):  # noqa: N818  (an answer, not a fault)
    """A request that the API refuses: the status and what stands under `error`."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        self.status = status
        self.error = {"message": message, "type": INVALID_REQUEST, "param": param, "code": code}
        super().__init__(message)


def usual_error(status: int) -> dict[str, Any]:
    """What the API says of this status."""
    kind = "server_error" if status >= 500 else INVALID_REQUEST
    message, kind, code = _USUAL.get(status, (f"The request failed with status {status}.", kind, None))
    return {"message": message, "type": kind, "param": None, "code": code}


def error_body(status: int, error: Mapping[str, Any], dialect: Dialect) -> Any:
    """The JSON body of an error. Keys that no template knows stand beside the message."""
    return _worded(dialect.error_body, status, error)


def stream_error(error: Mapping[str, Any] | None, dialect: Dialect) -> dict[str, Any]:
    """The JSON of an error inside a stream. `error`: what stands under that key; None: the usual one."""
    usual: dict[str, Any] = _worded(dialect.stream_error, 500, usual_error(500))
    return usual if error is None else {**usual, "error": thaw(error)}


def _worded(template: FrozenMap, status: int, error: Mapping[str, Any]) -> Any:
    known = {"message", "type", "param", "code"}
    facts = {**error, "status": status, "status_text": str(status)}
    body = filled(template, facts)
    beside = {name: thaw(value) for name, value in error.items() if name not in known}
    inner = body.get("error") if isinstance(body, dict) else None
    (inner if isinstance(inner, dict) else body).update(beside)
    return body


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return _ENCODER.encode(value).encode()


def json_reply(status: int, value: Any, *, headers: FrozenMap = EMPTY_MAP, close: bool = False) -> Reply:
    """A reply with this JSON body."""
    return whole_reply(status, json_bytes(value), "application/json", headers=headers, close=close)


def whole_reply(
    status: int, body: bytes, content_type: str, *, headers: FrozenMap = EMPTY_MAP, close: bool = False
) -> Reply:
    """A reply whose whole body goes out at once. A content-type among `headers` wins."""
    own = () if any(name.lower() == "content-type" for name in headers) else (("content-type", content_type),)
    return Reply(status, (*own, *headers.items()), (Step(body),), length=len(body), close=close)


def refusal_reply(refused: Refused, dialect: Dialect = OPENAI) -> Reply:
    """The answer to a request that was refused."""
    headers = (
        FrozenMap({"www-authenticate": 'Bearer realm="OpenAI API"'}) if refused.status == 401 else EMPTY_MAP
    )
    return json_reply(refused.status, error_body(refused.status, refused.error, dialect), headers=headers)


def scripted_reply(answer: HttpAnswer, dialect: Dialect, now_s: int) -> Reply:
    """The answer that a script gives in place of a completion."""
    headers = FrozenMap({**_waits(answer.retry_after, now_s), **answer.headers})
    body = answer.body
    if isinstance(body, str):
        kind = "text/html" if body.lstrip().startswith("<") else "text/plain"
        return whole_reply(answer.status, body.encode(), f"{kind}; charset=utf-8", headers=headers)
    if isinstance(body, FrozenMap):
        value = thaw(body)
    elif answer.error is not None or answer.status >= 400:
        value = error_body(answer.status, {**usual_error(answer.status), **(answer.error or {})}, dialect)
    else:
        value = {}
    return json_reply(answer.status, value, headers=headers)


def _waits(retry_after: RetryAfter | None, now_s: int) -> dict[str, str]:
    if retry_after is None:
        return {}
    seconds, form = retry_after.seconds, retry_after.form
    plain, ms = f"{seconds:g}", f"{seconds * 1000:g}"
    if form == "date":
        return {"retry-after": formatdate(now_s + ceil(seconds), usegmt=True)}
    headers = {
        "seconds": {"retry-after": plain},
        "ms": {"retry-after-ms": ms},
        "azure_ms": {"x-ms-retry-after-ms": ms},
        "both": {"retry-after": plain, "retry-after-ms": ms},
        "litellm": {"llm_provider-retry-after": plain},
    }
    return headers[form]
