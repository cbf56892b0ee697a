"""`homeport budget holders` and `homeport budget give-up`."""

import time
from pathlib import Path

import pytest

from homeport.core.budgets import Account
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import list_budgets
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.lost import LATELY_NS
from tests.cli.terminal import Terminal

LOST = ("0123456789ab-0123456789abcdef", "0123456789ab-fedcba9876543210")
ALIVE = "ba9876543210-0123456789abcdef"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Two processes of a lost folder hold 2 dollars each, and one of another folder that lives holds 1."""
    terminal = Terminal(tmp_path / "home")
    terminal.run("budget", "create", "all", "--all", "--limit", "10", "--window", "total")
    for name in LOST:
        lease(terminal, name, 2, LATELY_NS)
    lease(terminal, ALIVE, 1, 0)
    return terminal


def lease(terminal: Terminal, holder: str, usd: int, ago: int) -> None:
    engine = open_database(sqlite_url(terminal.home / "homeport.db"))
    (stored,) = list_budgets(engine)
    amount = Nano(usd * 10**9)
    bank = DatabaseBank(engine, lambda: time.time_ns() - ago)
    bank.trade(holder, Account(stored.budget), settled=Nano(0), returned=Nano(0), need=amount, want=amount)
    engine.dispose()


def spent(terminal: Terminal) -> tuple[str, str]:
    shown = terminal.told("budget", "show", "all")
    return shown["spent_usd"][:-10], shown["leased_usd"][:-10]


def test_holders_are_listed(terminal: Terminal) -> None:
    listed = terminal.told("budget", "holders")
    assert [(one["name"], one["state"], one["held_usd"]) for one in listed] == [
        (LOST[0], "silent", "2.000000000"),
        (LOST[1], "silent", "2.000000000"),
        (ALIVE, "alive", "1.000000000"),
    ]
    assert listed[0]["since"] == listed[0]["seen_at"] < time.time() - 899
    assert [one["budget"] for one in listed[0]["leases"]] == ["all"]
    table = terminal.run("budget", "holders")
    assert LOST[0] in table
    assert "15 min ago" in table
    assert "s ago" in table


def test_a_lost_folder_is_given_up(terminal: Terminal) -> None:
    assert spent(terminal) == ("0", "5")
    (one,) = terminal.told("budget", "give-up", LOST[0])
    assert (one["name"], one["booked_usd"], one["corrected_usd"]) == (LOST[0], "2.000000000", "2.000000000")
    assert spent(terminal) == ("2", "3")
    said = terminal.run("budget", "give-up", LOST[0][:12], "--free")
    assert (
        said
        == f"Gave up {LOST[1]}: $0.000000000 booked as spent, $2.000000000 freed, $0.000000000 in rows of correction.\n"
    )
    assert spent(terminal) == ("2", "1")


def test_who_is_not_lost_is_not_given_up(terminal: Terminal) -> None:
    assert terminal.ask("budget", "give-up", ALIVE, "--free").code == "holder_alive"
    lease(terminal, f"{LOST[0][:-1]}0", 1, 0)
    for word in (*LOST, LOST[0][:12]):
        assert terminal.ask("budget", "give-up", word).code in ("holder_not_lost", "holder_alive")
    for word in ("", "nobody", "../../etc/passwd", LOST[0] * 99, "' OR 1=1 --"):
        assert terminal.ask("budget", "give-up", word).code == "holder_unknown"
    assert terminal.ask("budget", "give-up", "\x1b[31m").code == "name_unreadable"
    assert spent(terminal) == ("0", "6")
