"""Slack's incoming webhooks, and what understands the same JSON (Mattermost, Rocket.Chat).

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. Names in an alert may be anybody's words:
they are shown as plain text, and can mention nobody and lead nowhere.
"""

from typing import Any

import msgspec
from pydantic import SecretStr

from homeport.jobs.post import Post, one_line
from homeport.storage.alerts import StoredAlert

_LONGEST = 500
_SIGNS = {"critical": "\U0001f534", "warning": "\U0001f7e0", "info": "\U0001f535"}
_OVER = "\U0001f7e2"


def write(alert: StoredAlert, secret: SecretStr, at: int, link: str) -> Post:
    """The message of an alert. The URL is the secret."""
    sign = _OVER if alert.is_over else _SIGNS.get(alert.severity, "")
    sentence = escaped(f"{sign} {one_line(alert.summary, _LONGEST)}".strip())
    blocks = [
        _block("section", _plain(sentence)),
        _block("context", _plain(escaped(one_line(_about(alert), _LONGEST)))),
    ]
    if link:
        blocks.append(_block("section", {"type": "mrkdwn", "text": f"<{escaped(link)}|Open Homeport>"}))
    message = {"text": sentence, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks}
    return Post(headers={"content-type": "application/json"}, body=msgspec.json.encode(message))


def escaped(text: str) -> str:
    """Without Slack's control characters: `<!channel>` and `<https://...|words>` are text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _about(alert: StoredAlert) -> str:
    return f"{alert.kind}, {'over' if alert.is_over else alert.severity}, {alert.incident}"


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _block(kind: str, text: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "elements": [text]} if kind == "context" else {"type": kind, "text": text}
