"""Reads a script file, JSON or TOML: either one script, which is the default answer, or rules.

[[queue]]                                   {"text": "Hello", "delta_interval_s": 0.05}
answer = { status = 429, headers = { retry-after = "2" } }
[by_model."gpt-4*"]
text = "from the big one"
[default]
text = "Hello"
"""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.providers.simulator.rules import SimulatorRules
from greenroom.providers.simulator.script import Script


def load_rules(path: Path) -> SimulatorRules:
    """The rules that this file holds. Raises InvalidInput, which names the file and the key, and OSError."""
    data = _read(path)
    try:
        if data.keys() & SimulatorRules.model_fields.keys():
            return SimulatorRules(**data)
        return SimulatorRules(default=Script(**data))
    except InvalidInput as error:
        problems = [replace(p, path=_as_written(p.path, data)) for p in error.problems]
        raise InvalidInput(str(path), problems) from None


def _as_written(path: str, data: dict[str, Any]) -> str:
    """The key as it stands in the file, where models are keys of a table."""
    table = data.get("by_model")
    found = re.fullmatch(r"by_model\.(\d+)(?:\.script)?(.*)", path)
    if found is None or not isinstance(table, dict) or int(found[1]) >= len(table):
        return path
    return f'by_model."{list(table)[int(found[1])]}"{found[2]}'


def _read(path: Path) -> dict[str, Any]:
    toml = path.suffix.lower() == ".toml"
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if toml else json.loads(text)
    except ValueError as error:
        raise _not_a_script(path, f"must be {'TOML' if toml else 'JSON'}: {error}") from None
    if not isinstance(data, dict):
        raise _not_a_script(path, "must hold one object: a script, or rules")
    return data


def _not_a_script(path: Path, expected: str) -> InvalidInput:
    return InvalidInput(str(path), [Problem("file", "", expected)])
