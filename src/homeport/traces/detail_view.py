"""A whole request as programs are told of it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.core.money import PICO_PER_NANO, format_usd
from homeport.ledger.bill import Bill, BillLine
from homeport.traces.detail import RequestDetail, Step
from homeport.traces.said import Said
from homeport.traces.view import view

_MILLISECOND, _SECOND = 1_000_000, 1_000_000_000
_PER_MILLION = 1_000_000


def detail_view(detail: RequestDetail) -> dict[str, object]:
    """All that is known of a request, for JSON; what was said is null where it was not kept."""
    return {
        "request": view(detail.row),
        "attempts": [_step(step) for step in detail.steps],
        "route": msgspec.to_builtins(detail.route),
        "cost": bill_view(detail.bill),
        "answered_by": msgspec.to_builtins(detail.answered_by),
        "said": None if detail.said is None else said_view(detail.said),
        "unreadable": detail.unreadable or None,
        "feedback": [
            {"source": word.source, "score": word.score, "comment": word.comment, "at": word.at / _SECOND}
            for word in detail.words
        ],
        "others": detail.others,
    }


def bill_view(bill: Bill) -> dict[str, object]:
    """What it cost, line by line."""
    lines = [{**_line(line), "cost_usd": format_usd(line.cost)} for line in bill.lines]
    return {"lines": lines, "total_usd": format_usd(bill.total), "exact": bill.exact}


def said_view(said: Said) -> Any:
    """What was said, and the tokens of the answer."""
    return msgspec.to_builtins(said)


def _step(step: Step) -> Mapping[str, object]:
    return {
        "target": step.target,
        "error": step.error,
        "began_ms": step.began_ns / _MILLISECOND,
        "ended_ms": step.ended_ns / _MILLISECOND,
        "cost_usd": format_usd(step.cost),
    }


def _line(line: BillLine) -> dict[str, object]:
    """Tokens have a price for a million of them, an engine's time one for an hour."""
    rate = None
    if line.rate:
        rate = format_usd(line.rate if line.unit == "ns" else line.rate * _PER_MILLION // PICO_PER_NANO)
    units = {"seconds": line.units / _SECOND} if line.unit == "ns" else {line.unit: line.units}
    per = "hour" if line.unit == "ns" else f"million {line.unit}"
    return {"what": line.what, **units, "rate_usd": rate, "per": per if rate else None}
