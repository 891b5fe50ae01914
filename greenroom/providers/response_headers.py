"""What the headers of an answer tell, the same for every wire: when to come back, limits, ids.

Names: https://platform.openai.com/docs/guides/rate-limits, https://docs.anthropic.com/en/api/rate-limits,
Azure's and LiteLLM's (`llm_provider-` before a name that its upstream sent).
"""

import re
from collections.abc import Iterable, Mapping

from greenroom.messages.failures import NamedLimit
from greenroom.providers.header_times import number, seconds
from greenroom.providers.rate_limit_headers import rate_limits_of

_ALLOWED = re.compile(
    r"^(llm_provider-)?((.*-)?request-?id|.*ratelimit.*|.*tokenlimit-.*|anthropic-(priority|fast)-.*"
    r"|retry-after(-ms)?|x-ms-retry-after-ms|x-should-retry|content-type|date|server|openai-processing-ms"
    r"|cf-ray|x-generation-id|x-ms-region|x-amzn-errortype|x-error-code|x-error-message|nvcf-reqid"
    r"|www-authenticate)$"
)
_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-generation-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-goog-request-id",
    "x-kong-request-id",
    "nvcf-reqid",
)
"""Those of a gateway behind those of the provider."""
LONGEST_S = 30 * 86400.0
"""No wait that is told counts as longer."""


def lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names in lower case; of a repeated name the last one."""
    return {name.lower(): value for name, value in headers}


def allowed(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may stand in evidence: they help and hold no secret. Values cut to 256 characters."""
    return {name: value[:256] for name, value in headers.items() if _ALLOWED.match(name)}


def provider_request_id(headers: Mapping[str, str]) -> str | None:
    """The id under which the provider's support finds this answer."""
    return next((headers[name][:256] for name in _REQUEST_IDS if headers.get(name)), None)


def is_retryable(headers: Mapping[str, str]) -> bool | None:
    """Only where the server said so."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait, the longest that any header names: never earlier than told.

    A date is measured from the answer's own Date header, else from `now` (seconds since 1970 UTC).
    """
    waits: list[float] = []
    for name, value in headers.items():
        plain = name.removeprefix("llm_provider-")
        if plain in ("retry-after-ms", "x-ms-retry-after-ms"):
            waits.append(number(value) / 1000)
        elif plain == "retry-after":
            waits.append(seconds(value, headers.get("date"), now))
    told = [wait for wait in waits if wait >= 0]
    return min(max(told), LONGEST_S) if told else None


def rate_limits(headers: Mapping[str, str], now: float | None = None) -> tuple[NamedLimit, ...]:
    """One NamedLimit for every limit that the headers name, with what is left of it."""
    told = rate_limits_of(headers.items(), {}, now)
    if told is None:
        return ()
    return tuple(
        NamedLimit(
            name=window.name, limit=window.limit, remaining=window.remaining, reset_s=window.resets_in_s,
            window_s=window.window_s,
        )
        for window in told.windows
    )  # fmt: skip
