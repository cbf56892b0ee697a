"""Every shape of alerts, shipped or installed, must pass this suite."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from homeport.core.discovery import discover, load
from homeport.jobs.post import Post
from homeport.storage.alerts import StoredAlert
from tests.fakes.webhook_server import SECRET

SHAPES = "homeport.jobs.shapes"
SECRETS = {
    "standard": SECRET,
    "slack": "",
    "pagerduty": "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12",
    "alertmanager": "t0ken-canary",
}
NAMES = sorted(discover(SHAPES))
NOW = 1_792_368_000
HOSTILE = [
    "<!channel> <!here> <@U12345>",
    "<https://evil.example/|Sign in again>",
    "https://evil.example/?a=1&b=<script>alert(1)</script>",
    '"}], "routing_key": "x", "a": [{"',
    "line\r\nX-Injected: yes\n\nbody",
    "\x1b[2J\x00\u202egnp.exe\u2028",
    "\U0001f4a5" * 5_000,
    "*bold* _it_ `code` ~gone~ :boom:",
    "{{ template }} ${HOME} %s %(x)s",
    "",
]


def alert(summary: str = "Model m has failed 50.0 % of its requests", **data: Any) -> StoredAlert:
    return StoredAlert(
        id="alr_0123456789abcdef01234567",
        kind="anomaly.errors",
        severity="critical",
        at=NOW * 1_000_000_000,
        summary=summary,
        data=data,
    )


def begun(**data: Any) -> StoredAlert:
    about = {"incident": "inc_1", "state": "began", "since": (NOW - 60) * 1_000_000_000, "until": 0}
    return alert(**{**about, "subject": "m", "measure": "errors", "level": "model", **data})


def ended() -> StoredAlert:
    return begun(state="over", until=(NOW - 5) * 1_000_000_000)


def written(name: str, one: StoredAlert, link: str = "") -> Post:
    post: Post = load(SHAPES, name).write(one, SecretStr(SECRETS.get(name, "")), NOW, link)
    return post


every = pytest.mark.parametrize("name", NAMES)


@every
@pytest.mark.parametrize("summary", HOSTILE)
def test_whatever_a_name_holds_the_post_is_json_and_headers_are_one_line(name: str, summary: str) -> None:
    post = written(name, alert(summary, subject=summary, trace_id=summary), "https://console.example/")
    json.loads(post.body)
    assert post.headers["content-type"] == "application/json"
    for header, value in post.headers.items():
        assert f"{header}{value}".isascii()
        assert not set("\r\n\0") & set(f"{header}{value}")
    assert len(post.body) < 300_000


@every
@given(text=st.text(), value=st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text(), st.none()))
def test_any_words(name: str, text: str, value: object) -> None:
    json.loads(written(name, alert(text, subject=text, spent_usd=value)).body)


@every
def test_the_same_alert_is_written_the_same(name: str) -> None:
    assert written(name, begun()) == written(name, begun())


@every
def test_a_begin_and_its_end_are_told_apart_and_of_one_thing(name: str) -> None:
    begin, end = (json.loads(written(name, one).body) for one in (begun(), ended()))
    assert begin != end
    assert "inc_1" in json.dumps(begin)
    assert "inc_1" in json.dumps(end)


@every
def test_a_secret_is_in_no_repr(name: str) -> None:
    """Posts are held while they are sent; what is logged of one is its repr at most."""
    secret = SECRETS[name]
    assert not secret or secret not in repr(written(name, begun()))
