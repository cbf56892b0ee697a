"""The section `console`: the pages at /console, and who may sign in there."""

from pydantic import Field

from homeport.config.fields import Url, Whole
from homeport.config.oidc import OidcSettings
from homeport.config.section import Section


class ConsoleSettings(Section):
    """The pages at /console."""

    enabled: bool = Field(default=True, description="Whether the gateway serves them.")
    public_url: Url | None = Field(
        default=None,
        description="Scheme and host under which browsers reach the gateway, such as https://homeport.example.com. "
        "Left out: localhost and addresses alone; with https here, cookies are sent over https alone.",
    )
    idle_minutes: Whole = Field(
        default=30, ge=1, le=10_080, description="A session without a request ends after so long."
    )
    session_hours: Whole = Field(default=12, ge=1, le=720, description="Every session ends after so long.")
    audit_days: Whole = Field(
        default=400, ge=1, le=36_500, description="How many days the audit log keeps what was changed."
    )
    oidc: OidcSettings | None = Field(default=None, description="Sign in at an OpenID provider too.")
