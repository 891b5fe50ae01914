"""`greenroom models`: which models the configured providers have, as each of them says; and the routes."""

import argparse
import json
from collections.abc import Iterator

from greenroom.cli import faults
from greenroom.cli.no_store import without_store
from greenroom.cli.terminal import Terminal, printable
from greenroom.config import LoadedConfig, missing_key, read_config
from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import ConfigError
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.models import ModelInfo, ModelList, ModelListUnavailable
from greenroom.messages.routes import RouteConfig
from greenroom.messages.wording import nearest
from greenroom.supervision.scrub import scrubbed
from greenroom.system import ActorSystem

_EMPTY = "-"
_HEADINGS = ("MODEL", "CONTEXT", "STATE", "KIND")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("provider", nargs="?", metavar="PROVIDER", help="this one alone")
    parser.add_argument("--json", action="store_true", help="all that is known, as one JSON document")
    parser.add_argument("--refresh", action="store_true", help="ask the provider, whatever is known of it")
    parser.add_argument("--config", metavar="FILE", help="instead of greenroom.toml")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The lists are shown. Returns 0, or 1 where none could be had."""
    loaded = read_config(args.config)
    for warning in loaded.warnings:
        terminal.note(f"warning: {warning}")
    config = _asked(args.provider, loaded, terminal)
    with ActorSystem.start(config) as system:
        if args.provider is None:
            lists = system.models(refresh=args.refresh).get()
        else:
            lists = (_one(system, args.provider, refresh=args.refresh),)
    had = [listed for listed in lists if listed.fetched_at_s is not None]
    for listed in lists:
        if listed.failure is not None:
            where = faults.where_to_look(listed.failure, loaded)
            terminal.note(scrubbed(str(ModelListUnavailable(listed.failure))) + where)
    if args.json:
        shown = [listed.model_dump(mode="json", exclude_none=True) for listed in lists]
        terminal.answer(json.dumps(shown, indent=2, ensure_ascii=not terminal.out_shown) + "\n")
    else:
        for line in _table([(f"{each.provider}/", model) for each in had for model in each.models]):
            terminal.answer(line + "\n")
        if args.provider is None and loaded.config.routes:
            gap = "\n" if any(each.models for each in had) else ""
            terminal.answer(gap + "".join(line + "\n" for line in _routes(loaded.config)))
        for listed in had:
            if not listed.models:
                terminal.note(f"{listed.provider} says that it has no models")
    return 0 if had else faults.FAILED


def _one(system: ActorSystem, provider: str, *, refresh: bool) -> ModelList:
    try:
        return system.models(provider, refresh=refresh).get()
    except ModelListUnavailable as error:
        return ModelList(provider=provider, failure=error.failure)


def _asked(provider: str | None, loaded: LoadedConfig, terminal: Terminal) -> SystemConfig:
    """A configuration of those that are asked. One without its key cannot be, and must not stop the others."""
    config = loaded.config
    named = list(config.providers) if provider is None else [provider]
    if provider is not None and provider in config.routes:
        text = f"is a route ({_hops(config.routes[provider])}); name a provider, or none for all"
        raise InvalidInput("", [Problem("PROVIDER", repr(provider), text)])
    if provider is not None and provider not in config.providers:
        near = nearest(provider, config.providers) or ";"
        known = ", ".join(sorted(config.providers)) or "none"
        raise InvalidInput(
            "", [Problem("PROVIDER", repr(provider), f"is not configured{near} configured: {known}")]
        )
    if not named:
        remedy = "set a key such as OPENAI_API_KEY, or write greenroom.toml (see docs/configuration.md)"
        raise ConfigError("configuration", [Problem("providers", "", f"none is configured; {remedy}")])
    missing = {
        name: problem
        for name in named
        if (problem := missing_key(name, config.providers[name], loaded.stood)) is not None
    }
    if len(missing) == len(named):
        raise ConfigError("configuration", list(missing.values()))
    for problem in missing.values():
        terminal.note(str(problem))
    kept = {name: config.providers[name] for name in named if name not in missing}
    return without_store(config.replace(providers=kept, routes={}, default_model=None))


def _table(models: list[tuple[str, ModelInfo]]) -> Iterator[str]:
    """Columns as wide as what stands in them; one that would be empty is left out."""
    rows = [[printable(prefix + model.id), *_facts(model)] for prefix, model in models]
    if not rows:
        return
    used = [place for place in range(len(_HEADINGS)) if any(row[place] != _EMPTY for row in rows)]
    yield from _columns([[line[place] for place in used] for line in [list(_HEADINGS), *rows]])


def _routes(config: SystemConfig) -> Iterator[str]:
    rows = [[name, _hops(route)] for name, route in sorted(config.routes.items())]
    return _columns([["ROUTE", "HOPS"], *rows])


def _hops(route: RouteConfig) -> str:
    """In their order, or with their weights; a hop for certain failures says so."""
    hops = []
    for hop in route.hops:
        weight = f"={1.0 if hop.weight is None else hop.weight:g}" if route.order == "weighted" else ""
        after = f" (after {', '.join(hop.after)})" if hop.after else ""
        hops.append(printable(f"{hop.model}{weight}{after}"))
    return ", ".join(hops)


def _columns(lines: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _facts(model: ModelInfo) -> tuple[str, str, str]:
    context = _EMPTY if model.context_length_tokens is None else str(model.context_length_tokens)
    return context, model.state or _EMPTY, printable(model.kind or "") or _EMPTY
