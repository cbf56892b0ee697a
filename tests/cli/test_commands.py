"""Commands that need no running gateway: what they print, and how they fail."""

import json
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from homeport.storage.journal import Journal
from homeport.storage.tables import SCHEMA_HEAD
from tests.cli.inside import Inside
from tests.e2e.program import Program
from tests.fakes.gguf import gguf
from tests.storage.events import finished


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


@pytest.fixture
def process(program: Inside) -> Program:
    """The same state folder, with a process for each command."""
    return Program(program.home)


def test_help_names_every_command(process: Program) -> None:
    said = process.run("--help")
    for command in ("up", "init", "check", "chat", "status", "keys", "cost", "package", "db", "run"):
        assert f" {command} " in said
    assert process.execute().returncode == 2
    assert process.run("--version") == "homeport 0.1.0\n"


def test_an_error_is_two_lines_and_no_traceback(process: Program) -> None:
    (process.home / "homeport.yaml").write_text("tiers:\n  - nam: local\n")
    done = process.execute("cost")
    assert done.returncode == 2
    assert "homeport.yaml:2:5" in done.stderr
    assert "did you mean name" in done.stderr.replace('"', "").replace("'", "")
    assert "Traceback" not in done.stderr
    assert "Traceback" in process.execute("--debug", "cost").stderr


def test_a_missing_configuration_says_what_to_type(program: Inside) -> None:
    (program.home / "homeport.yaml").unlink()
    done = program.execute("keys", "list")
    assert done.returncode == 2
    assert "homeport up" in done.stderr


def test_commands_that_need_a_gateway_say_so(program: Inside) -> None:
    for command in (("status",), ("chat", "hello")):
        done = program.execute(*command)
        assert done.returncode == 1
        assert "gateway_not_running" in done.stderr


def test_init_keeps_what_is_there(program: Inside) -> None:
    path = program.home / "homeport.yaml"
    path.write_text("mine")
    done = program.execute("init", str(path))
    assert (done.returncode, path.read_text()) == (2, "mine")
    program.run("init", str(path), "--force", "--only-local", "--hourly-cost", "$1.5")
    assert 'hourly_cost_usd: "1.5"' in path.read_text()
    assert "simulated" not in path.read_text()
    assert program.execute("init", str(path), "--force", "--hourly-cost", "much").returncode == 2
    assert program.execute("init", str(path), "--force", "--gguf", "missing.gguf").returncode == 2


def test_feedback_counts_what_was_said_and_done(program: Inside) -> None:
    assert "Nothing was said" in program.run("feedback")
    journal = Journal(program.home / "journal")
    for number in range(4):
        turn = finished(f"r{number}", started_at=time.time_ns() - (60 - 10 * number) * 10**9)
        journal.record(msgspec.structs.replace(turn, prompt_id="ab", score=0.5))
    (told,) = json.loads(program.run("feedback", "--json"))["tiers"]
    assert (told["tier"], told["source"], told["rated"], told["answers"]) == ("local", "homeport.retry", 3, 4)
    assert told["bad_share_of_answers"] == 0.75
    assert "homeport.retry" in program.run("feedback")
    assert program.execute("feedback", "--since", "soon").returncode == 2


def test_cost_says_what_was_saved_where_it_can_be_told(program: Inside) -> None:
    journal = Journal(program.home / "journal")
    journal.record(finished("r1", cost=1_000))
    assert program.cost()["saved_usd"] is None
    assert "saved" not in program.run("cost")
    journal.record(msgspec.structs.replace(finished("r2", cost=1_000), baseline_cost=51_000))
    told = program.cost()
    assert (told["baseline_usd"], told["compared_usd"], told["saved_usd"]) == (
        *("0.000051000", "0.000001000"),
        "0.000050000",
    )
    assert "0.000050000" in program.run("cost")


def test_cost_says_what_the_cache_saved(program: Inside) -> None:
    journal = Journal(program.home / "journal")
    journal.record(finished("r1", cost=1_000))
    assert program.cost()["cache"] == {"asked": 0, "hits": 0, "hit_rate": None, "saved_usd": "0.000000000"}
    assert "cache" not in program.run("cost")
    for number, kind in enumerate(("miss", "hit", "semantic", "alias")):
        hit = kind != "miss"
        event = finished(f"c{number}", cost=0 if hit else 500)
        journal.record(msgspec.structs.replace(event, cache=kind, saved_cost=400 * hit))
    told = program.cost()
    assert (told["cache"], told["cost_nanodollars"], told["saved_usd"]) == (
        {"asked": 4, "hits": 3, "hit_rate": 0.75, "saved_usd": "0.000001200"},
        1_500,
        None,
    )
    assert "0.000001200 $, which nobody spent" in " ".join(program.run("cost").split())


def test_cost_counts_what_only_the_journal_has(program: Inside) -> None:
    empty = program.cost()
    assert (empty["requests"], empty["cost_nanodollars"], empty["groups"]) == (0, 0, [])
    journal = Journal(program.home / "journal")
    for number in range(5):
        journal.record(finished(f"r{number}", cost=10**number, started_at=number))
    assert program.cost()["cost_nanodollars"] == 11_111
    assert program.cost()["cost_usd"] == "0.000011111"
    assert json.loads(program.run("cost", "--json", "--since", "1h"))["requests"] == 0
    by_model = json.loads(program.run("cost", "--json", "--by", "model"))["groups"]
    assert [(group["group"], group["requests"]) for group in by_model] == [("smollm2", 5)]
    assert "0.000011111" in program.run("cost")
    assert program.execute("cost", "--by", "mood").returncode == 2
    assert program.execute("cost", "--since", "yesterday").returncode == 2


def test_keys(program: Inside) -> None:
    token = json.loads(program.run("keys", "create", "bot", "--data-class", "private", "--days", "3", "--json"))["key"]
    (key,) = json.loads(program.run("keys", "list", "--json"))
    assert (key["name"], key["data_class"], key["state"]) == ("bot", "private", "live")
    stored = sqlite3.connect(program.home / "homeport.db").execute("SELECT * FROM keys").fetchall()
    assert token not in str(stored)
    program.run("keys", "revoke", key["id"])
    assert json.loads(program.run("keys", "list", "--json"))[0]["state"] == "revoked"
    again = program.execute("keys", "revoke", key["id"])
    assert (again.returncode, "key_unknown" in again.stderr) == (1, True)
    assert program.execute("keys", "create", " ").returncode == 1


def test_keys_are_changed_and_rotated(program: Inside) -> None:
    made = json.loads(program.run("keys", "create", "bot", "--rpm", "60", "--tier", "local", "--json"))
    changed = json.loads(
        program.run(
            "keys", "update", made["id"], "--rpm", "0", "--tpm", "9", "--tier", "any", "--scope", "chat", "--json"
        )
    )
    assert (changed["requests_per_minute"], changed["tokens_per_minute"], changed["tiers"]) == (None, 9, [])
    assert (changed["name"], changed["scopes"]) == ("bot", ["chat"])
    token = program.run("keys", "rotate", made["id"], "--grace", "2h").strip()
    assert token != made["key"]
    assert token.startswith(made["key"].rpartition("-")[0][:20])
    (listed,) = json.loads(program.run("keys", "list", "--json"))
    assert len(listed["tokens"]) == 2
    shown = program.run("keys", "list")
    assert "its token before" in shown
    assert "9 tokens/min" in shown
    for bad in ("soon", "1y", "-1s"):
        assert program.execute("keys", "rotate", made["id"], f"--grace={bad}").returncode == 2
    assert program.execute("keys", "rotate", "key_none").returncode == 1
    assert program.execute("keys", "update", made["id"], "--tier", "nope").returncode == 2
    assert "Changed" in program.run("keys", "update", made["id"], "--days", "1")


def test_db(process: Program) -> None:
    assert process.execute("db", "status").returncode == 1
    assert "Upgraded" in process.run("db", "upgrade")
    assert "Already" in process.run("db", "upgrade")
    assert json.loads(process.run("db", "status", "--json"))["schema"] == SCHEMA_HEAD
    (process.home / "homeport.db").write_bytes(b"broken" * 1000)
    done = process.execute("cost")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_packages(program: Inside) -> None:
    assert json.loads(program.run("package", "list", "--json")) == []
    for command in ("pull", "verify"):
        done = program.execute("package", command, "nothing")
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr


def test_versions_of_a_package(program: Inside, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    recipe = tmp_path / "homeport.package.yaml"
    for version in ("1.0.0", "1.1.0"):
        recipe.write_text(f"name: tiny\nversion: {version}\nweights: tiny.gguf\n")
        built = json.loads(program.run("package", "build", str(recipe), "--json"))
        assert (built["name"], built["version"]) == ("tiny", version)
    listed = json.loads(program.run("package", "list", "--json"))
    assert [(row["version"], row["in_use"]) for row in listed] == [("1.0.0", True), ("1.1.0", False)]
    said = program.run("package", "inspect", "tiny:1.1.0")
    assert "1.1.0" in said
    assert "tiny.gguf" in said
    inspected = json.loads(program.run("package", "inspect", "tiny", "--json"))
    assert inspected["config"]["descriptor"]["version"] == "1.0.0"
    (change, *_) = json.loads(program.run("package", "diff", "tiny:1.0.0", "tiny:1.1.0", "--json"))
    assert (change["part"], change["before"], change["after"]) == ("version", "1.0.0", "1.1.0")
    assert "version: 1.0.0 -> 1.1.0" in program.run("package", "diff", "tiny:1.0.0", "tiny:1.1.0")
    assert "the same" in program.run("package", "diff", "tiny", "tiny:1.0.0")
    assert "1 files" in program.run("package", "export", "tiny", str(tmp_path / "out"))
    assert (tmp_path / "out" / "tiny.gguf").read_bytes() == gguf()
    assert program.execute("package", "export", "tiny", str(tmp_path / "out")).returncode == 1
    assert program.execute("package", "inspect", "tiny:9").returncode == 1
    assert "1.1.0" in program.run("package", "use", "tiny", "1.1.0")
    assert json.loads(program.run("package", "verify", "tiny:1.0.0", "--json"))["version"] == "1.0.0"
    assert "1.0.0" in program.run("package", "rollback", "tiny")
    assert program.execute("package", "rollback", "tiny").returncode == 1
    assert program.execute("package", "remove", "tiny", "1.0.0").returncode == 1
    assert "removed" in program.run("package", "remove", "tiny", "1.1.0")
    assert "yes" in program.run("package", "list")
    assert "removed" in program.run("package", "remove", "tiny")
    assert json.loads(program.run("package", "list", "--json")) == []


def test_check_says_how_to_mend(program: Inside) -> None:
    findings = json.loads(program.run("check", "--json"))
    mend = {finding["subject"]: finding["mend"] for finding in findings}
    assert mend["packages.smollm2"] == "homeport package pull smollm2"
    assert mend["providers.openai"] == "export OPENAI_API_KEY=..."
    text = (program.home / "homeport.yaml").read_text().replace("engine: llamacpp", "engine: lamacpp")
    (program.home / "homeport.yaml").write_text(text)
    text = text.replace("    provider: simulated", "    provider: simulated\n    options: {latency: 5}")
    text = text.replace("price: openai:gpt-5.4", "price: openai:gpt-5.44444")
    (program.home / "homeport.yaml").write_text(text + "routing: {policy: psychic}\nprivacy: {find: {aura: block}}\n")
    done = program.execute("check", "--json")
    assert done.returncode == 1
    wrong = {finding["subject"] for finding in json.loads(done.stdout) if finding["level"] == "error"}
    prices = {"price of gpt-5.4", "price of simulated-gpt-5.4"}
    assert wrong == {"engines.smollm2", "providers.demo", "routing", "privacy"} | prices


def test_check_looks_into_the_profile(program: Inside) -> None:
    path = program.home / "homeport.yaml"
    path.write_text(path.read_text().replace("slots: 1 ", "slots: 0 "))
    done = program.execute("check")
    assert done.returncode == 1
    assert "engines.smollm2.profile" in done.stdout


def test_a_place_in_the_file_is_no_emoji(program: Inside) -> None:
    (program.home / "homeport.yaml").write_text("#\n" * 99 + "zzz: 1\n")
    assert "homeport.yaml:100:1" in program.execute("check").stderr


def test_a_folder_that_cannot_be_written_is_said(process: Program) -> None:
    (process.home / "run").mkdir(exist_ok=True)
    (process.home / "run" / "up.lock").mkdir()
    done = process.execute("up")
    assert done.returncode == 1
    assert "state_folder_unusable" in done.stderr
    assert "up.lock" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_is_limited_to_what_there_is(program: Inside) -> None:
    for option in ("--tier", "--model"):
        done = program.execute("keys", "create", "bot", option, "nope")
        assert done.returncode == 2
        assert "nope" in done.stderr
    assert json.loads(program.run("keys", "list", "--json")) == []
