"""aiohttp with the reader of lines that its users write."""

import asyncio
import json
import ssl
from typing import Any

import aiohttp

from benchmarks.meter import Reader
from benchmarks.work import Work, request_body


class Peer:
    """One session; keep-alive as it is by default, and no limit on connections."""

    def __init__(self, work: Work) -> None:
        self._ca_file = work.ca_file
        self._session: aiohttp.ClientSession
        self._tasks: dict[Reader, asyncio.Task[Any] | None] = {}

    async def open(self) -> None:
        """The session exists."""
        tls = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"content-type": "application/json"},
        )

    async def read(self, reader: Reader) -> None:
        """One request, line by line."""
        self._tasks[reader] = asyncio.current_task()
        url = f"{reader.url}/chat/completions"
        async with self._session.post(url, data=request_body(reader.model)) as response:
            response.raise_for_status()
            async for line in response.content:
                if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                    continue
                choices = json.loads(line[6:])["choices"]
                text = choices[0]["delta"].get("content") if choices else None
                if text:
                    reader.append(text)
        reader.ended()

    def cancel(self, reader: Reader) -> None:
        """Cancels the task that reads; leaving `async with` closes the response."""
        task = self._tasks[reader]
        if task is not None:
            task.cancel()
