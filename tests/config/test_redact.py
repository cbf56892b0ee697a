"""What is shown of the configuration holds no secret, and what tells two apart sees all of it."""

import json
from typing import Any

import pytest

from homeport.config.redact import digest_of, shown
from tests.config.conftest import BASE, LoadText

SECRETS = {
    "provider": "sk-provider-secret",
    "engine": "engine-secret",
    "option": "option-secret",
    "profile": "profile-secret",
    "database": "database-secret",
}
TEXT = f"""\
storage:
  url: postgresql+psycopg://me:{SECRETS["database"]}@db/homeport
engines:
  e: {{engine: external, url: http://127.0.0.1:1/v1, hourly_cost_usd: 0.05, api_key: {SECRETS["engine"]},
      profile: {{header: {SECRETS["profile"]}, slots: 3}}}}
providers:
  p: {{provider: openai_compatible, base_url: https://api.example.com/v1, api_key: {SECRETS["provider"]},
      options: {{headers: [{{x: {SECRETS["option"]}}}], retries: 2, on: true}}}}
tiers:
  - name: t
    targets:
      - {{model: m, engine: e}}
      - {{model: s, provider: p}}
"""


def test_no_secret_is_shown(load_text: LoadText) -> None:
    text = json.dumps(shown(load_text(TEXT)))
    assert [name for name, secret in SECRETS.items() if secret in text] == []


def test_the_rest_is(load_text: LoadText) -> None:
    document: dict[str, Any] = shown(load_text(TEXT))
    assert document["providers"]["p"] == {
        **document["providers"]["p"],
        "provider": "openai_compatible",
        "base_url": "https://api.example.com/v1",
        "api_key": "***",
        "options": {"headers": [{"x": "***"}], "retries": 2, "on": True},
    }
    assert document["engines"]["e"]["profile"] == {"header": "***", "slots": 3}
    assert document["engines"]["e"]["hourly_cost_usd"] == "0.050000000"
    assert document["storage"]["url"] == "***"
    assert document["server"]["port"] == 8080
    assert [target["model"] for target in document["tiers"][0]["targets"]] == ["m", "s"]


def test_a_key_that_is_empty_or_none_can_be_told_from_one_that_is_set(load_text: LoadText) -> None:
    document = shown(load_text(BASE))
    assert document["engines"]["e"]["api_key"] == ""
    assert document["providers"]["p"]["api_key"] is None


@pytest.mark.parametrize("change", [*SECRETS.values(), "slots: 3", "name: t", "api.example.com"])
def test_any_change_changes_the_digest(load_text: LoadText, change: str) -> None:
    before = digest_of(load_text(TEXT))
    assert before == digest_of(load_text("# the same\n" + TEXT))
    other = {"slots: 3": "slots: 4", "name: t": "name: u"}.get(change, change.replace("e", "o", 1))
    assert before != digest_of(load_text(TEXT.replace(change, other)))
    assert all(secret not in before for secret in SECRETS.values())
