"""The section `console.oidc`: sign in to the console at an OpenID provider."""

from collections.abc import Mapping

from pydantic import Field, SecretStr, field_validator

from homeport.config.fields import ApiKey, Text, Url, sends_in_clear
from homeport.config.section import Section
from homeport.core.people import Role


class OidcSettings(Section):
    """An OpenID provider, such as Keycloak, Entra ID, Okta or Google."""

    name: Text = Field(default="single sign-on", description="What the button is called.")
    issuer: Url = Field(
        description="Its issuer, exactly as it writes it; `/.well-known/openid-configuration` is below it. https, or "
        "http on this machine."
    )
    client_id: Text = Field(description="What it knows us by.")
    client_secret: ApiKey = Field(
        default=SecretStr(""),
        description="Best written `${file:/run/secrets/oidc}`. Left out: a public client, which PKCE alone protects.",
    )
    scopes: tuple[Text, ...] = Field(
        default=("openid", "profile", "email"), max_length=20, description="What is asked for; `openid` among it."
    )
    name_claim: Text = Field(default="email", description="The claim that is a user's name here.")
    role_claim: Text = Field(
        default="groups", description="The claim that `roles` looks at: a text, or a list of them."
    )
    roles: Mapping[str, Role] = Field(
        default_factory=dict, description="A value of that claim -> the role it gives. The most of several counts."
    )
    default_role: Role | None = Field(
        default=None,
        description="The role of everybody else whom the provider vouches for. Left out: none may sign in.",
    )

    @field_validator("issuer")
    @classmethod
    def _keep_private(cls, issuer: str) -> str:
        if sends_in_clear(issuer):
            raise ValueError("would cross the network unencrypted: use https://")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _ask_for_identity(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("should have openid among them")
        return scopes
