"""A link on a line that obeys the test: what the dispatcher's side and the thread's side owe each other."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from greenroom.actors import blocking_link
from greenroom.actors.blocking_link import BlockingLink
from greenroom.actors.blocking_transport import BlockingTransport
from greenroom.messages.commands import HttpRequest, WireEnd, WireHead, WireRead
from greenroom.messages.contracts import Ear, Link, NobodyListens, Transport, TransportError, Wire
from greenroom.messages.failures import ErrorEvidence

GET = HttpRequest("GET", "/", ())
LIMIT_S = 10.0
HEAD = WireHead(200, ())


class FakeLine:
    """Its exchange is the test's; `interrupted` counts."""

    def __init__(self, exchange: Callable[[Ear], None], dial: Callable[[], None] = lambda: None) -> None:
        self._exchange, self._dial = exchange, dial
        self.interrupted = 0
        self.woken = threading.Event()
        self.closed = threading.Event()
        self.reused: list[bool] = []

    def check(self, request: HttpRequest) -> None:
        if request.method == "BAD":
            raise ValueError("not a method")

    def dial(self, timeout_s: float) -> None:
        self._dial()

    def exchange(self, request: HttpRequest, epoch: int, reused: bool, ear: Ear) -> None:
        self.reused.append(reused)
        self._exchange(ear)

    def interrupt(self) -> None:
        self.interrupted += 1
        self.woken.set()

    def close(self) -> None:
        self.closed.set()

    def dial_timed_out(self, timeout_s: float) -> TransportError:
        return TransportError(ErrorEvidence(kind="clock", message=f"{timeout_s:g} s"))

    def lost(self, epoch: int, reused: bool, body_bytes: int | None, *, by_us: bool) -> WireRead:
        why = ErrorEvidence(kind="transport", message=f"lost {body_bytes} {by_us}")
        return WireRead(epoch, 0.0, end=WireEnd(False, why))

    def idle_fd(self) -> int | None:
        return None

    def idle_news(self) -> bool | None:
        return None


class Told:
    def __init__(self) -> None:
        self.reads: list[WireRead] = []
        self.freed = 0
        self.news = asyncio.Event()

    def deliver(self, read: WireRead) -> None:
        self.reads.append(read)
        self.news.set()

    def free(self) -> None:
        self.freed += 1
        self.news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not true():
                self.news.clear()
                await self.news.wait()


def read(data: bytes = b"", *, end: bool = False) -> WireRead:
    return WireRead(1, 0.0, data, HEAD if not end else None, WireEnd(True) if end else None)


def whole(ear: Ear) -> None:
    ear.may_read()
    ear.tell(read(b"x"))
    ear.tell(read(end=True), True, 5.0)


def run(line: FakeLine, work: Callable[[BlockingLink, Told], Any], zombies: list[int] | None = None) -> None:
    async def main() -> None:
        seen = [] if zombies is None else zombies
        transport: Transport = BlockingTransport(lambda: line, zombie=lambda: seen.append(1))
        link = await transport.connect(LIMIT_S)
        contract: Link = link
        await work(link, Told())
        contract.close()
        line.woken.set()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.to_thread(line.closed.wait, LIMIT_S)
            while not link.gone:  # noqa: ASYNC110  (told by the thread's last call)
                await asyncio.sleep(0.005)
        transport.close()

    asyncio.run(main())


async def once(link: BlockingLink, told: Told) -> None:
    link.exchange(GET, 1, told.deliver, told.free)
    await told.until(lambda: told.freed == 1)
    assert [bool(one.end) for one in told.reads] == [False, True]


def test_an_exchange_is_told_in_order_and_the_link_rests() -> None:
    async def work(link: BlockingLink, told: Told) -> None:
        await once(link, told)
        await once(link, Told())
        assert link.reusable
        assert (link.exchanges, link.idle_limit_s) == (2, 4.0)

    line = FakeLine(whole)
    run(line, work)
    assert line.reused == [False, True]


def test_a_request_that_cannot_be_one_reaches_no_thread() -> None:
    async def work(link: BlockingLink, told: Told) -> None:
        with pytest.raises(ValueError, match="method"):
            link.exchange(HttpRequest("BAD", "/", ()), 1, told.deliver, told.free)
        assert link.reusable

    line = FakeLine(whole)
    run(line, work)
    assert line.reused == []


def test_one_read_is_on_its_way_and_one_in_the_hand_however_long_the_pause() -> None:
    handed: list[int] = []

    def flood(ear: Ear) -> None:
        for number in range(100):
            ear.may_read()
            ear.tell(read(b"%d " % number))
            handed.append(number)
        ear.tell(read(end=True))

    async def work(link: BlockingLink, told: Told) -> None:
        wire: Wire = link.exchange(GET, 1, told.deliver, told.free)
        await told.until(lambda: len(told.reads) >= 3)
        wire.pause()
        count = len(told.reads)
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert len(told.reads) == count, "told while paused"
        assert len(handed) <= count + 1
        wire.resume()
        await told.until(lambda: told.freed == 1)
        assert b"".join(one.data for one in told.reads) == b"".join(b"%d " % n for n in range(100))

    run(FakeLine(flood), work)


def test_an_abort_wakes_the_thread_and_tells_nothing_more() -> None:
    ended: list[str] = []

    def blocked(ear: Ear) -> None:
        ear.tell(read(b"x"))
        line.woken.wait(LIMIT_S)
        try:
            ear.tell(read(b"late"))
        except NobodyListens:
            ended.append("nobody listens")
            raise

    async def work(link: BlockingLink, told: Told) -> None:
        wire = link.exchange(GET, 1, told.deliver, told.free)
        await told.until(lambda: bool(told.reads))
        wire.abort()
        assert (told.freed, link.reusable, line.interrupted) == (1, False, 1)
        wire.abort()
        wire.pause()
        wire.resume()
        assert told.freed == 1
        assert [one.data for one in told.reads] == [b"x"]

    line = FakeLine(blocked)
    run(line, work)
    assert ended == ["nobody listens"]


def test_a_paused_thread_is_woken_by_the_end() -> None:
    ended: list[str] = []

    def waiting(ear: Ear) -> None:
        began.set()
        may_go_on.wait(LIMIT_S)
        try:
            ear.may_read()
        except NobodyListens:
            ended.append("nobody listens")
            raise

    async def work(link: BlockingLink, told: Told) -> None:
        wire = link.exchange(GET, 1, told.deliver, told.free)
        await asyncio.to_thread(began.wait, LIMIT_S)
        wire.pause()
        may_go_on.set()
        wire.abort()

    began, may_go_on = threading.Event(), threading.Event()
    run(FakeLine(waiting), work)
    assert ended == ["nobody listens"]


@pytest.mark.parametrize("waits", ["paused", "handing over"])
def test_a_dispatcher_that_hangs_leaves_no_thread(waits: str) -> None:
    """The thread stands in no socket, so that no interruption of one would wake it."""

    def answering(ear: Ear) -> None:
        may_go_on.wait(LIMIT_S)
        while True:
            if waits == "paused":
                ear.may_read()
            ear.tell(read(b"abc"))

    async def work(transport: BlockingTransport) -> None:
        link = await transport.connect(LIMIT_S)
        wire = link.exchange(GET, 1, told.deliver, told.free)
        if waits == "paused":
            wire.pause()
        may_go_on.set()
        # From here on nothing runs on the loop.
        assert transport.join(LIMIT_S) == 0

    may_go_on, told = threading.Event(), Told()
    asyncio.run(work(BlockingTransport(lambda: FakeLine(answering))))
    assert [bool(one.end) for one in told.reads] == [True]


def test_closing_a_link_tells_its_exchange_how_far_it_came() -> None:
    def blocked(ear: Ear) -> None:
        ear.tell(read(b"abc"))
        line.woken.wait(LIMIT_S)

    async def work(link: BlockingLink, told: Told) -> None:
        link.exchange(GET, 1, told.deliver, told.free)
        await told.until(lambda: bool(told.reads))
        link.close()
        end = told.reads[-1].end
        assert end is not None
        assert end.evidence is not None
        assert end.evidence.message == "lost 3 True"
        assert told.freed == 1

    line = FakeLine(blocked)
    run(line, work)


def test_a_line_that_fails_of_itself_ends_the_exchange(caplog: pytest.LogCaptureFixture) -> None:
    def broken(ear: Ear) -> None:
        raise ZeroDivisionError("with a secret")

    async def work(link: BlockingLink, told: Told) -> None:
        link.exchange(GET, 1, told.deliver, told.free)
        await told.until(lambda: told.freed == 1)
        assert told.reads[-1].end is not None
        assert not told.reads[-1].end.clean
        assert not link.reusable

    run(FakeLine(broken), work)
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_thread_that_does_not_come_back_is_asked_again_and_then_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocking_link, "ZOMBIE_AFTER_S", 0.1)
    let_go = threading.Event()
    zombies: list[int] = []

    async def work(link: BlockingLink, told: Told) -> None:
        link.exchange(GET, 1, told.deliver, told.free).abort()
        async with asyncio.timeout(LIMIT_S):
            while not zombies or line.interrupted < 4:  # noqa: ASYNC110  (two clocks of the link's own)
                await asyncio.sleep(0.005)
        let_go.set()

    def stuck(ear: Ear) -> None:
        let_go.wait(LIMIT_S)

    line = FakeLine(stuck)
    run(line, work, zombies)
    assert zombies == [1]


def test_dialling_has_its_time_and_leaves_no_thread() -> None:
    let_go = threading.Event()

    def stuck() -> None:
        let_go.wait(LIMIT_S)

    line = FakeLine(whole, dial=stuck)

    async def main() -> None:
        transport = BlockingTransport(lambda: line)
        with pytest.raises(TransportError, match=r"0\.05 s"):
            await transport.connect(0.05)
        assert line.interrupted
        assert transport.join(0.01) == 1
        let_go.set()
        assert await asyncio.to_thread(transport.join, LIMIT_S) == 0

    asyncio.run(main())
    assert line.closed.is_set()


def test_a_host_that_stops_all_pykka_actors_ends_the_link_not_the_dispatcher() -> None:
    async def work(link: BlockingLink, told: Told) -> None:
        told_closed = asyncio.Event()
        link.on_close = told_closed.set
        link.exchange(GET, 1, told.deliver, told.free)
        await told.until(lambda: bool(told.reads))
        link._keeper.stop(block=False)
        line.woken.set()
        async with asyncio.timeout(LIMIT_S):
            await told_closed.wait()
        await told.until(lambda: told.freed == 1)
        assert told.reads[-1].end is not None
        assert not link.reusable
        late = Told()
        link.exchange(GET, 1, late.deliver, late.free)
        await late.until(lambda: late.freed == 1)

    def blocked(ear: Ear) -> None:
        ear.tell(read(b"x"))
        line.woken.wait(LIMIT_S)

    line = FakeLine(blocked)
    run(line, work)


def test_a_failed_dial_is_raised_as_it_is() -> None:
    why = TransportError(ErrorEvidence(kind="transport", message="no"))

    def dial() -> None:
        raise why

    line = FakeLine(whole, dial)

    async def main() -> None:
        with pytest.raises(TransportError) as caught:
            await BlockingTransport(lambda: line).connect(LIMIT_S)
        assert caught.value is why

    asyncio.run(main())
    assert line.closed.wait(LIMIT_S)


def test_a_thread_that_cannot_be_started_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def work() -> None:
        transport = BlockingTransport(lambda: FakeLine(whole))
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="start new thread"):
                await transport.connect(LIMIT_S)
        assert pykka.ActorRegistry.get_all() == before
        assert transport.join(0) == 0

    before = pykka.ActorRegistry.get_all()
    asyncio.run(work())
