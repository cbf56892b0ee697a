"""`homeport up`: starts, says what a person needs, stops cleanly, and is quick the second time."""

import json
import stat
import time
from collections.abc import Callable

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow


def test_the_first_run_writes_what_is_needed_and_says_where(program: Program) -> None:
    while "Ctrl-C stops" not in (said := program.output()):
        time.sleep(0.05)  # /readyz may answer a moment before the welcome is printed
    assert f"Homeport is ready at {program.url}" in said
    assert str(program.home / "local.key") in said
    assert "curl" in said
    assert "from openai import OpenAI" in said
    assert "off until their key is set: openai (OPENAI_API_KEY)" in said
    assert stat.S_IMODE((program.home / "local.key").stat().st_mode) == 0o600
    assert (program.home / "homeport.yaml").exists()
    assert program.key not in said


def test_the_hybrid_is_visible_without_a_key(program: Program) -> None:
    answers = {tier: program.chat("What is a lease?", model=tier) for tier in ("local", "mid", "frontier")}
    assert [answers[tier][1]["x-homeport-tier"] for tier in answers] == ["local", "mid", "frontier"]
    costs = [float(answers[tier][1]["x-homeport-cost"]) for tier in answers]
    assert 0 < costs[0] < costs[1] < costs[2]
    for tier in ("mid", "frontier"):
        assert b"simulated" in answers[tier][2]
    assert b"simulated" not in answers["local"][2]


def test_up_twice_points_at_the_running_one(program: Program) -> None:
    assert f"already runs with this state folder: {program.url}" in program.run("up")


def test_status_and_check(program: Program) -> None:
    status = json.loads(program.run("status", "--json"))
    assert (status["ready"], status["engines"]) == (True, {"smollm2": True})
    assert "usual" in program.run("status"), "whether anything is unusual, in a sentence"
    ran = status["fingerprints"]["smollm2"]
    assert (ran["engine"], ran["build"].split()[0], ran["package"][:7]) == ("llamacpp", "xllamacpp", "sha256:")
    assert set(status["processes"]) == {"engine-smollm2", "gateway", "jobs"}
    assert [status["processes"]["gateway"]] == program.children("gateway --supervised")
    findings = json.loads(program.run("check", "--json"))
    assert {finding["level"] for finding in findings} == {"ok", "off"}


def test_chat_from_the_terminal(program: Program) -> None:
    answer = json.loads(program.run("chat", "What is a lease?", "--model", "local", "--max-tokens", "24", "--json"))
    assert answer["answer"]
    assert answer["tier"] == "local"
    assert answer["cost_nanodollars"] > 0


def test_it_starts_again_and_stops_cleanly(new_program: Callable[[], Program]) -> None:
    program = new_program()
    key = ""
    for _ in range(2):
        program.start()
        assert key in ("", program.key)
        key = program.key
        assert program.chat("Hello")[0] == 200
        assert program.stop() == 0
        assert program.get("/livez")[0] == 0
        assert "Traceback" not in program.output()
    assert list((program.home / "run").glob("*.json")) == []
    assert json.loads(program.run("cost", "--json"))["requests"] == 2


def test_a_taken_port_is_said(program: Program, new_program: Callable[[], Program]) -> None:
    other = new_program()
    other.environment["HOMEPORT_PORT"] = str(program.port)
    done = other.execute("up")
    assert done.returncode == 2
    assert "port_unavailable" in done.stderr
    assert "HOMEPORT_PORT=" in done.stderr


def test_keys_are_made_and_revoked_while_it_runs(own_program: Program) -> None:
    token = json.loads(own_program.run("keys", "create", "bot", "--tier", "local", "--json"))["key"]
    own_program.run("keys", "create", "other")
    headers = {"authorization": f"Bearer {token}"}
    body = {"model": "frontier", "max_tokens": 4, "messages": [{"role": "user", "content": "Hi"}]}
    wait_for_status(own_program, body, headers, 403)
    assert own_program.post("/chat/completions", body | {"model": "local"}, headers)[0] == 200
    key_id = next(key["id"] for key in json.loads(own_program.run("keys", "list", "--json")) if key["name"] == "bot")
    own_program.run("keys", "revoke", key_id)
    wait_for_status(own_program, body | {"model": "local"}, headers, 401)


def wait_for_status(program: Program, body: dict[str, object], headers: dict[str, str], status: int) -> None:
    """A running gateway learns of keys within a second or so."""
    for _ in range(100):
        seen = program.post("/chat/completions", body, headers)[0]
        if seen == status:
            return
    raise AssertionError(f"still {seen}, not {status}")
