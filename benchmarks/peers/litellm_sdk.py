"""LiteLLM as its documentation uses it: `acompletion(stream=True)` on an OpenAI-compatible endpoint."""

import os
from typing import Any

from benchmarks.meter import Reader
from benchmarks.work import Work


class Peer:
    """The module is the client; its limits on connections are raised above the number of streams."""

    def __init__(self, work: Work) -> None:
        # Read when litellm is imported. The first keeps it from fetching its price list.
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        for limit in ("AIOHTTP_CONNECTOR_LIMIT", "AIOHTTP_CONNECTOR_LIMIT_PER_HOST"):
            os.environ[limit] = str(work.streams + 10)
        import litellm

        litellm.telemetry = False
        litellm.num_retries = 0
        self._complete: Any = litellm.acompletion

    async def open(self) -> None:
        """Nothing to prepare."""

    async def read(self, reader: Reader) -> None:
        """One request, chunk by chunk."""
        stream = await self._complete(
            model=f"openai/{reader.model}",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            api_base=reader.url,
            api_key="none",
            timeout=600,
        )
        async for chunk in stream:
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text:
                reader.append(text)
        reader.ended()
