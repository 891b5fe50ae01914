"""The embedded default: a small real model on this machine where that works, else the simulator.

Either is a server on loopback that speaks OpenAI Chat, so that it is reached as every other provider is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from greenroom.cli.progress_bar import ProgressBar
from greenroom.cli.spinner import Spinner
from greenroom.cli.terminal import Terminal
from greenroom.messages.config import ProviderConfig, SystemConfig
from greenroom.providers.local_model import (
    LocalModelServer,
    LocalModelUnavailable,
    describe_fetch,
    describe_local_model,
    describe_simulator,
    fetch_model,
    find_model,
    require_runtime,
)

Embedded = Literal["local", "simulator"]
SIMULATED_MODEL = "made-up-text"


@contextmanager
def embedded_default(config: SystemConfig, terminal: Terminal) -> Iterator[SystemConfig]:
    """The local model's configuration; where it cannot answer, the simulator's. It says which one it is."""
    try:
        server = _start_local(terminal)
    except LocalModelUnavailable as missing:
        terminal.note(describe_simulator(missing))
        with _simulator(config) as simulated:
            yield simulated
    else:
        with server:
            terminal.note(describe_local_model())
            yield _local(config, server)


@contextmanager
def embedded(name: Embedded, config: SystemConfig, terminal: Terminal) -> Iterator[SystemConfig]:
    """The one that was asked for. Raises LocalModelUnavailable."""
    if name == "local":
        with _start_local(terminal) as server:
            yield _local(config, server)
    else:
        with _simulator(config) as simulated:
            yield simulated


def _start_local(terminal: Terminal) -> LocalModelServer:
    require_runtime()
    path = find_model()
    if path is None:
        terminal.note(describe_fetch())
        bar = ProgressBar(terminal)
        try:
            path = fetch_model(bar)
        finally:
            bar.close()
    spinner = Spinner(terminal, "starting the local model").start()
    try:
        return LocalModelServer.start(path)
    finally:
        spinner.stop()


def _local(config: SystemConfig, server: LocalModelServer) -> SystemConfig:
    provider = ProviderConfig(base_url=server.base_url, api_key=server.api_key, local=True)
    return _only("local", server.model, provider, config)


@contextmanager
def _simulator(config: SystemConfig) -> Iterator[SystemConfig]:
    from greenroom.providers.simulator import Simulator

    with Simulator() as simulator:
        provider = ProviderConfig(base_url=simulator.base_url)
        yield _only("simulator", SIMULATED_MODEL, provider, config)


def _only(name: str, model: str, provider: ProviderConfig, config: SystemConfig) -> SystemConfig:
    return config.replace(providers={name: provider}, routes={}, default_model=f"{name}/{model}")
