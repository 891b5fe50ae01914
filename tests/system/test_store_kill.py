"""`kill -9` of a service in the middle of its streams: what was promised durable is there, and no file is corrupt.

In CI twice with 60 streams for each durability. At length, as a command, from the root of a checkout:

    PYTHONPATH=$PWD:$PWD/tests:$PWD/tests/system python tests/system/test_store_kill.py --rounds 20 --streams 200
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from greenroom import ActorSystem
from greenroom.messages.stored import StoredStream
from greenroom.providers.simulator import Script, Simulator
from greenroom.supervision.stores.sqlite import SqliteStore

from killed_service import FLUSH_S, HEADER, SECRET, config_of

SERVICE = Path(__file__).with_name("killed_service.py")
WORDS = " ".join(f"word{number}" for number in range(100))
SCRIPT = Script(text=WORDS, chunk_size=8, delta_interval_s=0.08, first_delta_delay_s=0.05)
LATE_S = 4.0
"""With durability="interval": what a loaded machine takes for the flush itself."""


class Service:
    """The child, and what its consumers have got."""

    def __init__(self, store: Path, base_url: str, durability: str, streams: int) -> None:
        command = [sys.executable, str(SERVICE), str(store), base_url, durability, str(streams)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._child.stdout is not None
        self.got: dict[str, list[tuple[int, float]]] = defaultdict(list)
        """Of each stream: the last delta of each hand-over, and when."""
        self._lines = self._child.stdout
        assert self._lines.readline() == b"ready\n", self._child.communicate()[1].decode()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._lines:
            stream_id, seq, at_s = line.decode().split()
            self.got[stream_id].append((int(seq), float(at_s)))

    def kill(self) -> float:
        """When, by the same clock."""
        assert self._child.poll() is None, "it ended before it was killed"
        at_s = time.monotonic()
        self._child.send_signal(signal.SIGKILL)
        assert self._child.wait(20) == -signal.SIGKILL
        self._reader.join(20)
        self._lines.close()
        assert self._child.stderr is not None
        self._child.stderr.close()
        return at_s

    def lag_s(self, stored: dict[str, StoredStream], killed_at_s: float) -> float:
        """The age of the oldest delta that was handed over and does not stand in the store."""
        ages = [0.0]
        for stream_id, handed in self.got.items():
            last_seq = stored[stream_id].progress.checkpoint.seq if stream_id in stored else 0
            ages += [killed_at_s - at_s for seq, at_s in handed if seq > last_seq][:1]
        return max(ages)

    def promised(self, durability: str, killed_at_s: float) -> dict[str, int]:
        """Of each stream the last delta that has to be in the store."""
        until_s = killed_at_s if durability == "before_deliver" else killed_at_s - FLUSH_S - LATE_S
        return {
            stream_id: max((seq for seq, at_s in handed if at_s <= until_s), default=0)
            for stream_id, handed in self.got.items()
        }


def stored_in(path: Path) -> dict[str, StoredStream]:
    """What the next process finds; opening it has looked through the whole of the file."""
    store = SqliteStore(path, 10_000, 1 << 30)
    found = list(store.states())
    store.close()
    assert all(isinstance(state, StoredStream) for state in found), found
    return {state.facts.stream_id: state for state in found if isinstance(state, StoredStream)}


def one_kill(folder: Path, base_url: str, durability: str, streams: int, after_s: float) -> tuple[int, int]:
    """Deltas that were promised, and deltas that stood in the store; raises where one of them is missing."""
    path = folder / f"{durability}.db"
    service = Service(path, base_url, durability, streams)
    time.sleep(after_s)
    killed_at_s = service.kill()
    for each in folder.iterdir():
        held = each.read_bytes()
        assert SECRET.encode() not in held
        assert HEADER.encode() not in held
    stored, promised = stored_in(path), service.promised(durability, killed_at_s)
    print(f"oldest delta that was lost: {service.lag_s(stored, killed_at_s):.3f} s")
    for stream_id, seq in promised.items():
        state = stored.get(stream_id)
        assert (state.progress.checkpoint.seq if state else 0) >= seq, f"{stream_id}: {seq} was promised"
    for state in stored.values():
        text = "".join(piece.delta.text for piece in state.pieces)
        assert WORDS.startswith(text)
        assert len(text) == 8 * state.progress.checkpoint.seq
    with ActorSystem.start(config_of(str(path), base_url, durability)) as system:
        offered = {each.stream_id: each for each in system.recoverable(timeout_s=60)}
        assert offered.keys() == stored.keys()
        fresh = [each.stream_id for each in offered.values() if each.delivered_seq == 0]
        streams_again = [system.recover(stream_id, timeout_s=60) for stream_id in fresh]
        assert {stream.result(timeout=60).text for stream in streams_again} <= {WORDS}
    return sum(promised.values()), sum(state.progress.checkpoint.seq for state in stored.values())


@pytest.mark.parametrize("durability", ["interval", "before_deliver"])
def test_a_killed_service_leaves_what_it_promised(tmp_path: Path, durability: str) -> None:
    with Simulator(SCRIPT) as simulator:
        promised, stored = one_kill(tmp_path, simulator.base_url, durability, 60, FLUSH_S + LATE_S + 1.0)
    assert stored >= promised > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", nargs="+", default=["before_deliver", "interval"])
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    for durability in asked.durability:
        for number in range(asked.rounds):
            after_s = chance.uniform(0.1, 7.0)
            with Simulator(SCRIPT) as simulator, tempfile.TemporaryDirectory() as folder:
                told = one_kill(Path(folder), simulator.base_url, durability, asked.streams, after_s)
            print(
                f"{durability} {number + 1}: killed after {after_s:.2f} s; promised {told[0]}, stored {told[1]}"
            )


if __name__ == "__main__":
    main()
