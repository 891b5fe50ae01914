"""A service that streams and is killed, for test_store_kill.py: tells on stdout what its consumers got.

python killed_service.py STORE BASE_URL DURABILITY STREAMS
"""

import asyncio
import os
import sys
import time

from greenroom import (
    ActorSystem,
    ChatRequest,
    ProviderConfig,
    RetryStoreConfig,
    Stream,
    StreamingOptions,
    SystemConfig,
)

FLUSH_S = 0.25
SECRET = "sk-" + "k1ll" * 10
HEADER = "header-" + "k1ll" * 10


def config_of(store: str, base_url: str, durability: str, **store_fields: object) -> SystemConfig:
    provider = ProviderConfig(
        kind="openai-chat",
        base_url=base_url,
        api_key=SECRET,
        headers={"X-Secret": HEADER},
        max_connections=400,
    )
    return SystemConfig(
        default_model="sim/m", providers={"sim": provider},
        retry_store=RetryStoreConfig(path=store, flush_interval_s=FLUSH_S, **store_fields),
        options=StreamingOptions(durability=durability, backoff_initial_s=0.01), drain_s=0,
    )  # fmt: skip


async def consume(stream: Stream) -> None:
    async for delta in stream:
        # One write of one line: a kill leaves no half of one.
        os.write(1, b"%s %d %.6f\n" % (stream.stream_id.encode(), delta.seq, time.monotonic()))


async def serve(system: ActorSystem, count: int) -> None:
    streams = [system.stream(ChatRequest(messages=f"stream {number}")) for number in range(count)]
    await asyncio.gather(*(consume(stream) for stream in streams))


def main() -> None:
    store, base_url, durability, count = sys.argv[1:]
    with ActorSystem.start(config_of(store, base_url, durability)) as system:
        os.write(1, b"ready\n")
        asyncio.run(serve(system, int(count)))
    os.write(1, b"done\n")


if __name__ == "__main__":
    main()
