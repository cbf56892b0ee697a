"""Cache: what is kept, what it answered, what that saved, where it may be wrong; taking entries out."""

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.api.admin import off_the_loop
from homeport.api.cache_admin import partition_unknown, purge_fields
from homeport.console import charts
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.figures.cached import cache_view
from homeport.console.figures.windows import choices, read_window
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.storage.cached_figures import is_off

PATH = "/console/cache"
_SAID = ("id", "partition", "prompt", "tag", "model", "key")
_HEX = frozenset("0123456789abcdef")
_ID_CHARS = 32


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters. `purged`: entries that were just taken out; `resumed`: the partition that answers again."""

    window: str = "24h"
    purged: int | None = None
    resumed: Annotated[str, Meta(pattern="^[0-9a-f]{0,32}$")] = ""


def page(parts: Parts) -> Page:
    return Page(
        title="Cache",
        path=PATH,
        place=60,
        routes={
            f"GET {PATH}": partial(_show, parts),
            f"POST {PATH}/purge": partial(_purge, parts),
            f"POST {PATH}/partitions/{{partition}}/resume": partial(_resume, parts),
        },
    )


async def _show(parts: Parts, visit: Visit) -> Answer:
    query = visit.asked(Query)
    window = read_window(query.window, visit.now)
    view = await off_the_loop(partial(cache_view, parts.engine, parts.works.terms, window, visit.now))
    values = {
        "title": "Cache",
        "view": view,
        "held": parts.works.held(),
        "query": query,
        "windows": choices(visit.now, query.window),
        "rates": charts.hit_rate([(one.when, one.rate) for one in view.rates], window.width),
    }
    return Html(template="cache.html", values=values)


async def _purge(parts: Parts, visit: Visit) -> Answer:
    """As `POST /admin/v1/cache/purge` reads it: what is said, or all, and never both."""
    said = {name: text for name in _SAID if (text := visit.form.one(name))}
    fields = {**said, "all": True} if visit.form.one("all") == "all" else said
    meant = purge_fields(msgspec.json.encode(fields)).purge(parts.works.prompt_of)
    count = await parts.works.purge(meant)
    told = {**fields, "purged": count}
    await off_the_loop(partial(parts.record, visit.actor, "cache.purge", "cache", told))
    return Redirect(to=f"{PATH}?purged={count}")


async def _resume(parts: Parts, visit: Visit) -> Answer:
    partition = visit.words["partition"]
    is_id = len(partition) == _ID_CHARS and set(partition) <= _HEX
    if not is_id or not await off_the_loop(partial(is_off, parts.engine, bytes.fromhex(partition))):
        raise partition_unknown(partition)
    await parts.works.resume(bytes.fromhex(partition))
    told = {"off": False}
    await off_the_loop(partial(parts.record, visit.actor, "cache.resume", partition, told))
    return Redirect(to=f"{PATH}?resumed={partition}")
