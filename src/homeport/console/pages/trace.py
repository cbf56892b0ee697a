"""One request, whole: its calls in time, what was said, why it went there, what it cost; and asked again elsewhere."""

from functools import partial

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html
from homeport.console.figures.spoken import MOST_CHARS, options_of, spoken
from homeport.console.figures.waterfall import WIDTH, waterfall
from homeport.console.figures.why import why
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.replay import ReplayedAnswer, ask_again
from homeport.console.visit import Visit
from homeport.core.errors import NotFound
from homeport.storage.keys import key_name
from homeport.traces.detail import RequestDetail

PATH = "/console/requests/{id}"


def page(parts: Parts) -> Page:
    """Without a place in the navigation: it is found from the list."""
    return Page(
        title="Request",
        path="/console/requests",
        routes={
            f"GET {PATH}": partial(_show, parts),
            f"GET {PATH}/rendered": partial(_rendered, parts),
            f"POST {PATH}/replay": partial(_replay, parts),
        },
    )


async def _show(parts: Parts, visit: Visit) -> Answer:
    detail = await _detail(parts, visit)
    return await off_the_loop(partial(_page, parts, detail))


def _page(parts: Parts, detail: RequestDetail, replayed: ReplayedAnswer | None = None) -> Html:
    """Off the loop: what was said may be long."""
    values = {
        "title": "Request",
        "detail": detail,
        "row": detail.row,
        "calls": waterfall(detail.steps, detail.row.latency_ns, detail.row.ttft_ns),
        "width": WIDTH,
        "why": why(detail.row.reason),
        "key_name": key_name(parts.engine, detail.row.key_id),
        "options": () if detail.kept is None else options_of(detail.kept),
        "answer": None if detail.said is None else spoken(detail.said),
        "most": MOST_CHARS,
        "models": parts.works.models(),
        "replayed": replayed,
        "captures": parts.settings.capture.enabled,
    }
    return Html(template="trace.html", values=values)


async def _detail(parts: Parts, visit: Visit) -> RequestDetail:
    return await off_the_loop(partial(parts.works.store.detail.find, visit.words["id"]))


async def _rendered(parts: Parts, visit: Visit) -> Answer:
    detail = await _detail(parts, visit)
    rendered = None if detail.kept is None else await parts.works.rendered(detail.kept)
    values = {"title": "The prompt as it is rendered", "rendered": rendered, "row": detail.row, "most": MOST_CHARS}
    return Html(template="rendered.html", values=values, block="rendered" if visit.partial else "")


async def _replay(parts: Parts, visit: Visit) -> Answer:
    detail = await _detail(parts, visit)
    if detail.kept is None:
        raise NotFound(
            "this request was not kept whole, so it cannot be asked again",
            code="replay_not_kept",
            hint="set capture.enabled: true in homeport.yaml; requests are kept from then on",
        )
    model = visit.form.one("model")
    replayed = await ask_again(parts.works, detail.kept, model, parts.clock.monotonic_ns)
    told = {"model": model, "request": replayed.request_id, "cost_nanodollars": replayed.cost}
    await off_the_loop(partial(parts.record, visit.actor, "request.replay", detail.row.request_id, told))
    return await off_the_loop(partial(_page, parts, detail, replayed))
