"""A new configuration is adopted whole, or refused whole."""

import asyncio
from typing import Any

import pytest

from homeport.bootstrap.reload import Reloader, restart_needed
from homeport.config.file import ConfigFile
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError


def settings(**changes: Any) -> Settings:
    target = {"model": "m", "provider": "p"}
    base: dict[str, Any] = {
        "providers": {"p": {"provider": "simulated"}},
        "tiers": [{"name": "t", "targets": [target]}],
    }
    return Settings.model_validate(base | changes)


class File(ConfigFile):
    """A configuration file that a test writes; `broken` is what reading it raises."""

    def __init__(self) -> None:
        self.settings = settings()
        self.broken: ConfigError | None = None
        self.version = 0
        self.kept: list[int] = []
        self.adopted: list[Settings] = []
        self.counted: list[str] = []

    def write(self, changed: Settings) -> None:
        self.settings, self.broken, self.version = changed, None, self.version + 1

    def damage(self) -> None:
        self.broken, self.version = ConfigError("homeport.yaml:3:1 tiers: is wrong"), self.version + 1

    def stamp(self) -> tuple[int, int, int]:
        return self.version, 0, 0

    def keep(self) -> None:
        self.kept.append(self.version)

    def read(self) -> Settings:
        if self.broken:
            raise self.broken
        return self.settings

    def reloader(self) -> Reloader:
        return Reloader(
            self.settings,
            file=self,
            adopt=self.adopted.append,
            count=self.counted.append,
        )


async def test_a_change_is_adopted_and_its_digest_told() -> None:
    file = File()
    reloader = file.reloader()
    before = await reloader.reload()
    assert file.adopted == [], "nothing changed"
    file.write(settings(aliases={"a": "m"}))
    after = await reloader.reload()
    assert before != after
    assert [adopted.aliases for adopted in file.adopted] == [{"a": "m"}]
    assert reloader.settings.aliases == {"a": "m"}
    assert file.counted == ["adopted", "adopted"]
    assert file.kept == [0, 1]


async def test_a_broken_one_is_refused_with_its_line_and_changes_nothing() -> None:
    file = File()
    reloader = file.reloader()
    file.damage()
    with pytest.raises(ConfigError, match=r"homeport\.yaml:3:1"):
        await reloader.reload()
    assert (file.adopted, file.counted) == ([], ["refused"])
    assert reloader.settings == settings()


async def test_what_cannot_be_put_into_effect_is_refused_too() -> None:
    file = File()

    def refuse(_: Settings) -> None:
        raise ConfigError("the policy is unknown")

    reloader = Reloader(file.settings, file=file, adopt=refuse, count=file.counted.append)
    file.write(settings(aliases={"a": "m"}))
    with pytest.raises(ConfigError):
        await reloader.reload()
    assert reloader.settings.aliases == {}
    assert file.kept == []


async def test_the_file_is_watched_and_a_mistake_does_not_end_the_watch() -> None:
    file = File()
    reloader = file.reloader()
    watch = asyncio.create_task(reloader.watch())
    await asyncio.sleep(0)
    file.damage()
    while file.counted != ["refused"]:
        await asyncio.sleep(0.05)
    file.write(settings(aliases={"a": "m"}))
    while not file.adopted:
        await asyncio.sleep(0.05)
    watch.cancel()
    assert file.counted == ["refused", "adopted"]


def engine(**changes: Any) -> dict[str, Any]:
    return {"engines": {"e": {"engine": "external", "url": "http://a/v1", "hourly_cost_usd": "1", **changes}}}


def test_what_is_let_into_an_engine_needs_no_restart() -> None:
    before, after = settings(**engine()), settings(**engine(admission={"limit": 3}))
    assert before != after
    assert restart_needed(before, after) == []
    assert restart_needed(before, settings(**engine(admission={"limit": 3}, profile={"slots": 2}))) == ["engines"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"aliases": {"a": "m"}}, []),
        ({"server": {"max_in_flight": 7}}, []),
        ({"server": {"port": 9}}, ["server.port"]),
        (
            {"engines": {"e": {"engine": "external", "url": "http://127.0.0.1:1/v1", "hourly_cost_usd": "1"}}},
            ["engines"],
        ),
    ],
)
def test_what_needs_a_restart_is_said(changes: dict[str, Any], names: list[str]) -> None:
    assert restart_needed(settings(), settings(**changes)) == names
