"""A supervised actor of your own, with the supervisors that greenroom itself is built of.

A `Summaries` actor keeps what streams have told it. It crashes; its supervisor starts it again at the same
address, with the state that its cell held, and mail that came meanwhile is handled then.
"""

from collections import Counter

from greenroom.actors import Dispatcher, LoopActor, receives
from greenroom.supervision import Backoff, ChildSpec, Supervisor, SupervisorOptions, WhichChildren


class Summaries(LoopActor):
    """Counts words. `self.cell.state` is what a crash does not take along."""

    @receives(str)
    def on_text(self, text: str) -> dict[str, int]:
        if not text:
            raise ValueError("nothing to count")
        self.cell.state.update(text.split())
        return dict(self.cell.state)


def check(words: "Counter[str]") -> None:
    """Kept state is looked at before the next incarnation gets it: what raises is dropped."""
    if any(count < 1 for count in words.values()):
        raise ValueError("a word that was never said")


def main() -> None:
    """Run it."""
    specs = (ChildSpec("summaries", Summaries, state=Counter, check=check),)
    options = SupervisorOptions(intensity=5, period_s=60, backoff=Backoff(0.05, 1.0))
    dispatcher = Dispatcher("service")
    dispatcher.start()
    supervisor = dispatcher.plant(Supervisor, specs, options)
    summaries = supervisor.ask(WhichChildren())[0].ref
    print(summaries.ask("to be or not to be"))
    summaries.tell("")  # crashes it
    print(summaries.ask("that is"))  # waits for the next incarnation
    child = supervisor.ask(WhichChildren())[0]
    print(f"incarnation {child.incarnation}, {child.restarts} restart")
    dispatcher.stop()


if __name__ == "__main__":
    main()
