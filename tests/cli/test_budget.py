"""`homeport budget`, and a key that is made with one."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_the_life_of_a_budget(terminal: Terminal) -> None:
    made = terminal.told(
        *("budget", "create", "search", "--project", "acme/search", "--limit", "25.00", "--window", "month"),
        *("--action", "degrade", "--alert", "100,50"),
    )
    assert (made["kind"], made["scope"], made["limit_usd"]) == ("project", "acme/search", "25.000000000")
    assert (made["window"], made["action"], made["thresholds"]) == ("month", "degrade", [50, 100])
    assert terminal.told("budget", "show", "search") == terminal.told("budget", "show", made["id"]) == made
    changed = terminal.told("budget", "update", "search", "--limit", "$40", "--name", "find", "--alert", "none")
    assert (changed["name"], changed["limit_usd"], changed["thresholds"]) == ("find", "40.000000000", [])
    assert [one["name"] for one in terminal.told("budget", "list")] == ["find"]
    assert "40.000000000" in terminal.run("budget", "list")
    assert "at the limit: degrade; alerts: never" in terminal.run("budget", "show", "find")
    assert terminal.told("budget", "remove", "find") == {"id": made["id"], "removed": True}
    assert terminal.told("budget", "list") == []


def test_a_key_with_a_budget_of_its_own(terminal: Terminal) -> None:
    key = terminal.told("keys", "create", "bot", "--budget", "5.00/day")
    (budget,) = terminal.told("budget", "list")
    assert (budget["name"], budget["kind"], budget["scope"]) == (key["id"], "key", key["id"])
    assert (budget["limit_usd"], budget["window"], budget["action"]) == ("5.000000000", "day", "block")
    for bad in ("5", "5/week", "/day", "-1/day", "NaN/day", "1e9/day"):
        assert terminal.ask("keys", "create", "bad", f"--budget={bad}").code in (
            "budget_invalid",
            "budget_span_invalid",
        )
    assert [one["id"] for one in terminal.told("keys", "list")] == [key["id"]], "no key without its cap"


def test_what_cannot_be_asked(terminal: Terminal) -> None:
    asked = ("budget", "create", "b", "--limit", "1", "--window", "day")
    for arguments, code in (
        (asked, "budget_scope_ambiguous"),
        ((*asked, "--all", "--user", "*"), "budget_scope_ambiguous"),
        ((*asked, "--project", "*"), "budget_invalid"),
        ((*asked, "--key", "key_none"), "key_unknown"),
        ((*asked, "--all", "--alert", "50,,80"), "thresholds_invalid"),
        ((*asked, "--all", "--alert", "9" * 5_000), "thresholds_invalid"),
        (("budget", "create", "b", "--limit=-1", "--window", "day", "--all"), "budget_invalid"),
        (("budget", "create", "b", "--limit", "1e400", "--window", "day", "--all"), "budget_invalid"),
        ((*asked[:-1], "year", "--all"), "usage"),
        (asked[:-2], "usage"),
        (("budget", "show", "nothing"), "budget_unknown"),
        (("budget", "remove", "' OR 1=1 --"), "budget_unknown"),
    ):
        assert terminal.ask(*arguments).code == code


def subjects(terminal: Terminal) -> list[str]:
    return [one["subject"] for one in terminal.ask("check", "--json").json if one["subject"].startswith("budgets")]


def test_check_names_models_that_a_capped_key_cannot_use(terminal: Terminal) -> None:
    assert subjects(terminal) == []
    key = terminal.told("keys", "create", "bot", "--project", "acme/search")["id"]
    assert subjects(terminal) == []
    cap = ("--limit", "1", "--window", "day")
    terminal.run("budget", "create", "elsewhere", "--project", "acme/sea", *cap)
    assert subjects(terminal) == [], "no key is in that project"
    for number, scope in enumerate((("--project", "acme"), ("--key", key), ("--user", "*"), ("--all",))):
        terminal.run("budget", "create", f"b{number}", *scope, *cap)
        assert subjects(terminal) == ["budgets of m"], scope
        terminal.run("budget", "remove", f"b{number}")
    terminal.run("budget", "create", "all", "--all", *cap)
    terminal.configure("budgets: {unknown_price_usd: 1}\n")
    assert subjects(terminal) == []
    terminal.configure()
    terminal.run("keys", "revoke", key)
    assert subjects(terminal) == [], "nobody is left who could ask"
