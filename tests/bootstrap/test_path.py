"""The request path of a process and its configuration."""

from pathlib import Path

import pytest
from tests.bootstrap.test_reload import settings
from tests.fakes.keyring import FixedKeyRing

from homeport.bootstrap.path import RequestPath
from homeport.bootstrap.storage import open_storage
from homeport.config.home import Home
from homeport.core.errors import ConfigError
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
