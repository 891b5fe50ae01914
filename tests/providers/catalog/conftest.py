"""Queries for a server on loopback."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from list_server import ListServer

from greenroom.actors.clock import SystemClock
from greenroom.messages.contracts import ModelQuery, Target

Query = Callable[..., ModelQuery]


@pytest.fixture
def server() -> Iterator[ListServer]:
    with ListServer() as running:
        yield running


@pytest.fixture
def query(server: ListServer) -> Query:
    """`path`: of the base URL. Other names are fields of the ModelQuery, or of its Target."""

    def make(
        path: str = "/v1", kind: str = "openai-chat", profile: str | None = None, **more: Any
    ) -> ModelQuery:
        base_url = more.pop("base_url", server.root + path)
        target = Target("prov", kind, "", profile=profile, base_url=base_url)
        return ModelQuery(**{"target": target, "clock": SystemClock(), "timeout_s": 10.0, **more})

    return make
