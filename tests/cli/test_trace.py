"""`homeport trace`, as a person types it."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.storage.bodies import BodyStore
from homeport.storage.journal import Journal
from tests.cli.terminal import Terminal
from tests.storage.events import finished
from tests.traces.kept import chat

NOVEMBER = 1_793_491_200 * 10**9
"""2026-11-01 00:00:00 UTC."""
HOUR = 3_600 * 10**9
HOSTILE = "<b>[red]ann\x1b[2J\u202e\nERROR fake log line"


def event(number: int, **more: Any) -> RequestFinished:
    row = finished(f"r{number}", cost=number * 1000, started_at=NOVEMBER + number * HOUR)
    return msgspec.structs.replace(row, **{"project": f"acme/{number % 2}", **more})


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    opened = Terminal(tmp_path / "home")
    journal = Journal(opened.home / "journal")
    for number in range(4):
        journal.record(event(number))
    failure = {"outcome": Outcome.FAILED, "error": "upstream_timeout", "status": 504}
    journal.record(event(4, reason=HOSTILE, target=HOSTILE, trace_id="tr_1", **failure))
    journal.close()
    return opened


def ids(terminal: Terminal, *options: str) -> list[str]:
    return [one["id"] for one in terminal.told("trace", "list", *options)["requests"]]


def test_a_list(terminal: Terminal) -> None:
    said = terminal.run("trace", "list", "--limit", "2")
    assert "2026-11-01 04:00:00" in said
    assert "r4" in said
    assert "r3" in said
    assert "r2" not in said
    place = said.partition("--after ")[2].strip()
    assert ids(terminal, "--after", place) == ["r2", "r1", "r0"]


def test_what_is_looked_for(terminal: Terminal) -> None:
    assert ids(terminal) == ["r4", "r3", "r2", "r1", "r0"]
    assert ids(terminal, "--project", "acme/1") == ["r3", "r1"]
    assert ids(terminal, "--project", "acme", "--min-cost-usd", "0.000003") == ["r4", "r3"]
    assert ids(terminal, "--outcome", "failed", "--trace", "tr_1", "--status", "504") == ["r4"]
    assert ids(terminal, "--since", "2026-11-01T03:00", "--until", "2026-11-01T04:00") == ["r3"]
    assert ids(terminal, "--until", "2020-01-01") == []
    assert "There is no such request." in terminal.run("trace", "list", "--key", "nobody")


def keep(terminal: Terminal) -> None:
    bodies = BodyStore(terminal.home / "captured", keep_days=3_650, most_bytes=1 << 24)
    bodies.put(chat("r4", prompt=HOSTILE, answer=f"the answer {HOSTILE}", at=NOVEMBER + 4 * HOUR))


def test_one_request_whole(terminal: Terminal) -> None:
    keep(terminal)
    said = terminal.run("trace", "r4")
    for word in (
        "r4",
        "2026-11-01 04:00:00 UTC",
        "failed upstream_timeout, HTTP 504",
        "of acme/0",
        "tr_1",
        "0.000004000",
    ):
        assert word in said
    assert "the answer" in said
    assert "be brief" in said
    assert terminal.run("trace", "show", "r4") == said
    assert terminal.run("trace", "tr_1") == said
    told = terminal.told("trace", "r4")
    assert told["said"]["answer"] == f"the answer {HOSTILE}"
    assert terminal.told("trace", "r3")["said"] is None
    assert "was not kept" in terminal.run("trace", "r3")
    assert terminal.ask("trace", "r9").code == "request_unknown"
    assert terminal.ask("trace", "../r4").code == "request_unknown"


def test_search(terminal: Terminal) -> None:
    keep(terminal)
    said = terminal.run("trace", "search", "the", "answ*")
    assert "r4" in said
    assert "the answer" in said
    assert [one["id"] for one in terminal.told("trace", "search", '"fake log line"')["requests"]] == ["r4"]
    assert terminal.told("trace", "search", "answer", "--outcome", "completed") == {"requests": [], "next": None}
    assert "capture.enabled is off" in terminal.run("trace", "search", "nothing")
    for words in ("***", ""):
        assert terminal.ask("trace", "search", words).code == "search_empty"


def test_what_was_said_is_forgotten(terminal: Terminal) -> None:
    keep(terminal)
    terminal.run("trace", "search", "answer")
    assert terminal.told("trace", "forget", "r4") == {"id": "r4", "forgotten": True}
    assert terminal.told("trace", "search", "answer")["requests"] == []
    assert terminal.told("trace", "r4")["said"] is None
    assert terminal.ask("trace", "forget", "r4").code == "content_unknown"
    assert terminal.ask("trace", "forget", "../r4").code == "content_unknown"
    [row] = terminal.told("audit", "list", "--action", "requests")
    assert (row["action"], row["subject"], row["origin"]) == ("requests.remove", "r4", "cli")


def test_export(terminal: Terminal, tmp_path: Path) -> None:
    keep(terminal)
    out = tmp_path / "out.jsonl"
    told = terminal.told("trace", "export", "--out", str(out), "--content", "--project", "acme/0")
    assert told == {"format": "jsonl", "file": str(out), "requests": 3}
    assert json.loads(out.read_text().splitlines()[-1])["messages"][1]["text"] == HOSTILE
    assert "\x1b" not in out.read_text()
    assert terminal.ask("trace", "export", "--out", str(out)).code == "export_file_exists"
    assert "5 requests are in" in terminal.run("trace", "export", "--out", str(out), "--force")
    assert terminal.ask("trace", "export", "--out", str(tmp_path / "x"), "--format", "csv").code == "format_unknown"


@pytest.mark.parametrize("asked", [("list",), ("r4",), ("search", "answer"), ("search", "log")])
def test_what_callers_wrote_is_text(terminal: Terminal, asked: tuple[str, ...]) -> None:
    keep(terminal)
    said = terminal.run("trace", *asked)
    assert {unicodedata.category(letter) for letter in said if letter != "\n"} & {"Cc", "Cf", "Zl", "Zp"} == set()
    assert "[red]ann" in said
    assert not any(line.startswith("ERROR fake") for line in said.splitlines())


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--since", "yesterday"), "time_invalid"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "period_invalid"),
        (("--min-cost-usd", "much"), "amount_invalid"),
        (("--min-cost-usd", "-1"), "amount_invalid"),
        (("--min-cost-usd", "1e15"), "amount_invalid"),
        (("--after", "x"), "cursor_invalid"),
        (("--key", "\x1b[2J"), "name_unreadable"),
        (("--limit", "0"), "usage"),
        (("--status", "-5"), "usage"),
    ],
)
def test_what_cannot_be_asked(terminal: Terminal, options: tuple[str, ...], code: str) -> None:
    assert terminal.ask("trace", "list", *options).code == code
