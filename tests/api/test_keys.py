"""The registry of keys: what can be said of one, who may be told what, and rotation."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.auth import StoredKeyRing
from homeport.api.keys import KeyFields, KeyRegistry, Offer, state_of, tokens, view
from homeport.core.errors import ConfigError, InvalidRequest, NotFound
from homeport.core.types import DataClass, RateLimits, Scope
from tests.databases import migrated

PEPPER = b"p" * 32
SECOND = 1_000_000_000
OFFER = Offer(models=("own", "mid"), tiers=("home", "away"))


class Office:
    """A registry over a database of its own, and a ring of its keys, at a time that a test sets."""

    def __init__(self, folder: Path) -> None:
        engine = migrated(folder / "homeport.db")
        self.now = 1_000 * SECOND
        self.registry = KeyRegistry(engine, PEPPER, lambda: OFFER, lambda: self.now)

    def live(self, *shown: str) -> list[bool]:
        ring = StoredKeyRing(self.registry.every, PEPPER, lambda: self.now / SECOND)
        ring.refresh()
        return [ring.find(token) is not None for token in shown]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_all_that_can_be_said_is_stored(office: Office) -> None:
    fields = KeyFields(
        name="bot",
        scopes=[Scope.CHAT, Scope.BATCHES],
        models=["own"],
        tiers=["home"],
        data_class=DataClass.PRIVATE,
        expires_in=60,
        requests_per_minute=1,
        tokens_per_minute=2,
        concurrent_requests=3,
        reserved_percent=4,
    )
    issued = office.registry.create(fields)
    assert office.registry.every() == [issued.stored]
    key = issued.stored.key
    assert key.limits == RateLimits(requests_per_minute=1, tokens_per_minute=2, concurrent_requests=3)
    assert key.scopes == frozenset({Scope.CHAT, Scope.BATCHES})
    assert (key.models, key.tiers) == (frozenset({"own"}), frozenset({"home"}))
    assert (key.data_class, key.expires_at, key.reserved_percent) == (DataClass.PRIVATE, 1_060, 4)
    assert issued.token not in str(view(issued.stored, office.now))
    assert issued.stored.digest not in str(view(issued.stored, office.now))


def test_a_new_key_may_infer_and_nothing_else(office: Office) -> None:
    key = office.registry.create(KeyFields(name="k")).stored.key
    assert [scope for scope in Scope if not key.allows(scope)] == [Scope.ADMIN]
    assert key.limits is None


def test_an_admin_key_may_not_infer(office: Office) -> None:
    key = office.registry.create(KeyFields(name="k", scopes=[Scope.ADMIN])).stored.key
    assert [scope for scope in Scope if key.allows(scope)] == [Scope.ADMIN]


def test_what_is_not_named_stays(office: Office) -> None:
    made = office.registry.create(KeyFields(name="k", models=["own"], requests_per_minute=5, tokens_per_minute=6))
    changed = office.registry.update(made.stored.key.id, KeyFields(requests_per_minute=None, name="l"))
    assert changed.key == msgspec.structs.replace(made.stored.key, name="l", limits=RateLimits(tokens_per_minute=6))
    assert office.registry.get(changed.key.id) == changed
    bare = office.registry.update(changed.key.id, KeyFields(tokens_per_minute=None))
    assert bare.key.limits is None, "a key without limits costs nothing to check"
    assert office.live(made.token) == [True]


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": " "}, InvalidRequest, "key_name_invalid"),
    ({"name": "x" * 161}, InvalidRequest, "key_name_invalid"),
    ({"models": ["own", "nope"]}, ConfigError, "key_limit_unknown"),
    ({"tiers": ["nope"]}, ConfigError, "key_limit_unknown"),
]


@pytest.mark.parametrize(("said", "kind", "code"), REFUSED)
def test_what_cannot_be(office: Office, said: dict[str, Any], kind: type[Exception], code: str) -> None:
    made = office.registry.create(KeyFields(name="k"))
    for attempt in (
        lambda: office.registry.create(KeyFields(**{"name": "n", **said})),
        lambda: office.registry.update(made.stored.key.id, KeyFields(**said)),
    ):
        with pytest.raises(kind) as caught:
            attempt()
        assert getattr(caught.value, "code", "") == code
    assert office.registry.every() == [made.stored]


def test_a_key_needs_a_name(office: Office) -> None:
    with pytest.raises(InvalidRequest):
        office.registry.create(KeyFields())


def test_reservations_leave_room_for_others(office: Office) -> None:
    first = office.registry.create(KeyFields(name="a", reserved_percent=60))
    with pytest.raises(InvalidRequest) as caught:
        office.registry.create(KeyFields(name="b", reserved_percent=31))
    assert caught.value.code == "key_reservation_too_large"
    second = office.registry.create(KeyFields(name="b", reserved_percent=30))
    office.registry.update(first.stored.key.id, KeyFields(reserved_percent=60, name="again"))
    office.registry.revoke(first.stored.key.id)
    office.registry.update(second.stored.key.id, KeyFields(reserved_percent=90))


def test_rotation(office: Office) -> None:
    made = office.registry.create(KeyFields(name="k"))
    key_id = made.stored.key.id
    office.now += 5 * SECOND
    second = office.registry.rotate(key_id, 60)
    assert second.stored.key == made.stored.key
    assert office.live(made.token, second.token) == [True, True]
    assert [token["expires_at"] for token in tokens(second.stored, office.now)] == [None, 1_065]
    third = office.registry.rotate(key_id, 60)
    assert office.live(made.token, second.token, third.token) == [False, True, True], "never three"
    office.now += 60 * SECOND
    assert office.live(second.token, third.token) == [False, True]
    assert len(tokens(third.stored, office.now)) == 1
    fourth = office.registry.rotate(key_id, 0)
    assert office.live(third.token, fourth.token) == [False, True]
    office.registry.rotate(key_id, 60)
    office.registry.revoke(key_id)
    assert office.live(made.token, second.token, third.token, fourth.token) == [False] * 4


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=8))
def test_there_are_never_more_than_two_live_tokens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    office = Office(tmp_path_factory.mktemp("office"))
    issued = office.registry.create(KeyFields(name="k"))
    shown = [issued.token]
    ends = 0
    for wait, grace in steps:
        office.now += wait * SECOND
        shown.append(office.registry.rotate(issued.stored.key.id, grace).token)
        ends = office.now + grace * SECOND
        assert office.live(shown[-1]) == [True]
        assert sum(office.live(*shown)) == (2 if grace else 1)
    office.now = max(office.now, ends)
    assert sum(office.live(*shown)) == 1


@pytest.mark.parametrize("grace", [-1, 31 * 86_400, float("nan"), float("inf")])
def test_a_grace_has_bounds(office: Office, grace: float) -> None:
    made = office.registry.create(KeyFields(name="k"))
    with pytest.raises(InvalidRequest) as caught:
        office.registry.rotate(made.stored.key.id, grace)
    assert caught.value.code == "key_grace_invalid"


def test_a_key_that_is_no_longer_live(office: Office) -> None:
    made = office.registry.create(KeyFields(name="k", expires_in=10))
    office.now += 10 * SECOND
    assert state_of(office.registry.get(made.stored.key.id), office.now) == "expired"
    with pytest.raises(NotFound):
        office.registry.rotate(made.stored.key.id, 0)
    office.registry.update(made.stored.key.id, KeyFields(expires_in=None))
    assert office.live(made.token) == [True], "an expired key can be given more time"
    office.registry.revoke(made.stored.key.id)
    key_id = made.stored.key.id
    for attempt in (
        lambda: office.registry.rotate(key_id, 0),
        lambda: office.registry.update(key_id, KeyFields(name="x")),
        lambda: office.registry.revoke(key_id),
        lambda: office.registry.get("key_none"),
    ):
        with pytest.raises(NotFound) as caught:
            attempt()
        assert caught.value.code == "key_unknown"
    assert office.live(made.token) == [False]
    assert view(office.registry.get(key_id), office.now)["tokens"] == []
