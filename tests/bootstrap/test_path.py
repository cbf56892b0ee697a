"""The request path of a process and its configuration."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.bootstrap.test_reload import settings
from tests.fakes.house import OWN
from tests.fakes.keyring import FixedKeyRing

from homeport.api.auth import read_pepper
from homeport.bootstrap import path as bootstrap_path
from homeport.bootstrap.path import RequestPath
from homeport.bootstrap.storage import open_storage
from homeport.config.home import Home
from homeport.core.errors import ConfigError
from homeport.core.types import Key, Surface, UpstreamCall
from homeport.pipeline.dispatch import Dispatcher
from homeport.pipeline.salting import Salter
from homeport.telemetry.metrics import Metrics

BROKEN = (
    {"policy": "static", "options": {"nonsense": 1}},
    {"policy": "no_such_policy"},
    {"policy": "complexity"},  # there is one tier alone
)


async def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    before = settings()
    engine = open_storage(before, home)
    path = RequestPath(before, home, FixedKeyRing({}), Metrics(), engine)
    whole = (path.pipeline, path.catalogue, path.counting, path.target_states())
    try:
        for routing in BROKEN:
            changed = settings(
                tiers=[{"name": "other", "targets": [{"model": "n", "provider": "p"}]}],
                privacy={"taint_days": 1},
                routing=routing,
            )
            with pytest.raises(ConfigError):
                path.adopt(changed)
            assert (path.pipeline, path.catalogue, path.counting, path.target_states()) == whole
        path.adopt(settings(tiers=[{"name": "other", "targets": [{"model": "n", "provider": "p"}]}]))
        assert [state["tier"] for state in path.target_states()] == ["other"]
    finally:
        async with path.running():
            pass
        engine.dispose()


async def test_calls_are_salted_with_the_secret_of_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it an engine that keeps prompts apart is not asked at all."""
    given: list[Salter] = []

    def noted(**parts: Any) -> Dispatcher:
        given.append(parts["salter"])
        return Dispatcher(**parts)

    monkeypatch.setattr(bootstrap_path, "Dispatcher", noted)
    home = Home(tmp_path)
    home.create()
    engine = open_storage(settings(), home)
    async with RequestPath(settings(), home, FixedKeyRing({}), Metrics(), engine).running():
        pass
    engine.dispose()
    target, key = msgspec.structs.replace(OWN, salted_by="key"), Key(id="key_1", name="one", project="a")
    call = UpstreamCall(target=target, surface=Surface.CHAT, fields={}, request_id="r")
    ours = Salter(read_pepper(home.pepper)).salted(call, key)
    assert "cache_salt" in ours.fields
    assert [salter.salted(call, key) for salter in given] == [ours]
