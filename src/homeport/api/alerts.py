"""Alerts as they are told to administrators."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from homeport.api.admin import Action, Answer, off_the_loop
from homeport.core.types import Key
from homeport.storage.alerts import StoredAlert, list_alerts

_SECOND = 1_000_000_000
_LISTED = 100


class AlertActions:
    """`Resource` of /admin/v1/alerts: the newest hundred."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        return {"GET": self._list} if list(parts) == ["alerts"] else {}

    async def _list(self, _: Key, __: bytes) -> Answer:
        found = await off_the_loop(lambda: list_alerts(self._engine, _LISTED))
        return 200, {"object": "list", "data": [alert_view(alert) for alert in found]}


def alert_view(alert: StoredAlert) -> dict[str, Any]:
    """For JSON. Times are seconds since the epoch."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "severity": alert.severity,
        "created_at": alert.at / _SECOND,
        "summary": alert.summary,
        "data": alert.data,
        "deliveries": [
            {
                "webhook": one.webhook,
                "state": one.state,
                "tries": one.tries,
                "delivered_at": None if one.delivered_at is None else one.delivered_at / _SECOND,
                "next_try_at": one.next_try_at / _SECOND if one.state == "waiting" else None,
                "error": one.error,
            }
            for one in alert.deliveries
        ],
    }
