"""Which script answers which request: the next in the queue, else by model name, else the default."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pydantic import field_validator

from greenroom.messages.given import Given, held
from greenroom.messages.value import Input
from greenroom.providers.simulator.chaos import Chaos
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_faults import Outage
from greenroom.providers.simulator.script_fields import Seconds

MAX_QUEUED = 100_000


class ModelRule(Input):
    """Every request for `model` (a name, or a pattern such as `gpt-4*`) is answered by `script`."""

    model: str
    script: Script


class SimulatorRules(Input):
    """What a simulator is started with, and what a script file holds.

    `by_model` may be written as a table of model name to script. Without a `default`, what no rule catches is
    answered with a made-up text about the prompt, a word every `default_interval_s`.
    """

    queue: tuple[Script, ...] = ()
    by_model: tuple[ModelRule, ...] = ()
    default: Script | None = None
    default_interval_s: Seconds = 0.025
    outages: Given[Sequence[Outage | Mapping[str, Any]], tuple[Outage, ...]] = held(())
    """When the whole server is away."""
    profile: str | Dialect | None = None
    """The dialect of scripts that name none. None: OpenAI's."""
    chaos: Chaos | None = None

    @field_validator("profile")
    @classmethod
    def _known(cls, given: str | Dialect | None) -> str | Dialect | None:
        dialect_of(given)
        return given

    @field_validator("by_model", mode="before")
    @classmethod
    def _from_table(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return tuple({"model": model, "script": script} for model, script in given.items())
        return given


class ScriptBook:
    """The rules in use: scripts may be added while requests are served. Any thread."""

    def __init__(self, rules: SimulatorRules) -> None:
        self._lock = threading.Lock()
        self._rules = rules
        self._queue: deque[tuple[str | None, Script]] = deque((None, script) for script in rules.queue)

    @property
    def rules(self) -> SimulatorRules:
        """The rules without the queue's present state."""
        return self._rules

    @property
    def queued(self) -> int:
        """Scripts that wait for a request."""
        return len(self._queue)

    def enqueue(self, scripts: tuple[Script, ...], model: str | None) -> None:
        """Answer the next requests (for this model, where one is named) with these. Raises OverflowError."""
        with self._lock:
            if len(self._queue) + len(scripts) > MAX_QUEUED:
                raise OverflowError(f"more than {MAX_QUEUED} scripts are queued; is anyone asking?")
            self._queue.extend((model, script) for script in scripts)

    def set_default(self, script: Script | None) -> None:
        """Answer what no rule catches with this; None: with the made-up text."""
        with self._lock:
            self._rules = self._rules.replace(default=script)

    def choose(self, model: str) -> Script | None:
        """The script for a request to this model, out of the queue where one waits. None: made-up text."""
        with self._lock:
            for position, (wanted, script) in enumerate(self._queue):
                if wanted is None or fnmatchcase(model, wanted):
                    del self._queue[position]
                    return script
            for rule in self._rules.by_model:
                if fnmatchcase(model, rule.model):
                    return rule.script
            return self._rules.default
