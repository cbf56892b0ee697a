"""Routing: where requests went and should have gone, what quality costs, and what another split would have made of
yesterday."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console import charts
from homeport.console.answers import Answer, Html
from homeport.console.figures.replayed import AN_HOUR, Counterfactual, Replay, read_replayed, yesterday
from homeport.console.figures.routed import routing_figures
from homeport.console.figures.windows import choices, read_window
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import InvalidRequest
from homeport.ledger.pricing import RateCard

PATH = "/console/routing"
_SHARE = "share:"
_MOST_TIERS = 12


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters, beside `share:TIER` for each tier of the what-if."""

    window: str = "24h"


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """Yesterday, decided again. `chosen` is by the shares that were asked for, or by those that are wanted."""

    requests: int
    spent: float
    was: Replay
    chosen: Replay
    shares: Mapping[str, float]
    curve: Sequence[Replay]


def page(parts: Parts) -> Page:
    return Page(
        title="Routing",
        path=PATH,
        place=40,
        routes={f"GET {PATH}": partial(_show, parts), f"GET {PATH}/what-if": partial(_what_if, parts)},
    )


async def _show(parts: Parts, visit: Visit) -> Answer:
    query = visit.asked(Query)
    window = read_window(query.window, visit.now)
    figures = await off_the_loop(partial(routing_figures, parts.engine, window, parts.works.wanted()))
    values = {
        "title": "Routing",
        "figures": figures,
        "query": query,
        "windows": choices(visit.now, query.window),
        "split": charts.split([(one.tier, one.share, one.wanted) for one in figures.tiers if one.share is not None]),
    }
    return Html(template="routing.html", values=values)


async def _what_if(parts: Parts, visit: Visit) -> Answer:
    """Apart, since it reads a sample of single requests, and is asked for again whenever a slider moves."""
    values = {"title": "What if", **await _told(parts, visit, parts.works.wanted().split)}
    return Html(template="what_if.html" if visit.partial else "what_if_page.html", values=values)


async def _told(parts: Parts, visit: Visit, wanted: Mapping[str, float]) -> dict[str, Any]:
    found = await off_the_loop(partial(what_if, parts, read_shares(visit.query), wanted, visit.now))
    curve = [_point(one) for one in found.curve] if found else []
    here = [_point(found.was, "yesterday"), _point(found.chosen, "what if")] if found else []
    known = bool(found) and all("good" in point for point in curve)
    return {
        "what_if": found,
        "an_hour": AN_HOUR,
        "curve": charts.quality_and_cost(curve, here) if known else None,
    }


def read_shares(query: Mapping[str, str]) -> Mapping[str, float]:
    """The shares that are asked for, made to add up to 1; empty where none are. Raises InvalidRequest."""
    said = {name.removeprefix(_SHARE): text for name, text in query.items() if name.startswith(_SHARE)}
    try:
        weights = {tier: float(text or 0) for tier, text in list(said.items())[:_MOST_TIERS]}
    except ValueError:
        raise InvalidRequest("a share is a number", param="share") from None
    if not all(0 <= weight <= 100 for weight in weights.values()):
        raise InvalidRequest("a share is 0 to 100", param="share")
    total = sum(weights.values())
    return {tier: weight / total for tier, weight in weights.items()} if total else {}


def what_if(parts: Parts, asked: Mapping[str, float], wanted: Mapping[str, float], now: int) -> WhatIf | None:
    """Yesterday by other shares; None where no score decided anything, or there is one tier alone."""
    ladder = parts.works.ladder()
    rows = read_replayed(parts.engine, *yesterday(now)) if len(ladder) > 1 else []
    if not rows:
        return None
    again = Counterfactual(rows, ladder, parts.works.chances(), RateCard())
    was = again.as_it_was()
    shares = {tier: asked.get(tier, 0.0) for tier in ladder} if set(asked) & set(ladder) else dict(wanted or was.shares)
    return WhatIf(
        requests=len(rows),
        spent=again.spent(),
        was=was,
        chosen=again.split(shares),
        shares=shares,
        curve=again.curve(shares),
    )


def _point(one: Replay, name: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {"usd": one.usd, "share": list(one.shares.values())[-1]}
    if one.good is not None:
        told["good"] = one.good
    return {**told, "name": name} if name else told
