"""`greenroom config`: what is configured, and where each value stands. Secrets are masked."""

import argparse
import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from greenroom.cli.terminal import Terminal
from greenroom.config import LoadedConfig, read_config

_TABLES = frozenset({"providers", "options", "breaker", "routes", "prices"})
"""Fields that are tables of their own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--config", metavar="FILE", help="instead of greenroom.toml")
    parser.add_argument("--all", action="store_true", help="defaults too")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The configuration is shown as TOML with comments. Returns 0."""
    loaded = read_config(args.config)
    for warning in loaded.warnings:
        terminal.note(f"warning: {warning}")
    terminal.answer(f"# file: {loaded.file or 'none'}\n")
    for line in _lines(loaded, everything=args.all):
        terminal.answer(line + "\n")
    return 0


def _lines(loaded: LoadedConfig, *, everything: bool) -> Iterator[str]:
    config = loaded.config
    yield from _table("", config, loaded, everything=everything)
    yield from _table("options", config.options, loaded, everything=everything)
    yield from _table("breaker", config.breaker, loaded, everything=everything)
    for name, provider in sorted(config.providers.items()):
        yield from _table(f"providers.{name}", provider, loaded, everything=everything)
        for part, its in (("options", provider.options), ("breaker", provider.breaker)):
            if its is not None:
                yield from _table(f"providers.{name}.{part}", its, loaded, everything=everything)
    for name, route in sorted(config.routes.items()):
        yield from _table(f"routes.{name}", route, loaded, everything=everything)
        if route.options is not None:
            yield from _table(f"routes.{name}.options", route.options, loaded, everything=everything)
    for name, price in sorted(config.prices.items()):
        yield from _table(f"prices.{name}", price, loaded, everything=everything)


def _table(path: str, value: BaseModel, loaded: LoadedConfig, *, everything: bool) -> Iterator[str]:
    masked = value.model_dump(mode="json", exclude_unset=not everything)
    names = [name for name in type(value).model_fields if everything or name in value.model_fields_set]
    lines = []
    for name in names:
        if name in _TABLES or masked[name] is None:
            continue
        stood = loaded.stood_at(f"{path}.{name}" if path else name) if name in value.model_fields_set else ""
        lines.append(f"{name} = {_toml(masked[name])}  # {stood or 'default'}")
    if path and (lines or path.startswith("providers")):
        yield (
            f"\n[{'.'.join(map(_key, path.split('.', 1)))}]" if path.startswith("prices.") else f"\n[{path}]"
        )
    yield from lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        given = (f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items() if v is not None)
        return "{ " + ", ".join(given) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
