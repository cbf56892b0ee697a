"""What strangers wrote is put wherever it can reach a page, and each page is read as a browser reads it."""

import csv
import io
from collections.abc import Callable

import msgspec
import pytest

from homeport.api.keys import KeyFields
from homeport.console.access import LEAST
from homeport.console.figures.machines import Engines, Package, Replica
from homeport.core.alerts import LoopStopped
from homeport.core.audit import Actor, Origin
from homeport.core.budgets import Budget, ScopeKind, Window
from homeport.core.errors import EngineError
from homeport.core.money import Nano
from homeport.core.people import Role
from homeport.core.types import Attempt, Outcome
from homeport.jobs.indexing import Indexer
from homeport.storage.alerts import raise_alert
from homeport.storage.budgets import add_budget
from homeport.storage.feedback import rate
from homeport.storage.unusual import write_unusual
from homeport.storage.users import StoredUser, add_user
from tests.console.markup import KNOWN, Page, check_markup
from tests.console.office import TARGET, Office
from tests.ledger.requests import NOW, add, request
from tests.storage.test_unusual import noticed, state
from tests.traces.kept import kept

WORDS = [
    "zebra<script>alert(1)</script></script><ScRiPt src=//evil.example>",
    "zebra\"'><img src=x onerror=alert(1)><svg/onload=alert(2)><a href=javascript:alert(3)>",
    "zebra{{7*7}}{%raw%}${7*7}#{7*7}<%=7*7%>' hx-get=/x hx-on:click=alert(1) autofocus onfocus=alert(1) x='",
    "zebra--><!--]]></textarea></title></style><base href=//evil.example/><meta http-equiv=refresh content=0>",
    'zebra\x1b]0;x\x07\x9b31m\u202egnp\u2066\u200b\r\nset-cookie: a=b\r\n\r\n{"level":"error"}\x00\ufeff',
    "zebra" + "\u0e01" + "\u0e47" * 90 + "a" + "\u0336" * 90,
    "=cmd|'/c calc'!A0 zebra",
]
PATHS = [
    route.removeprefix("GET ").replace("{id}", "r0")
    for route in LEAST
    if route.startswith("GET") and "{name}" not in route and "/oidc/" not in route and not route.endswith("/tail")
]


def fill(office: Office, said: str) -> None:
    """Put the words everywhere."""
    office.clock.wall = NOW + 60 * 10**9
    name = said[:150]
    place = {"project": name, "target": name, "tier": name, "upstream": name, "model": name, "requested_model": name}
    told = {
        "reason": name,
        "end_user": name,
        "trace_id": name,
        "price_source": name,
        "error": name[:64],
        "key_id": name[:40],
    }
    attempts = (Attempt(target=name, error=name, started_ns=0, ended_ns=9),)
    add(
        office.engine,
        request(NOW, **place, **told, attempts=attempts),
        request(NOW - 9, **place, **told, outcome=Outcome.FAILED),
    )
    token = {"token": said, "logprob": -0.1, "top_logprobs": [{"token": said + "x", "logprob": -2.0}]}
    call = {"id": said, "type": "function", "function": {"name": said, "arguments": said}}
    answer = {"role": "assistant", "content": said, "tool_calls": [call]}
    choice = {"index": 0, "message": answer, "logprobs": {"content": [token]}, "finish_reason": said}
    asked = {
        "model": said,
        "messages": [{"role": said, "content": said}],
        "user": said,
        said: said,
        "metadata": {said: said},
    }
    office.bodies.put(kept("r0", asked, {"choices": [choice], "system_fingerprint": said}, at=NOW, revision=said))
    Indexer(office.bodies, office.words).work()
    rate(office.engine, "r0", name[:64], -1.0, said, "", NOW)
    office.keys.create(KeyFields(name=name.replace("\x00", "")))
    user = StoredUser(
        name=name[:128], role=Role.VIEWER, password="", created_at=NOW, issuer=f"https://id.example#{name}"
    )
    add_user(office.engine, user, lambda *_: None)
    actor = Actor(name=name, origin=Origin.CONSOLE, role="x", address=name, request_id=name)
    office.parts.record(actor, "a.b", name, {said: said}, {said: [said]})
    budget = Budget(
        id="bud_0123456789abcdef", name=name, kind=ScopeKind.USER, scope=name, limit=Nano(9), window=Window.DAY
    )
    add_budget(office.engine, budget, created_at=NOW)
    stopped = LoopStopped(at=NOW, key_id=name, project=name, trace_id=name, what=said, repeats=3, calls=9, cost=Nano(1))
    raise_alert(office.engine, stopped)
    one = noticed()
    sentence = msgspec.structs.replace(one, sentence=said, unusual=msgspec.structs.replace(one.unusual, subject=said))
    write_unusual(office.home.unusual, state(sentence))
    office.targets = [{**TARGET, "model": said, "tier": said, "upstream": said, "closed_by": said, "ready": False}]
    office.behind.models = (said,)
    office.behind.rendered = said
    replica = Replica(engine=said, replica=said, state=said, version=said, digest=said, revision=said, pid=1)
    package = Package(name=said, version=said, digest=said, in_use=True, family=said, quantization=said, size=1,
                      licenses=(said,), signers=(said,), doubt=said)  # fmt: skip
    office.behind.told = Engines(why=said, replicas=(replica,), packages=(package,))


@pytest.mark.parametrize("words", range(len(WORDS)))
async def test_nothing_of_it_is_more_than_text(open_office: Callable[..., Office], words: int) -> None:
    office = open_office(
        engines={"own": {"engine": "external", "url": "http://127.0.0.1:9/v1", "hourly_cost_usd": "0"}}
    )
    fill(office, WORDS[words])
    office.behind.refuses = EngineError(WORDS[words], code=WORDS[words])
    browser = await office.enter(Role.ADMIN)
    await browser.post("/console/models/own/drain")
    seen = 0
    for path in [*PATHS, "/console/requests?q=zebra", "/console/costs?by=user&window=2023-11", "/console/nowhere"]:
        answer = await browser.get(path)
        assert answer.status in (200, 400, 404), (path, answer.body)
        assert "evil" not in str(answer.headers)
        assert "set-cookie" not in answer.headers
        if answer.headers["content-type"].startswith("text/html"):
            check_markup(answer.body)
            seen += b"zebra" in answer.body
    assert seen >= 12, "the words are on the pages"


async def test_a_table_that_is_saved_runs_nothing(office: Office) -> None:
    for formula in ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1", "=cmd|'/c calc'!A0", "a\n=1"):
        add(office.engine, request(NOW, project=formula, end_user=formula, target=formula, reason=formula))
    office.clock.wall = NOW + 1
    browser = await office.enter(Role.VIEWER)
    for query in ("by=project", "by=model", "by=user", "format=csv"):
        answer = await browser.get(f"/console/costs/export?window=24h&{query}")
        assert answer.headers["content-disposition"].startswith('attachment; filename="homeport-')
        rows = list(csv.reader(io.StringIO(answer.body.decode(), newline="")))
        assert len(rows) > 5
        starts = {cell[0] for row in rows for cell in row if cell and not cell.lstrip("-").replace(".", "").isdecimal()}
        assert starts & set("=+-@\t\r\n\uff1d") == set(), query


def test_the_check_sees_what_it_should() -> None:
    assert ("form", "method") in KNOWN
    for wrong in (
        b"<script>x</script>",
        b"<b onclick=x>",
        b"<p style=x>",
        b"<a href=javascript:x>",
        b"<!--x-->",
        b"\x1b",
    ):
        with pytest.raises(AssertionError):
            check_markup(b"<p>" + wrong)
    assert Page("<p>&lt;b onclick=x&gt;").tags == {("p", "")}
