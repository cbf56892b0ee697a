"""`homeport users` and `homeport audit`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from homeport.cli.commands import app
from homeport.cli.context import Context
from homeport.console import passwords
from homeport.storage.db import open_database, sqlite_url, writing
from homeport.storage.people_tables import audit
from homeport.storage.users import find_user
from tests.cli.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_the_life_of_a_user(terminal: Terminal) -> None:
    made = terminal.told("users", "add", "grace", "--role", "admin")
    assert (made["name"], made["role"]) == ("grace", "admin")
    engine = open_database(sqlite_url(terminal.home / "homeport.db"))
    user = find_user(engine, "grace")
    assert user is not None
    assert passwords.matches(made["password"], user.password)
    assert terminal.ask("users", "add", "grace").code == "user_name_taken"
    assert terminal.ask("users", "role", "grace", "viewer").code == "last_admin"
    assert terminal.ask("users", "remove", "grace").code == "last_admin"
    terminal.run("users", "add", "ada", "--role", "admin")
    assert "grace is viewer" in terminal.run("users", "role", "grace", "viewer")
    assert [(one["name"], one["role"]) for one in terminal.told("users", "list")] == [
        ("ada", "admin"),
        ("grace", "viewer"),
    ]
    assert "grace" in terminal.run("users", "list")
    new = terminal.run("users", "password", "grace").strip()
    assert new != made["password"]
    assert "Ended 0" in terminal.run("users", "sign-out", "grace")
    terminal.run("users", "remove", "grace")
    for command in ("remove", "password", "sign-out"):
        assert terminal.ask("users", command, "grace").code == "user_unknown"
    engine.dispose()


@pytest.mark.parametrize("name", ["", "a b", "../x", "<b>", "x" * 200, "-x", "\u202e"])
def test_what_is_no_name(terminal: Terminal, name: str) -> None:
    assert terminal.ask("users", "add", "--", name).code in ("user_name_invalid", "name_unreadable")


def test_a_password_from_standard_input(terminal: Terminal) -> None:
    def add(name: str, typed: str) -> int:
        arguments = ("users", "add", name, "--password-stdin")
        environment = {"HOMEPORT_HOME": str(terminal.home)}
        return CliRunner().invoke(app, arguments, obj=Context(), env=environment, input=typed).exit_code

    assert add("ada", "correct horse battery\n") == 0
    assert add("bob", "short\n") == 1
    assert [one["name"] for one in terminal.told("users", "list")] == ["ada"]


def test_the_log_has_what_was_changed_here_and_by_whom(terminal: Terminal) -> None:
    key = terminal.told("keys", "create", "bot", "--rpm", "60")
    terminal.run("keys", "update", key["id"], "--rpm", "120")
    terminal.run("keys", "revoke", key["id"])
    terminal.run("budget", "create", "cap", "--all", "--limit", "5", "--window", "day")
    terminal.run("budget", "update", "cap", "--limit", "2")
    rows = terminal.told("audit", "list")
    assert [row["action"] for row in rows] == [
        *("budget.update", "budget.create", "key.revoke", "key.update", "key.create"),
    ]
    assert {row["origin"] for row in rows} == {"cli"}
    assert (rows[0]["before"], rows[0]["after"]) == ({"limit_usd": "5.000000000"}, {"limit_usd": "2.000000000"})
    assert (rows[3]["before"]["requests_per_minute"], rows[3]["after"]["requests_per_minute"]) == (60, 120)
    assert key["key"] not in str(rows)
    assert "key.revoke" in terminal.run("audit", "list", "--action", "key", "--limit", "1")
    assert terminal.told("audit", "list", "--action", "key.revoke", "--actor", "nobody") == []


def test_a_log_that_was_changed_is_told(terminal: Terminal) -> None:
    for name in ("a", "b"):
        terminal.run("keys", "create", name)
    assert terminal.told("audit", "verify") == {"ok": True, "rows": 2, "removed": 0, "findings": []}
    engine = open_database(sqlite_url(terminal.home / "homeport.db"))
    with writing(engine) as connection:
        connection.execute(audit.update().where(audit.c.sequence == 1).values(actor="somebody else"))
    engine.dispose()
    said = terminal.ask("audit", "verify")
    assert (said.exit_code, "row 1 was changed" in said.output) == (1, True)
