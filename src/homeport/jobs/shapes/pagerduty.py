"""PagerDuty's Events API v2, and what takes the same events.

https://developer.pagerduty.com/docs/events-api-v2-overview. An alert opens an incident; the end of what it told
closes the same. What has no end stays open until somebody closes it.
"""

from datetime import UTC, datetime

import msgspec
from pydantic import SecretStr

from homeport.jobs.post import Post, one_line
from homeport.storage.alerts import StoredAlert

_NS_PER_SECOND = 1_000_000_000
_LONGEST = 1_024


def write(alert: StoredAlert, secret: SecretStr, at: int, link: str) -> Post:
    """The event of an alert; the secret is the integration key of a service."""
    event = {
        "routing_key": secret.get_secret_value(),
        "event_action": "resolve" if alert.is_over else "trigger",
        "dedup_key": alert.incident,
        "payload": {
            "summary": one_line(alert.summary, _LONGEST),
            "source": "homeport",
            "severity": alert.severity,
            "timestamp": _time(alert.since),
            "component": str(alert.data.get("subject", "")),
            "class": alert.kind,
            "custom_details": alert.data,
        },
        "client": "Homeport",
        **({"client_url": link} if link else {}),
    }
    return Post(headers={"content-type": "application/json"}, body=msgspec.json.encode(event))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at // _NS_PER_SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
