"""The configuration file: which one, its values as a layer, and what is wrong with it."""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from greenroom.config.layer import Layer
from greenroom.config.toml_lines import lines_of_keys
from greenroom.messages.config import ProviderConfig
from greenroom.messages.failures import ConfigError
from greenroom.messages.invalid import Problem

FILE_NAME = "greenroom.toml"
_FILE_BYTES_MAX = 1024 * 1024
_PLAIN_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file to read. `chosen_by` says who named it; None: it was found in its usual place."""

    path: Path
    chosen_by: str | None = None
    in_working_dir: bool = False


def find_file(path: str | Path | None, environ: Mapping[str, str]) -> ConfigFile | None:
    """The first of `path`, GREENROOM_CONFIG, ./greenroom.toml, and the one in the user's config folder."""
    if path is not None:
        return ConfigFile(Path(path).expanduser(), "the path given")
    if named := environ.get("GREENROOM_CONFIG"):
        return ConfigFile(Path(named).expanduser(), "environment variable GREENROOM_CONFIG")
    here = Path(FILE_NAME)
    if here.is_file():
        return ConfigFile(here, in_working_dir=True)
    return next((ConfigFile(file) for file in _users_files(environ) if file.is_file()), None)


def _users_files(environ: Mapping[str, str]) -> Iterator[Path]:
    xdg, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    if Path(xdg).is_absolute():  # the XDG specification: a relative path is invalid and ignored
        yield Path(xdg) / "greenroom" / "config.toml"
    elif home:
        yield Path(home) / ".config" / "greenroom" / "config.toml"


def file_layer(file: ConfigFile, environ: Mapping[str, str]) -> tuple[Layer, list[str]]:
    """The file's values, `api_key_env` looked up, and warnings. Raises ConfigError."""
    text = _read(file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file.path, error) from None
    stood = {path: f"{file.path}:{line}" for path, line in lines_of_keys(text).items()}
    layer = Layer(values, stood)
    problems = [*_resolve_keys(layer, environ)]
    if problems:
        raise ConfigError("configuration", problems)
    return layer, _exposed(file.path, layer)


def _read(file: ConfigFile) -> str:
    try:
        with file.path.open("rb") as content:
            data = content.read(_FILE_BYTES_MAX + 1)
        if len(data) > _FILE_BYTES_MAX:
            raise _unreadable(file, "is larger than 1 MiB; that is no configuration file")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise _unreadable(file, "there is no such file; write it, or name another") from None
    except IsADirectoryError:
        raise _unreadable(file, f"is a directory; name the file in it, such as {FILE_NAME}") from None
    except UnicodeDecodeError as error:
        raise _unreadable(file, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise _unreadable(file, f"cannot be read ({error.strerror})") from None


def _unreadable(file: ConfigFile, expected: str) -> ConfigError:
    return ConfigError(
        "configuration", [Problem("file", repr(str(file.path)), expected, file.chosen_by or "")]
    )


def _syntax_error(path: Path, error: tomllib.TOMLDecodeError) -> ConfigError:
    place, what = f"{path}", str(error)
    if at := _AT.search(what):
        what = what[: at.start()] + ("" if at[1] else ", where the file ends")
        place = f"{path}:{at[1]}:{at[2]}" if at[1] else place
    return ConfigError("configuration", [Problem("TOML syntax", "", what, place)])


def _resolve_keys(layer: Layer, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Puts each `api_key_env`'s value in as `api_key`; yields what is wrong with a provider's table."""
    providers = layer.values.get("providers")
    for name, table in providers.items() if isinstance(providers, dict) else ():
        if not isinstance(table, dict):
            continue
        path = f"providers.{name}"
        yield from _unknown_keys(table, path, layer.stood)
        if "api_key_env" not in table:
            continue
        stood = layer.stood.get(f"{path}.api_key_env", "")
        variable = table.pop("api_key_env")
        if problem := _bad_variable(variable, environ, both="api_key" in table):
            yield Problem(f"{path}.api_key_env", *problem, stood)
        else:
            from_where = f"environment variable {variable}, named in {stood}"
            layer.put(("providers", name, "api_key"), SecretStr(environ[variable].strip()), from_where)


def _bad_variable(variable: Any, environ: Mapping[str, str], *, both: bool) -> tuple[str, str] | None:
    """What stood there and what would be right. A value that may be a key itself is never shown."""
    if not isinstance(variable, str) or not _PLAIN_NAME.fullmatch(variable):
        expected = "must be the name of an environment variable in capitals; a key itself goes in api_key"
        return "(hidden)", expected
    if both:
        return repr(variable), "stands beside api_key; keep one of them"
    if not environ.get(variable):
        return repr(variable), f"that variable is not set; run: export {variable}=..., or remove this line"
    return None


def _unknown_keys(table: dict[str, Any], path: str, stood: Mapping[str, str]) -> Iterator[Problem]:
    """Said here because pydantic's list of known names would leave `api_key_env` out."""
    known = sorted({*ProviderConfig.model_fields, "api_key_env"})
    for key in table.keys() - set(known):
        near = difflib.get_close_matches(key, known, n=1)
        expected = (
            f"unknown key; did you mean {near[0]!r}?" if near else f"unknown key; known: {', '.join(known)}"
        )
        yield Problem(f"{path}.{key}", "", expected, stood.get(f"{path}.{key}", stood.get(path, "")))


def _exposed(path: Path, layer: Layer) -> list[str]:
    mode = path.stat().st_mode if os.name == "posix" else 0
    others = "everyone" if mode & stat.S_IROTH else "its group" if mode & stat.S_IRGRP else ""
    secret = next(_secrets(layer.values), None) if others else None
    if secret is None:
        return []
    where, instead = layer.stood.get(secret, path), "keep the key in the environment (api_key_env)"
    return [f"{where}: {secret} can be read by {others}; run: chmod 600 {path}, or {instead}"]


def _secrets(values: Mapping[str, Any]) -> Iterator[str]:
    """Paths of the secrets that are written out in the file; a key looked up by now is a SecretStr."""
    providers = values.get("providers")
    for name, table in providers.items() if isinstance(providers, dict) else ():
        for key in ("api_key", "headers"):
            if isinstance(table, dict) and isinstance(table.get(key), (str, list, dict)):
                yield f"providers.{name}.{key}"
