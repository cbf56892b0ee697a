"""What a stream tells of its cost.

A header cannot carry it: it is known when the stream is over. So a comment, which every parser skips,
carries it for callers who read bytes, and a `homeport` object for clients where an event has room for it.
"""

import msgspec

from homeport.api import bodies
from homeport.core.types import Frame, Receipt, Usage
from homeport.protocols.anthropic.usage import chat_usage
from homeport.transport.sse import data_of, events

_OF_EVERY_CHUNK = ("id", "object", "created", "model", "system_fingerprint")


def receipt_comment(receipt: Receipt) -> bytes:
    """A server-sent comment: `: x-homeport-cost: USD`."""
    return f": x-homeport-cost: {receipt.cost_usd}\n\n".encode()


def receipt_object(receipt: Receipt) -> dict[str, object]:
    """The value of `homeport` in an event or an answer. `estimated`: the upstream did not say how many tokens."""
    estimated = {"estimated": True} if receipt.usage is not None and receipt.usage.estimated else {}
    return {
        "request_id": receipt.request_id,
        "tier": receipt.tier,
        "model": receipt.model,
        "reason": receipt.reason,
        "cost_usd": receipt.cost_usd,
        "cost_nanodollars": receipt.cost,
        **({"escalation": receipt.escalation} if receipt.escalation else {}),
        **estimated,
    }


def usage_chunk(usage: Usage, first: bytes) -> bytes:
    """The chunk that ends a chat whose caller asked for usage, where the upstream sent none.

    Args:
        first: the first events of the stream; what all chunks have in common is taken from them.
    """
    common = next((told for event in events(first) if (told := _fields_or_none(event))), {})
    head = {name: common[name] for name in _OF_EVERY_CHUNK if name in common}
    return b"data: " + msgspec.json.encode({**head, "choices": [], "usage": chat_usage(usage)}) + b"\n\n"


def cut_chunk(first: bytes) -> Frame:
    """The chunk of a chat or a completion that says that it is as long as it may be.

    Args:
        first: the first events of the stream; what all chunks have in common is taken from them.
    """
    common = next((told for event in events(first) if (told := _fields_or_none(event))), {})
    head = {name: common[name] for name in _OF_EVERY_CHUNK if name in common}
    said: dict[str, object] = {"text": ""} if bytes(head.get("object", b"")) == b'"text_completion"' else {"delta": {}}
    choice = {"index": 0, **said, "logprobs": None, "finish_reason": "length"}
    return Frame(data=b"data: " + msgspec.json.encode({**head, "choices": [choice]}) + b"\n\n")


def fields_of(event: bytes) -> dict[str, msgspec.Raw]:
    """The fields of the JSON object that an event carries, in one line each: to be written into another event.

    Raises one of `bodies.UNREADABLE`.
    """
    # An object may come over several lines. A line end is never inside its texts, and would end ours too early.
    return bodies.FIELDS.decode((data_of(event) or b"").replace(b"\n", b" "))


def _fields_or_none(event: bytes) -> dict[str, msgspec.Raw]:
    try:
        return fields_of(event)
    except bodies.UNREADABLE:
        return {}
