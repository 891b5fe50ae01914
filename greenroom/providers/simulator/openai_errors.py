"""Error bodies as the OpenAI API words them."""

import json
from typing import Any

from greenroom.messages.value import EMPTY_MAP, FrozenMap
from greenroom.providers.simulator.reply import Reply, Step

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


class Refused(Exception):  # noqa: N818  (an answer, not a fault)
    """A request that the API refuses: the status and what stands under `error`."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        self.status = status
        self.error = {"message": message, "type": INVALID_REQUEST, "param": param, "code": code}
        super().__init__(message)


def usual_error(status: int) -> dict[str, Any]:
    """What the API puts under `error` for this status."""
    kind = "server_error" if status >= 500 else INVALID_REQUEST
    message, kind, code = _USUAL.get(status, (f"The request failed with status {status}.", kind, None))
    return {"message": message, "type": kind, "param": None, "code": code}


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_reply(status: int, value: Any, *, headers: FrozenMap = EMPTY_MAP, close: bool = False) -> Reply:
    """A reply with this JSON body."""
    return whole_reply(status, json_bytes(value), "application/json", headers=headers, close=close)


def whole_reply(
    status: int, body: bytes, content_type: str, *, headers: FrozenMap = EMPTY_MAP, close: bool = False
) -> Reply:
    """A reply whose whole body goes out at once. A content-type among `headers` wins."""
    own = () if any(name.lower() == "content-type" for name in headers) else (("content-type", content_type),)
    return Reply(status, (*own, *headers.items()), (Step(body),), length=len(body), close=close)


def refusal_reply(refused: Refused) -> Reply:
    """The answer to a request that was refused."""
    headers = (
        FrozenMap({"www-authenticate": 'Bearer realm="OpenAI API"'}) if refused.status == 401 else EMPTY_MAP
    )
    return json_reply(refused.status, {"error": refused.error}, headers=headers)
