"""Time to recover: the server is killed under live streams, and started again on the same port.

    python -m benchmarks.restarts [--streams 1000] [--away 1.0]

The server is a process of its own (`greenroom simulate`), and dies by SIGKILL when every stream has some words.
The streams share four policies: going on from the prefix, starting again behind a reset, a cursor that the new
server does not know (so a reset), and no recovery. All but the last must end whole, each word once.
"""

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greenroom import (
    ActorSystem,
    ChatRequest,
    ProviderConfig,
    StreamError,
    StreamingOptions,
    StreamReset,
    StreamSeam,
    SystemConfig,
)

WORDS = 200
TEXT = " ".join(f"word{number}" for number in range(WORDS))
FIRST_EVERY_S = 0.4
"""From word to word, of the server that is killed: no answer ends before."""
BEGUN = 3
"""Words that every stream has when the server is killed."""
LIMIT_S = 150.0
_OPTIONS = StreamingOptions(
    max_reconnect_attempts=20, backoff_initial_s=0.1, backoff_max_s=1.0, deadline_s=LIMIT_S
)
POLICIES: dict[str, tuple[str, StreamingOptions]] = {
    "prefix": ("vllm/said-by-vllm", _OPTIONS),
    "reset": ("openai/said", _OPTIONS.replace(on_cut="reset")),
    "cursor, lost": ("responses/said", _OPTIONS.replace(on_cut="reset", server_resume=True)),
    "none": ("openai/said", _OPTIONS),
}
"""Whom it asks, and with what."""


@dataclass
class Seen:
    """One stream, as its reader saw it."""

    policy: str
    words: str = ""
    deltas: int = 0
    back_at_s: float = 0.0
    """The seam or reset, which comes with the first new word; 0: none came."""
    error: StreamError | None = None

    @property
    def whole(self) -> bool:
        return self.error is None and self.words == TEXT


@dataclass
class Outcome:
    """What a run came to. Times are seconds of the monotonic clock."""

    seen: list[Seen]
    killed_at_s: float
    open_at_s: float
    """The new server took connections."""
    problems: list[str] = field(default_factory=list)

    def back_s(self, policy: str) -> list[float]:
        """From the open port to the next word, by stream, the quickest first."""
        return sorted(
            seen.back_at_s - self.open_at_s for seen in self.seen if seen.policy == policy and seen.back_at_s
        )


class Server:
    """`greenroom simulate` on one port, as often as it is started."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._script = folder / "said.json"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, every_s: float) -> None:
        """It takes connections, and says a word in so many seconds."""
        said = {"text": TEXT, "delta_interval_s": every_s}
        rules = {"by_model": {"said": said, "said-by-vllm": said | {"dialect": "vllm"}}}
        self._script.write_text(json.dumps(rules))
        arguments = ("simulate", "--port", str(self.port), "--script", str(self._script))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "greenroom", *arguments], stdout=subprocess.DEVNULL
        )
        give_up_at_s = time.monotonic() + LIMIT_S
        while not self._takes_connections():
            if self._process.poll() is not None or time.monotonic() > give_up_at_s:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)

    def _takes_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """It is gone, and its port is free."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def run(streams: int, away_s: float, then_every_s: float = 0.1) -> Outcome:
    """So many streams, and the server away for about so long; the next one says a word in `then_every_s`."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start(FIRST_EVERY_S)
        try:
            with ActorSystem.start(_config(server.port, streams)) as system:
                return asyncio.run(_Run(system, server).all(streams, away_s, then_every_s))
        finally:
            server.kill()


def _config(port: int, streams: int) -> SystemConfig:
    base_url = f"http://127.0.0.1:{port}/v1"

    def provider(kind: str, **more: Any) -> ProviderConfig:
        return ProviderConfig(kind=kind, base_url=base_url, api_key="key", max_connections=streams, **more)

    providers = {
        "vllm": provider("openai-chat", profile="vllm"), "openai": provider("openai-chat", profile="openai"),
        "responses": provider("openai-responses"),
    }  # fmt: skip
    return SystemConfig(providers=providers, max_streams=streams, drain_s=0)


class _Run:
    def __init__(self, system: ActorSystem, server: Server) -> None:
        self._system, self._server = system, server
        self._begun = asyncio.Event()
        self._behind = 0
        """Streams that have too little yet."""

    async def all(self, streams: int, away_s: float, then_every_s: float) -> Outcome:
        policies = list(POLICIES)
        self._behind = streams
        seen = [Seen(policies[number % len(policies)]) for number in range(streams)]
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            for each in seen:
                group.create_task(self._read(each))
            await self._begun.wait()
            await asyncio.to_thread(self._server.kill)
            killed_at_s = time.monotonic()
            await asyncio.sleep(away_s)
            await asyncio.to_thread(self._server.start, then_every_s)
            open_at_s = time.monotonic()
        return Outcome(seen, killed_at_s, open_at_s, list(_problems(seen)))

    async def _read(self, seen: Seen) -> None:
        model, options = POLICIES[seen.policy]
        stream = self._system.stream(ChatRequest(model=model, messages="Count", options=options))
        try:
            async for delta in stream:
                if isinstance(delta, (StreamSeam, StreamReset)):
                    seen.back_at_s = time.monotonic()
                    seen.words = seen.words if isinstance(delta, StreamSeam) else ""
                seen.words += delta.text
                self._note(seen, delta.text)
        except StreamError as error:
            seen.error = error

    def _note(self, seen: Seen, text: str) -> None:
        seen.deltas += bool(text)
        if text and seen.deltas == BEGUN:
            self._behind -= 1
            if self._behind == 0:
                self._begun.set()


def _problems(seen: list[Seen]) -> Iterator[str]:
    """Streams that did not end as their policy says."""
    for each in seen:
        if each.policy == "none":
            right = each.error is not None and each.error.is_retryable and TEXT.startswith(each.words)
        else:
            right = each.whole
        if not right:
            yield f"{each.policy}: {each.error or each.words[:80]}"


def main() -> int:
    """Prints a table. Exit status 1 where a stream did not end as its policy says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--away", type=float, default=1.0, help="seconds until the server is started again")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    outcome = run(args.streams, args.away)
    away_s = outcome.open_at_s - outcome.killed_at_s
    print(f"{args.streams} streams; the server was away for {away_s:.2f} s")
    print("seconds from the open port to the next word:  p50   p99   last")
    for policy in POLICIES:
        if times := outcome.back_s(policy):
            p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
            figures = f"{statistics.median(times):6.2f} {p99:6.2f} {times[-1]:6.2f}"
            print(f"  {policy:14} {len(times):5} streams  {figures}")
    for problem in outcome.problems[:10]:
        print(f"WRONG {problem}")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
