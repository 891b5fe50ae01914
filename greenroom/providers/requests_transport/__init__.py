"""The `requests` transport: blocking lines, each for a thread of its own. Starts no actor and no thread."""

import urllib3

from greenroom.providers.requests_transport.lines import RequestsLines

__all__ = ["RequestsLines", "unfit"]


def unfit() -> str | None:
    """Why this transport cannot work here; None where it can. `requests` itself takes older ones too."""
    version: str = getattr(urllib3, "__version__", "0")
    return (
        None
        if int(version.partition(".")[0]) >= 2
        else f"needs urllib3 2 or newer, and {version} is installed"
    )
