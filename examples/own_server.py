"""A server of your own that speaks OpenAI's chat wire, more or less: `python examples/own_server.py`.

What differs is one Profile (how it is asked and read) and, for tests, one Dialect (how the simulator writes it).
No code is needed, and none of it stands in greenroom.
"""

import sys

from greenroom import ActorSystem, ChatRequest, InvalidInput, ProviderConfig, SystemConfig
from greenroom.providers import profile_for, register_profile
from greenroom.providers.simulator import Dialect, Script, Simulator, register_dialect

ACME = profile_for("vllm").replace(  # the nearest server that is known; else Profile(name="acme", ...)
    name="acme",
    base_url=None,  # the configuration says where it stands
    hosts=("llm.acme.example",),  # such a base_url is enough to recognise it
    key_env=("ACME_KEY",),
    auth_header="x-api-key",
    max_tokens_field="max_completion_tokens",
    unsupported=frozenset({"seed", "logprobs", "top_logprobs"}),  # refused before anything is sent
    prefix=None,  # it does not go on from a cut answer
)
ACME_WRITES = Dialect(
    name="acme",
    role="joined",  # no chunk for the role alone
    usage=("finish",),  # on the chunk with the finish reason
    reasoning="reasoning",
    finish_null=False,
    done=False,  # no [DONE]
)


def register() -> None:
    """From now on `profile="acme"` is a server like any other, and the simulator writes as it does."""
    register_profile(ACME)
    register_dialect(ACME_WRITES)


def main() -> int:
    register()
    script = Script(text="Forty-two.", reasoning="Six times nine")
    with Simulator(script, profile="acme") as server:
        provider = ProviderConfig(profile="acme", base_url=server.base_url, api_key="secret")
        config = SystemConfig(default_model="acme/large", providers={"acme": provider})
        with ActorSystem.start(config) as system:
            request = ChatRequest(messages="What do you get?", max_output_tokens=50)
            completion = system.stream(request).result(timeout=30)
            print(completion.text, f"({completion.reasoning})", completion.usage.output_tokens, "tokens")
            try:
                system.stream(ChatRequest(messages="And now?", seed=7))
            except InvalidInput as error:
                print(error)
        print(
            "asked with", server.requests[0].body["max_completion_tokens"] if server.requests[0].body else ""
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
