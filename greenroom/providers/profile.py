"""A profile: the facts about one dialect of a wire. Codecs ask for facts, never for names."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from greenroom.messages.frozen import EMPTY_MAP, FrozenDict, FrozenMap
from greenroom.messages.given import Given, held
from greenroom.messages.retry_state import Capabilities
from greenroom.messages.value import Input

PrefixForm = Literal["continue_final", "flag", "trailing"]
"""How a server is asked to go on from a given beginning of the answer. continue_final: vLLM's
`continue_final_message`. flag: `"prefix": true` on the last assistant turn. trailing: that turn alone."""


class Profile(Input):
    """Facts of one server. The defaults are those of the plain OpenAI chat wire."""

    name: str
    kind: str = "openai-chat"
    """The wire that this server is spoken to with where the configuration names none."""
    base_url: str | None = None
    """None: there is no usual place; the configuration must give it."""
    hosts: tuple[str, ...] = ()
    """Ends of host names, or `:port`, by which a base URL is recognised."""
    paths: tuple[str, ...] = ()
    """Ends of a base URL's path that choose it among the profiles of one host: one server, two wires."""
    key_env: tuple[str, ...] = ()
    """Environment variables that usually hold the key, the first one set wins."""
    base_url_env: tuple[str, ...] = ()
    local: bool = False
    """The server may load a model before it answers."""
    own_model_names: bool = False
    """Models are asked for by names that the user gave them (Azure's deployments)."""

    # what a request looks like
    auth_header: Literal["authorization", "api-key", "x-api-key", "x-goog-api-key"] = "authorization"
    request_id_header: str = "x-request-id"
    max_tokens_field: str = "max_tokens"
    renames: Given[Mapping[str, str], FrozenMap] = held(EMPTY_MAP)
    """Body fields that bear another name here."""
    stream_options: bool = True
    """False: refused; the server sends usage unasked, or never."""
    developer_role: bool = False
    """False: developer turns are sent as system turns."""
    json_object: bool = True
    """False: any JSON object is asked for by a schema instead."""
    unsupported: frozenset[str] = frozenset()
    """Fields of ChatRequest that the server refuses or ignores."""
    completions: bool = True
    """False: the server has no completions endpoint beside the chat one."""
    reasoning_field: str | None = None
    """Where the reasoning of an assistant turn with tool calls is sent back; None: nowhere."""
    prefix: PrefixForm | None = None
    prefix_echo: bool = False
    """The answer to a prefix begins with that prefix."""
    server_cursor: bool = False
    """A cut stream can be read on from its cursor, where the server was asked to keep it."""

    # the Responses wire
    responses_root: str = "/v1"
    """What stands before `/responses` where the base URL is a host alone."""
    responses_unsupported: frozenset[str] = frozenset()
    """Fields of ChatRequest that the server refuses or ignores on that wire."""
    background: bool = True
    """False: it cannot keep an answer that is being made, so a cut stream cannot go on behind its cursor."""
    encrypted_reasoning: bool = True
    """False: not asked for."""

    # what an answer looks like
    think_tags: bool = False
    """Reasoning may stand in the text between <think> tags."""
    excludes_reasoning: bool = False
    """completion_tokens leave out reasoning tokens."""
    always_finishes: bool = False
    """Every whole answer has a finish reason: `[DONE]` alone is no end."""
    limit_windows_s: Given[Mapping[str, float], FrozenDict[str, float]] = held(
        FrozenDict({"requests": 60.0, "tokens": 60.0})
    )
    """The window, in seconds, that a rate-limit header means whose name has none; by unit."""
    failing_finishes: frozenset[str] = Field(
        default=frozenset({"error", "abort", "network_error", "insufficient_system_resource"})
    )
    """Finish reasons, in small letters, that mean a failure."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            prefix_continuation=self.prefix is not None, prefix_echo=self.prefix_echo,
            server_cursor=self.server_cursor,
        )  # fmt: skip
