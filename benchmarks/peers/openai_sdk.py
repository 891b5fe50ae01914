"""The openai SDK as its documentation uses it: AsyncOpenAI, `stream=True`, its default HTTP client."""

import ssl
from importlib import import_module
from typing import Any

import openai

from benchmarks.meter import Reader
from benchmarks.work import Work


class Peer:
    """One client a base URL; more connections than streams, no retries, no time limit."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._clients: dict[str, openai.AsyncOpenAI] = {}

    async def open(self) -> None:
        """Both clients exist."""
        tls: Any = ssl.create_default_context(cafile=self._work.ca_file) if self._work.ca_file else True
        for url in self._work.urls:
            limits = _limits(self._work.streams + 10)
            http = openai.DefaultAsyncHttpxClient(limits=limits, timeout=None, verify=tls)
            self._clients[url] = openai.AsyncOpenAI(
                api_key="none", base_url=url, http_client=http, max_retries=0, timeout=None
            )

    async def read(self, reader: Reader) -> None:
        """One request, chunk by chunk."""
        stream = await self._clients[reader.url].chat.completions.create(
            model=reader.model, messages=[{"role": "user", "content": "hi"}], stream=True
        )
        async with stream:
            async for chunk in stream:
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text:
                    reader.append(text)
        reader.ended()


def _limits(connections: int) -> Any:
    # The SDK's HTTP library changed its name with its third major version.
    try:
        httpx: Any = import_module("httpx2")
    except ImportError:
        httpx = import_module("httpx")
    return httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
