"""`homeport route refit` as a person runs it, from the journal to a version."""

import json
import time
from pathlib import Path

import msgspec
import pytest

from homeport.storage.db import open_database, sqlite_url
from homeport.storage.feedback import rate
from homeport.storage.journal import Journal
from tests.cli.inside import Inside
from tests.routing.recorded_answers import recorded, write
from tests.routing.test_learning import rated
from tests.storage.events import finished


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def fill(program: Inside, count: int) -> None:
    """Ratings of answers that the default configuration's tiers gave, a few of them private."""
    tiers = {"local": "local", "top": "mid"}
    labels = rated(count, explore=0.3)
    journal = Journal(program.home / "journal")
    for label in labels:
        event = finished(label.request_id, started_at=time.time_ns() - 10**9)
        tier, private = tiers[label.tier], label.started_at % 10 == 0
        journal.record(
            msgspec.structs.replace(
                event,
                tier=tier,
                decided=tier,
                propensity=label.propensity,
                score=0.1,
                data_class="private" if private else "open",
                features=label.features,
            )
        )
    journal.close()
    program.run("cost")
    engine = open_database(sqlite_url(program.home / "homeport.db"))
    for label in labels:
        rate(engine, label.request_id, "user", label.score, "", "key_1", 1)
    engine.dispose()


def test_ratings_become_a_version(program: Inside, tmp_path: Path) -> None:
    fill(program, 160)
    few = program.execute("route", "refit", "--json")
    assert few.returncode == 2
    assert "labels_too_few" in few.stderr
    assert "144 ratings" in few.stderr  # none of the private ones
    write(tmp_path / "answers.jsonl", recorded(100))
    told = json.loads(
        program.run("route", "refit", "--min-labels", "100", "--benchmark", str(tmp_path / "answers.jsonl"), "--json")
    )
    assert sum(told["labels"].values()) == 144
    assert told["promoted"] == (told["against"] == [])
    assert told["benchmark_difference"] is not None
    [shipped, version] = json.loads(program.run("route", "versions", "--json"))
    assert (version["version"], version["current"]) == (told["version"], told["promoted"])
    assert shipped["current"] != told["promoted"]


def test_nothing_was_rated(program: Inside) -> None:
    done = program.execute("route", "refit")
    assert (done.returncode, "labels_too_few" in done.stderr) == (2, True)
    assert program.execute("route", "refit", "--since", "soon").returncode == 2
    assert program.execute("route", "refit", "--min-labels", "1").returncode == 2
    assert program.execute("route", "refit", "--benchmark", "missing.jsonl").returncode == 2
