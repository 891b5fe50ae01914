"""A real llama.cpp with the real small model, for any test that wants to hear a model speak.

    from real_llama import llama_server, real_model    # in a conftest.py: fixtures; LocalModelServer or skip
    from real_llama import tool_llama_url              # the same model with a template that knows of tools

or `with real_llama_server() as server:` outside pytest. The model is looked for and, once, fetched into
GREENROOM_TEST_MODEL_CACHE (for CI), else into the user's own cache.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from greenroom.providers.local_model import (
    LocalModelServer,
    LocalModelUnavailable,
    default_cache_dir,
    fetch_model,
    find_model,
    require_runtime,
)

from shared_files import SHARED

TOOL = {
    "name": "get_weather",
    "parameters": {
        "type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"],
    },
}  # fmt: skip
CALLING = (
    {"role": "user", "content": "Weather in Paris?"},
    {"role": "assistant", "content": "<tool_call>\n"},
)
"""The model is too small to choose: the beginning of its turn is given, and a grammar makes its JSON valid. The
same for every wire, so that the server reads it once."""


def model_cache() -> Path:
    """Where tests look for the real model and fetch it to."""
    chosen = os.environ.get("GREENROOM_TEST_MODEL_CACHE")
    return Path(chosen).absolute() if chosen else default_cache_dir()


def real_model_path() -> Path:
    """The verified model file. Raises LocalModelUnavailable."""
    require_runtime()
    cache = model_cache()
    return find_model(cache) or fetch_model(lambda done, total: None, cache_dir=cache)


@contextmanager
def real_llama_server(slots: int = 4, context_tokens: int = 8192) -> Iterator[LocalModelServer]:
    """A running server, stopped at the end. Raises LocalModelUnavailable.

    One thread: more of them wait for each other in a loop, which takes many times as long on busy cores.
    """
    path = real_model_path()
    with LocalModelServer.start(
        path, slots=slots, context_tokens=context_tokens, threads=1, cache_dir=model_cache()
    ) as server:
        yield server


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The real model's file, or a skip that says why there is none."""
    try:
        return real_model_path()
    except LocalModelUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def llama_server(real_model: Path) -> Iterator[LocalModelServer]:
    """One real server for the session. Where there is a model, a server that does not start is an error."""
    with real_llama_server() as server:
        yield server


@pytest.fixture(scope="session")
def tool_llama_url(real_model: Path) -> Iterator[str]:
    """The base URL of llama.cpp with a template that knows of tools."""
    tools = SHARED / "tools"
    if not tools.is_dir():
        pytest.skip(f"{tools} is not there")
    command = [sys.executable, str(tools / "serve_llama.py"), str(real_model), "--port", "0"]
    command += ["--template", str(tools / "chatml_tools.jinja"), "--slots", "1", "--threads", "1"]
    command += ["--ctx", "1024"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout is not None
            yield child.stdout.readline().split()[1]
        finally:
            child.kill()
