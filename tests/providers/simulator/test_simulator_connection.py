"""A connection without a socket: a transport that remembers, so that the order of things can be seen."""

import asyncio
import time
from typing import Any

from simulator_client import chat, raw_request

from greenroom.providers.simulator import Script, SimulatorLimits, SimulatorRules
from greenroom.providers.simulator.connection import Connection
from greenroom.providers.simulator.history import History
from greenroom.providers.simulator.host import Host
from greenroom.providers.simulator.pacing import Pacer
from greenroom.providers.simulator.rules import ScriptBook
from greenroom.providers.simulator.service import Service


class RememberingTransport(asyncio.Transport):
    def __init__(self, history: History) -> None:
        super().__init__()
        self.history = history
        self.writes: list[tuple[bytes, str | None]] = []
        """What was written, and how the newest record had ended by then."""
        self.aborted = self.closed = False
        self.full: Connection | None = None
        """Where given, its buffer is full after each write."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    def write(self, data: Any) -> None:
        records = self.history.snapshot()
        self.writes.append((data, records[-1].ended if records else None))
        if self.full is not None:
            self.full.pause_writing()

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


def connected(script: Script, *, stopping: bool = False) -> tuple[Connection, RememberingTransport, Host]:
    loop = asyncio.get_running_loop()
    history = History(10, 10_000)
    service = Service(ScriptBook(SimulatorRules(default=script)), None, None)
    host = Host(service, history, Pacer(loop, time.monotonic), SimulatorLimits(), stopping=stopping)
    connection, transport = Connection(host), RememberingTransport(history)
    connection.connection_made(transport)
    return connection, transport, host


def test_the_record_is_closed_before_the_client_can_know_of_the_end() -> None:
    async def check(stream: bool) -> list[tuple[bytes, str | None]]:
        connection, transport, _ = connected(Script(text="Hello"))
        connection.data_received(raw_request(chat(stream=stream)))
        connection.connection_lost(None)
        return transport.writes

    *before, last = asyncio.run(check(stream=True))
    assert last[0].endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert last[1] == "completed"
    assert [ended for _, ended in before] == [None]
    assert b"[DONE]" not in before[0][0]
    *before, last = asyncio.run(check(stream=False))
    assert (last[0][:1], last[1]) == (b"{", "completed")


def test_an_answer_is_not_complete_while_the_socket_is_full() -> None:
    async def check() -> None:
        connection, transport, host = connected(Script(text="Hello"))
        transport.full = connection
        connection.data_received(raw_request(chat()))
        (record,) = host.history.snapshot()
        assert record.ended is None
        connection.resume_writing()
        assert host.history.snapshot()[0].ended == "completed"
        connection.connection_lost(None)

    asyncio.run(check())


def test_a_client_that_leaves_before_the_socket_took_all_is_a_disconnect() -> None:
    async def check() -> None:
        connection, transport, host = connected(Script(text="Hello"))
        transport.full = connection
        connection.data_received(raw_request(chat()))
        connection.connection_lost(None)
        assert host.history.snapshot()[0].ended == "client_disconnected"
        assert host.history.open_connections == 0

    asyncio.run(check())


def test_a_connection_accepted_while_stopping_is_closed() -> None:
    async def check() -> None:
        connection, transport, host = connected(Script(), stopping=True)
        assert transport.aborted
        connection.connection_lost(None)
        await asyncio.wait_for(host.emptied(), 5)

    asyncio.run(check())


def test_a_flood_of_pipelined_requests_stops_the_reading_until_they_are_answered() -> None:
    async def check() -> list[str]:
        seen: list[str] = []
        resumed = asyncio.Event()
        connection, transport, _ = connected(Script(text="a b", delta_interval_s=0.001))
        transport.pause_reading = lambda: seen.append("pause")  # type: ignore[method-assign]
        transport.resume_reading = lambda: (seen.append("resume"), resumed.set())  # type: ignore[assignment, method-assign]
        connection.data_received(raw_request(chat()) * 40)
        assert seen == ["pause"]
        await resumed.wait()
        connection.connection_lost(None)
        return seen

    assert asyncio.run(asyncio.wait_for(check(), 20)) == ["pause", "resume"]
