"""What routing learns from: the section `routing.learn`."""

from pydantic import Field

from homeport.config.fields import Whole
from homeport.config.section import Section


class LearnSettings(Section):
    """What is kept of the requests that a router scored, so that a better one can be fitted."""

    enabled: bool = Field(
        default=True,
        description="Keep fingerprints and features of open requests: hashes and counts, never a text. "
        "Nothing of a private request is kept.",
    )
    keep_days: Whole = Field(
        default=90, ge=1, le=3_650, description="How long they, and what was said of answers, are kept, in days."
    )
    retry_seconds: Whole = Field(
        default=300,
        ge=1,
        le=86_400,
        description="The same conversation sent again within so many seconds of its answer counts against the answer.",
    )
