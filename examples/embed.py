"""The README's example as a program: `python examples/embed.py http://127.0.0.1:8080/v1 MODEL`."""

import sys

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig


def main(base_url: str, model: str) -> None:
    config = SystemConfig(
        default_model=f"local/{model}",
        providers={"local": ProviderConfig(profile="llamacpp", base_url=base_url)},
    )
    with ActorSystem.start(config) as system:
        stream = system.stream(ChatRequest(messages="Count to five"))
        for delta in stream:
            print(delta.text, end="", flush=True)
        completion = stream.result(timeout=30)
        print(f"\n{completion.finish_reason}, {completion.usage.output_tokens} tokens")
        future = system.ask(ChatRequest(messages="And now to three"))
        print(future.get(timeout=30).text)


if __name__ == "__main__":
    main(*sys.argv[1:3])
