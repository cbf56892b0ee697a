"""The section `console`: the pages at /console, and who may sign in there."""

from ipaddress import ip_network

from pydantic import Field, field_validator

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
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="Addresses or networks of your own proxies, such as 10.0.0.0/8. Where these say that a browser is "
        "(X-Forwarded-For), wrong passwords are counted, and the audit log tells it. Left out: where the proxy is.",
    )
    idle_minutes: Whole = Field(
        default=30, ge=1, le=10_080, description="A session without a request ends after so long."
    )
    session_hours: Whole = Field(default=12, ge=1, le=720, description="Every session ends after so long.")
    audit_days: Whole = Field(
        default=400, ge=1, le=36_500, description="How many days the audit log keeps what was changed."
    )
    oidc: OidcSettings | None = Field(default=None, description="Sign in at an OpenID provider too.")

    @field_validator("trusted_proxies")
    @classmethod
    def _name_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(text)) for text in texts)
