"""Errors in the words of the messages wire.

Source: https://platform.claude.com/docs/en/api/errors.
"""

from collections.abc import Mapping
from typing import Any

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, thaw
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.openai_errors import Refused, json_reply, scripted_reply
from greenroom.providers.simulator.reply import Reply
from greenroom.providers.simulator.script_faults import HttpAnswer

_ERROR = FrozenMap({"type": "error", "error": {"type": "$type", "message": "$message"}})
DIALECT = Dialect(
    name="anthropic", error_body=_ERROR, stream_error=_ERROR, request_id_header="request-id",
    rate_limit_headers={
        f"{what}_{unit}": f"anthropic-ratelimit-{unit}-{what}"
        for unit in ("requests", "tokens")
        for what in ("limit", "remaining")
    },
)  # fmt: skip
"""What the faults ask of a dialect; times of reset are dates on this wire and are not told."""
_USUAL = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}


def refusal_reply(refused: Refused) -> Reply:
    """The answer to a request that was refused."""
    message = refused.error["message"]
    if refused.status == 401:
        no_key = refused.error["code"] is None
        message = "x-api-key header is required" if no_key else "invalid x-api-key"
    return json_reply(refused.status, _body(refused.status, {"message": message}))


def error_reply(answer: HttpAnswer, now_s: int) -> Reply:
    """The answer that a script gives in place of a message."""
    if answer.body is None and (answer.error is not None or answer.status >= 400):
        answer = answer.replace(error=_body(answer.status, answer.error or EMPTY_MAP)["error"])
    return scripted_reply(answer, DIALECT, now_s)


def stream_error(error: Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON of an error inside a stream. `error`: what stands under that key; None: overloaded."""
    return _body(529, {} if error is None else error)


def _body(status: int, error: Mapping[str, Any]) -> dict[str, Any]:
    fallback = "invalid_request_error" if status < 500 else "api_error"
    kind, message = _USUAL.get(status, (fallback, f"The request failed with status {status}."))
    told = {name: thaw(value) for name, value in error.items() if value != "simulated_error"}
    return {"type": "error", "error": {"type": kind, "message": message, **told}}
