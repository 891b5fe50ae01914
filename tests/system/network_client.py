"""One stream, read to its end, in a process of its own. `network_client.py BASE_URL PROFILE OPTIONS`.

A JSON line when the request is sent, one when some words came, one whenever it is to be tried again, and one
with what it came to.
"""

import json
import sys
import time
from typing import Any

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig

SOME = 3


def tell(**fields: Any) -> None:
    # In one piece: two threads tell.
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Retries:
    """An EventSink."""

    def wants(self, name: str) -> bool:
        return name == "stream.retrying"

    def emit(self, event: Any) -> None:
        if event.name == "stream.retrying":
            tell(retrying=event.next_epoch)


def main() -> None:
    base_url, profile, options = sys.argv[1:]
    provider = ProviderConfig(base_url=base_url, profile=profile)
    config = SystemConfig(
        default_model="far/m", providers={"far": provider}, drain_s=0,
        options=StreamingOptions(**json.loads(options)),
    )  # fmt: skip
    with ActorSystem.start(config, events=Retries()) as system:
        stream, began_s, words = system.stream(ChatRequest(messages="Go on")), time.monotonic(), 0
        tell(begun=True)
        try:
            for delta in stream:
                words += bool(delta.text)
                if words == SOME and delta.text:
                    tell(words=words)
            end, error = stream.result(timeout=5), None
        except StreamError as caught:
            end, error = caught.partial, caught
    if end is None:
        raise SystemExit(f"an error without what was delivered: {error!r}")
    tell(
        text=end.text, outcome=end.outcome, took_s=time.monotonic() - began_s,
        error_class=None if error is None else error.error_class, error=str(error),
        modes=[attempt.mode for attempt in end.attempts],
        failures=[attempt.error_class for attempt in end.attempts],
    )  # fmt: skip


if __name__ == "__main__":
    main()
