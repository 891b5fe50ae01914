"""Errors as the terminal shows them: one line, an exit code, and a traceback only where one was asked for."""

import traceback
from urllib.parse import urlsplit

from greenroom.cli.terminal import Terminal
from greenroom.config import LoadedConfig
from greenroom.messages.failures import Failure
from greenroom.messages.invalid import GreenroomError, InvalidInput
from greenroom.providers.local_model.errors import LocalModelUnavailable
from greenroom.providers.profiles import fitting_profile
from greenroom.supervision.scrub import scrubbed

FAILED = 1
BAD_USE = 2
READER_GONE = 141
"""As a shell reports a process that SIGPIPE ended."""


def report(error: BaseException, terminal: Terminal, where: str = "") -> int:
    """The error is told on stderr, and `where` to look. Returns the exit code. A traceback where wanted."""
    if terminal.debug:
        terminal.tell("".join(traceback.format_exception(error)))
    terminal.note(scrubbed(_line(error)) + where)
    return BAD_USE if isinstance(error, InvalidInput) else FAILED


def where_to_look(failure: Failure, loaded: LoadedConfig) -> str:
    """Where the setting stood that this failure makes doubtful; "" where it makes none so."""
    setting = _doubtful(failure)
    stood = loaded.stood.get(f"providers.{failure.provider}.{setting}")
    bare = (
        "; it has no path, and most servers of this wire answer below /v1"
        if _is_bare(failure, loaded)
        else ""
    )
    return f" ({setting} stands in: {stood}{bare})" if stood else ""


def _is_bare(failure: Failure, loaded: LoadedConfig) -> bool:
    """Nothing was found at an address that is a host alone, of a wire whose base URL mostly has a path."""
    provider = loaded.config.providers.get(failure.provider or "")
    if provider is None or provider.base_url is None or failure.evidence is None:
        return False
    profile = fitting_profile(failure.provider or "", provider.profile, provider.base_url, provider.kind)
    with_path = (provider.kind or profile.kind) in {"openai-chat", "openai-completions"}
    return with_path and failure.evidence.status == 404 and not urlsplit(provider.base_url).path.strip("/")


def _doubtful(failure: Failure) -> str | None:
    evidence = failure.evidence
    if failure.error_class in {"credential", "permission", "quota"}:
        return "api_key"
    if evidence is None:
        return None
    not_reached = evidence.kind == "transport" and evidence.phase in {"connect", "tls", "proxy"}
    wrong_place = evidence.kind == "protocol" or evidence.status in {404, 405}
    return "base_url" if not_reached or wrong_place or evidence.clock == "connect_timeout_s" else None


def _line(error: BaseException) -> str:
    if isinstance(error, InvalidInput):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, (GreenroomError, LocalModelUnavailable)):
        return text
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"a fault of greenroom's own: {type(error).__name__}: {text} (GREENROOM_DEBUG=1 shows where)"
