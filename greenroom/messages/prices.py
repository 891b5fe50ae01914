"""What tokens cost, as configuration. Nobody's prices are built in: they change by the week."""

from pydantic import Field

from greenroom.messages.value import Input


class ModelPrice(Input):
    """US dollars for a million tokens. What is None costs as the plain tokens of its side do."""

    input_usd_per_mtok: float = Field(ge=0)
    output_usd_per_mtok: float = Field(ge=0)
    cached_input_usd_per_mtok: float | None = Field(default=None, ge=0)
    """Input that the provider had in its cache."""
    cache_write_usd_per_mtok: float | None = Field(default=None, ge=0)
    """Input that it put into its cache."""
    reasoning_usd_per_mtok: float | None = Field(default=None, ge=0)
    audio_input_usd_per_mtok: float | None = Field(default=None, ge=0)
    audio_output_usd_per_mtok: float | None = Field(default=None, ge=0)
