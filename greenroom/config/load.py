"""Code over environment over file. Every value keeps the place where it stood, for errors to name."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from greenroom.config.environment import configuring_variables, environment_layer
from greenroom.config.keys import diverted_keys, heed_named_keys, usual_keys
from greenroom.config.known import problems
from greenroom.config.layer import Layer, merged, stood_of
from greenroom.config.toml_file import file_layer, find_file
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import ConfigError
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.value import Input

_log = logging.getLogger("greenroom.config")
_CODE = "code"
_OF_A_HOP = re.compile(r"routes\..+\.hops\.\d+\.model")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration, and where each of its values stood (`stood_at("providers.openai.base_url")`)."""

    config: SystemConfig
    stood: Mapping[str, str]
    file: Path | None
    """The file that was read; None where there was none."""
    warnings: tuple[str, ...]

    def stood_at(self, path: str) -> str:
        """Where this value, or the nearest table above it, stood; "" for a default."""
        return stood_of(self.stood, path)


def load_config(
    path: str | Path | None = None, environ: Mapping[str, str] = os.environ, base: SystemConfig | None = None
) -> SystemConfig:
    """The configuration of this process. What `base` sets wins over the environment, that over the file.

    The file is `path`, else GREENROOM_CONFIG, else ./greenroom.toml, else greenroom/config.toml in
    $XDG_CONFIG_HOME (~/.config); only the first two must exist. A provider's usual variables
    (OPENAI_API_KEY, OPENAI_BASE_URL, ...) configure it, whether or not a file does. Warnings go to the
    logger `greenroom.config`. Raises ConfigError.
    """
    loaded = read_config(path, environ, base)
    for warning in loaded.warnings:
        _log.warning(warning)
    return loaded.config


def read_config(
    path: str | Path | None = None, environ: Mapping[str, str] = os.environ, base: SystemConfig | None = None
) -> LoadedConfig:
    """As load_config, with the sources beside the values, and the warnings unsaid."""
    file = find_file(path, environ)
    from_file, exposed = file_layer(file, environ) if file else (Layer(), [])
    from_code = _code_layer(base) if base else Layer()
    from_environment, misspelt = environment_layer(environ, _with_address(from_file, from_code))
    heed_named_keys(from_environment, from_file)
    whole = merged([from_file, from_environment, from_code])
    config = _checked(whole)
    for name, variable in usual_keys(config, environ, whole.stood):
        stood = f"environment variable {variable}"
        whole.put(("providers", name, "api_key"), SecretStr(environ[variable].strip()), stood)
        config = _checked(whole)
    return LoadedConfig(
        config=config, stood=whole.stood, file=file.path if file else None,
        warnings=(*exposed, *misspelt, *diverted_keys(file, whole, config)),
    )  # fmt: skip


def _with_address(*layers: Layer) -> set[str]:
    tables = [layer.values.get("providers") for layer in layers]
    return {
        name
        for providers in tables
        if isinstance(providers, dict)
        for name, table in providers.items()
        if isinstance(table, dict) and table.get("base_url")
    }


def _code_layer(base: SystemConfig) -> Layer:
    """Only what the code set: a default in code is no word against the environment."""
    layer = Layer()
    _put_set_fields(layer, base, ())
    return layer


def _put_set_fields(layer: Layer, value: Input, above: tuple[str, ...]) -> None:
    for name in value.model_fields_set:
        given, path = getattr(value, name), (*above, name)
        if isinstance(given, (StreamingOptions, BreakerConfig)):
            _put_set_fields(layer, given, path)
        elif name in ("routes", "prices"):
            layer.put(path, {}, _CODE)
            for entry, its in given.items():
                layer.put((*path, entry), its, _CODE)
        elif name == "providers":
            layer.put(path, {}, _CODE)
            for provider, its in given.items():
                layer.put((*path, provider), {}, _CODE)
                _put_set_fields(layer, its, (*path, provider))
        else:
            layer.put(path, given, _CODE)


def _checked(whole: Layer) -> SystemConfig:
    try:
        config = SystemConfig(**whole.values)
    except InvalidInput as error:
        raise _config_error(map(_with_remedy, error.problems, repeat(whole.values)), whole.stood) from None
    if found := [*problems(config)]:
        raise _config_error(found, whole.stood)
    return config


def _with_remedy(problem: Problem, values: Mapping[str, Any]) -> Problem:
    """A model of a provider that is known, and has no key: the variable that would configure it."""
    if problem.path == "default_model" and isinstance(values["default_model"], str):
        model = values["default_model"]
    elif _OF_A_HOP.fullmatch(problem.path):
        model = problem.given.strip("'")
    else:
        return problem
    name, slash, _ = model.partition("/")
    variables = " and ".join(configuring_variables(name) if slash else ())
    return replace(problem, expected=f"{problem.expected}; set {variables} for it") if variables else problem


def _config_error(problems: Iterable[Problem], stood: Mapping[str, str]) -> ConfigError:
    placed = (replace(p, stood=p.stood or stood_of(stood, p.path)) for p in problems)
    return ConfigError("configuration", placed)
