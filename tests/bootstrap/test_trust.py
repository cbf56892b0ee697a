"""The policy stands before every start of an engine, and before whatever comes into the store."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.fakes.gguf import gguf

from homeport import bootstrap
from homeport.bootstrap.engine_pools import EnginePools
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.load import Environment, load
from homeport.config.schema import Settings
from homeport.core.errors import PackageError
from homeport.engines.base import Endpoint
from homeport.engines.processes import Process, Processes
from homeport.engines.supervisor import Child, ChildSpec
from homeport.packages.base import SilentProgress
from homeport.packages.keys import SigningKey, make_key

KEY = make_key()
CONFIG = """\
packages:
  tiny: {{source: {folder}/tiny.gguf}}
engines:
  tiny: {{engine: llamacpp, package: tiny, hourly_cost_usd: "0"}}
tiers:
  - {{name: local, targets: [{{model: tiny, engine: tiny}}]}}
trust: {trust}
"""
TRUST = f"{{keys: {{release: {{public_key: {KEY.public.line}}}}}, rules: [{{packages: [tiny], keys: [release]}}]}}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    home = Home(tmp_path / "home")
    home.create()
    bootstrap.pull_package(_settings(tmp_path, "{}"), home, "tiny", SilentProgress())
    return home


def _settings(folder: Path, trust: str = TRUST) -> Settings:
    path = folder / "homeport.yaml"
    path.write_text(CONFIG.format(folder=folder, trust=trust))
    return load(path, Environment(home=folder, variables={}))


class Noted(Processes):
    """Starts nothing, and notes what is to be awaited before."""

    def __init__(self) -> None:
        super().__init__(Path(), on_exit=lambda *_: None, on_failure=lambda *_: None)
        self.before_start: Callable[[], Awaitable[None]] | None = None

    def start(self, spec: ChildSpec, before_start: Callable[[], Awaitable[None]] | None = None) -> Process:
        self.before_start = before_start
        return Process(Child(spec), asyncio.create_task(asyncio.sleep(0)))


async def _start(home: Home, settings: Settings) -> str:
    """What keeps the engine down, or ""."""
    noted = Noted()

    async def answers(_: Endpoint) -> bool:
        return True

    EnginePools(settings, home, noted, SystemClock(), answers=answers, speaks=answers).start(lambda _: None)
    assert noted.before_start is not None
    try:
        await noted.before_start()
    except PackageError as error:
        return error.code
    return ""


async def test_an_engine_starts_only_with_what_is_trusted(home: Home, tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    assert await _start(home, settings) == "package_unsigned"
    bootstrap.sign_stored(home, "tiny", make_key())
    assert await _start(home, settings) == "signature_key_unknown"
    signed = bootstrap.sign_stored(home, "tiny", KEY)
    assert await _start(home, settings) == ""
    (signature,) = [path for path in home.packages.glob("blobs/sha256/*") if path.read_bytes() == signed.bundle]
    signature.write_bytes(signed.bundle[:-1] + b"]")
    assert await _start(home, settings) == "package_digest_mismatch"


@pytest.mark.parametrize(("key", "code"), [(KEY, ""), (make_key(), "signature_key_unknown")])
def test_pulling_again_asks_too(home: Home, tmp_path: Path, key: SigningKey, code: str) -> None:
    bootstrap.sign_stored(home, "tiny", key)
    settings = _settings(tmp_path)
    if not code:
        assert bootstrap.pull_package(settings, home, "tiny", SilentProgress()).name == "tiny"
        return
    with pytest.raises(PackageError) as caught:
        bootstrap.pull_package(settings, home, "tiny", SilentProgress())
    assert caught.value.code == code


def test_a_warning_is_told_to_whoever_asks(home: Home, tmp_path: Path) -> None:
    told: list[str] = []
    settings = _settings(tmp_path, "{unsigned: warn}")
    bootstrap.verify_package(settings, home, "tiny", warn=told.append)
    bootstrap.pull_package(settings, home, "tiny", SilentProgress(), told.append)
    assert told == ["tiny: it is not signed"] * 2
