"""The admin API: who may, what each path does, and that nothing secret is told twice."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.api.admin import AdminPaths
from homeport.api.admin import House as Parts
from homeport.api.alerts import AlertActions
from homeport.api.auth import StoredKeyRing
from homeport.api.budgets import BudgetActions, BudgetRegistry
from homeport.api.holders import HolderActions, HolderRegistry
from homeport.api.keys import KeyFields, KeyRegistry, Offer
from homeport.bootstrap.admin import recorder
from homeport.config.home import Home
from homeport.core.alerts import AlertsTested
from homeport.core.budgets import Account, Budget, ScopeKind, Window
from homeport.core.errors import ConfigError
from homeport.core.money import Nano
from homeport.core.types import Scope
from homeport.storage.alerts import id_of, raise_alert
from homeport.storage.bank import DatabaseBank
from homeport.storage.lost import LATELY_NS
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.fakes.house import CHAT, MID, House
from tests.fakes.upstream import whole
from tests.fakes.wire import Caller, Message

PEPPER = b"p" * 32
KEYS = "/admin/v1/keys"
BAD_LINE = "homeport.yaml:3:5: unknown key"


class Office:
    """A house with an admin API over keys in a database; `admin`, `caller` and `both` are tokens."""

    def __init__(self, folder: Path) -> None:
        engine = migrated(folder / "homeport.db")
        clock = ManualClock()
        self.registry = KeyRegistry(engine, PEPPER, lambda: Offer(("mid",), ("mid",)), clock.wall_ns)
        self.keys = StoredKeyRing(self.registry.every, PEPPER, lambda: clock.wall / 1e9)
        self.broken = False
        home = Home(folder / "home")
        home.create()
        parts = Parts(
            config=lambda: {"server": {"port": 8080}},
            digest=lambda: "sha256:old",
            targets=lambda: [{"model": "mid", "ready": True}],
            reload=self.reload,
        )
        self.paths = AdminPaths(
            keys=self.keys,
            registry=self.registry,
            refresh=self.keys.refresh,
            house=parts,
            clock=clock,
            record=recorder(engine),
            recorded=(BudgetActions(BudgetRegistry(engine, clock.wall_ns)),),
            resources=(
                HolderActions(HolderRegistry(engine, home, clock.wall_ns)),
                AlertActions(engine),
            ),
        )
        self.clock = clock
        self.engine = engine
        self.house = House(MID, keys=self.keys, families=[self.paths])
        self.admin = self.issue(Scope.ADMIN)
        self.caller = self.issue(Scope.INFERENCE)
        self.both = self.issue(Scope.INFERENCE, Scope.ADMIN)
        self.keys.refresh()

    def issue(self, *scopes: Scope) -> str:
        return self.registry.create(KeyFields(name="-".join(scopes), scopes=list(scopes))).token

    async def reload(self) -> str:
        if self.broken:
            raise ConfigError(BAD_LINE)
        return "sha256:new"

    async def ask(
        self, method: str, path: str, body: object = None, token: str | None = "", more: bool = False
    ) -> Caller:
        sent = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        token = self.admin if token == "" else token
        bearer = [("authorization", f"Bearer {token}")] if token is not None else []
        return await Caller(path, method=method, headers=bearer, body=[sent], more=more).call(self.house.app)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


ALL_PATHS = [
    ("GET", KEYS),
    ("POST", KEYS),
    ("GET", f"{KEYS}/key_x"),
    ("PATCH", f"{KEYS}/key_x"),
    ("DELETE", f"{KEYS}/key_x"),
    ("POST", f"{KEYS}/key_x/rotate"),
    ("GET", "/admin/v1/config"),
    ("POST", "/admin/v1/reload"),
    ("GET", "/admin/v1/targets"),
    ("GET", "/admin/v1/alerts"),
    ("GET", "/admin/v1/budgets"),
    ("POST", "/admin/v1/budgets"),
    ("GET", "/admin/v1/budgets/bud_x"),
    ("PATCH", "/admin/v1/budgets/bud_x"),
    ("DELETE", "/admin/v1/budgets/bud_x"),
    ("GET", "/admin/v1/holders"),
    ("POST", "/admin/v1/holders/x/give-up"),
]


@pytest.mark.parametrize(("method", "path"), ALL_PATHS)
async def test_only_administrators(office: Office, method: str, path: str) -> None:
    for token, status, code in (
        (None, 401, "missing_api_key"),
        ("hp-unknown-x", 401, "invalid_api_key"),
        (office.caller, 403, "scope_missing"),
    ):
        refused = await office.ask(method, path, token=token, more=True)
        assert (refused.status, refused.error["code"]) == (status, code), "before the body is read"
    for token in (office.admin, office.both):
        assert (await office.ask(method, path, token=token)).status not in (401, 403)


async def test_a_key_that_is_revoked_while_its_body_comes_does_nothing(office: Office) -> None:
    revoked = next(key.key.id for key in office.registry.every() if key.key.name == "admin")
    caller = Caller(KEYS, headers=[("authorization", f"Bearer {office.admin}")], body=[b'{"name": "planted"}'])
    receive = caller.receive

    async def slowly() -> Message:
        office.registry.revoke(revoked)
        office.keys.refresh()
        return await receive()

    await office.house.app(caller.scope, slowly, caller.send)
    assert (caller.status, caller.error["code"]) == (401, "invalid_api_key")
    assert "planted" not in [key.key.name for key in office.registry.every()]


async def test_an_administrator_cannot_infer(office: Office) -> None:
    office.house.upstreams["mid"].script(whole())
    assert (await office.house.ask(CHAT, token=office.admin)).status == 403
    assert (await office.house.ask(CHAT, token=office.both)).status == 200


async def test_what_is_not_there(office: Office) -> None:
    for path in ("/admin/v1", "/admin/v1/", "/admin/v1/nothing", f"{KEYS}/", f"{KEYS}//rotate", f"{KEYS}/a/b"):
        assert (await office.ask("GET", path)).status == 404, path
    wrong = await office.ask("PUT", KEYS)
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, POST")
    for method in ("GET", "PATCH", "DELETE"):
        missing = await office.ask(method, f"{KEYS}/key_none", {})
        assert (missing.status, missing.error["code"]) == (404, "key_unknown")


async def test_the_life_of_a_key(office: Office) -> None:
    made = await office.ask("POST", KEYS, {"name": "bot", "scopes": ["chat"], "requests_per_minute": 60})
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    path, token = f"{KEYS}/{made.json['id']}", made.json["key"]
    assert office.keys.find(token) is not None, "this process knows it at once"

    shown = await office.ask("GET", path)
    assert shown.json == {name: value for name, value in made.json.items() if name != "key"}
    changed = await office.ask("PATCH", path, {"requests_per_minute": None, "models": ["mid"]})
    assert (changed.json["requests_per_minute"], changed.json["models"], changed.json["name"]) == (None, ["mid"], "bot")

    rotated = await office.ask("POST", f"{path}/rotate", {"grace_seconds": 60})
    assert len(rotated.json["tokens"]) == 2
    assert office.keys.find(token) == office.keys.find(rotated.json["key"]) is not None
    assert (await office.ask("POST", f"{path}/rotate")).status == 200, "a day, where nothing is said"

    revoked = await office.ask("DELETE", path)
    assert (revoked.json["state"], revoked.json["tokens"]) == ("revoked", [])
    assert office.keys.find(rotated.json["key"]) is None
    assert (await office.ask("DELETE", path)).status == 404


async def test_no_token_and_no_hash_is_in_a_list(office: Office) -> None:
    listed = await office.ask("GET", KEYS)
    assert len(listed.json["data"]) == 3
    for stored in office.registry.every():
        assert stored.digest.encode() not in listed.body
    for token in (office.admin, office.caller, office.both):
        assert token.encode() not in listed.body
        assert token[-20:].encode() not in listed.body


BAD_BODIES: list[tuple[object, int, str]] = [
    (b"", 400, "invalid_json"),
    (b"[]", 400, "invalid_value"),
    (b"\xff", 400, "invalid_utf8"),
    (b"[" * 100_000, 400, "invalid_value"),
    ({}, 400, "key_name_invalid"),
    ({"name": ""}, 400, "key_name_invalid"),
    ({"name": 5}, 400, "invalid_value"),
    ({"name": "x", "id": "key_mine"}, 400, "invalid_value"),
    ({"name": "x", "scopes": []}, 400, "invalid_value"),
    ({"name": "x", "scopes": ["root"]}, 400, "invalid_value"),
    ({"name": "x", "requests_per_minute": 0}, 400, "invalid_value"),
    ({"name": "x", "requests_per_minute": -1}, 400, "invalid_value"),
    ({"name": "x", "tokens_per_minute": 1.5}, 400, "invalid_value"),
    ({"name": "x", "tokens_per_minute": 10**30}, 400, "invalid_value"),
    ({"name": "x", "reserved_percent": 91}, 400, "invalid_value"),
    ({"name": "x", "expires_in": -5}, 400, "invalid_value"),
    ({"name": "x", "models": ["nope"]}, 422, "key_limit_unknown"),
    ({"name": "x", "tiers": ["nope"]}, 422, "key_limit_unknown"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
async def test_bodies_that_are_refused(office: Office, body: object, status: int, code: str) -> None:
    before = office.registry.every()
    refused = await office.ask("POST", KEYS, body)
    assert (refused.status, refused.error["code"]) == (status, code)
    assert office.registry.every() == before


@pytest.mark.parametrize("body", [{"grace_seconds": -1}, {"grace_seconds": 1e9}, {"grace": 5}, b"5"])
async def test_rotations_that_are_refused(office: Office, body: object) -> None:
    key_id = office.registry.every()[1].key.id
    assert (await office.ask("POST", f"{KEYS}/{key_id}/rotate", body)).status == 400
    assert office.keys.find(office.caller) is not None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=64)
    | st.dictionaries(st.sampled_from(KeyFields.__struct_fields__), st.none() | st.integers() | st.text(max_size=5))
)
async def test_any_body_is_answered(office: Office, body: object) -> None:
    assert (await office.ask("POST", KEYS, body)).status in (201, 400, 422)


async def test_the_configuration_and_the_targets(office: Office) -> None:
    assert (await office.ask("GET", "/admin/v1/config")).json == {
        "digest": "sha256:old",
        "config": {"server": {"port": 8080}},
    }
    assert (await office.ask("GET", "/admin/v1/targets")).json["data"] == [{"model": "mid", "ready": True}]


async def test_a_lost_holder_is_given_up(office: Office) -> None:
    path, lost = "/admin/v1/holders", "0123456789ab-0123456789abcdef"
    assert (await office.ask("GET", path)).json == {"object": "list", "data": []}
    made = {"name": "all", "kind": "all", "limit_usd": "5", "window": "total"}
    budget_id = (await office.ask("POST", "/admin/v1/budgets", made)).json["id"]
    account = Account(
        Budget(id=budget_id, name="all", kind=ScopeKind.ALL, scope="", window=Window.TOTAL, limit=Nano(5 * 10**9))
    )
    two = Nano(2 * 10**9)
    bank = DatabaseBank(office.engine, office.clock.wall_ns)
    bank.trade(lost, account, settled=Nano(0), returned=Nano(0), need=two, want=two)
    (held,) = (await office.ask("GET", path)).json["data"]
    assert (held["name"], held["folder"], held["state"], held["held_usd"]) == (lost, lost[:12], "alive", "2.000000000")
    refused = await office.ask("POST", f"{path}/{lost}/give-up")
    assert (refused.status, refused.error["code"]) == (400, "holder_alive")
    office.clock.advance(LATELY_NS)
    for body in (b"[]", b'{"free": 1}', b'{"free": null}', b'{"fre": true}', b"{", b"\xff", b'{"free": "true"}'):
        assert (await office.ask("POST", f"{path}/{lost}/give-up", body)).status == 400
    for word in ("nobody", "..", "%2e%2e", "0" * 5_000):
        assert (await office.ask("POST", f"{path}/{word}/give-up")).status in (400, 404)
    (done,) = (await office.ask("POST", f"{path}/{lost}/give-up", {"free": True})).json["data"]
    assert done == {
        "name": lost,
        "booked_usd": "0.000000000",
        "freed_usd": "2.000000000",
        "corrected_usd": "0.000000000",
    }
    again = await office.ask("POST", f"{path}/{lost}/give-up")
    assert (again.status, again.error["code"]) == (404, "holder_unknown")


async def test_alerts(office: Office) -> None:
    assert (await office.ask("GET", "/admin/v1/alerts")).json == {"object": "list", "data": []}
    raise_alert(office.engine, AlertsTested(at=1))
    (told,) = (await office.ask("GET", "/admin/v1/alerts")).json["data"]
    assert (told["id"], told["kind"], told["deliveries"]) == (id_of(AlertsTested(at=1)), "alerts.tested", [])
    assert (await office.ask("GET", "/admin/v1/alerts/x")).status == 404


async def test_a_reload(office: Office) -> None:
    assert (await office.ask("POST", "/admin/v1/reload")).json == {"digest": "sha256:new"}
    office.broken = True
    refused = await office.ask("POST", "/admin/v1/reload")
    assert (refused.status, refused.error["code"]) == (422, "config_invalid")
    assert BAD_LINE in refused.error["message"]


async def test_a_process_that_cannot_reload_says_so(office: Office) -> None:
    parts = Parts(config=dict, digest=str, targets=list)
    paths = AdminPaths(
        keys=office.keys,
        registry=office.registry,
        refresh=office.keys.refresh,
        house=parts,
        clock=ManualClock(),
        record=recorder(office.engine),
    )
    house = House(MID, keys=office.keys, families=[paths])
    refused = await Caller("/admin/v1/reload", headers=[("authorization", f"Bearer {office.admin}")]).call(house.app)
    assert refused.status == 404


async def test_a_database_that_is_gone(office: Office, tmp_path: Path) -> None:
    office.registry._engine.dispose()
    (tmp_path / "homeport.db").write_bytes(b"broken" * 1_000)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"homeport.db{suffix}").unlink(missing_ok=True)
    refused = await office.ask("GET", KEYS)
    assert (refused.status, refused.error["code"]) == (503, "storage_unavailable")
    assert "broken" not in str(refused.error)
