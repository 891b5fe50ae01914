"""A route of two simulated providers: the first is overloaded, the second answers. Run as it stands."""

from greenroom import ActorSystem, ChatRequest, ModelPrice, ProviderConfig, SystemConfig
from greenroom.providers.simulator import Script, Simulator


def main() -> None:
    answer = Script(text="One, two, three, four, five.")
    with Simulator(Script.failing(503)) as busy, Simulator(answer) as free:
        config = SystemConfig(
            providers={
                "openai": ProviderConfig(base_url=busy.base_url, api_key="sk-..."),
                "anthropic": ProviderConfig(base_url=free.base_url, api_key="sk-ant-..."),
            },
            routes={"smart": ["openai/gpt-5-mini", "anthropic/claude-haiku-4-5"]},
            prices={"anthropic/*": ModelPrice(input_usd_per_mtok=1.0, output_usd_per_mtok=5.0)},
        )
        with ActorSystem.start(config) as system:
            stream = system.stream(ChatRequest(model="smart", messages="Count to five"))
            for delta in stream:
                print(delta.text, end="", flush=True)
            completion = stream.result(timeout=30)
    print(f"\n{completion.provider}/{completion.model_asked} by route {completion.route}")
    for attempt in completion.attempts:
        cost = "" if attempt.cost_usd is None else f", {attempt.cost_usd:.6f} USD"
        print(f"{attempt.provider}: {attempt.error_class or 'answered'}, {attempt.decision}{cost}")


if __name__ == "__main__":
    main()
