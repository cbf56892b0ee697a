"""A rule of Prometheus, as a value and as its files have it.

https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import yaml

RUNBOOKS = "https://github.com/homeport/homeport/blob/main/docs/how-to/answer-an-alert.md"
"""A heading for each alert."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The value of an expression, kept under a name.

    Attributes:
        record: `homeport:what:how`.
        labels: added to those that the expression has.
    """

    record: str
    expr: str
    labels: Mapping[str, str] = {}


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """An alert for each series that the expression gives.

    Attributes:
        lasting: so long it must hold before the alert fires, such as 10m.
        severity: `page`: get up now; `ticket`: look at it this week.
        summary: one sentence; `{{ $value }}` and `{{ $labels.NAME }}` are Prometheus' templates.
        action: what to do next; Alertmanager's templates know it as the description.
        labels: besides the severity.
    """

    alert: str
    expr: str
    lasting: str = "0m"
    severity: str
    summary: str
    action: str
    labels: Mapping[str, str] = {}

    @property
    def runbook(self) -> str:
        """Where it is written what it means, what to look at and when it ends."""
        return f"{RUNBOOKS}#{self.alert.lower()}"


Rule = Recording | Alerting


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that are looked at together, in their order."""

    name: str
    rules: Sequence[Rule]


def document(groups: Iterable[Group]) -> str:
    """A rule file, as YAML."""
    plain = {"groups": [{"name": one.name, "rules": [_plain(rule) for rule in one.rules]} for one in groups]}
    return yaml.safe_dump(plain, sort_keys=False, width=10_000, allow_unicode=True)


def quoted(value: str) -> str:
    """A value as a string of PromQL, whose escapes are those of JSON."""
    return msgspec.json.encode(value).decode()


def literal(text: str) -> str:
    """A text in which Prometheus' templates find nothing to fill in."""
    return text.replace("{{", '{{ "{{" }}')


def _plain(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Recording):
        return {"record": rule.record, "expr": rule.expr, **({"labels": dict(rule.labels)} if rule.labels else {})}
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        "for": rule.lasting,
        "labels": {"severity": rule.severity, **rule.labels},
        "annotations": {"summary": rule.summary, "description": rule.action, "runbook_url": rule.runbook},
    }
