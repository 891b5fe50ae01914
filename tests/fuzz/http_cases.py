"""The transport's link, fed with answers that are well formed, broken, or noise; cut anywhere; no socket.

Laws: one exchange ends once and is freed once, whatever comes; a well-formed answer says what it says however
it is cut; a broken one is told up to a typed failure, within the bounds; a link that may serve again does.
"""

import asyncio
from random import Random
from typing import Any

from greenroom.messages.commands import HttpRequest, WireEnd, WireHead, WireRead
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport import ReactorLink, TransportLimits
from greenroom.providers.transport.request_form import RequestForm

from .http_answers import Answer, answer, broken, cut

_READ_BYTES = 8192
_TIGHT = TransportLimits(max_head_bytes=700, max_headers=12, max_body_bytes=120, inflate_allowance_bytes=50)
_KINDS = {"transport", "protocol", "bound"}


def http_case(rng: Random) -> None:
    """One exchange, cut in two ways; then one more on the same link."""
    one = answer(rng)
    if rng.random() < 0.75:
        one = broken(rng, one)
    elif rng.random() < 0.1:
        one = Answer(rng.randbytes(rng.randrange(200)), "GET", 0, b"", True, False, intact=False)
    limits = _TIGHT if rng.random() < 0.15 else TransportLimits()
    ending = rng.choice(["fin", "reset", "close"])
    whole = Play(limits, one.method)
    whole.feed(rng, cut(rng, one.data, _READ_BYTES), meddle=False)
    reusable = whole.link.reusable
    whole.check(limits)
    if one.intact and limits is not _TIGHT:
        check_intact(one, whole, reusable)
        check_cut_short(rng, one)
    again(rng, whole)
    whole.leave(ending)
    whole.check_over(limits)
    other = Play(limits, one.method)
    other.feed(rng, cut(rng, one.data, _READ_BYTES), meddle=False)
    other.leave(ending)
    other.check_over(limits)
    if limits is not _TIGHT:
        check_alike(whole, other)
    meddled = Play(limits, one.method)
    meddled.feed(rng, cut(rng, one.data, _READ_BYTES), meddle=True)
    meddled.leave(ending)
    meddled.check_over(limits)


class Nowhere(asyncio.Transport):
    """A transport without a socket; it remembers whether it was paused or closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = self.paused = False

    def write(self, data: object) -> None:
        assert not self.closing, "written after the end"

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        assert not self.paused, "paused twice"
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused, "resumed while it was reading"
        self.paused = False


class Hand:
    """A clock that a case moves itself: nothing here depends on the machine."""

    at_s = 0.0

    def now_s(self) -> float:
        return self.at_s

    wall_s = now_s


class Told:
    """What one exchange told, checked as it comes."""

    def __init__(self) -> None:
        self.heads: list[WireHead] = []
        self.ends: list[WireEnd] = []
        self.parts: list[bytes] = []
        self.freed = 0
        self.aborted = False
        self.wire: Any = None

    def deliver(self, read: WireRead) -> None:
        assert not self.ends, "told after the end"
        assert not self.freed, "told after it was freed"
        assert not self.aborted, "told after it was aborted"
        assert read.head or read.data or read.end, "told nothing"
        assert not (read.data and not self.heads and not read.head), "a body before its head"
        self.heads += [read.head] if read.head else []
        self.ends += [read.end] if read.end else []
        self.parts.append(read.data)

    def free(self) -> None:
        assert self.ends or self.aborted, "freed before the end"
        self.freed += 1

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


class Play:
    """A link and its exchanges."""

    def __init__(self, limits: TransportLimits, method: str) -> None:
        self.transport, self.clock = Nowhere(), Hand()
        self.buffer = memoryview(bytearray(_READ_BYTES))
        self.link = ReactorLink("peer:1", RequestForm("peer"), self.buffer, limits, self.clock)
        self.link.connection_made(self.transport)
        self.told = self.begin(method)

    def begin(self, method: str) -> Told:
        told = Told()
        told.wire = self.link.exchange(HttpRequest(method, "/", (), b"{}"), 1, told.deliver, told.free)
        return told

    def feed(self, rng: Random, reads: list[bytes], *, meddle: bool) -> None:
        for read in reads:
            if self.transport.closing:
                return
            self.clock.at_s += 0.001
            self.buffer[: len(read)] = read
            self.link.buffer_updated(len(read))
            if meddle and rng.random() < 0.1:
                self.meddle(rng)

    def meddle(self, rng: Random) -> None:
        """What a holder may do at any time, also too late."""
        what = rng.choice(["pause", "resume", "abort"])
        if what == "abort":
            self.told.aborted = True
        getattr(self.told.wire, what)()

    def leave(self, how: str) -> None:
        """The connection ends, in one of the ways that loops tell it."""
        if how == "close":
            self.link.close()
        elif how == "fin" and not self.transport.closing:
            self.link.eof_received()
        self.link.connection_lost(ConnectionResetError() if how == "reset" else None)

    def check(self, limits: TransportLimits) -> None:
        """Holds at any time."""
        told = self.told
        assert len(told.heads) <= 1
        assert told.freed == len(told.ends) or told.aborted
        assert len(told.body) <= limits.max_body_bytes
        for head in told.heads:
            assert len(head.headers) <= limits.max_headers
            assert sum(len(name) + len(value) for name, value in head.headers) <= limits.max_head_bytes
        for end in told.ends:
            assert end.clean == (end.evidence is None)
            if end.evidence is not None:
                assert end.evidence.kind in _KINDS
                assert len(end.evidence.message) < 500
                assert end.evidence.message.isprintable()

    def check_over(self, limits: TransportLimits) -> None:
        self.check(limits)
        assert self.told.freed == 1
        assert len(self.told.ends) == 1 or self.told.aborted
        assert self.transport.closing or self.link._transport is None
        assert not self.link.reusable


def check_intact(one: Answer, play: Play, reusable: bool) -> None:
    """All of it was fed; nothing has ended the connection yet."""
    told = play.told
    assert [head.status for head in told.heads] == [one.status]
    assert told.body == one.body, (told.body, one.body)
    assert reusable == (one.keep or one.until_close), one
    if one.until_close:
        assert not told.ends
    else:
        assert told.ends == [WireEnd(clean=True)]


def check_cut_short(rng: Random, one: Answer) -> None:
    """A part of it, and then the connection ends: what was told is a part too, and no whole answer."""
    if one.until_close:
        return
    play = Play(TransportLimits(), one.method)
    play.feed(rng, cut(rng, one.data[: rng.randrange(len(one.data))], _READ_BYTES), meddle=False)
    play.leave(rng.choice(["fin", "reset", "close"]))
    assert [end.clean for end in play.told.ends] == [False]
    assert one.body.startswith(play.told.body)


def again(rng: Random, play: Play) -> None:
    """A link that is free and reusable serves a further answer whole, whatever the first was."""
    if not play.link.reusable or not play.told.ends:
        return
    told = play.begin("POST")
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain"
    play.feed(rng, cut(rng, text, _READ_BYTES), meddle=False)
    assert told.ends == [WireEnd(clean=True)]
    assert told.body == b"again"
    assert told.heads[0].headers == (("content-length", "5"),)
    assert play.link.reusable


def check_alike(one: Play, other: Play) -> None:
    """However it was cut: the same head and the same kind of end; of a failure, as much or less of the body."""
    first, second = one.told, other.told
    assert first.heads == second.heads or not (first.ends[0].clean and second.ends[0].clean)
    mine, theirs = _facts(first.ends[0]), _facts(second.ends[0])
    assert mine == theirs, (mine, theirs)
    if first.ends[0].clean:
        assert first.body == second.body
    else:
        longer, shorter = sorted((first.body, second.body), key=len, reverse=True)
        assert longer.startswith(shorter)


def _facts(end: WireEnd) -> object:
    evidence: ErrorEvidence | None = end.evidence
    return None if evidence is None else (evidence.kind, evidence.phase, evidence.is_retryable)
