"""The head of an HTTP/1.1 answer, and how its body is delimited for this client."""

from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from greenroom.providers.simulator.reply import HttpRequest, Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Framing:
    """`close`: the connection ends after this answer, by wish of either side or as the end of the body."""

    head: bytes
    chunked: bool
    close: bool


def framing_of(reply: Reply, request: HttpRequest | None, number: int, now_at_s: float) -> Framing:
    """The framing of this reply to this request (None: to bytes that were no request)."""
    old = request is not None and request.http_1_0
    chunked = reply.length is None and not old
    close = reply.close or request is None or not request.keep_alive or (reply.length is None and old)
    lines = [
        f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}",
        f"date: {formatdate(now_at_s, usegmt=True)}",
        "server: greenroom-simulator",
    ]
    given = {name.lower() for name, _ in reply.headers}
    if "x-request-id" not in given:
        lines.append(f"x-request-id: req_sim_{number}")
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.length is not None:
        lines.append(f"content-length: {reply.length}")
    elif chunked:
        lines.append("transfer-encoding: chunked")
    if close or old:
        lines.append(f"connection: {'close' if close else 'keep-alive'}")
    return Framing("\r\n".join((*lines, "", "")).encode("latin-1"), chunked, close)
