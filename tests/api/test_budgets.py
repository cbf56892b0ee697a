"""The registry of budgets and its paths of the admin API: what may be said, what is refused, how it stands."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api import budgets
from homeport.api.admin import AdminPaths
from homeport.api.admin import House as Parts
from homeport.api.auth import StoredKeyRing
from homeport.api.budgets import BudgetActions, BudgetFields, BudgetRegistry, amount, budget_view, checked
from homeport.api.keys import KeyFields, KeyRegistry, Offer
from homeport.bootstrap.admin import recorder
from homeport.core.budgets import Account, Action, ScopeKind, Window
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.money import Nano, format_usd, parse_usd
from homeport.core.types import Scope
from homeport.storage.bank import DatabaseBank
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.fakes.house import MID, House
from tests.fakes.wire import Caller

PATH = "/admin/v1/budgets"
SEARCH: dict[str, Any] = {
    "name": "search",
    "kind": "project",
    "scope": "acme/search",
    "limit_usd": "25.00",
    "window": "month",
    "action": "degrade",
    "thresholds": [80, 50, 80],
}


class Office:
    """A registry of budgets over a database of its own, and the admin API in front of it."""

    def __init__(self, folder: Path) -> None:
        engine = migrated(folder / "homeport.db")
        self.clock = ManualClock()
        self.keys = KeyRegistry(engine, b"p" * 32, lambda: Offer((), ()), self.clock.wall_ns)
        self.bank = DatabaseBank(engine, self.clock.wall_ns)
        self.registry = BudgetRegistry(engine, self.clock.wall_ns)
        self.admin = self.keys.create(KeyFields(name="a", scopes=[Scope.ADMIN])).token
        ring = StoredKeyRing(self.keys.every, b"p" * 32, lambda: self.clock.wall / 1e9)
        ring.refresh()
        paths = AdminPaths(
            keys=ring,
            registry=self.keys,
            refresh=ring.refresh,
            house=Parts(config=dict, digest=str, targets=list),
            clock=self.clock,
            record=recorder(engine),
            recorded=(BudgetActions(self.registry),),
        )
        self.house = House(MID, keys=ring, families=[paths])

    async def ask(self, method: str, path: str = PATH, body: object = None) -> Caller:
        sent = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        bearer = [("authorization", f"Bearer {self.admin}")]
        return await Caller(path, method=method, headers=bearer, body=[sent]).call(self.house.app)

    def spend(self, budget_id: str, usd: str, instance: str = "") -> None:
        budget = self.registry.get(budget_id).stored.budget
        account, cost = Account(budget, instance), parse_usd(usd)
        self.bank.trade("h", account, settled=Nano(0), returned=Nano(0), need=cost, want=cost)
        self.bank.trade("h", account, settled=cost, returned=Nano(0), need=Nano(0), want=Nano(0))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_the_life_of_a_budget(office: Office) -> None:
    made = await office.ask("POST", body=SEARCH)
    assert made.status == 201
    budget = made.json
    assert budget["id"].startswith("bud_")
    assert {name: budget[name] for name in SEARCH} == {
        **SEARCH,
        "limit_usd": "25.000000000",
        "thresholds": [50, 80],
    }
    assert (budget["spent_usd"], budget["remaining_usd"], budget["accounts"]) == ("0.000000000", "25.000000000", 1)
    office.spend(budget["id"], "3.5")
    path = f"{PATH}/{budget['id']}"
    shown = (await office.ask("GET", path)).json
    assert (shown["spent_usd"], shown["leased_usd"], shown["remaining_usd"]) == (
        "3.500000000",
        "0.000000000",
        "21.500000000",
    )
    assert shown["resets_at"] > office.clock.wall / 1e9
    changed = await office.ask("PATCH", path, {"limit_usd": 3, "action": "block", "thresholds": []})
    assert (changed.status, changed.json["limit_usd"], changed.json["remaining_usd"]) == (
        200,
        "3.000000000",
        "0.000000000",
    )
    assert (changed.json["name"], changed.json["thresholds"]) == ("search", [])
    (listed,) = (await office.ask("GET")).json["data"]
    assert listed == {name: value for name, value in changed.json.items() if name != "tightest"}
    assert (await office.ask("DELETE", path)).json == {"id": budget["id"], "removed": True}
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"limit_usd": "1"})):
        gone = await office.ask(method, path, body)
        assert (gone.status, gone.error["code"]) == (404, "budget_unknown")
    assert (await office.ask("GET")).json["data"] == []


async def test_each_user_has_an_account_and_the_tightest_is_told_first(office: Office) -> None:
    made = await office.ask("POST", body={"name": "u", "kind": "user", "scope": "*", "limit_usd": 1, "window": "day"})
    budget_id = made.json["id"]
    assert (made.json["accounts"], made.json["remaining_usd"]) == (0, "1.000000000")
    for user, usd in (("ann", "0.2"), ("bob", "0.9"), ("cy", "0.5")):
        office.spend(budget_id, usd, user)
    shown = (await office.ask("GET", f"{PATH}/{budget_id}")).json
    assert [one["instance"] for one in shown["tightest"]] == ["bob", "cy", "ann"]
    assert (shown["accounts"], shown["instance"], shown["remaining_usd"]) == (3, "bob", "0.100000000")


def fields(**changed: Any) -> dict[str, Any]:
    return {**SEARCH, **changed}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        *[
            (fields(limit_usd=limit), "limit_usd")
            for limit in (
                *("-1", "0", "0.000", "", "NaN", "Infinity", "1e400", "1e9", "1E-9", "0x10", "1_000", "٣", "1,5", "."),
                *("0.0000000001", "1000000000.1", "9" * 5_000, "1.", ".5", "+1", "1 2", "\x00", 0, -5, 10**10),
            )
        ],
        *[
            (fields(scope=scope), "scope")
            for scope in ("", "*", "/", "a//b", "a/b/c/d", "a b", "../x", "é", "x" * 54, "acme/search/", "a\n")
        ],
        *[
            (fields(kind="user", scope=scope), "scope")
            for scope in ("", " ann", "ann ", "a\nb", "\x00", "x" * 129, "a\u202eb")
        ],
        (fields(kind="all", scope="acme"), "scope"),
        (fields(kind="all", scope="*"), "scope"),
        (fields(kind="key", scope="*"), "scope"),
        (fields(kind="key", scope=""), "scope"),
        *[(fields(name=name), "name") for name in ("", " ", "a b", "ü", "x" * 129, "-a", "a\r\nb: c", "*")],
        *[
            ({name: value for name, value in SEARCH.items() if name != missing}, missing)
            for missing in ("name", "kind", "limit_usd", "window")
        ],
    ],
)
async def test_what_cannot_be_said(office: Office, body: dict[str, Any], param: str) -> None:
    refused = await office.ask("POST", body=body)
    assert (refused.status, refused.error["code"]) == (400, "budget_invalid")
    assert refused.error["param"] == param
    assert len(refused.error["message"]) < 400
    assert office.registry.every() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"name": "\xff"}',
        b'{"limit_usd": NaN}',
        msgspec.json.encode(fields(limit_usd=25.5)),
        b'{"limit_usd": 1e400}',
        b'{"limit_usd": ' + b"9" * 5_000 + b"}",
        msgspec.json.encode(fields(limit_usd=None)),
        msgspec.json.encode(fields(limit_usd=True)),
        msgspec.json.encode(fields(limit_usd=["1"])),
        msgspec.json.encode(fields(window="year")),
        msgspec.json.encode(fields(action="shrug")),
        msgspec.json.encode(fields(kind="galaxy")),
        msgspec.json.encode(fields(thresholds=[0])),
        msgspec.json.encode(fields(thresholds=[101])),
        msgspec.json.encode(fields(thresholds=[50.5])),
        msgspec.json.encode(fields(thresholds=list(range(1, 12)))),
        msgspec.json.encode(fields(owner="me")),
        msgspec.json.encode(fields(id="bud_0000000000000000")),
        b"[" * 50_000,
    ],
)
async def test_bodies_that_are_none(office: Office, body: bytes) -> None:
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{office.registry.create(_search()).stored.budget.id}")):
        refused = await office.ask(method, path, body)
        assert refused.status == 400
        assert refused.error["code"] in {"invalid_value", "invalid_json", "invalid_utf8", "json_too_deep"}
    assert len(office.registry.every()) == 1


def _search() -> BudgetFields:
    return msgspec.convert(SEARCH, BudgetFields)


async def test_a_name_is_taken_once(office: Office) -> None:
    await office.ask("POST", body=SEARCH)
    again = await office.ask("POST", body=SEARCH)
    assert (again.status, again.error["code"]) == (400, "budget_name_taken")
    other = (await office.ask("POST", body=fields(name="other"))).json
    renamed = await office.ask("PATCH", f"{PATH}/{other['id']}", {"name": "search"})
    assert renamed.error["code"] == "budget_name_taken"


@pytest.mark.parametrize("change", [{"scope": "acme/chat"}, {"window": "day"}, {"kind": "all", "scope": ""}])
async def test_whose_it_is_and_over_what_time_is_fixed(office: Office, change: dict[str, str]) -> None:
    made = (await office.ask("POST", body=SEARCH)).json
    refused = await office.ask("PATCH", f"{PATH}/{made['id']}", change)
    assert (refused.status, refused.error["code"]) == (400, "budget_fixed")
    same = {name: SEARCH[name] for name in change}
    assert (await office.ask("PATCH", f"{PATH}/{made['id']}", same)).status == 200


def test_a_key_must_live(office: Office) -> None:
    key = office.keys.create(KeyFields(name="k")).stored.key.id
    wanted = BudgetFields(name="k", kind=ScopeKind.KEY, scope=key, limit_usd="1", window=Window.DAY)
    made = office.registry.create(wanted)
    assert (made.stored.budget.scope, made.stored.budget.action) == (key, Action.BLOCK)
    assert office.registry.find("k") == office.registry.find(made.stored.budget.id) == made.stored.budget.id
    office.keys.revoke(key)
    for scope in (key, "key_none"):
        with pytest.raises(NotFound) as caught:
            office.registry.create(msgspec.structs.replace(wanted, name="l", scope=scope))
        assert caught.value.code == "key_unknown"


def test_there_can_be_too_many(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "MOST_BUDGETS", 1)
    office.registry.create(_search())
    with pytest.raises(InvalidRequest) as caught:
        office.registry.create(msgspec.structs.replace(_search(), name="b"))
    assert caught.value.code == "too_many_budgets"


@given(nanos=st.integers(1, 10**18))
def test_an_amount_is_read_to_the_nano_dollar(nanos: int) -> None:
    assert amount(format_usd(nanos)) == nanos
    assert amount(f" ${format_usd(nanos)} ") == nanos


@given(text=st.text(max_size=60))
def test_any_other_text_is_refused_or_exact(text: str) -> None:
    try:
        nanos = amount(text)
    except InvalidRequest:
        return
    assert parse_usd(text.strip().removeprefix("$")) == nanos > 0


@given(kind=st.sampled_from(ScopeKind), scope=st.text(max_size=200), name=st.text(max_size=200))
def test_what_is_let_through_fits_the_database_and_a_header(kind: ScopeKind, scope: str, name: str) -> None:
    try:
        said = checked(BudgetFields(name=name, kind=kind, scope=scope))
    except InvalidRequest:
        return
    assert len(said["scope"]) <= 160
    assert said["scope"].isprintable()
    assert said["name"].isascii()
    assert said["name"].isprintable()


def test_the_view_has_no_float_of_money(office: Office) -> None:
    view = budget_view(office.registry.create(_search()))
    assert all(isinstance(view[name], str) for name in view if name.endswith("_usd"))
