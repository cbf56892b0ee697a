"""The section `alerts`: who is told of spending, and of loops that were stopped."""

import base64
import binascii
from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from homeport.config.fields import NAME, Text, Url, host_of, sends_in_clear
from homeport.config.section import Section
from homeport.core.alerts import KINDS, Severity

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
_MAX_WEBHOOKS = 20
_MONTH_DAYS = 32
"""What is told once a month must be remembered to its end."""


def signing_key(secret: SecretStr) -> bytes:
    """The bytes that a secret `whsec_...` stands for.

    Raises:
        ValueError: it is not `whsec_` and 24 to 64 bytes in base64.
    """
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or len(key) not in _SECRET_BYTES:
        raise ValueError("should be whsec_ and 24 to 64 random bytes in base64")
    return key


def _check_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret)
    return secret


def _check_way(url: str) -> str:
    if sends_in_clear(url):
        raise ValueError("would cross the network unencrypted: use https://")
    return url


def _check_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"should be one of {', '.join(KINDS)}")
    return kind


def _check_name(name: str) -> str:
    if NAME.fullmatch(name) is None:
        raise ValueError("should be 1 to 128 letters, digits and . _ : / -, and start with a letter or digit")
    return name


class WebhookSettings(Section):
    """One receiver of alerts."""

    name: Annotated[str, AfterValidator(_check_name)] | None = Field(
        default=None, description="Its name in lists and logs; unique. Left out: the host of `url`."
    )
    url: Annotated[Url, AfterValidator(_check_way)] = Field(
        repr=False, description="Where alerts are posted: https, or http on this machine. Redirects are not followed."
    )
    secret: Annotated[SecretStr, AfterValidator(_check_secret)] = Field(
        description="Signs each post in the form of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64."
    )
    shape: Text = Field(default="standard", description="Adapter that writes the post. `standard`: Standard Webhooks.")
    kinds: tuple[Annotated[str, AfterValidator(_check_kind)], ...] = Field(
        default=(), description="Only alerts of these kinds. Left out: of every kind."
    )
    min_severity: Severity = Field(default=Severity.INFO, description="Only alerts at least as severe.")

    @property
    def label(self) -> str:
        """Its name, never its URL: that may hold a token."""
        return self.name or host_of(self.url)


class AlertSettings(Section):
    """Who is told, in JSON over HTTP."""

    webhooks: tuple[WebhookSettings, ...] = Field(
        default=(),
        max_length=_MAX_WEBHOOKS,
        description="Receivers. Left out: alerts are kept and shown, and not sent.",
    )

    keep_days: int = Field(
        default=90,
        ge=_MONTH_DAYS,
        le=3_650,
        description="An alert is removed after so many days, unless it would be told again.",
    )

    @model_validator(mode="after")
    def _tell_apart(self) -> "AlertSettings":
        twice = [name for name, times in Counter(webhook.label for webhook in self.webhooks).items() if times > 1]
        if twice:
            raise ValueError(f'two webhooks are called "{twice[0]}": give each a name of its own')
        return self
