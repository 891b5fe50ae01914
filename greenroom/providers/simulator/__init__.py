"""A simulated provider: a real server on loopback that speaks a provider's wire from a script.

    from greenroom.providers.simulator import Script, Simulator

What a wire needs to bring its own side (docs/implementing.md) is listed here, too. Names load when they are
used: pytest imports this package in every run of a user's environment.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.providers.simulator.chaos import Chaos
    from greenroom.providers.simulator.continuing import Beginning, continued, going_on
    from greenroom.providers.simulator.dialect import Dialect
    from greenroom.providers.simulator.dialects import dialect_names, register_dialect
    from greenroom.providers.simulator.faults import Place, before_place
    from greenroom.providers.simulator.history import SimulatorStatistics
    from greenroom.providers.simulator.limits import SimulatorLimits
    from greenroom.providers.simulator.openai_chat import faulty
    from greenroom.providers.simulator.openai_errors import Refused, json_reply, scripted_reply
    from greenroom.providers.simulator.openai_request import ChatCall, count_tokens, read_json
    from greenroom.providers.simulator.pieces import joined, pieces_of
    from greenroom.providers.simulator.records import RequestRecord
    from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
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
    from greenroom.providers.simulator.unplugged import served_to
    from greenroom.providers.simulator.wires import Desk, Served, SimulatedWire, bearer, only_post

__all__ = [
    "Beginning",
    "Chaos",
    "ChatCall",
    "Cut",
    "Desk",
    "Dialect",
    "Drip",
    "Flood",
    "Garbage",
    "HttpAnswer",
    "HttpForm",
    "HttpRequest",
    "ModelRule",
    "Outage",
    "Place",
    "RateLimit",
    "Refused",
    "Reply",
    "RequestRecord",
    "RetryAfter",
    "Script",
    "ScriptToolCall",
    "ScriptUsage",
    "Served",
    "SimulatedWire",
    "Simulator",
    "SimulatorLimits",
    "SimulatorRules",
    "SimulatorStatistics",
    "Stall",
    "Step",
    "StreamError",
    "bearer",
    "before_place",
    "continued",
    "count_tokens",
    "dialect_names",
    "faulty",
    "going_on",
    "joined",
    "json_reply",
    "only_post",
    "pieces_of",
    "read_json",
    "register_dialect",
    "scripted_reply",
    "served_to",
]

_HOMES = {
    "Beginning": "continuing",
    "Chaos": "chaos",
    "ChatCall": "openai_request",
    "Desk": "wires",
    "Dialect": "dialect",
    "HttpRequest": "reply",
    "ModelRule": "rules",
    "Place": "faults",
    "Refused": "openai_errors",
    "Reply": "reply",
    "RequestRecord": "records",
    "Script": "script",
    "ScriptToolCall": "script",
    "ScriptUsage": "script",
    "Served": "wires",
    "SimulatedWire": "wires",
    "Simulator": "server",
    "SimulatorLimits": "limits",
    "SimulatorRules": "rules",
    "SimulatorStatistics": "history",
    "Step": "reply",
    "bearer": "wires",
    "before_place": "faults",
    "continued": "continuing",
    "count_tokens": "openai_request",
    "dialect_names": "dialects",
    "faulty": "openai_chat",
    "going_on": "continuing",
    "joined": "pieces",
    "json_reply": "openai_errors",
    "only_post": "wires",
    "pieces_of": "pieces",
    "read_json": "openai_request",
    "register_dialect": "dialects",
    "scripted_reply": "openai_errors",
    "served_to": "unplugged",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'script_faults')}"), name)
