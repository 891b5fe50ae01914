"""On which line a key of a TOML file stands. tomllib does not say; this reads just enough of the syntax.

Best effort: a key inside an inline table has its table's line. A file that tomllib took is assumed.
"""

import re

_BARE = r"[A-Za-z0-9_-]+"
_NAME = rf"(?:{_BARE}|\"(?:[^\"\\]|\\.)*\"|'[^']*')"
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=\s*(.*)")


def lines_of_keys(text: str) -> dict[str, int]:
    """Dotted path of every table and key to its line, from 1."""
    found: dict[str, int] = {}
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    closing = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            closing = "" if closing in line else closing
        elif match := _TABLE.match(line):
            table = _names(match[1])
            found.setdefault(".".join(table), number)
            if line.lstrip().startswith("[["):
                array = ".".join(table)
                table = (*table, str(counts.get(array, 0)))
                counts[array] = counts.get(array, 0) + 1
                found[".".join(table)] = number
        elif match := _KEY.match(line):
            path = (*table, *_names(match[1]))
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(".".join(path[:length]), number)
            closing = _left_open(match[2])
    return found


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, dotted))


def _left_open(value: str) -> str:
    """The quotes that must come before another key can: those of a string over several lines."""
    quotes = value[:3]
    return quotes if quotes in {'"""', "'''"} and quotes not in value[3:] else ""
