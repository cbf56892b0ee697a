"""Scopes: what is not named is denied."""

import pytest

from homeport.core.errors import NotPermitted
from homeport.core.types import Key, Scope, Surface
from homeport.pipeline.authenticate import permit, permit_inference, scope_of
from tests.fakes.house import CHAT, EMBED, MID, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import whole

KEYS = {scope.value: Key(id=f"key_{scope}", name=scope, scopes=frozenset({scope})) for scope in Scope}
NOBODY = Key(id="key_none", name="none", scopes=frozenset())


def may(key: Key, scope: Scope) -> bool:
    try:
        permit(key, scope)
    except NotPermitted:
        return False
    return True


def test_a_refusal_names_the_scope() -> None:
    with pytest.raises(NotPermitted, match="batches") as caught:
        permit(NOBODY, Scope.BATCHES)
    assert caught.value.code == "scope_missing"
    assert "--scope batches" in caught.value.hint


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_is_only_itself(scope: Scope) -> None:
    allowed = {other for other in Scope if may(KEYS[scope], other)}
    assert allowed == (set(Scope) - {Scope.ADMIN} if scope is Scope.INFERENCE else {scope})


def test_no_scope_allows_nothing() -> None:
    assert not any(may(NOBODY, scope) for scope in Scope)


@pytest.mark.parametrize("surface", Surface)
def test_no_surface_is_reached_as_administrator(surface: Surface) -> None:
    assert scope_of(surface) not in (Scope.ADMIN, Scope.INFERENCE)
    assert not may(KEYS["admin"], scope_of(surface))
    assert may(KEYS["inference"], scope_of(surface))


def test_listing_models_needs_any_inference() -> None:
    permit_inference(KEYS["embeddings"])
    for key in (KEYS["admin"], NOBODY):
        with pytest.raises(NotPermitted):
            permit_inference(key)


async def test_scopes_over_http() -> None:
    house = House(MID, keys=FixedKeyRing(KEYS))
    house.upstreams["mid"].script(whole())
    refused = await house.ask(CHAT, token="embeddings")
    assert (refused.status, refused.error["code"]) == (403, "scope_missing")
    assert (await house.ask(EMBED, surface="embeddings", token="chat")).status == 403
    assert (await house.ask(CHAT, token="admin")).status == 403
    assert (await house.ask(CHAT, token="chat")).status == 200
    assert (await house.get("/v1/models", token="admin")).status == 403
    assert (await house.get("/v1/models", token="chat")).status == 200
    assert house.calls() == ["mid"]
    assert [event.error for event in house.recorder.events] == ["scope_missing"] * 3 + [""]
