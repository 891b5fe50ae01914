"""What recovery costs: from a cut to the request that follows it, the one decision, the checkpoint of a delta.

    python -m benchmarks.recovery [--streams 1000] [--rate 5] [--cuts 200] [--gate]

A server in a process of its own cuts streams of all that are live, one after the other, and then all at once.
`seen to sent` is ours: from the stamp of the read that brought the end to the first byte of the next request, a
new connection between them. `cut to arrival` is what the server measures, both processes and the kernel in it.
Back-off and breaker are off. `--gate` exits 1 where a gate is missed.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.case import raise_file_limit
from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamingOptions, SystemConfig
from greenroom.actors.channel import Channel
from greenroom.actors.connection import Connection
from greenroom.actors.gate import Gate
from greenroom.actors.stream import StreamActor
from greenroom.messages.commands import Open
from greenroom.messages.completion import Choice
from greenroom.messages.delta_drafts import text_delta
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.parts import TextPart
from greenroom.messages.retry_state import Capabilities, Checkpoint
from greenroom.messages.value import EMPTY_MAP
from greenroom.supervision.attempts import Situation, after_failure
from greenroom.supervision.ladder import Place, open_rungs, standing_of

ROOT = Path(__file__).parent.parent
P50_MS, P99_MS, CHECKPOINT_SHARE, DECISION_US = 5.0, 20.0, 0.03, 30.0
OPTIONS = StreamingOptions(
    backoff_initial_s=0,
    backoff_max_s=0,
    max_reconnect_attempts=100,
    deadline_s=3600,
    content_gap_timeout_s=600,
)


class Server:
    """The cutting server; `order` waits until it is obeyed."""

    def __init__(self, rate: float) -> None:
        command = [sys.executable, "-m", "benchmarks.cutting_server", str(rate)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def order(self, words: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def wait(self) -> None:
        self._process.wait(30)


class Watch:
    """Stamps of failures seen and requests sent, by stream; taken where the path passes anyway."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self.waits_ms: list[float] = []
        at_end, opened = vars(StreamActor)["_at_end"], Connection.on_open

        def ended(actor: Any, decoder: Any, read: Any, received_at: float) -> None:
            self._seen[actor._job.stream_id] = read.received_s  # noqa: SLF001
            at_end(actor, decoder, read, received_at)

        def opens(actor: Any, asked: Any) -> None:
            def sent() -> None:
                seen_s = self._seen.pop(asked.stream_id, None)
                if seen_s is not None:
                    self.waits_ms.append((actor.clock.now_s() - seen_s) * 1000)
                asked.mark_sent()

            opened(actor, asked._replace(mark_sent=sent))

        setattr(StreamActor, "_at_end", ended)  # noqa: B010
        Connection.handler_table[Open] = opens


async def read(stream: Any, counts: list[int]) -> str:
    """All of a stream. Returns its outcome."""
    async for delta in stream:
        counts[0] += delta.seq - (delta.first_seq or delta.seq) + 1
    completion = await stream
    outcome: str = completion.outcome
    return outcome


async def streams_cut(args: argparse.Namespace) -> dict[str, Any]:
    server, watch = Server(args.rate), Watch()
    provider = ProviderConfig(
        profile="vllm", base_url=f"http://127.0.0.1:{server.port}/v1", max_connections=2 * args.streams,
        pool_timeout_s=60, breaker={"enabled": False},
    )  # fmt: skip
    config = SystemConfig(default_model="p/m", providers={"p": provider}, options=OPTIONS, drain_s=5)
    counts = [0]
    loop = asyncio.get_running_loop()
    async with ActorSystem.start(config) as system:
        streams = [system.stream(ChatRequest(messages="hi")) for _ in range(args.streams)]
        tasks = [asyncio.create_task(read(stream, counts)) for stream in streams]
        await asyncio.sleep(3.0)
        began_s, cpu_s, before = time.perf_counter(), time.process_time(), counts[0]
        await asyncio.sleep(3.0)
        per_delta_us = (time.process_time() - cpu_s) / max(counts[0] - before, 1) * 1e6
        seen_per_s = (counts[0] - before) / (time.perf_counter() - began_s)
        single = await loop.run_in_executor(None, server.order, f"cut {args.cuts}")
        seen_to_sent, watch.waits_ms = watch.waits_ms, []
        began_s = time.perf_counter()
        whole = await loop.run_in_executor(None, server.order, "all")
        all_back_s = time.perf_counter() - began_s
        told = await loop.run_in_executor(None, server.order, "end")
        outcomes = await asyncio.gather(*tasks)
    server.wait()
    waits, cuts = told["waits_ms"], single["cuts"]
    return {
        "sent": sorted(seen_to_sent), "one": sorted(waits[:cuts]), "all": sorted(waits[cuts:]),
        "all_back_s": all_back_s, "live": whole["live"],
        "lost": told["lost"] + sum(outcome != "completed" for outcome in outcomes),
        "per_delta_us": per_delta_us, "seen_per_s": seen_per_s,
    }  # fmt: skip


def share(values: list[float], part: float) -> float:
    return values[min(int(len(values) * part), len(values) - 1)]


def cheapest_us(work: Callable[[], object], times: int) -> float:
    """CPU of one call; the cheapest of five rounds."""
    rounds = []
    for _ in range(5):
        began_s = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - began_s) / times * 1e6)
    return min(rounds)


def decision_us() -> float:
    """Of what decides after a failure with content: class, rungs, decision."""
    request = ChatRequest(messages="hi")
    stands = standing_of((Choice(parts=(TextPart(text="a" * 2000),)),), json_asked=False)
    place = Place(request, OPTIONS, Capabilities(prefix_continuation=True))
    cut = ErrorEvidence(kind="transport", message="cut", phase="body")

    def decide() -> object:
        rungs, words = open_rungs(stands, place)
        situation = Situation(retries=0, delivered=True, deadline_left_s=60, rungs=rungs, no_rung=words)
        return after_failure(cut, situation, OPTIONS)

    return cheapest_us(decide, 5_000)


def checkpoint_us() -> tuple[float, float]:
    """Of one delta: the gate's whole commit, and the checkpoint in it."""
    new, ids = tuple.__new__, ("s", "r")
    checkpoint = Checkpoint()

    def swap() -> object:
        _seq, total, committed, sent, response_id, cursor = checkpoint[1:]
        return new(Checkpoint, (1, 2, total + 5, committed, sent, response_id, cursor))

    def commits() -> None:
        gate = Gate(Channel(OPTIONS), 1 << 30)
        gate.open_epoch(1)
        for seq in range(1, 2001):
            gate.commit(1, [text_delta(ids, seq, 0, 0.0, EMPTY_MAP, "word ", 0)])

    return cheapest_us(commits, 20) / 2000, cheapest_us(swap, 200_000)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5.0, help="deltas a second of each stream")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--gate", action="store_true")
    args = parser.parse_args()
    raise_file_limit()
    told = asyncio.run(streams_cut(args))
    commit, checkpoint = checkpoint_us()
    decision = decision_us()
    one, sent = told["one"], told["sent"]
    p50, p99, part = share(sent, 0.5), share(sent, 0.99), checkpoint / told["per_delta_us"]
    live = f"{args.streams:,} streams at {told['seen_per_s']:,.0f} deltas/s"
    print(f"{live}, {told['per_delta_us']:.1f} us of CPU a delta")
    print(f"one cut, {len(sent)} times, seen to sent: p50 {p50:.2f} ms (gate {P50_MS:g}), ", end="")
    print(f"p99 {p99:.2f} ms (gate {P99_MS:g})")
    print(f"    cut to arrival: p50 {share(one, 0.5):.2f} ms, p99 {share(one, 0.99):.2f} ms")
    print(
        f"all at once: p50 {share(told['all'], 0.5):.0f} ms, p99 {share(told['all'], 0.99):.0f} ms, ", end=""
    )
    print(f"all {told['live']} back in {told['all_back_s']:.2f} s; lost: {told['lost']}")
    print(f"the decision after a cut: {decision:.1f} us (gate {DECISION_US:g}, with the breaker's part)")
    print(f"checkpoint: {checkpoint:.3f} us of {commit:.2f} us that the gate takes; ", end="")
    print(f"{part:.1%} of a delta (gate {CHECKPOINT_SHARE:.0%})")
    met = p50 <= P50_MS and p99 <= P99_MS and part <= CHECKPOINT_SHARE and decision <= DECISION_US
    return 0 if not told["lost"] and (met or not args.gate) else 1


if __name__ == "__main__":
    sys.exit(main())
