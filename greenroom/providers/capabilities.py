"""What can be done for a cut stream, by (profile, wire, model): the table that recovery asks.

Each wire's codec tells what it knows of its servers and models (`capabilities(target)`); what is registered here
comes before that, the newest first. A codec that tells nothing gets no further request but a plain one.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from greenroom.messages.contracts import Target
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import NO_PREFIX, Capabilities
from greenroom.providers.registry import codec_for

_UNKNOWN = Capabilities(instruction_continuation=False)


@dataclass(frozen=True, slots=True)
class _Rule:
    capabilities: Capabilities
    kind: str | None
    profile: str | None
    model: str

    def fits(self, target: Target) -> bool:
        return (
            self.kind in (None, target.kind)
            and self.profile in (None, target.profile)
            and fnmatchcase(target.model, self.model)
        )


_rules: list[_Rule] = []


def register_capabilities(
    capabilities: Capabilities, *, kind: str | None = None, profile: str | None = None, model: str = "*"
) -> None:
    """From now on these hold for targets of this wire, profile and model (a pattern: `qwen3-*`), whole.

    The newest registration that fits wins over older ones and over what the wire's codec tells. Raises
    InvalidInput where nothing narrows it down, where `capabilities` is none, or a name is no string.
    """
    given: object = capabilities
    if not isinstance(given, Capabilities):
        text = "must be a Capabilities: greenroom.messages.Capabilities(prefix_continuation=True)"
        raise InvalidInput("register_capabilities", [Problem("capabilities", repr(capabilities), text)])
    for name, pattern in (("kind", kind), ("profile", profile), ("model", model)):
        unset = pattern is None and name != "model"
        if not unset and (not isinstance(pattern, str) or not pattern):
            raise InvalidInput("register_capabilities", [Problem(name, repr(pattern), "must be a name")])
    if kind is None and profile is None and model == "*":
        text = "name one of kind, profile and model: for all servers nothing holds"
        raise InvalidInput("register_capabilities", [Problem("model", repr(model), text)])
    _rules.insert(0, _Rule(capabilities, kind, profile, model))


def capabilities_of(target: Target) -> Capabilities:
    """Implements CapabilityLookup. What the server itself refused before is left out. Any thread."""
    rule = next((rule for rule in _rules if rule.fits(target)), None)
    found = rule.capabilities if rule is not None else _told_by_codec(target)
    if found.prefix_continuation and f"{NO_PREFIX}:{target.model}" in target.adjustments:
        return found.model_copy(update={"prefix_continuation": False})
    return found


def check_policy(target: Target, options: StreamingOptions) -> None:
    """Raises InvalidInput where these options ask this target for a recovery that it does not have.

    `on_unsupported="drop"` lets it pass: then the other rungs are what there is.
    """
    if (
        options.server_resume
        and options.on_unsupported == "refuse"
        and not capabilities_of(target).server_cursor
    ):
        text = (
            f"{target.provider} ({target.kind}) keeps no answer that could be read on; leave it out, or set "
            "on_unsupported='drop'"
        )
        raise InvalidInput("", [Problem("options.server_resume", "True", text)])


def _told_by_codec(target: Target) -> Capabilities:
    tell = getattr(codec_for(target.kind), "capabilities", None)
    told: Capabilities = _UNKNOWN if tell is None else tell(target)
    return told
