"""Message, code, type, parameter, status and id out of an error's JSON, whoever wrote it.

The error stands under `error` (an object, a string, a number; xAI puts `code` beside a string; Gemini wraps
it in an array), under `errors` (Cloudflare), at top level (Mistral, Cerebras, Bedrock, Cohere, older vLLM), as
`detail` (FastAPI), or as JSON inside the message or the metadata of a gateway that passes it on.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from greenroom.providers.wire.error_details import details_of, reason_of

MESSAGE_CHARS = 1000
_MESSAGES = (
    "message", "detail", "error_description", "error_msg", "error_message", "errorMessage", "status_msg", "msg",
    "Message", "description", "title",
)  # fmt: skip
_HOLDERS = ("error", "errors", "base_resp", "detail", "Error")
_DEPTH = 3
_WRAPPED = re.compile(r"^code=\d+, message=(.*), type=\w+$", re.DOTALL)
"""A Go server's error, printed whole (Groq)."""
_REPEATED = re.compile(
    r"; messages = \[.*|, input_value=.*?, input_type=\w+(?=\])"
    r"|\s*For further information visit https://errors\.pydantic\.dev/\S*",
    re.DOTALL,
)
"""The request itself, behind the error (llama.cpp, pydantic): messages are logged, and no place for a prompt."""
_MARK = re.compile(r"^(?:<\d{3}>|\*)\s*")
"""Before the message: Alibaba's status, Google's bullet."""


def error_fields(given: Any) -> dict[str, Any]:
    """message, code, error_type, param, status and provider_request_id: those that an error's JSON tells."""
    told = _fields(given, _DEPTH)
    if "message" in told:
        told["message"] = told["message"][:MESSAGE_CHARS]
    return told


def tells_error(given: Any) -> bool:
    """JSON in which a server tells an error, not some other server's JSON."""
    return bool(error_fields(given).get("message")) or (isinstance(given, dict) and "error" in given)


def innermost(given: Any) -> dict[str, Any]:
    """The object that tells the error: under `error` (twice in some gateways), `errors`, `detail`, or here."""
    if isinstance(given, list):
        given = given[0] if given else None
    if not isinstance(given, dict):
        return {}
    found: dict[str, Any] = given
    for _ in range(_DEPTH):
        for name in _HOLDERS:
            inner = found.get(name)
            if isinstance(inner, list) and inner and name in ("error", "errors"):
                inner = inner[0]
            if isinstance(inner, dict) and inner:
                found = inner
                break
        else:
            break
    return found


def _fields(given: Any, depth: int) -> dict[str, Any]:
    if isinstance(given, list):
        given = given[0] if given else None
    if isinstance(given, str):
        return (_inside(given, depth) or {"message": _plain(given)}) if given.strip() else {}
    if not isinstance(given, dict):
        return {}
    inner = innermost(given)
    said: dict[str, Any] = {
        "message": _message(inner) or _message(given),
        "code": _code(inner, given),
        "error_type": _type(inner) or _type(given),
        "param": _word(inner.get("param")),
        "provider_request_id": _request_id(inner, given),
        "status": _status(inner, given),
    }
    told = {name: value for name, value in said.items() if value is not None and value != ""}
    if told.get("message") and (more := _beside(inner, told)):
        told["message"] = f"{told['message'].rstrip('. ')}: {more}"
    for passed_on in _passed_on(inner, given, told.get("message", "")):
        if depth:
            told = _joined(told, _fields(passed_on, depth - 1))
    return told


def _beside(inner: dict[str, Any], told: dict[str, Any]) -> str:
    """What was wrong, where the message itself says only that something was."""
    details, param = inner.get("details"), told.get("param", "")
    if isinstance(details, list) and any(isinstance(each, dict) and "msg" in each for each in details):
        return _validation(details)
    # Xiaomi's param is a sentence, no name.
    return param if " " in param and param not in told["message"] else ""


def _passed_on(inner: dict[str, Any], given: dict[str, Any], message: str) -> Iterator[Any]:
    """The error of a server behind this one: JSON in the message, OpenRouter's `raw`, a nested error."""
    start = 0 if message.startswith("[") else message.find('{"')
    if start >= 0 and (found := _json(message[start:])) is not None:
        yield found
    metadata = inner.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), (str, dict, list)):
        yield metadata["raw"]
    for place in (inner, given):
        details = place.get("details")
        if isinstance(details, dict) and isinstance(details.get("error"), (str, dict)):
            yield details
            break


def _joined(told: dict[str, Any], behind: dict[str, Any]) -> dict[str, Any]:
    """What the server in front said, completed by the one behind, whose words are nearer to the cause."""
    if not behind.get("message"):
        return told
    own, theirs = told.get("message", ""), behind["message"]
    if '{"' in own:
        own = own[: own.find('{"')].rstrip(" -:")
    if own.startswith("[") or _says_nothing(own):
        message = theirs
    else:
        message = own if theirs in own else f"{own.rstrip('.: ')}: {theirs}"
    nearer = {name: behind[name] for name in ("code", "error_type", "param") if name in behind}
    if str(nearer.get("code", "")).isdecimal() and "code" in told:
        del nearer["code"]
    return behind | told | nearer | {"message": message}


def _says_nothing(message: str) -> bool:
    return not message or re.fullmatch(r"(?:HTTP )?\d{3}(?: [A-Z][a-z]+)*", message) is not None


def _inside(text: str, depth: int) -> dict[str, Any]:
    found = _json(text) if depth and text.lstrip().startswith(("{", "[")) else None
    return _fields(found, depth - 1) if isinstance(found, (dict, list)) else {}


def _json(text: str) -> Any:
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None


def _message(given: dict[str, Any], depth: int = _DEPTH) -> str:
    for name in (*_MESSAGES, "error", "errors", "issues"):
        value = given.get(name)
        if isinstance(value, str) and value.strip():
            return _plain(value)
        if isinstance(value, (list, dict)) and value and (told := _validation(value)):
            return told
        if isinstance(value, dict) and value and depth and (told := _message(value, depth - 1)):
            return told
        if isinstance(value, (int, float)) and value:
            return f"error {value}"
    return ""


def _plain(text: str) -> str:
    wrapped = _WRAPPED.match(text)
    whole = (wrapped[1] if wrapped else text)[: 16 * MESSAGE_CHARS]
    return _MARK.sub("", _REPEATED.sub("", whole)).strip()


def _validation(detail: Any) -> str:
    """FastAPI's list of {loc, msg}, zod's of {path, message}; of another server's list the messages in it."""
    faults = detail if isinstance(detail, list) else [detail]
    told = []
    for fault in faults[:20]:
        if isinstance(fault, str):
            told.append(fault)
        elif isinstance(fault, dict):
            text = next((fault[name] for name in ("msg", *_MESSAGES) if isinstance(fault.get(name), str)), "")
            parts = next((fault[name] for name in ("loc", "path") if isinstance(fault.get(name), list)), None)
            place = ".".join(str(part) for part in (parts or ())[:20])
            told.append(f"{place}: {text}" if place and text else text)
    return "; ".join(text for text in told if text)


def _code(inner: dict[str, Any], given: dict[str, Any]) -> str | None:
    """The most telling code: a word, before a number that only repeats the HTTP status."""
    known = [
        word
        for place in (inner, given)
        for name in ("code", "error_code", "Code", "status_code")
        if (word := _word(place.get(name))) and (name != "status_code" or _status(place) is None)
    ]
    reason = reason_of(details_of(inner))
    if reason and (not known or known[0].isdecimal()):
        return reason
    if not known and isinstance(inner.get("error"), str) and _message(inner) != _plain(inner["error"]):
        return _word(inner["error"])  # OAuth: the code is in `error`, the words in `error_description`
    return known[0] if known else None


def _type(place: dict[str, Any]) -> str | None:
    for name in ("type", "error_type", "__type", "status", "reason", "errorType"):
        value = place.get(name)
        if not isinstance(value, str) or not value or (name, value) == ("type", "error"):
            continue
        if name != "status" or value.isupper():  # a response's status is another thing
            return value.rpartition("#")[2][:200]
    for name, word in (("innererror", "code"), ("metadata", "error_type")):
        beside = place.get(name)
        if isinstance(beside, dict) and isinstance(beside.get(word), str):
            return _word(beside[word])
    return None


def _request_id(inner: dict[str, Any], given: dict[str, Any]) -> str | None:
    for place in (given, inner):
        for name in ("request_id", "requestId", "requestID"):
            if told := _word(place.get(name)):
                return told
    # Cohere's: an error's own id at its top, beside the message.
    return _word(given.get("id")) if isinstance(given.get("message"), str) else None


def _status(*places: dict[str, Any]) -> int | None:
    """An HTTP status inside the JSON (Groq's status_code, OpenRouter's and LiteLLM's code)."""
    for place in places:
        for name in ("status_code", "status", "code", "raw_status_code"):
            value = place.get(name)
            number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) == 3 else value
            if type(number) is int and 400 <= number <= 599:
                return number
    return None


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return value[:200] or None
    return str(value) if type(value) in (int, float) else None
