"""`homeport sla`: what people, programs, spreadsheets and customers get to see."""

import csv
import io
import json
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from homeport.cli.sla_formats import as_csv, as_json, as_markdown, milliseconds, percent
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.ledger.indicators import KeyTallies
from homeport.ledger.months import Month
from homeport.ledger.objectives import Indicator, Objective, Promise, Route
from homeport.ledger.sla import KeyTotal, Line, ObjectiveReport, Report
from homeport.ledger.slo import Tally
from homeport.storage.journal import Journal
from tests.cli.inside import Inside
from tests.ledger.requests import failed, request

CONFIG = """\
providers:
  p: {provider: simulated}
tiers:
  - {name: local, targets: [{model: smollm2, provider: p}]}
slo:
  - name: everything
    availability: 0.999
    latency: {within_ms: 4000}
    credits: [{below: 0.999, percent: 10}, {below: 0.5, percent: 25}]
  - {name: streams, route: local, window: month, ttft: {within_ms: 800, share: 0.5}}
"""
OCTOBER = Month(2026, 10).start_ns


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.home.mkdir()
    (program.home / "homeport.yaml").write_text(CONFIG)
    return program


def record(program: Inside, *events: RequestFinished) -> None:
    journal = Journal(program.home / "journal")
    for place, event in enumerate(events):
        journal.record(msgspec.structs.replace(event, request_id=f"r{place}"))
    journal.close()


def test_status_of_an_empty_ledger(program: Inside) -> None:
    rows = json.loads(program.run("sla", "status", "--json"))
    assert [(row["objective"], row["indicator"], row["window"]) for row in rows] == [
        ("everything", "availability", "30d"),
        ("everything", "latency", "30d"),
        ("streams", "ttft", "month"),
    ]
    assert all((row["valid"], row["ratio"], row["budget_left"], row["firing"]) == (0, None, 1.0, []) for row in rows)
    assert "budget left" in program.run("sla", "status")


def test_a_report_of_what_only_the_journal_has(program: Inside) -> None:
    kept = [request(OCTOBER + place, cost=1_005) for place in range(3)]
    record(program, *kept, failed(OCTOBER + 3), failed(OCTOBER - 1), request(OCTOBER + 4, key_id="key_2", cost=7))
    found = json.loads(program.run("sla", "report", "--month", "2026-10", "--json"))
    assert (found["month"], found["complete"]) == ("2026-10", True)
    everything, streams = found["objectives"]
    assert everything["promises"]["availability"] == {"target": 0.999, "good": 4, "valid": 5, "ratio": 0.8}
    assert everything["promises"]["latency"]["quantile_ns"] == 1_000_000
    assert [(key["key_id"], key["requests"], key["credit_percent"]) for key in everything["keys"]] == [
        ("key_1", 4, 10),
        ("key_2", 1, 0),
    ]
    assert streams["promises"]["ttft"]["ratio"] is None
    assert [(key["key_id"], key["cost_nanodollars"], key["credit_nanodollars"]) for key in found["keys"]] == [
        ("key_1", 3_015, 302),
        ("key_2", 7, 0),
    ]
    assert found["keys"][0]["credit_usd"] == "0.000000302"
    text = program.run("sla", "report", "--month", "2026-10")
    assert "0.000000302" in text
    assert "so far" not in text


def test_a_report_of_one_key(program: Inside) -> None:
    program.run("keys", "create", "bot")
    (key,) = [key for key in json.loads(program.run("keys", "list", "--json")) if key["name"] == "bot"]
    record(program, request(OCTOBER, key_id=key["id"]), request(OCTOBER, key_id="key_other"))
    for asked in ("bot", key["id"]):
        rows = list(
            csv.DictReader(io.StringIO(program.run("sla", "report", "--month", "2026-10", "--csv", "--key", asked)))
        )
        assert [(row["key_name"], row["objective"]) for row in rows] == [("bot", "everything"), ("bot", "streams")]
    assert "| bot |" in program.run("sla", "report", "--month", "2026-10", "--markdown", "--key", "bot")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--month", "October"), "month_invalid"),
        (("--month", "2199-01"), "month_invalid"),
        (("--json", "--csv"), "format_ambiguous"),
        (("--key", "nobody"), "key_unknown"),
    ],
)
def test_what_cannot_be_reported(program: Inside, arguments: tuple[str, ...], code: str) -> None:
    done = program.execute("sla", "report", *arguments)
    assert done.returncode == (1 if code == "key_unknown" else 2)
    assert code in done.stderr
    assert "Traceback" not in done.stderr


def test_without_objectives_it_says_what_to_add(program: Inside) -> None:
    (program.home / "homeport.yaml").write_text(CONFIG.partition("slo:")[0])
    for command in ("status", "report"):
        done = program.execute("sla", command)
        assert (done.returncode, "slo_missing" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0.999, "99.900 %"),
        (Fraction(2, 3), "66.666 %"),
        (Fraction(999_999_999, 1_000_000_000), "99.999 %"),
        (1, "100.000 %"),
        (0, "0.000 %"),
        (-9.5, "-950.000 %"),
        (1e-06, "0.000 %"),
    ],
)
def test_percent_is_rounded_down(share: Fraction | float | None, text: str) -> None:
    assert percent(share) == text


def test_milliseconds_are_rounded_up() -> None:
    assert [milliseconds(ns) for ns in (None, 0, 1, 1_000_000, 1_234_000_001)] == [
        "-",
        "0 ms",
        "1 ms",
        "1 ms",
        "1,235 ms",
    ]


def written(name: str) -> tuple[Report, dict[str, str]]:
    """A report of one key with that name."""
    tallies = {Indicator.AVAILABILITY: Tally(good=9, valid=10)}
    promises = {Indicator.AVAILABILITY: Promise(share=999_000)}
    objective = Objective(name="n", route=Route(asked="fast"), window="30d", days=30, promises=promises)
    got = KeyTallies(key_id="key_1", requests=12, cost=1_000, tallies=tallies)
    line = Line(got=got, percent=10, credit=Nano(100))
    quantiles: dict[Indicator, int | None] = {Indicator.AVAILABILITY: None}
    part = ObjectiveReport(objective=objective, tallies=tallies, quantiles=quantiles, lines=(line,))
    total = KeyTotal(key_id="key_1", cost=Nano(1_000), credit=Nano(100))
    return Report(month=Month(2026, 10), complete=False, objectives=(part,), keys=(total,)), {"key_1": name}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_is_no_formula(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv(*written(name)), newline=""))
    assert row["key_name"] == f"'{name}"


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\nb", "a|b", "caf\u00e9", "", " "])
def test_csv_holds_any_name(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv(*written(name)), newline=""))
    assert row == {
        "month": "2026-10",
        "complete": "False",
        "objective": "n",
        "route": "fast",
        "key_id": "key_1",
        "key_name": name,
        "requests": "12",
        "availability_good": "9",
        "availability_valid": "10",
        **dict.fromkeys(("latency_good", "latency_valid", "ttft_good", "ttft_valid"), ""),
        "cost_nanodollars": "1000",
        "cost_usd": "0.000001000",
        "credit_percent": "10",
        "credit_nanodollars": "100",
        "credit_usd": "0.000000100",
    }


def test_markdown_holds_any_name() -> None:
    text = as_markdown(*written("a|b\n<script>\\"))
    assert "| key_1 | a\\|b \\<script\\>\\\\ | 12 | 90.000 % | 0.000001000 | 10 % | 0.000000100 |" in text
    assert "so far" in text
    assert "- availability: promised 99.900 %, kept 90.000 %" in text


def test_json_says_money_both_ways() -> None:
    (key,) = json.loads(json.dumps(as_json(*written("bot"))))["keys"]
    assert key == {
        "key_id": "key_1",
        "key_name": "bot",
        "cost_nanodollars": 1_000,
        "credit_nanodollars": 100,
        "cost_usd": "0.000001000",
        "credit_usd": "0.000000100",
    }
