"""The section `alerts`."""

import base64

import pytest
from pydantic import SecretStr, ValidationError

from homeport.config.alerts import AlertSettings, WebhookSettings, signing_key

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
URL = "https://hooks.example.com/in"


def webhook(**fields: object) -> WebhookSettings:
    return WebhookSettings.model_validate({"url": URL, "secret": SECRET, **fields})


def test_the_defaults() -> None:
    made = webhook()
    assert (made.label, made.kinds, made.min_severity, made.shape) == ("hooks.example.com", (), "info", "standard")
    assert signing_key(made.secret) == b"k" * 24
    assert webhook(name="ops").label == "ops"
    assert AlertSettings().webhooks == ()


def test_neither_the_secret_nor_the_url_is_shown() -> None:
    shown = repr(AlertSettings(webhooks=(webhook(),)))
    assert SECRET not in shown
    assert URL not in shown


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/in",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "ftp://hooks.example.com",
        "file:///etc/passwd",
        "https://user:pass@hooks.example.com/",
        "https://",
        "hooks.example.com",
        "",
        None,
    ],
)
def test_urls_that_are_none(url: object) -> None:
    with pytest.raises(ValidationError):
        webhook(url=url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x"])
def test_this_machine_may_be_told_in_clear(url: str) -> None:
    assert webhook(url=url).url == url


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_short",
        SECRET.removeprefix("whsec_"),
        "whsec_" + "!" * 40,
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        "whsec_é" + "A" * 39,
        7,
        None,
    ],
)
def test_secrets_that_are_none_are_refused_without_repeating_them(secret: object) -> None:
    with pytest.raises(ValidationError) as error:
        webhook(secret=secret)
    assert not (isinstance(secret, str) and len(secret) > 8 and secret in str(error.value))


@pytest.mark.parametrize(
    "fields",
    [
        {"kinds": ["budget.eaten"]},
        {"kinds": "budget.exceeded"},
        {"min_severity": "dire"},
        {"name": ""},
        {"name": "two words"},
        {"name": "x" * 129},
        {"colour": "red"},
    ],
)
def test_other_fields_that_are_wrong(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        webhook(**fields)


def test_names_are_told_apart() -> None:
    with pytest.raises(ValidationError, match=r'two webhooks are called "hooks\.example\.com"'):
        AlertSettings(webhooks=(webhook(), webhook(url=URL + "/other")))
    assert len(AlertSettings(webhooks=(webhook(), webhook(name="other"))).webhooks) == 2
    with pytest.raises(ValidationError):
        AlertSettings(webhooks=tuple(webhook(name=f"w{number}") for number in range(21)))


def test_a_key_of_any_allowed_length() -> None:
    for size in range(24, 65):
        assert signing_key(SecretStr("whsec_" + base64.b64encode(b"x" * size).decode())) == b"x" * size


ROUTING_KEY = "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12"


@pytest.mark.parametrize(
    ("shape", "secret"),
    [
        ("slack", ""),
        ("pagerduty", ROUTING_KEY),
        ("alertmanager", ""),
        ("alertmanager", "t0ken"),
        ("somebodys_own", "anything at all"),
    ],
)
def test_each_shape_has_its_secret(shape: str, secret: str) -> None:
    made = webhook(shape=shape, secret=secret)
    assert made.secret.get_secret_value() == secret
    assert not secret or secret not in repr(made)


@pytest.mark.parametrize(
    ("shape", "secret"),
    [
        ("standard", ""),
        ("standard", ROUTING_KEY),
        ("slack", "xoxb-000000000000"),
        ("pagerduty", ""),
        ("pagerduty", ROUTING_KEY[:-1]),
        ("pagerduty", ROUTING_KEY + "\n"),
        ("pagerduty", SECRET),
        ("alertmanager", "two words"),
        ("alertmanager", "line\r\nx-injected: yes"),
        ("alertmanager", "é" * 20),
    ],
)
def test_a_secret_of_another_shape_is_refused_without_repeating_it(shape: str, secret: str) -> None:
    with pytest.raises(ValidationError, match="secret") as error:
        webhook(shape=shape, secret=secret)
    assert not secret or secret not in str(error.value)


def test_looking_for_what_is_unusual_is_on() -> None:
    settings = AlertSettings().anomalies
    assert (settings.enabled, settings.interval_seconds) == (True, 10.0)


@pytest.mark.parametrize("interval", [0, 0.1, 61, -1, "soon", float("nan"), float("inf")])
def test_intervals_that_are_none(interval: object) -> None:
    with pytest.raises(ValidationError):
        AlertSettings.model_validate({"anomalies": {"interval_seconds": interval}})


@pytest.mark.parametrize("link", ["http://console.example.com/", "javascript:alert(1)", "console", ""])
def test_links_that_are_none(link: str) -> None:
    with pytest.raises(ValidationError):
        AlertSettings.model_validate({"link": link})
