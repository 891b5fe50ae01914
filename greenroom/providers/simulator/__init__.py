"""A simulated provider: a real server on loopback that speaks a provider's wire from a script.

    from greenroom.providers.simulator import Script, Simulator

Names load when they are used: pytest imports this package in every run of a user's environment.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.providers.simulator.history import SimulatorStatistics
    from greenroom.providers.simulator.limits import SimulatorLimits
    from greenroom.providers.simulator.records import RequestRecord
    from greenroom.providers.simulator.rules import ModelRule, SimulatorRules
    from greenroom.providers.simulator.script import (
        Cut,
        HttpAnswer,
        Script,
        ScriptToolCall,
        ScriptUsage,
        Stall,
        StreamError,
    )
    from greenroom.providers.simulator.server import Simulator

__all__ = [
    "Cut",
    "HttpAnswer",
    "ModelRule",
    "RequestRecord",
    "Script",
    "ScriptToolCall",
    "ScriptUsage",
    "Simulator",
    "SimulatorLimits",
    "SimulatorRules",
    "SimulatorStatistics",
    "Stall",
    "StreamError",
]

_HOMES = {
    "ModelRule": "rules",
    "RequestRecord": "records",
    "Simulator": "server",
    "SimulatorLimits": "limits",
    "SimulatorRules": "rules",
    "SimulatorStatistics": "history",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'script')}"), name)
