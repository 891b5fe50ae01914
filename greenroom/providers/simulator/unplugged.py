"""The simulator without a server: the answer to a request that a codec encoded, as bytes and steps."""

from urllib.parse import urlsplit

from greenroom.messages import commands
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders
from greenroom.providers.simulator.rules import ScriptBook, SimulatorRules
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.service import Service
from greenroom.providers.simulator.wires import Served


def served_to(request: commands.HttpRequest, script: Script, dialect: Dialect = OPENAI) -> Served:
    """What a fresh simulator with this script makes of the request, by whichever wire takes it.

    `reply.steps` are the body before HTTP's framing, one an event; they may be taken once. `script` is None
    where the request was refused.
    """
    service = Service(ScriptBook(SimulatorRules(default=script)), None, None, dialect)
    parts = urlsplit(request.path)
    seen = HttpRequest(request.method, parts.path, SeenHeaders(request.headers), request.body, parts.query)
    return service.answer(seen, 1_700_000_000)
