"""Keys: made once, kept as a hash, found only while they live."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.auth import PREFIX, StoredKeyRing, another_token, bearer, digest, new_token, read_pepper, write_secret
from homeport.core.errors import StorageError
from homeport.core.types import DataClass, Key
from homeport.storage.keys import StoredKey, add_key, list_keys, revoke_key
from tests.databases import migrated
from tests.fakes.house import MID, OPEN, House
from tests.fakes.upstream import whole

PEPPER = b"p" * 32


class Ring:
    """A ring over stored keys that a test changes, at a time that it sets."""

    def __init__(self) -> None:
        self.stored: list[StoredKey] = []
        self.now = 1_000.0
        self.ring = StoredKeyRing(lambda: self.stored, PEPPER, lambda: self.now)

    def add(self, *, revoked_at: int | None = None, expires_at: float | None = None) -> str:
        key_id, token = new_token()
        key = Key(id=key_id, name="k", data_class=DataClass.PRIVATE, expires_at=expires_at)
        self.stored.append(StoredKey(key=key, digest=digest(PEPPER, token), created_at=0, revoked_at=revoked_at))
        self.ring.refresh()
        return token


def test_a_new_key() -> None:
    key_id, token = new_token()
    assert token.startswith(f"{PREFIX}{key_id.removeprefix('key_')}-")
    assert len(token.removeprefix(PREFIX).partition("-")[2]) >= 43, "256 bits"
    assert len({new_token() for _ in range(100)}) == 100


def test_a_live_key_is_found_as_it_was_stored() -> None:
    ring = Ring()
    token = ring.add()
    assert ring.ring.find(token) == ring.stored[0].key


def test_nothing_is_found_before_the_first_refresh() -> None:
    ring = Ring()
    token = ring.add()
    assert StoredKeyRing(lambda: ring.stored, PEPPER, lambda: 0).find(token) is None


def test_a_revoked_key() -> None:
    ring = Ring()
    assert ring.ring.find(ring.add(revoked_at=1)) is None


@pytest.mark.parametrize(("now", "lives"), [(999.9, True), (1_000.0, False), (1_000.1, False)])
def test_a_key_expires_by_the_clock_and_not_by_the_refresh(now: float, lives: bool) -> None:
    ring = Ring()
    token = ring.add(expires_at=1_000.0)
    ring.now = now
    assert (ring.ring.find(token) is not None) is lives


def test_a_refresh_brings_and_takes_keys() -> None:
    ring = Ring()
    old = ring.add()
    new = ring.add()
    assert ring.ring.find(new) is not None
    del ring.stored[0]
    assert ring.ring.find(old) is not None, "what is live changes at a refresh only"
    ring.ring.refresh()
    assert ring.ring.find(old) is None
    assert ring.ring.find(new) is not None


@pytest.mark.parametrize(("now", "both"), [(999.9, True), (1_000.0, False), (2_000.0, False)])
def test_the_token_before_a_rotation_lives_for_its_grace(now: float, both: bool) -> None:
    ring = Ring()
    old = ring.add()
    (stored,) = ring.stored
    new = another_token(stored.key.id)
    ring.stored[0] = msgspec.structs.replace(
        stored, digest=digest(PEPPER, new), previous_digest=stored.digest, previous_until=1_000_000_000_000
    )
    ring.ring.refresh()
    ring.now = now
    assert ring.ring.find(new) == stored.key
    assert (ring.ring.find(old) is not None) is both


def test_a_refresh_that_fails_keeps_the_old_keys() -> None:
    ring = Ring()
    token = ring.add()
    broken = False

    def read() -> list[StoredKey]:
        if broken:
            raise OSError("database gone")
        return ring.stored

    keys = StoredKeyRing(read, PEPPER, lambda: 0)
    keys.refresh()
    broken = True
    with pytest.raises(OSError, match="database gone"):
        keys.refresh()
    assert keys.find(token) is not None


def test_another_pepper_makes_every_key_unknown() -> None:
    ring = Ring()
    token = ring.add()
    other = StoredKeyRing(lambda: ring.stored, b"q" * 32, lambda: 0)
    other.refresh()
    assert other.find(token) is None


def odd(token: str) -> list[str]:
    public = token.removeprefix(PREFIX).partition("-")[0]
    return [
        "",
        PREFIX,
        token[:-1],
        token + "x",
        token + " ",
        token.upper(),
        token.swapcase(),
        token.removeprefix("hp"),
        f"{PREFIX}{public}",
        f"{PREFIX}{public}-",
        f"{PREFIX}-{token}",
        token.replace(public, "0" * 16),
        token + "\x00",
        token + "\xff",
        token + "x" * 10_000,
        "hp-" + "\ud800",
        "sk-" + token,
    ]


def test_odd_tokens() -> None:
    ring = Ring()
    assert [token for token in odd(ring.add())[:-2] if ring.ring.find(token) is not None] == []


@given(st.text(st.characters(codec="latin-1"), max_size=300))
def test_any_header_is_a_key_or_none(value: str) -> None:
    ring = Ring()
    ring.add()
    for token in (value, PREFIX + value, ring.stored[0].key.id.replace("key_", PREFIX) + value):
        assert ring.ring.find(token) is None


@given(st.text(max_size=100), st.text(max_size=100))
def test_only_equal_tokens_have_equal_digests(one: str, two: str) -> None:
    try:
        digests = digest(PEPPER, one), digest(PEPPER, two)
    except UnicodeEncodeError:
        return  # An HTTP header cannot hold a lone surrogate.
    assert (digests[0] == digests[1]) == (one == two)
    assert len(digests[0]) == 64


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer   ", None),
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc ", "abc"),
        ("Basic abc", None),
        ("abc", None),
        ("Bearerabc", None),
        (" Bearer abc", None),
        ("Bearer a b", "a b"),
        ("Bearer\tabc", None),
    ],
)
def test_bearer(header: str | None, token: str | None) -> None:
    assert bearer(header) == token
    assert bearer(header, " other ") == token or (token is None and bearer(header, "other") == "other")


async def test_the_header_of_anthropics_clients() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    assert (await house.ask(token=None, headers=[("x-api-key", OPEN)])).status == 200
    assert (await house.ask(token=None, headers=[("x-api-key", "hp-wrong")])).status == 401
    assert (await house.ask(token=None, headers=[("x-api-key", " ")])).error["code"] == "missing_api_key"


async def test_every_refusal_looks_the_same() -> None:
    """Unknown, expired, revoked or mistyped: who guesses learns nothing from the answer."""
    ring = Ring()
    live, revoked, expired = ring.add(), ring.add(revoked_at=1), ring.add(expires_at=1.0)
    house = House(MID, keys=ring.ring)
    answers = set()
    guesses = [token for token in odd(live) if token.strip() not in {"", live} and "\ud800" not in token]
    for token in [revoked, expired, "hp-unknown-x", "x", *guesses]:
        caller = await house.ask(token=token)
        answers.add((caller.status, str({**caller.error, "request_id": ""}), frozenset(caller.headers)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


def test_a_pepper_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "pepper.key"
    pepper = read_pepper(path)
    assert len(pepper) == 32
    assert read_pepper(path) == pepper
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "no draft is left"


@pytest.mark.parametrize("damage", [b"", b"x" * 31, b"x" * 33, b"x" * 1_000_000])
def test_a_damaged_pepper_is_not_replaced(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "pepper.key"
    path.write_bytes(damage)
    with pytest.raises(StorageError) as caught:
        read_pepper(path)
    assert caught.value.code == "pepper_invalid"
    assert "restore it" in caught.value.hint
    assert path.read_bytes() == damage


def test_a_pepper_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "pepper.key").mkdir()
    with pytest.raises(StorageError) as caught:
        read_pepper(tmp_path / "pepper.key")
    assert caught.value.code == "pepper_invalid"


def test_a_secret_is_written_whole_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "local.key"
    write_secret(path, b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_secret(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_draft_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    draft = tmp_path / f"local.key.{os.getpid()}"
    draft.write_bytes(b"longer than the secret")
    draft.chmod(0o644)
    write_secret(tmp_path / "local.key", b"secret")
    assert (tmp_path / "local.key").read_bytes() == b"secret"
    assert stat.S_IMODE((tmp_path / "local.key").stat().st_mode) == 0o600


def test_keys_of_the_database(tmp_path: Path) -> None:
    engine = migrated(tmp_path / "homeport.db")
    key_id, token = new_token()
    key = Key(id=key_id, name="k", models=frozenset({"a", "b"}), expires_at=2_000.5)
    add_key(engine, key, digest(PEPPER, token), 1)
    ring = StoredKeyRing(lambda: list_keys(engine), PEPPER, lambda: 1_000.0)
    ring.refresh()
    assert ring.find(token) == key
    assert token.encode() not in (tmp_path / "homeport.db").read_bytes()
    assert revoke_key(engine, key_id, 2)
    ring.refresh()
    assert ring.find(token) is None


def test_a_token_that_is_lent_stands_for_the_key_once() -> None:
    ring = Ring()
    ring.add()
    key = ring.stored[0].key
    token = ring.ring.lend(key.id)
    assert token is not None
    assert not token.startswith(PREFIX)
    assert len(token) > 43, "256 bits"
    assert ring.ring.find(f"{token[:-1]}\u00e9") is None
    assert ring.ring.find(token) == key
    assert ring.ring.find(token) is None
    assert ring.ring.lend(key.id) != token


def test_nothing_is_lent_of_a_key_that_does_not_live() -> None:
    ring = Ring()
    ring.add(revoked_at=5)
    ring.add(expires_at=2_000.0)
    revoked, expiring = (stored.key.id for stored in ring.stored)
    assert ring.ring.lend(revoked) is None
    assert ring.ring.lend("key_none") is None
    token = ring.ring.lend(expiring)
    assert token is not None
    ring.now = 2_000.0
    assert ring.ring.find(token) is None


def test_what_is_lent_and_never_used_is_forgotten() -> None:
    ring = Ring()
    ring.add()
    tokens = [ring.ring.lend(ring.stored[0].key.id) or "" for _ in range(1_001)]
    assert ring.ring.find(tokens[0]) is None
    assert ring.ring.find(tokens[-1]) is not None
