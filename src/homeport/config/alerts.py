"""The section `alerts`: what is looked for, and who is told."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from homeport.config.fields import NAME, Text, Url, host_of, sends_in_clear
from homeport.config.section import Section
from homeport.core.alerts import KINDS
from homeport.core.told import Severity

_PREFIX = "whsec_"
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")
_TOKEN = re.compile(r"[!-~]{0,4096}")
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


def _check_routing_key(secret: SecretStr) -> None:
    if _ROUTING_KEY.fullmatch(secret.get_secret_value()) is None:
        raise ValueError("should be the integration key of a service: 32 letters and digits")


def _check_none(secret: SecretStr) -> None:
    if secret.get_secret_value():
        raise ValueError("is not used: the URL of an incoming webhook is secret itself")


def _check_token(secret: SecretStr) -> None:
    if _TOKEN.fullmatch(secret.get_secret_value()) is None:
        raise ValueError("should be a bearer token: visible ASCII characters, no spaces")


_SECRETS: Mapping[str, Callable[[SecretStr], object]] = {
    "standard": signing_key,
    "slack": _check_none,
    "pagerduty": _check_routing_key,
    "alertmanager": _check_token,
}
"""What each shape of ours takes; others see for themselves."""


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
    shape: Text = Field(
        default="standard",
        description="Adapter that writes the post: `standard` (Standard Webhooks), `slack`, "
        "`pagerduty` (Events API v2), `alertmanager` (its API v2).",
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="`standard`: what signs each post, `whsec_` and 24 to 64 bytes in base64. `pagerduty`: the "
        "integration key. `alertmanager`: a bearer token, if it wants one. `slack`: none.",
    )
    kinds: tuple[Annotated[str, AfterValidator(_check_kind)], ...] = Field(
        default=(), description="Only alerts of these kinds. Left out: of every kind."
    )
    min_severity: Severity = Field(default=Severity.INFO, description="Only alerts at least as severe.")

    @model_validator(mode="after")
    def _check_secret(self) -> "WebhookSettings":
        try:
            if check := _SECRETS.get(self.shape):
                check(self.secret)
        except ValueError as error:
            raise ValueError(f"secret {error}") from None
        return self

    @property
    def label(self) -> str:
        """Its name, never its URL: that may hold a token."""
        return self.name or host_of(self.url)


class AnomalySettings(Section):
    """Looking for what is unusual: errors, times, tokens and spending."""

    enabled: bool = Field(default=True, description="Whether the jobs worker looks.")
    interval_seconds: float = Field(
        default=10.0,
        ge=0.5,
        le=60,
        description="Length of the stretches of time that are compared. Shorter ones tell sooner, and more often "
        "without a cause: the rate of false alarms is one a stretch.",
    )


class AlertSettings(Section):
    """What is looked for, and who is told, in JSON over HTTP."""

    webhooks: tuple[WebhookSettings, ...] = Field(
        default=(),
        max_length=_MAX_WEBHOOKS,
        description="Receivers. Left out: alerts are kept and shown, and not sent.",
    )

    link: Annotated[Url, AfterValidator(_check_way)] | None = Field(
        default=None,
        description="Address that alerts lead to, such as that of the console, as people reach it. "
        "Where it ends with /console, an incident's alert leads to the page of the incident.",
    )

    anomalies: AnomalySettings = Field(default_factory=AnomalySettings, description="What is unusual in the traffic.")

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
