"""The configuration that a first start writes."""

import re
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot

from homeport.config.default import default_yaml
from homeport.config.load import load
from homeport.config.schema import Settings
from tests.config.conftest import LoadText, environment

KEYS = {
    "TOGETHER_API_KEY": ("mid", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "FIREWORKS_API_KEY": ("mid", "gpt-oss-120b"),
    "OPENAI_API_KEY": ("frontier", "gpt-5.4"),
    "ANTHROPIC_API_KEY": ("frontier", "claude-sonnet-4-6"),
    "GEMINI_API_KEY": ("frontier", "gemini-2.5-pro"),
}
STAND_INS = {"mid": "simulated-llama-3.3-70b", "frontier": "simulated-gpt-5.4"}


def active(settings: Settings) -> list[tuple[str, str]]:
    return [(active.tier, active.target.public_name) for active in settings.active_targets()]


def test_without_a_key_it_runs_at_home_and_simulates_the_rest(load_text: LoadText) -> None:
    settings = load_text(default_yaml())
    assert active(settings) == [("local", "smollm2"), *STAND_INS.items()]
    assert {name for _, names in settings.switched_off() for name in names} == set(KEYS)


@pytest.mark.parametrize("variable", KEYS)
def test_a_key_switches_its_model_on(load_text: LoadText, variable: str) -> None:
    settings = load_text(default_yaml(), {variable: "k"})
    tier, model = KEYS[variable]
    assert active(settings) == [("local", "smollm2"), *(STAND_INS | {tier: model}).items()]
    assert variable not in {name for _, names in settings.switched_off() for name in names}


def test_with_every_key_nothing_is_simulated(load_text: LoadText) -> None:
    settings = load_text(default_yaml(), dict.fromkeys(KEYS, "k"))
    assert active(settings) == [("local", "smollm2"), *KEYS.values()]
    assert settings.switched_off() == ()


def test_every_remote_target_has_a_price_that_exists(load_text: LoadText) -> None:
    settings = load_text(default_yaml())
    remote = [target for tier in settings.tiers for target in tier.targets if target.provider]
    assert remote
    for target in remote:
        provider, _, model = (target.price or "").partition(":")
        assert get_snapshot().find_provider_model(model, None, provider, None)


def test_stand_ins_carry_the_price_of_what_they_stand_for(load_text: LoadText) -> None:
    prices = {target.public_name: target.price for tier in load_text(default_yaml()).tiers for target in tier.targets}
    assert prices["simulated-gpt-5.4"] == prices["gpt-5.4"]
    assert prices["simulated-llama-3.3-70b"] == prices["meta-llama/Llama-3.3-70B-Instruct-Turbo"]


def test_its_comments_name_every_key_it_reads() -> None:
    head = "\n".join(line for line in default_yaml().splitlines() if line.startswith("#"))
    assert set(re.findall(r"\w+_API_KEY", head)) == set(re.findall(r"\$\{(\w+):-\}", default_yaml())) - {"NAME"}


def test_a_local_only_file_has_no_way_out(tmp_path: Path) -> None:
    path = tmp_path / "homeport.yaml"
    path.write_text(default_yaml(only_local=True, hourly_cost_usd="1.25", gguf=tmp_path / 'my "odd" model.gguf'))
    settings = load(path, environment(tmp_path))
    assert settings.providers == {}
    assert [tier.name for tier in settings.tiers] == ["local"]
    assert settings.engines["my-odd-model"].hourly_cost == 1_250_000_000
    assert settings.packages["my-odd-model"].source == f'file://{tmp_path}/my "odd" model.gguf'
    assert settings.packages["my-odd-model"].sha256 is None
