"""`homeport incidents`: what there is, what is done about it, and what cannot be."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from homeport.storage.audit import Asked, entries
from homeport.storage.incidents import report
from tests.cli.terminal import Terminal
from tests.databases import migrated
from tests.fakes.incidents import NOW, finding

HOSTILE = "[red]worse[/]\x1b[2J\u202e\x07"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def engine(terminal: Terminal) -> Engine:
    return migrated(terminal.home / "homeport.db")


def test_an_incident_from_its_list_to_its_end(terminal: Terminal, engine: Engine) -> None:
    assert "No incident is open" in terminal.run("incidents", "list")
    incident = report(engine, finding(), NOW).id
    assert incident in terminal.run("incidents", "list")
    said = terminal.run("incidents", "show", incident)
    for fact in ("are worse since Sunday", ".74 (.71 to .77)", "5,300", "homeport route versions", "gone/model", "r1"):
        assert fact in said
    assert "is acknowledged" in terminal.run("incidents", "acknowledge", incident)
    noted = terminal.told("incidents", "note", incident, "nothing was changed here")
    assert noted["notes"][-1]["text"] == "nothing was changed here"
    assert "is resolved" in terminal.run("incidents", "resolve", incident, "--reason", "rolled back")
    assert terminal.told("incidents", "list") == []
    [told] = terminal.told("incidents", "list", "--all")
    assert (told["id"], told["state"]) == (incident, "resolved")
    shown = terminal.told("incidents", "show", incident)
    assert [(one["what"], one["text"]) for one in shown["notes"][-1:]] == [("resolved", "rolled back")]
    done = entries(engine, Asked(action="incident"), 10)
    assert [one.action for one in done] == ["incident.resolve", "incident.note", "incident.acknowledge"]
    assert {(one.origin, one.actor) for one in done} == {("cli", shown["notes"][-1]["author"])}


def test_what_cannot_be_asked(terminal: Terminal, engine: Engine) -> None:
    incident = report(engine, finding(), NOW).id
    for arguments, code in (
        (("show", "inc_0"), "incident_unknown"),
        (("acknowledge", "' OR 1=1"), "incident_unknown"),
        (("note", incident, ""), "incident_text_invalid"),
        (("note", incident, "x" * 5_000), "incident_text_invalid"),
        (("note", incident, "a\udcffb"), "incident_text_invalid"),
        (("resolve", incident, "--reason", "\x1b[2J"), "incident_text_invalid"),
        (("resolve", incident), "usage"),
        (("list", "--limit", "1"), "usage"),
    ):
        assert terminal.ask("incidents", *arguments).code == code, arguments
    terminal.run("incidents", "resolve", incident, "--reason", "over")
    assert terminal.ask("incidents", "acknowledge", incident).code == "incident_resolved"


def test_words_of_others_are_text(terminal: Terminal, engine: Engine) -> None:
    changes = {"sentence": HOSTILE, "subject": HOSTILE, "routes": (HOSTILE,), "examples": (HOSTILE,)}
    incident = report(engine, finding(**changes), NOW).id
    for arguments in (("list",), ("show", incident), ("list", "--json"), ("show", incident, "--json")):
        said = terminal.run("incidents", *arguments)
        assert "[red]worse[/]" in said
        assert not {"\x1b", "\x07", "\u202e"} & set(said), arguments
