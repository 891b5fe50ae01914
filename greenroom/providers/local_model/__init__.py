"""The embedded default model: a small real one, fetched once, served by llama.cpp on loopback.

    require_runtime()                                     # LocalModelUnavailable says what to install
    path = find_model() or fetch_model(show_progress)     # the user's cache
    with LocalModelServer.start(path) as server:          # server.base_url, server.api_key, server.model
        ...

Blocking throughout: for the command line and for tests. Starts no actor. Needs POSIX (flock, sessions).
"""

from greenroom.providers.local_model.cache import default_cache_dir, find_model
from greenroom.providers.local_model.describe import describe_fetch, describe_local_model, describe_simulator
from greenroom.providers.local_model.errors import LocalModelUnavailable
from greenroom.providers.local_model.fetch import fetch_model
from greenroom.providers.local_model.package import SMOLLM2, ModelPackage
from greenroom.providers.local_model.server import LocalModelServer, Slot, require_runtime

__all__ = [
    "SMOLLM2",
    "LocalModelServer",
    "LocalModelUnavailable",
    "ModelPackage",
    "Slot",
    "default_cache_dir",
    "describe_fetch",
    "describe_local_model",
    "describe_simulator",
    "fetch_model",
    "find_model",
    "require_runtime",
]
