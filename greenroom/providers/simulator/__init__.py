"""A simulated provider: a real server on loopback that speaks a provider's wire from a script.

    from greenroom.providers.simulator import Script, Simulator

Names load when they are used: pytest imports this package in every run of a user's environment.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.providers.simulator.chaos import Chaos
    from greenroom.providers.simulator.dialect import Dialect
    from greenroom.providers.simulator.dialects import dialect_names, register_dialect
    from greenroom.providers.simulator.history import SimulatorStatistics
    from greenroom.providers.simulator.limits import SimulatorLimits
    from greenroom.providers.simulator.records import RequestRecord
    from greenroom.providers.simulator.rules import ModelRule, SimulatorRules
    from greenroom.providers.simulator.script import Script, ScriptToolCall, ScriptUsage
    from greenroom.providers.simulator.script_faults import (
        Cut,
        Drip,
        Flood,
        Garbage,
        HttpAnswer,
        HttpForm,
        Outage,
        RateLimit,
        RetryAfter,
        Stall,
        StreamError,
    )
    from greenroom.providers.simulator.server import Simulator

__all__ = [
    "Chaos",
    "Cut",
    "Dialect",
    "Drip",
    "Flood",
    "Garbage",
    "HttpAnswer",
    "HttpForm",
    "ModelRule",
    "Outage",
    "RateLimit",
    "RequestRecord",
    "RetryAfter",
    "Script",
    "ScriptToolCall",
    "ScriptUsage",
    "Simulator",
    "SimulatorLimits",
    "SimulatorRules",
    "SimulatorStatistics",
    "Stall",
    "StreamError",
    "dialect_names",
    "register_dialect",
]

_HOMES = {
    "Chaos": "chaos",
    "Dialect": "dialect",
    "ModelRule": "rules",
    "RequestRecord": "records",
    "Script": "script",
    "ScriptToolCall": "script",
    "ScriptUsage": "script",
    "Simulator": "server",
    "SimulatorLimits": "limits",
    "SimulatorRules": "rules",
    "SimulatorStatistics": "history",
    "dialect_names": "dialects",
    "register_dialect": "dialects",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'script_faults')}"), name)
