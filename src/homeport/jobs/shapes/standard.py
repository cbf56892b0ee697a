"""Standard Webhooks: a JSON object, signed with HMAC-SHA256 over id, time and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import msgspec
from pydantic import SecretStr

from homeport.config.alerts import signing_key
from homeport.jobs.post import Post
from homeport.storage.alerts import StoredAlert

_NS_PER_SECOND = 1_000_000_000


def write(alert: StoredAlert, secret: SecretStr, at: int, link: str) -> Post:
    """The post of an alert; the same alert has the same `webhook-id` at every try."""
    body = msgspec.json.encode(
        {
            "type": alert.kind,
            "timestamp": datetime.fromtimestamp(alert.at // _NS_PER_SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": {"severity": alert.severity, "summary": alert.summary, **alert.data},
        }
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": alert.id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature(signing_key(secret), alert.id, at, body)}",
    }
    return Post(headers=headers, body=body)


def signature(key: bytes, message_id: str, at: int, body: bytes) -> str:
    """Base64 of the HMAC-SHA256 over `id.timestamp.body`."""
    signed = b"%b.%d.%b" % (message_id.encode(), at, body)
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
