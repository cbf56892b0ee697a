"""How one version of an engine's package takes the place of another while it runs."""

from pydantic import Field

from homeport.config.fields import Seconds
from homeport.config.section import Section


class SwapSettings(Section):
    """Bounds on a swap, in seconds."""

    start_seconds: Seconds = Field(
        default=300.0, description="How long the new version may take until it answers; then the old one stays."
    )
    longest_seconds: Seconds = Field(
        default=600.0,
        description="How long conversations may go on with the old version; then they begin anew on the new one.",
    )
    idle_seconds: Seconds = Field(
        default=30.0, description="The old version ends once none of its conversations went on for so long."
    )
