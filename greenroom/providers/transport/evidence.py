"""What went wrong on the way, as ErrorEvidence in plain words. The classifier judges it, not we."""

import errno
import socket
import ssl

from greenroom.messages.contracts import TransportError
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport.origin import Origin

CERTIFICATE = "tls_certificate"
"""`evidence.code` of a certificate that is not trusted: trying again does not help."""
_REFUSED = f"[Errno {errno.ECONNREFUSED}]"
"""Stands in the message where several addresses failed in several ways."""
_SHOWN_BYTES = 60
_PLAIN_HTTP_SIGNS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
_UNTRUSTED_SIGNS = ("self-signed", "self signed", "unable to get")


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
    if isinstance(error, ssl.SSLCertVerificationError):
        code = CERTIFICATE
        text = f"the certificate of {server.name} is not trusted: {error.verify_message or error}"
        if any(sign in text for sign in _UNTRUSTED_SIGNS):
            text += "; ca_bundle names a PEM file with its authority"
    elif isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        text = f"TLS with {server.name} failed: {reason}"
        if reason.upper().replace(" ", "_") in _PLAIN_HTTP_SIGNS:
            text += "; it seems not to speak TLS: try http://"
    else:
        text = f"TLS with {server.name} failed: {str(error) or type(error).__name__}"
    return TransportError(ErrorEvidence(kind="transport", phase="tls", code=code, message=text))


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
    return TransportError(ErrorEvidence(kind="transport", phase="proxy", status=status, message=text))


def not_http(peer: str, opening: bytes, reason: str) -> ErrorEvidence:
    """What came first was no HTTP answer."""
    shown = ascii(opening[:_SHOWN_BYTES].decode("latin-1"))
    text = f"{peer} does not speak HTTP: it sent {shown}"
    if opening[:2] in {b"\x15\x03", b"\x16\x03"}:
        text = f"{peer} speaks TLS, not plain HTTP: try https://"
    elif opening.startswith(b"HTTP/"):
        text = f"{peer} sent an HTTP answer that breaks the rules ({reason}): {shown}"
    return ErrorEvidence(kind="protocol", phase="head", message=text)


def broken(peer: str, reason: str, body_bytes: int) -> ErrorEvidence:
    """The framing of the body broke HTTP's rules."""
    text = f"{peer} broke HTTP's rules after {body_bytes:,} body bytes: {reason}"
    return ErrorEvidence(kind="protocol", phase="body", message=text)


def too_big(peer: str, what: str, limit: int, phase: str) -> ErrorEvidence:
    """One of our bounds: `what` was more than `limit` bytes."""
    text = f"{peer} sent {what} of more than {limit:,} bytes"
    return ErrorEvidence.model_validate({"kind": "bound", "phase": phase, "message": text})


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


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
