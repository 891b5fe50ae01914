"""What the spinner says while an attempt has failed and another one is made."""

from greenroom.cli.spinner import Spinner
from greenroom.messages.events import Event, StreamQueued
from greenroom.messages.recovery_events import StreamFailover, StreamRetrying
from greenroom.supervision.scrub import scrubbed


class RetryTeller:
    """An EventSink for one chat: tells waits and retries, and nothing else."""

    def __init__(self, spinner: Spinner) -> None:
        self._spinner = spinner

    def wants(self, name: str) -> bool:
        return name in {StreamRetrying.name, StreamFailover.name, StreamQueued.name}

    def emit(self, event: Event) -> None:
        match event:
            case StreamRetrying(message=message, delay_s=delay_s, next_epoch=epoch):
                self._spinner.say(f"attempt {epoch} in {delay_s:.1f} s, after: {scrubbed(message)}")
            case StreamFailover(provider=provider, model=model, message=message):
                self._spinner.say(f"asking {provider}/{model}, after: {scrubbed(message or '')}")
            case StreamQueued(waiting_for=what):
                self._spinner.say(f"waiting for the {what}")
            case _:
                pass
