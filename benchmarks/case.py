"""The child: one peer, one scenario, in a process of its own; one line of JSON on stdout.

    python -m benchmarks.case '{"kind": "stream", "peer": "greenroom", ...}'

Nothing here imports greenroom: the peers' own venvs run it too.
"""

import asyncio
import gc
import json
import os
import resource
import sys
from typing import Any

from benchmarks.kinds import KINDS
from benchmarks.meter import Meter
from benchmarks.peers import PEERS, make
from benchmarks.work import WARM_EVENTS, Work, words


def raise_file_limit() -> None:
    """As many sockets as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def checked(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures. A case whose texts are wrong has none: it exits and says why."""
    wrong = figures.pop("wrong")
    if wrong is not None:
        raise SystemExit(f"wrong: {wrong}")
    return figures


async def on_loop(work: Work) -> dict[str, Any]:
    """A peer on asyncio. A short stream goes before: nothing measured is the first of its kind."""
    peer = make(work)
    await peer.open()
    warm = Meter(1)
    await peer.read(warm.reader(work.warm_url))
    checked(warm.finish(words(WARM_EVENTS)))
    gc.collect()
    figures = await KINDS[work.kind](peer, work)
    # What a peer would still tidy up is not measured: main() ends the process under it.
    return report(figures)


def on_own_loop(work: Work) -> dict[str, Any]:
    """The same for a peer that runs without asyncio."""
    peer = make(work)
    warm = Meter(1)
    peer.run(warm, work.warm_url, 1, 0.0)
    checked(warm.finish(words(WARM_EVENTS)))
    gc.collect()
    meter = Meter(work.streams)
    peer.run(meter, work.url, work.streams, work.ramp_s)
    return report(meter.finish(words(work.events)))


def report(figures: dict[str, Any]) -> dict[str, Any]:
    """Prints the line that the parent reads."""
    checked(figures)
    figures["max_rss_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(figures), flush=True)
    return figures


def main() -> None:
    """Runs the case of the command line."""
    work = Work.from_json(sys.argv[1])
    raise_file_limit()
    loop = PEERS[work.peer].loop
    if loop == "own":
        on_own_loop(work)
    else:
        factory: Any = None
        if loop == "uvloop":
            import uvloop

            factory = uvloop.new_event_loop
        runner = asyncio.Runner(loop_factory=factory)
        runner.run(on_loop(work))
    os._exit(0)


if __name__ == "__main__":
    main()
