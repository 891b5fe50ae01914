"""The clients that are compared. Each module has a `Peer`; which interpreter runs it stands here."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from benchmarks.meter import Reader
from benchmarks.work import Work


class LoopPeer(Protocol):
    """A client on asyncio. `read` takes one whole stream; many run at once."""

    async def open(self) -> None:
        """Ready to read."""

    async def read(self, reader: Reader) -> None:
        """Sends one request to `reader.url` and reports its deltas and its end."""

    def cancel(self, reader: Reader) -> None:
        """Gives that stream up; its socket is to be closed. Peers of the cancel scenario only."""


@dataclass(frozen=True)
class Entry:
    """Where a peer lives and how it is run."""

    module: str
    home: str
    """`here`: this interpreter (its packages are greenroom's own); else the name of a venv."""
    title: str
    loop: str = "uvloop"
    """`asyncio`, `uvloop`, or `own` for a peer that runs without asyncio."""
    slow: bool = False
    """Measured once and on less work: it falls behind the rate of the others."""


PEERS = {
    "epoll": Entry("epoll", "here", "epoll, bare parse", loop="own"),
    "httptools": Entry("bare_httptools", "here", "httptools + uvloop"),
    "aiohttp": Entry("aiohttp_lines", "sdk", "aiohttp"),
    "openai": Entry("openai_sdk", "sdk", "openai SDK (async)", slow=True),
    "litellm": Entry("litellm_sdk", "litellm", "LiteLLM", slow=True),
    "greenroom": Entry("greenroom_system", "here", "greenroom", loop="asyncio"),
    "greenroom-uvloop": Entry("greenroom_system", "here", "greenroom, uvloop consumer"),
}


def make(work: Work) -> Any:
    """The peer that the work names."""
    return import_module(f"benchmarks.peers.{PEERS[work.peer].module}").Peer(work)
