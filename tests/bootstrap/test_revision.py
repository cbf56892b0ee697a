"""What is another model, though its name is the same."""

import os
from pathlib import Path
from typing import Any

from tests.fakes.engines import place
from tests.fakes.gguf import gguf

from homeport import bootstrap
from homeport.bootstrap.revision import revision
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.packages.base import PackageSpec, SilentProgress
from homeport.packages.layout import Store
from homeport.packages.pull import pull

URL = "http://127.0.0.1:1/v1"


def settings(*, engine: dict[str, Any] | None = None, **provider: Any) -> Settings:
    own = {"engines": {"up": {"hourly_cost_usd": "0.10", **(engine or {})}}}
    if engine is not None and "package" in engine:
        own["packages"] = {"tiny": {"source": "file:///tiny.gguf"}}
    other = {"providers": {"up": {"provider": "openai_compatible", "api_key": "k", "base_url": URL, **provider}}}
    target = {"model": "m", **({"engine": "up"} if engine is not None else {"provider": "up"})}
    upstreams = other if engine is None else own
    return Settings.model_validate({**upstreams, "tiers": [{"name": "t", "targets": [target]}]})


def of_provider(**provider: Any) -> str:
    [target] = bootstrap.build_targets(settings(**provider), {})
    return target.revision


def of_engine(home: Home, **engine: Any) -> str:
    chosen = settings(engine=engine)
    place(chosen, home)
    [target] = bootstrap.build_targets(chosen, bootstrap.read_endpoints(home))
    return target.revision


def test_another_address_adapter_or_option_is_another_model() -> None:
    revisions = {
        of_provider(),
        of_provider(base_url=URL + "/other"),
        of_provider(provider="azure"),
        of_provider(options={"drop_fields": ["seed"]}),
        of_provider(options={"headers": {"x-region": "eu"}}),
        of_provider(options={"headers": {"x-region": "us"}}),
    }
    assert len(revisions) == 6
    assert {len(one) for one in revisions} == {16}


def test_a_secret_is_not_of_it() -> None:
    assert of_provider(api_key="k1") == of_provider(api_key="k2")
    for name in ("Authorization", "x-api-key", "X-Auth-Token", "cookie"):
        one, other = (of_provider(options={"headers": {name: value}}) for value in ("a", "b"))
        assert one == other != of_provider()
    assert revision("a", "b", {"tokenizer": "c"}) != revision("a", "b", {"tokenizer": "d"})


def test_an_engine_that_runs_elsewhere_is_its_address_and_profile(home: Home) -> None:
    engine = {"engine": "external", "url": URL}
    assert of_engine(home, **engine) == of_engine(home, **engine, api_key="other")
    assert len({of_engine(home, **engine, profile={"slots": slots}) for slots in (1, 2)}) == 2
    assert of_engine(home, **engine) != of_engine(home, engine="external", url="http://127.0.0.1:2/v1")


def test_an_engine_of_ours_is_its_package_wherever_it_listens(home: Home, tmp_path: Path) -> None:
    dates = iter(range(1_700_000_000, 1_800_000_000, 1_000_000))

    def packed(weights: bytes) -> str:
        path = tmp_path / "tiny.gguf"
        path.write_bytes(weights)
        os.utime(path, (0, next(dates)))
        pull(Store(home.packages), PackageSpec(name="tiny", source=str(path)), SilentProgress())
        return of_engine(home, engine="llamacpp", package="tiny", profile={"embeddings": False})

    one, again, other = packed(gguf()), packed(gguf()), packed(gguf(data=bytes(2000)))
    assert one == again != other


def test_it_takes_whatever_options_a_file_holds() -> None:
    assert revision("a", "b", {"x": 2**70, "y": [float("inf"), None, {"z": b"raw"}]})
