"""What a provider says of the models it serves: frozen values, and the error where nothing can be said."""

from typing import Literal

from greenroom.messages.failures import Failure
from greenroom.messages.invalid import GreenroomError
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Value

LoadState = Literal["loaded", "not-loaded"]


class ModelInfo(Value):
    """One model, as its provider describes it. None: the provider did not say."""

    id: str
    """What a request's `model` names, behind `provider/`."""
    aliases: tuple[str, ...] = ()
    """Other names of it that the provider takes."""
    display_name: str | None = None
    owned_by: str | None = None
    created_at_s: float | None = None
    """Seconds since 1970 UTC."""
    kind: str | None = None
    """In the provider's word: llm, vlm, embeddings, chat ..."""
    context_length_tokens: int | None = None
    """What the model is served with now, where that is told; else the most that it can take."""
    max_output_tokens: int | None = None
    state: LoadState | None = None
    """Of local servers: whether the next request waits for the model to be loaded."""
    quantization: str | None = None
    capabilities: tuple[str, ...] = ()
    """The provider's own words, as `vision` or `generateContent`."""
    metadata: FrozenMap = EMPTY_MAP
    """The entry as it came, up to 4 KiB: fields that are larger, or come after, are left out."""


class ListedModels(Value):
    """What a ModelSource read."""

    models: tuple[ModelInfo, ...] = ()
    complete: bool = True
    """False: requests may name others too (deployments, private models), or the list was longer than we read."""


class ModelList(Value):
    """The models of one provider, as `system.models()` gives them."""

    provider: str
    models: tuple[ModelInfo, ...] = ()
    """In the provider's order."""
    complete: bool = True
    """False: requests may name others too."""
    fetched_at_s: float | None = None
    """Seconds since 1970 UTC, when the provider gave this list; None: it never gave one."""
    stale: bool = False
    """The list is of that time because the provider could not be asked now; `failure` says why."""
    failure: Failure | None = None
    """Of the newest fetch, where it failed."""


class ModelListUnavailable(GreenroomError):  # noqa: N818  (reads as what happened)
    """The provider's models could not be listed, and no older list is there."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return f"the models of {self.failure.provider} cannot be listed: {self.failure.message}"
