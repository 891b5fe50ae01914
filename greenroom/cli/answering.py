"""Who answers: the model that was named, else the configured default, else the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager

from greenroom.cli.terminal import Terminal
from greenroom.config import LoadedConfig, configuring_variables, meant_provider, missing_key
from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import ConfigError
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.wording import nearest

_EMBEDDED = ("local", "simulator")


@contextmanager
def answering(asked: str | None, loaded: LoadedConfig, terminal: Terminal) -> Iterator[SystemConfig]:
    """A configuration whose default model is the one that answers; its server is up while this lasts.

    Raises InvalidInput where no such model can be asked, LocalModelUnavailable.
    """
    config = loaded.config
    name, _, model = (asked or "").partition("/")
    if name in _EMBEDDED and name not in config.providers:
        from greenroom.cli.embedded import embedded

        with embedded("local" if name == "local" else "simulator", config, terminal) as chosen:
            yield chosen.replace(default_model=f"{name}/{model}") if model else chosen
        return
    model_or_route = _named(asked, loaded) if asked else _default(config)
    if model_or_route is not None:
        yield _configured(model_or_route, loaded)
        return
    from greenroom.cli.embedded import embedded_default

    _say_why_embedded(loaded, terminal)
    with embedded_default(config, terminal) as chosen:
        yield chosen


def _default(config: SystemConfig) -> str | None:
    if config.default_model:
        return config.default_model
    if len(config.providers) == 1:
        ((name, provider),) = config.providers.items()
        return f"{name}/{provider.default_model}" if provider.default_model else None
    return None


def _named(asked: str, loaded: LoadedConfig) -> str:
    """The model or route that `--model` means. Raises InvalidInput that says how to write or configure it."""
    providers = loaded.config.providers
    name, slash, model = asked.partition("/")
    if asked in loaded.config.routes:
        return asked
    if name in providers and model:
        return asked
    if name in providers:
        if default := providers[name].default_model:
            return f"{name}/{default}"
        raise _wrong(asked, f"names no model, and {name} has no default_model; write {name}/MODEL")
    if not slash and len(providers) == 1:
        return f"{next(iter(providers))}/{asked}"
    if not slash:
        text = "must be PROVIDER/MODEL, such as openai/gpt-5-mini"
        near = nearest(asked, loaded.config.routes).rstrip("?")
        raise _wrong(asked, f"{text}{', or a route' if near else ''}{near}; {_configured_ones(loaded)}")
    raise _wrong(
        asked, f"no provider {name!r} is configured; {_how_to_have(name, loaded)}{_meant(asked, loaded)}"
    )


def _how_to_have(name: str, loaded: LoadedConfig) -> str:
    variables = " and ".join(configuring_variables(name))
    remedy = f"set {variables}, or write" if variables else "write"
    table = f"{remedy} [providers.{name}] in greenroom.toml{meant_provider(name)}"
    return f"{table.rstrip('?')}; {_configured_ones(loaded)}"


def _meant(asked: str, loaded: LoadedConfig) -> str:
    """A model's own name may hold a slash: qwen/qwen3-4b."""
    providers = tuple(loaded.config.providers)
    return f"; did you mean {providers[0]}/{asked}?" if len(providers) == 1 else ""


def _configured_ones(loaded: LoadedConfig) -> str:
    config = loaded.config
    routes = f"; routes: {', '.join(sorted(config.routes))}" if config.routes else ""
    return f"configured: {', '.join(sorted(config.providers)) or 'none'}{routes}"


def _configured(named: str, loaded: LoadedConfig) -> SystemConfig:
    """The providers of this model or route alone: what is wrong with another is no concern of this answer."""
    config = loaded.config
    if named in config.routes:
        table = config.route_table()
        names = list(dict.fromkeys(leaf.provider for leaf in table.leaves(named)))
        routes = {route: config.routes[route] for route in table.within(named)}
    else:
        names, routes = [named.partition("/")[0]], {}
    kept = {name: config.providers[name] for name in names}
    problems = [missing_key(name, provider, loaded.stood) for name, provider in kept.items()]
    if missing := [problem for problem in problems if problem is not None]:
        raise ConfigError("configuration", missing)
    return config.replace(providers=kept, routes=routes, default_model=named)


def _say_why_embedded(loaded: LoadedConfig, terminal: Terminal) -> None:
    if providers := sorted(loaded.config.providers):
        terminal.note(
            f"no model is named; to ask {providers[0]}: greenroom chat --model {providers[0]}/MODEL"
        )


def _wrong(asked: str, expected: str) -> InvalidInput:
    return InvalidInput("", [Problem("--model", repr(asked), expected)])
