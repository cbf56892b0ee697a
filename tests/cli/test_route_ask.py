"""`homeport route "..."` as a person runs it: without a gateway, by the configuration."""

import json
from pathlib import Path

import pytest

from tests.cli.inside import Inside

LADDER = """
engines:
  own: {engine: external, url: "http://127.0.0.1:9/v1", hourly_cost_usd: "1"}
providers:
  api: {provider: openai_compatible, base_url: "http://127.0.0.1:9/v1"}
tiers:
  - {name: local, targets: [{model: own, engine: own}]}
  - {name: mid, targets: [{model: gpt-5.4-mini, provider: api, price: "openai:gpt-5.4-mini"}]}
  - {name: frontier, targets: [{model: gpt-5.4, provider: api, price: "openai:gpt-5.4"}]}
routing:
  policy: complexity
  options:
    split: {local: 0.5, mid: 0.3, frontier: 0.2}
"""


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def test_a_prompt_is_told_what_would_answer_it(program: Inside) -> None:
    said = program.run("route", "Which clause ends the contract?")
    assert "local · smollm2 answers" in said
    assert "static:local" in said
    assert "No gateway is asked" in said
    told = json.loads(program.run("route", "--json", "Which", "clause?", "--model", "mid"))
    assert (told["tier"], told["policy"]) == ("mid", "static")


def test_a_policy_that_scores_shows_its_ladder(program: Inside) -> None:
    (program.home / "homeport.yaml").write_text(LADDER)
    told = json.loads(program.run("route", "--json", "Why? " * 900))
    assert told["policy"] == "complexity"
    assert told["router"]["version"] == 0
    assert [tier["tier"] for tier in told["tiers"]] == ["local", "mid", "frontier"]
    assert told["counterfactual"]["tier"] == "frontier"
    assert "router version 0" in program.run("route", "Why?")


def test_private_stays_at_home(program: Inside) -> None:
    told = json.loads(program.run("route", "--private", "--json", "Who?"))
    assert {one["tier"] for one in told["candidates"]} == {"local"}
    assert {one["why"] for one in told["removed"]} == {"data_class"}
    assert "local_only" in program.run("route", "--private", "Who?")


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--model", "gone", "x"), "model_not_found"), (("--model", "frontier", "--private", "x"), "private_model_is")],
)
def test_what_the_gateway_would_refuse_is_refused(program: Inside, words: tuple[str, ...], code: str) -> None:
    done = program.execute("route", "ask", *words)
    assert done.returncode == 1
    assert code in done.stderr


@pytest.mark.parametrize("prompt", ["", "\udcff\udc00", "[bold]x[/]", "\x00", "-", "x" * 50_000, "--"])
def test_hostile_prompts(program: Inside, prompt: str) -> None:
    done = program.execute("route", "ask", "--", prompt)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
