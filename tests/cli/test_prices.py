"""`homeport prices`: what holds on a day, and where it is from."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.inside import Inside

CONFIG = """\
engines:
  own: {engine: external, url: http://127.0.0.1:1/v1, hourly_cost_usd: 1, staff_usd_per_hour: 0.5}
providers:
  openai: {provider: openai, api_key: k, discounts: [{percent: 10, from: 2026-10-01}]}
  other: {provider: openai_compatible, base_url: "https://llm.example/v1", api_key: k}
tiers:
  - name: all
    targets:
      - {model: gpt-4.1, provider: openai}
      - {model: big, provider: other, price: "acme:big"}
      - {model: unknown, provider: other}
      - {model: home, engine: own}
prices:
  - {model: "acme:big", from: 2026-01-01, currency: EUR, input_per_mtok: 0.10, output_per_mtok: 0.4, per_request: 0.001}
  - {model: "acme:big", from: 2027-01-01, per_hour: 3.5, slots: 8}
currencies:
  - {code: EUR, usd: 1.1}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    program = Inside(tmp_path_factory.mktemp("prices") / "home")
    program.home.mkdir()
    Path(program.home / "homeport.yaml").write_text(CONFIG)
    return program


def told(program: Inside, *arguments: str) -> dict[str, Any]:
    found = json.loads(program.run("prices", *arguments, "--json"))
    return {price.pop("model"): price for price in found["prices"]}


def test_every_model_of_the_configuration(program: Inside) -> None:
    found = told(program, "--at", "2026-11-22")
    assert found["gpt-4.1"]["input_usd_per_mtok"] == "1.8"
    assert found["gpt-4.1"]["source"] == "genai-prices:openai:gpt-4.1"
    assert found["gpt-4.1"]["service_tiers"]["batch"]["output_usd_per_mtok"] == "3.6"
    assert found["big"] == {
        "source": "homeport.yaml:acme:big",
        "input_usd_per_mtok": "0.11",
        "cached_input_usd_per_mtok": "0.11",
        "output_usd_per_mtok": "0.44",
        "usd_per_request": "0.0011",
    }
    assert found["unknown"] == {"source": None}
    assert found["home"]["usd_per_hour"] == "1.500000000"


def test_another_day_and_a_model_that_is_not_configured(program: Inside) -> None:
    assert told(program, "big", "--at", "2027-01-01")["big"]["slots"] == 8
    assert told(program, "gpt-4.1", "--at", "2026-09-30")["gpt-4.1"]["input_usd_per_mtok"] == "2"
    assert (
        told(program, "anthropic:claude-sonnet-4-6")["anthropic:claude-sonnet-4-6"]["cache_write_usd_per_mtok"]
        == "3.75"
    )


def test_the_table_says_where_a_price_is_from(program: Inside) -> None:
    said = program.run("prices")
    assert "homeport.yaml:acme:big" in said
    assert "no price is known" in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nobody:nothing",), "price_unknown"),
        (("",), "price_unknown"),
        (("--at", "2026-02-30"), "day_invalid"),
        (("--at", "yesterday"), "day_invalid"),
        (("--at", "2026-W01-1"), "day_invalid"),
    ],
)
def test_what_cannot_be_told(program: Inside, arguments: tuple[str, ...], code: str) -> None:
    done = program.execute("prices", *arguments)
    assert done.returncode == 2
    assert code in done.stderr
    assert "Traceback" not in done.stderr


def test_check_tells_of_what_is_missing(program: Inside) -> None:
    found = json.loads(program.run("check", "--json"))
    [missing] = [finding for finding in found if finding["subject"] == "price of unknown"]
    assert missing["level"] == "warning"
