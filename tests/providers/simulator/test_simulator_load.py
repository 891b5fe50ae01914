"""Many at once, and nothing left behind."""

import asyncio
import gc
import json
import threading
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from simulator_client import ask, chat, dial, open_files, raw_request, read_until, sse_data, text_of

from greenroom.providers.simulator import Script, Simulator, Stall, connection, server

STREAMS = 2000
TEXT = " ".join(f"w{i}" for i in range(20))


async def stream_once(simulator: Simulator) -> str:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        writer.write(raw_request(chat(), "connection: close"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        return text_of([json.loads(data) for data in sse_data(body)[:-1]])
    finally:
        writer.close()
        await writer.wait_closed()


def test_thousands_of_paced_streams_at_once() -> None:
    async def all_of_them(simulator: Simulator) -> list[str]:
        return await asyncio.gather(*(stream_once(simulator) for _ in range(STREAMS)))

    with Simulator(Script(text=TEXT, delta_interval_s=0.2)) as simulator:
        assert asyncio.run(all_of_them(simulator)) == [TEXT] * STREAMS
        simulator.wait_for(lambda s: s.open_connections == 0)
        seen = simulator.statistics()
    assert (seen.completed, seen.deltas_sent) == (STREAMS, 20 * STREAMS)
    assert seen.connections_max > STREAMS // 2


def test_stopping_leaves_no_thread_descriptor_or_object() -> None:
    async def leave_some_open(simulator: Simulator) -> None:
        writers = [(await asyncio.open_connection(simulator.host, simulator.port))[1] for _ in range(50)]
        for writer in writers[:40]:
            writer.write(raw_request(chat()))
        await asyncio.to_thread(simulator.wait_for, lambda s: s.statistics().answering == 40)
        for writer in writers[:10]:
            writer.transport.abort()
        await asyncio.to_thread(simulator.wait_for, lambda s: s.open_connections == 40)
        await asyncio.to_thread(simulator.stop)
        for writer in writers:
            writer.transport.abort()

    threads, files = threading.active_count(), open_files()
    simulator = Simulator(Script(text=TEXT, delta_interval_s=30, stall=Stall(after_deltas=3))).start()
    asyncio.run(leave_some_open(simulator))
    seen = simulator.statistics()
    assert (seen.client_disconnected, seen.server_stopped, seen.answering) == (10, 30, 0)
    assert threading.active_count() == threads
    if Path("/proc/self/fd").exists():
        assert open_files() == files
    gone = weakref.ref(simulator)
    del simulator
    gc.collect()
    assert gone() is None


def test_nothing_of_a_connection_waits_for_the_garbage_collector(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [watched(monkeypatch, *place) for place in ((server, "Connection"), (connection, "RequestReader"))]
    made.append(watched(monkeypatch, connection, "Playback"))
    gc.disable()
    try:
        for _ in range(5):
            assert asyncio.run(stream_once(simulator)) == "Hello there, dear client"
        simulator.enqueue(Script(text="a b", delta_interval_s=60))
        with dial(simulator) as sock:
            sock.sendall(raw_request(chat()))
            read_until(sock, b'"content":"a"')
        simulator.wait_for(lambda s: s.open_connections == 0)
        simulator.wait_for(lambda _: all(sum(ref() is not None for ref in refs) <= 1 for refs in made))
        assert ask(simulator, chat()).status == 200  # what the last call's frames held is let go
        simulator.wait_for(lambda _: all(ref() is None for refs in made for ref in refs[:6]))
    finally:
        gc.enable()
    assert [len(refs) for refs in made] == [7, 7, 7]


def watched(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[weakref.ref[Any]]:
    """Weak references to all that this class makes from now on."""
    made: list[weakref.ref[Any]] = []
    original = getattr(module, name)

    def make(*args: Any) -> Any:
        instance = original(*args)
        made.append(weakref.ref(instance))
        return instance

    monkeypatch.setattr(module, name, make)
    return made
