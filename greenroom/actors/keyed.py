"""An actor that needs the provider's API key first: taken in turn, or asked of the user's callable."""

import pykka

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.blocking import WAITING_MAX, is_choked
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.commands import GetKey, NoKey
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.signals import AskFailed, Reply


class Keyed(LoopActor):
    """After `take_key` comes `have_key` or `key_failed`, once; never both. It asks nobody else anything."""

    kind = "keyed"
    key_number: int | None = None
    """Which of several it was given."""
    _key_timeout_s = 0.0
    _key_of = ""

    def take_key(self, keys: ApiKeys, target: Target, timeout_s: float, same: int | None = None) -> None:
        """Where the key is a callable's, the answer comes as mail, within the time. `same`: see ApiKeys.draw."""
        asker = keys.asker
        if asker is None:
            drawn = keys.draw(self.clock.now_s(), same)
            if drawn is None:
                self.have_key(None)
                return
            if drawn.number is not None:
                self.key_number = drawn.number
            self.have_key(drawn.secret)
            return
        self._key_timeout_s, self._key_of = timeout_s, target.provider
        if is_choked(asker):
            self._no_key(f"does not return, and {WAITING_MAX} wait for it")
        else:
            self.ask(asker, GetKey(), timeout_s=timeout_s, tag="api_key")

    def have_key(self, api_key: str | None) -> None:
        """The key; None where the server needs none."""
        raise NotImplementedError

    def key_failed(self, evidence: ErrorEvidence) -> None:
        """There is none to be had."""
        raise NotImplementedError

    @receives(Reply)
    def on_key(self, reply: Reply) -> None:
        if isinstance(reply.value, NoKey):
            self._no_key(reply.value.why)
        else:
            self.have_key(reply.value)

    @receives(AskFailed)
    def on_no_key(self, failed: AskFailed) -> None:
        if isinstance(failed.error, TimeoutError):
            self._no_key(f"did not return within connect_timeout_s ({self._key_timeout_s:g} s)")
        elif isinstance(failed.error, pykka.ActorDeadError):
            # Who asks next has it started again.
            self.key_failed(ErrorEvidence(kind="transport", message="the api_key's actor was stopped"))
        else:
            self._no_key(f"failed: {type(failed.error).__name__}")

    def _no_key(self, why: str) -> None:
        text = f"the api_key callable of provider {self._key_of!r} {why}"
        self.key_failed(ErrorEvidence(kind="transport", phase="request", status=401, message=text))
