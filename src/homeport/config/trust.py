"""The section `trust`: which keys may sign which packages, and what becomes of a package that nobody signed."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from homeport.config.fields import Filled, Text
from homeport.config.prices import Day
from homeport.config.section import Section
from homeport.core.trust import Unsigned

_PATTERN = r"^[a-z0-9._*?\[\]!-]{1,128}$"
_LINE = re.compile(r"[A-Za-z0-9+/=]{40,1024}")
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{40,2048}-----END PUBLIC KEY-----")


def _check_key(key: str) -> str:
    if not _LINE.fullmatch(key) and not _PEM.fullmatch(key.strip()):
        raise ValueError("should be a public key: the line that `homeport package keygen` prints, or its PEM text")
    return key


NamePattern = Annotated[str, StringConstraints(pattern=_PATTERN)]
KeyText = Annotated[str, AfterValidator(_check_key)]


class TrustedKeySettings(Section):
    """Whose signatures are known."""

    public_key: KeyText = Field(
        description="The public key: the line that `homeport package keygen` prints, or its PEM text, which "
        "`${file:/full/path}` reads from a file."
    )
    valid_until: Day | None = Field(
        default=None, description="Last day (UTC) on which its signatures hold. Left out: for ever."
    )


class TrustRuleSettings(Section):
    """Which keys may sign some packages. The first rule that covers a package decides."""

    packages: Filled[NamePattern] = Field(
        default=("*",), description="Names, or patterns of names such as `legal-*`; one has to match."
    )
    verticals: tuple[Text, ...] = Field(
        default=(),
        max_length=100,
        description="Only packages that say they are for one of these. Left out: for any. A package says it of itself, "
        "so let a rule without it follow.",
    )
    keys: tuple[str, ...] = Field(
        default=(),
        max_length=1_000,
        description="The keys of `trust.keys` that may sign them; one signature is enough.",
    )
    unsigned: Unsigned = Field(
        default=Unsigned.REFUSE,
        description="What becomes of one that none of them signed: `refuse`, `warn` or `allow`.",
    )

    @model_validator(mode="after")
    def _let_something_through(self) -> "TrustRuleSettings":
        if self.unsigned is Unsigned.REFUSE and not self.keys:
            raise ValueError("refuses every package: write `keys` that may sign, or `unsigned: warn`")
        return self


class TrustSettings(Section):
    """Who may sign what. It is asked when a package is pulled, verified or put in use, and before engines start."""

    keys: Mapping[str, TrustedKeySettings] = Field(
        default_factory=dict, max_length=1_000, description="Public keys by the names of those who sign with them."
    )
    rules: tuple[TrustRuleSettings, ...] = Field(
        default=(),
        max_length=1_000,
        description="Which of them may sign what; the first that covers a package decides.",
    )
    unsigned: Unsigned | None = Field(
        default=None,
        description="For packages that no rule covers: `refuse`, `warn` or `allow`. Any of the keys may sign them. "
        "Left out: `warn` for one that came from a registry, else `allow`.",
    )

    @model_validator(mode="after")
    def _let_something_through(self) -> "TrustSettings":
        if self.unsigned is Unsigned.REFUSE and not self.keys:
            raise ValueError("refuses every package: write `keys` that may sign, or `unsigned: warn`")
        return self
