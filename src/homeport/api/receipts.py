"""What a stream tells of its cost.

A header cannot carry it: it is known when the stream is over. So a comment, which every parser skips,
carries it for callers who read bytes, and a `homeport` object for clients where an event has room for it.
"""

from homeport.core.types import Receipt


def receipt_comment(receipt: Receipt) -> bytes:
    """A server-sent comment: `: x-homeport-cost: USD`."""
    return f": x-homeport-cost: {receipt.cost_usd}\n\n".encode()


def receipt_object(receipt: Receipt) -> dict[str, object]:
    """The value of `homeport` in an event or an answer."""
    return {
        "request_id": receipt.request_id,
        "tier": receipt.tier,
        "model": receipt.model,
        "reason": receipt.reason,
        "cost_usd": receipt.cost_usd,
        "cost_nanodollars": receipt.cost,
    }
