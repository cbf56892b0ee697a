"""Every page of the console, whole and narrowed, as `bench.console` asks for it."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine, func, select

from bench.console_house import WORDS
from homeport.bootstrap.traces import request_search
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.storage.incidents import list_incidents
from homeport.storage.tables import requests

_DEEP = 3 / 4
"""So far back in the list a page is asked for."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to point at in a database.

    Attributes:
        deep: a time far back in the list of requests; nanoseconds since the epoch.
        request: one that was kept whole, or else the newest.
        key: the one that asked most.
        incident: the newest that is open.
    """

    deep: int
    request: str
    key: str
    incident: str


def places(settings: Settings, home: Home, engine: Engine) -> Places:
    """Of a database that has requests."""
    began = requests.c.started_at
    kept = request_search(settings, home, engine).page(WORDS, limit=1).found
    with engine.connect() as connection:
        first, last = connection.execute(select(func.min(began), func.max(began))).one()
        newest = select(requests.c.request_id).order_by(began.desc()).limit(1)
        key = select(requests.c.key_id).group_by(requests.c.key_id).order_by(func.count().desc()).limit(1)
        return Places(
            deep=last - round((last - first) * _DEEP),
            request=kept[0].row.request_id if kept else connection.execute(newest).scalar_one(),
            key=connection.execute(key).scalar_one(),
            incident=list_incidents(engine, unresolved=True, limit=1)[0].id,
        )


def pages(there: Places) -> Mapping[str, str]:
    """Name -> path."""
    return {
        "overview": "/overview",
        "overview_traffic": "/overview/traffic",
        **_requests(there),
        **_costs(there),
        "routing": "/routing?window=24h",
        "routing_of_a_month": "/routing?window=30d",
        "routing_what_if": "/routing/what-if?share:local=50&share:mid=30&share:frontier=20",
        "quality": "/quality",
        "quality_of_a_day": "/quality?window=24h",
        "quality_of_a_month": "/quality?window=30d",
        "quality_of_a_route": "/quality?window=30d&route=mid/gpt-4.1-mini&metric=length",
        "review": "/review",
        "review_after": "/review/after",
        "incidents": "/incidents",
        "incident": f"/incidents/{there.incident}",
        "models": "/models",
        "cache": "/cache?window=24h",
        "cache_of_a_month": "/cache?window=30d",
        "keys": "/keys",
        "budgets": "/budgets",
        "users": "/users",
        "account": "/account",
        "audit": "/audit",
        "audit_deep": "/audit?below=2000",
        "audit_of_somebody": "/audit?actor=nobody",
    }


def _requests(there: Places) -> Mapping[str, str]:
    key, deep = there.key, there.deep
    return {
        "requests": "/requests",
        "requests_of_project": "/requests?project=acme/team1&window=7d",
        "requests_of_key": f"/requests?key={key}",
        "requests_of_user": "/requests?user=user-7",
        "requests_failed": "/requests?outcome=failed&window=24h",
        "requests_slow": "/requests?min_latency_ms=8000",
        "requests_deep": f"/requests?after={deep}.",
        "requests_of_project_deep": f"/requests?project=acme/team1&after={deep}.",
        "requests_of_key_deep": f"/requests?key={key}&after={deep}.",
        "requests_of_user_deep": f"/requests?user=user-7&after={deep}.",
        "requests_failed_deep": f"/requests?outcome=failed&after={deep}.",
        "requests_of_many_filters_deep": f"/requests?project=acme&outcome=failed&tier=mid&after={deep}.",
        "search": f"/requests?q={WORDS.replace(' ', '+')}",
        "search_deep": f"/requests?q={WORDS.replace(' ', '+')}&after={deep}",
        "search_of_a_key": f"/requests?q={WORDS.split()[0]}&key={key}",
        "request": f"/requests/{there.request}",
    }


def _costs(there: Places) -> Mapping[str, str]:
    return {
        "costs_of_a_day_by_project": "/costs?window=24h&by=project",
        "costs_by_project": "/costs?window=7d&by=project",
        "costs_by_route": "/costs?window=24h&by=route",
        "costs_by_user": "/costs?window=24h&by=user",
        **{f"costs_of_a_month_by_{by}": f"/costs?window=30d&by={by}" for by in ("project", "key", "model", "route")},
        "costs_of_this_month": "/costs?window=month&by=tier",
        "costs_of_a_project": "/costs?window=30d&by=key&project=acme",
        "costs_of_a_team": "/costs?window=30d&by=model&project=acme/team1",
        "costs_of_a_key": f"/costs?window=30d&by=model&key={there.key}",
        "costs_of_a_model": "/costs?window=30d&by=project&model=gpt-4.1",
        "costs_of_a_key_by_user": f"/costs?window=24h&by=user&key={there.key}",
        "forecast": "/costs/forecast",
        "forecast_of_a_project": "/costs/forecast?project=acme/team1",
        "forecast_of_no_project": "/costs/forecast?project=nobody",
    }
