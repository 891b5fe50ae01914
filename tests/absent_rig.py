"""Detach and attach on the rig, as the system does them."""

from typing import Any

from greenroom.actors.channel import Channel, Nothing
from greenroom.actors.errand import run_there
from greenroom.actors.handle import Stream
from greenroom.messages.deltas import Delta
from greenroom.supervision.absences import Absence, Absences

from request_path import Rig, Started


class Doors:
    """The way out and the way back in of one rig's streams."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.absences = Absences(rig.live.absent, rig.clock, rig.dispatcher.events, "/requests")

    def detach(self, started: Started, channel: Channel | None = None) -> Absence | None:
        """The channel's readers, or those of the present one, are cut off."""

        def work() -> Absence | None:
            absence = self.absences.detach(
                started.job, started.cell.ref, started.job.channel if channel is None else channel
            )
            if absence is not None:
                self.rig.requests.ref.tell(absence.begins)
            return absence

        absence = run_there(self.rig.dispatcher, work)
        self.rig.settle()
        return absence

    def attach(self, stream_id: str, after_seq: int | None = None) -> Stream[Any]:
        def work() -> Stream[Any]:
            live = self.rig.live.get(stream_id)
            job, scope, channel = self.absences.attach(stream_id, after_seq, live)
            ids = (job.stream_id, job.request_id)
            return Stream(ids, ("fake", "m"), channel, scope, self.rig.dispatcher, self.rig.hubs)

        stream = run_there(self.rig.dispatcher, work)
        self.rig.settle()
        return stream


def taken(stream: Stream[Any], count: int | None = None) -> list[Delta]:
    """What is there now, at most `count`; opens no reader."""
    found: list[Delta] = []
    while count is None or len(found) < count:
        item = stream._channel.take()
        if isinstance(item, Nothing):
            break
        found.append(item)
    return found


def seqs(deltas: list[Delta]) -> list[int]:
    return [n for d in deltas for n in range(d.seq if d.first_seq is None else d.first_seq, d.seq + 1)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)
