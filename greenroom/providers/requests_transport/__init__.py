"""The `requests` transport: blocking lines, each for a thread of its own. Starts no actor and no thread."""

from greenroom.providers.requests_transport.lines import RequestsLines

__all__ = ["RequestsLines"]
