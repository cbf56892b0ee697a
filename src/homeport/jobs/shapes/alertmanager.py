"""Alertmanager's API v2: `POST /api/v2/alerts`.

https://prometheus.io/docs/alerting/latest/alerts_api. An alert's labels are its identity, so the begin and the end of
one thing have the same. What lasts is posted every minute, as Prometheus does: an Alertmanager that was started again
knows nothing of before. It says itself until when Alertmanager may think that it lasts.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import SecretStr

from homeport.core.told import Severity
from homeport.jobs.post import Post, one_line
from homeport.storage.alerts import StoredAlert

_NS_PER_SECOND = 1_000_000_000
_LONGEST = 1_024
_HOUR_NS = 3_600 * _NS_PER_SECOND
_LASTS_NS = 24 * _HOUR_NS
"""Its end is told long before; if that is lost, nothing stands open for ever."""

REMINDED_EVERY_S = 60.0

_LABELS = ("level", "subject", "measure", "budget", "project")


def write(alert: StoredAlert, secret: SecretStr, at: int, link: str) -> Post:
    """A list of one alert; the secret is a bearer token, where Alertmanager is behind something that wants one.

    What has become more severe is another alert there, by its labels: the former ends.
    """
    now = at * _NS_PER_SECOND
    told = [_told(alert, alert.severity, _ends(alert, now), link)]
    if alert.data.get("worse"):
        told.append(_told(alert, Severity.WARNING, now, link))
    headers = {"content-type": "application/json"}
    if token := secret.get_secret_value():
        headers["authorization"] = f"Bearer {token}"
    return Post(headers=headers, body=msgspec.json.encode(told))


def _told(alert: StoredAlert, severity: str, ends: int, link: str) -> dict[str, Any]:
    known = {name: one_line(str(alert.data[name]), _LONGEST) for name in _LABELS if alert.data.get(name)}
    labels = {"alertname": alert.kind, "severity": severity, "service": "homeport", "incident": alert.incident}
    return {
        "labels": {**labels, **known},
        "annotations": {"summary": one_line(alert.summary, _LONGEST)},
        "startsAt": _time(alert.since),
        "endsAt": _time(ends),
        **({"generatorURL": link} if link else {}),
    }


def _ends(alert: StoredAlert, now: int) -> int:
    """When it ended, or until when it counts if nothing more is heard: what has no end is shown for an hour."""
    if alert.is_over:
        return alert.until
    return now + (_LASTS_NS if alert.lasts else _HOUR_NS)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / _NS_PER_SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
