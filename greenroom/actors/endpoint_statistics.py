"""What an endpoint's actor says of its pool, or what is to be said in its place."""

from typing import Any

from greenroom.actors.errors import ActorDead
from greenroom.actors.future import Future
from greenroom.messages.statistics import EndpointStatistics


def endpoint_statistics(
    asked: Future[Any], provider: str, max_connections: int, timeout_s: float
) -> EndpointStatistics:
    """What was answered. Of one that crashed just now, or too often and stays down: nothing is busy or waits."""
    try:
        told: EndpointStatistics = asked.get(timeout=timeout_s)
    except ActorDead:
        return EndpointStatistics(
            provider=provider, busy=0, idle=0, connecting=0, waiting=0, max_connections=max_connections,
            connected_total=0, connect_failed_total=0, reused_total=0,
        )  # fmt: skip
    return told
