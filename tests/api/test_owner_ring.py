"""Keys found by their id, for what acts in their names: only while they live, and never by a caller."""

import pytest

from homeport.api.auth import OwnerRing, StoredKeyRing, digest, new_token
from homeport.core.types import Key
from homeport.storage.keys import StoredKey

PEPPER = b"p" * 32


def rings(*, revoked_at: int | None = None, expires_at: float | None = None) -> tuple[StoredKeyRing, str, str]:
    key_id, token = new_token()
    key = Key(id=key_id, name="k", expires_at=expires_at)
    stored = StoredKey(key=key, digest=digest(PEPPER, token), created_at=0, revoked_at=revoked_at)
    ring = StoredKeyRing(lambda: [stored], PEPPER, lambda: 1_000.0)
    ring.refresh()
    return ring, key_id, token


def test_a_live_key_is_found_by_its_id_alone() -> None:
    ring, key_id, token = rings(expires_at=1_000.1)
    found = OwnerRing(ring).find(key_id)
    assert found is not None
    assert found.id == key_id
    assert OwnerRing(ring).find(token) is None
    assert OwnerRing(ring).find("key_none") is None


@pytest.mark.parametrize(("revoked_at", "expires_at"), [(1, None), (None, 1_000.0), (None, 1.0)])
def test_one_that_is_dead_is_not(revoked_at: int | None, expires_at: float | None) -> None:
    ring, key_id, _ = rings(revoked_at=revoked_at, expires_at=expires_at)
    assert OwnerRing(ring).find(key_id) is None


def test_callers_cannot_use_an_id_for_a_token() -> None:
    ring, key_id, _ = rings()
    assert ring.find(key_id) is None
