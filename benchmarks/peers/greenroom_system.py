"""greenroom through its public names: `async for` in a loop of the main thread, the dispatcher in its own."""

from benchmarks.meter import Reader
from benchmarks.work import Work
from greenroom import ActorSystem, ChatRequest, ProviderConfig, Stream, SystemConfig


class Peer:
    """One system, a provider for each base URL, everything else as it is by default."""

    def __init__(self, work: Work) -> None:
        most = min(work.streams + 1, 10_000)
        self._names = {url: f"p{number}" for number, url in enumerate(work.urls)}
        self._config = SystemConfig(
            providers={
                name: ProviderConfig(base_url=url, max_connections=most, ca_bundle=work.ca_file)
                for url, name in self._names.items()
            }
        )
        self._system: ActorSystem
        self._live: dict[Reader, Stream] = {}

    async def open(self) -> None:
        """The system runs."""
        self._system = ActorSystem.start(self._config)

    async def read(self, reader: Reader) -> None:
        """One request, delta by delta."""
        stream = self._system.stream(
            ChatRequest(model=f"{self._names[reader.url]}/{reader.model}", messages="hi")
        )
        self._live[reader] = stream
        async for delta in stream:
            text = delta.text
            if text:
                reader.append(text)
        reader.ended()
        # A service lets go of a stream that has ended.
        del self._live[reader]

    def cancel(self, reader: Reader) -> None:
        """As a caller does it."""
        self._live[reader].cancel()
