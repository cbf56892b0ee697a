"""Events as PagerDuty's reference says: https://developer.pagerduty.com/docs/send-alert-event."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it has no types
import pytest
from pydantic import SecretStr

from homeport.jobs.shapes import pagerduty
from homeport.storage.alerts import StoredAlert
from tests.conformance.test_shapes import HOSTILE, SECRETS, alert, begun, ended

KEY = SECRETS["pagerduty"]
EVENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["routing_key", "event_action", "payload"],
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "payload": {
            "type": "object",
            "additionalProperties": False,
            "required": ["summary", "source", "severity"],
            "properties": {
                "summary": {"type": "string", "maxLength": 1024},
                "source": {"type": "string"},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
}


def event(one: StoredAlert, link: str = "") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(pagerduty.write(one, SecretStr(KEY), 0, link).body)
    jsonschema.validate(told, EVENT)
    return told


@pytest.mark.parametrize("words", HOSTILE)
def test_an_event_is_valid_whatever_the_names(words: str) -> None:
    event(alert(words, subject=words))


def test_what_begins_is_triggered_and_resolved_when_it_is_over() -> None:
    begin, end = event(begun(), "https://console.example/"), event(ended())
    assert (begin["event_action"], end["event_action"]) == ("trigger", "resolve")
    assert begin["dedup_key"] == end["dedup_key"] == "inc_1"
    assert begin["payload"]["timestamp"] == "2026-10-18T23:59:00Z"
    assert begin["client_url"] == "https://console.example/"
    assert begin["routing_key"] == KEY


def test_what_has_no_end_is_triggered_under_its_own_id() -> None:
    assert event(alert())["dedup_key"] == alert().id
