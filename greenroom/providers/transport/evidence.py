"""What went wrong on the way, as ErrorEvidence in plain words. The classifier judges it, not we."""

import errno
import socket
import ssl
from typing import Literal

from greenroom.messages.contracts import TransportError
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport.origin import Origin
from greenroom.providers.transport.trust import BundleError

CERTIFICATE = "tls_certificate"
"""`evidence.code` of a certificate that is not trusted: trying again does not help."""
_REFUSED = f"[Errno {errno.ECONNREFUSED}]"
"""Stands in the message where several addresses failed in several ways."""
_SHOWN_BYTES = 60
_Phase = Literal["head", "body"]
_PLAIN_HTTP_SIGNS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
_PROXY_AUTHENTICATION = 407
_PASSING = frozenset({408, 425, 429})
"""Refusals of a proxy that may end otherwise a little later, as its 5xx may."""
_CERTIFICATE_REMEDIES = (
    (("self-signed", "self signed", "unable to get"), "ca_bundle names a PEM file with its authority"),
    (("expired", "not yet valid"), "its owner has to renew it, if this machine's clock is right"),
    (("not valid for", "mismatch"), "is base_url right?"),
)
"""By what OpenSSL says."""


def connect_failed(server: Origin, error: OSError | RuntimeError, *, proxy: bool = False) -> TransportError:
    """TCP or the name look-up said no."""
    name = f"the proxy {server.name}" if proxy else server.name
    if isinstance(error, socket.gaierror):
        reason = error.strerror or str(error)
        text = f"cannot find the host {server.host!r}: {reason}; is the URL right, and the network up?"
    elif isinstance(error, ConnectionRefusedError) or _REFUSED in str(error):
        text = f"cannot connect to {name}: connection refused; is the server running?"
    else:
        text = f"cannot connect to {name}: {_words(error)}"
    phase = "proxy" if proxy else "connect"
    return TransportError(ErrorEvidence(kind="transport", phase=phase, message=text))


def tls_failed(server: Origin, error: Exception) -> TransportError:
    """The handshake failed; a certificate problem is named and has `code=CERTIFICATE`."""
    code = None
    final = isinstance(error, (ssl.SSLCertVerificationError, BundleError))
    if isinstance(error, ssl.SSLCertVerificationError):
        code = CERTIFICATE
        text = f"the certificate of {server.name} is not trusted: {error.verify_message or error}"
        text += next((f"; {remedy}" for signs, remedy in _CERTIFICATE_REMEDIES if _has(text, signs)), "")
    elif isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        text = f"TLS with {server.name} failed: {reason}"
        if reason.upper().replace(" ", "_") in _PLAIN_HTTP_SIGNS:
            text += "; it seems not to speak TLS: try http://"
            final = True
    else:
        text = f"TLS with {server.name} failed: {str(error) or type(error).__name__}"
    return TransportError(
        ErrorEvidence(kind="transport", phase="tls", code=code, message=text, is_retryable=_never(final))
    )


def timed_out(server: Origin, timeout_s: float, step: str) -> TransportError:
    """`step` says what was under way."""
    text = f"no connection to {server.name} within {timeout_s:g} s, while {step}"
    return TransportError(
        ErrorEvidence(kind="clock", clock="connect_timeout_s", phase="connect", message=text)
    )


def proxy_refused(proxy: Origin, server: Origin, status: int | None, reason: str) -> TransportError:
    """The CONNECT was answered with anything but a 2xx."""
    said = f"{status} {reason}".strip() if status else reason
    text = f"the proxy {proxy.name} did not open a way to {server.name}: {said}"
    if status == _PROXY_AUTHENTICATION:
        text += "; give its user and password in HTTPS_PROXY: http://user:password@host:port"
    final = status is not None and status < 500 and status not in _PASSING
    return TransportError(
        ErrorEvidence(
            kind="transport", phase="proxy", status=status, message=text, is_retryable=_never(final)
        )
    )


def not_http(peer: str, opening: bytes, reason: str) -> ErrorEvidence:
    """What came first was no HTTP answer."""
    shown = ascii(opening[:_SHOWN_BYTES].decode("latin-1"))
    is_http = opening.startswith(b"HTTP/")
    text = f"{peer} does not speak HTTP: it sent {shown}"
    if opening[:2] in {b"\x15\x03", b"\x16\x03"}:
        text = f"{peer} speaks TLS, not plain HTTP: try https://"
    elif is_http:
        text = f"{peer} sent an HTTP answer that breaks the rules ({reason}): {shown}"
    else:
        text += "; is base_url right?"
    return ErrorEvidence(kind="protocol", phase="head", message=text, is_retryable=_never(not is_http))


def broken(peer: str, reason: str, body_bytes: int) -> ErrorEvidence:
    """The framing of the body broke HTTP's rules."""
    text = f"{peer} broke HTTP's rules after {body_bytes:,} body bytes: {reason}"
    return ErrorEvidence(kind="protocol", phase="body", message=text)


def too_big(peer: str, what: str, limit: int, bound: str, phase: _Phase = "body") -> ErrorEvidence:
    """Our bound of this name: `what` was more than `limit` bytes."""
    text = f"{peer} sent {what} of more than {limit:,} bytes"
    return ErrorEvidence(kind="bound", clock=bound, phase=phase, message=text)


def too_many(peer: str, what: str, limit: int) -> ErrorEvidence:
    """The head holds more than `limit` of them."""
    text = f"{peer} sent an answer with more than {limit:,} {what}"
    return ErrorEvidence(kind="bound", clock="max_headers", phase="head", message=text)


def bomb(peer: str, what: str) -> ErrorEvidence:
    """What was compressed would fill the memory, or hold the loop."""
    return ErrorEvidence(kind="bound", clock="max_inflate_ratio", phase="body", message=f"{peer} sent {what}")


def happened(error: BaseException | None) -> str:
    """How a connection ended, as the first words of a sentence."""
    if error is None:
        return "connection closed"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    if isinstance(error, BrokenPipeError):
        return "connection broken"
    if isinstance(error, TimeoutError):
        return "connection silently lost (no answer to TCP's probes)"
    return f"connection lost ({_words(error)})"


def _has(text: str, signs: tuple[str, ...]) -> bool:
    return any(sign in text for sign in signs)


def _never(final: bool) -> bool | None:
    """False where trying again cannot help; None leaves it to the classifier."""
    return False if final else None


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
