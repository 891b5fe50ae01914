"""How something ended, for whoever still wants to know."""

import asyncio


def outcome() -> asyncio.Future[None]:
    """A future of the running loop; nobody need look at its failure."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.add_done_callback(_seen)
    return future


def _seen(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
