"""What Slack shows: words, whoever chose them."""

import json
import re
from typing import Any

import pytest
from pydantic import SecretStr

from homeport.jobs.shapes import slack
from homeport.storage.alerts import StoredAlert
from tests.conformance.test_shapes import HOSTILE, alert, begun, ended


def message(one: StoredAlert, link: str = "") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(slack.write(one, SecretStr(""), 0, link).body)
    return told


def texts(told: Any) -> list[str]:
    """Every text that Slack would show."""
    if isinstance(told, dict):
        own = [told["text"]] if isinstance(told.get("text"), str) else []
        return own + [text for value in told.values() for text in texts(value)]
    return [text for value in told for text in texts(value)] if isinstance(told, list) else []


@pytest.mark.parametrize("words", HOSTILE)
def test_nobody_is_mentioned_and_nothing_is_linked(words: str) -> None:
    told = message(alert(words, incident=words))
    for text in texts(told):
        assert not set("<>\n\r") & set(text)
        assert re.sub(r"&(amp|lt|gt);", "", text).find("&") == -1
        assert 1 <= len(text) <= 3_000
    assert {block["type"] for block in told["blocks"]} == {"section", "context"}
    assert '"mrkdwn"' not in json.dumps(told["blocks"]), "plain text has no formatting"
    assert told["mrkdwn"] is False


def test_the_words_are_there() -> None:
    assert "&lt;!channel&gt; &lt;!here&gt;" in message(alert(HOSTILE[0]))["text"]


def test_a_begin_and_an_end() -> None:
    assert message(begun())["text"].startswith("\U0001f534 Model m has failed")
    assert message(ended())["text"].startswith("\U0001f7e2 ")


def test_the_link_is_ours() -> None:
    told = message(begun(), "https://console.example/?a=1&b=2")
    assert told["blocks"][-1]["text"]["text"] == "<https://console.example/?a=1&amp;b=2|Open Homeport>"
