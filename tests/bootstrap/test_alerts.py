"""Receivers are as the configuration and their shapes say."""

from homeport.bootstrap.alerts import receivers
from homeport.config.schema import Settings

TIERS = [{"name": "far", "targets": [{"model": "m", "provider": "p"}]}]


def test_what_forgets_is_reminded() -> None:
    webhooks = [
        {"name": "manager", "shape": "alertmanager", "url": "http://127.0.0.1:9093/api/v2/alerts"},
        {"name": "chat", "shape": "slack", "url": "https://hooks.slack.example/T/B/X"},
    ]
    told = {"providers": {"p": {"provider": "simulated"}}, "tiers": TIERS, "alerts": {"webhooks": webhooks}}
    found = {one.wanted.webhook: one.reminded_every_s for one in receivers(Settings.model_validate(told))}
    assert found == {"manager": 60.0, "chat": 0.0}
