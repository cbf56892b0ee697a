"""The base of whatever somebody is told: see core/alerts.py for what is told."""

from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from homeport.core.money import Nano, format_usd


class Severity(StrEnum):
    """How much it hurries, mildest first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @classmethod
    def from_(cls, least: "Severity") -> tuple["Severity", ...]:
        """`least`, and all that is worse."""
        ordered = tuple(cls)
        return ordered[ordered.index(least) :]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What every alert has; each kind adds its `dedupe_key` and its `summary`.

    Attributes:
        at: nanoseconds since the epoch.
        kind: stable, `subject.what_happened`; receivers choose by it.
        dedupe_key: the same for what must not be told twice in `quiet_ns`.
        quiet_ns: for so long after it the same is not told again; 0 for never again.
        summary: one sentence for a person.
    """

    at: int

    kind: ClassVar[str] = ""

    @property
    def severity(self) -> Severity:
        return Severity.WARNING

    @property
    def quiet_ns(self) -> int:
        return 0

    def data(self) -> dict[str, Any]:
        """Its fields for JSON; an amount `x` of money is told as `x_usd`, an exact decimal."""
        told: dict[str, Any] = {}
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            money = field.type is Nano
            told[f"{field.name}_usd" if money else field.name] = format_usd(value) if money else value
        del told["at"]
        return told
