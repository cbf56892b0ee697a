"""`homeport review`: what waits, labels given here and from files, and how far people agree."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from homeport.config.home import Home
from homeport.storage.bodies import BodyStore
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.labels import ratings_of
from tests.cli.inside import Inside
from tests.storage.reviewed import add_epoch, add_judgements, add_labels, add_outputs, output
from tests.traces.kept import chat

NAMES = [f"r{number}" for number in range(8)]


class Desk:
    """A program with outputs that wait for labels, of a hidden route."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = Inside(folder / "home")
        self.program.run("init", str(self.program.home / "homeport.yaml"))
        self.program.run("review", "list")  # makes the database
        home = Home(self.program.home)
        self.engine: Engine = open_database(sqlite_url(home.database))
        at = time.time_ns() - 60 * 10**9
        rows = (output(name, at=at, doubled=name == "r0", tier="gold", target="hidden[1]") for name in NAMES)
        add_outputs(self.engine, *rows, output("judged", at=at, for_human=False))
        bodies = BodyStore(home.captured, keep_days=7, most_bytes=1 << 30)
        for name in NAMES:
            bodies.put(chat(name, prompt=f"What of [bold]{name}[/]?", answer=f"It is {name}.", at=at))

    def json(self, *arguments: str) -> Any:
        return json.loads(self.program.run("review", *arguments, "--json"))

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.engine.dispose()


def test_what_waits_is_listed_shown_and_labelled(desk: Desk) -> None:
    assert {one["request_id"]: one["needs"] for one in desk.json("list")["outputs"]} == {
        name: 2 if name == "r0" else 1 for name in NAMES
    }
    assert "0 of 2" in desk.program.run("review", "list")
    one = desk.json("next", "--reviewer", "ann")["output"]
    assert (one["answer"], "hidden" in json.dumps(one)) == (f"It is {one['request_id']}.", False)
    shown = desk.program.run("review", "next", "--reviewer", "ann")
    assert "[bold]r" in shown, "what was said is no markup"
    assert "hidden" not in shown
    desk.program.run("review", "label", one["request_id"], "4", "--reviewer", "ann", "--note", "well")
    assert ratings_of(desk.engine, NAMES) == {(one["request_id"], "ann"): 4}
    assert desk.json("next", "--reviewer", "ann")["output"]["request_id"] != one["request_id"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("r1", "6"), 1, "rating_invalid"),
        (("r1", "good"), 2, "integer"),
        (("unheard-of", "4"), 1, "output_unknown"),
        (("judged", "4"), 1, "label_refused"),
        (("r1", "4", "--note", "x" * 2_001), 1, "note_too_long"),
        (("r\x1b1", "4"), 2, "name_unreadable"),
    ],
)
def test_a_label_that_cannot_be(desk: Desk, arguments: tuple[str, ...], code: int, message: str) -> None:
    ended = desk.program.execute("review", "label", *arguments)
    assert (ended.returncode, message in ended.stderr) == (code, True), ended.stderr
    assert ratings_of(desk.engine, NAMES) == {}


def test_nobody_labels_twice(desk: Desk) -> None:
    desk.program.run("review", "label", "r1", "4", "--reviewer", "ann")
    ended = desk.program.execute("review", "label", "r1", "5", "--reviewer", "ann")
    assert (ended.returncode, "you have labelled it" in ended.stderr) == (1, True)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_answers_go_out_and_labels_come_in_and_go_out_again(desk: Desk, kind: str) -> None:
    items, labels = desk.folder / f"items.{kind}", desk.folder / f"labels.{kind}"
    assert desk.json("export", str(items), "--items")["items"] == 8
    assert "hidden" not in items.read_text()
    if kind == "csv":
        with items.open(newline="") as file:
            ids = [row["request_id"] for row in csv.DictReader(file)]
        text = "request_id,reviewer,rating\n" + "".join(f"{name},ann,3\n" for name in ids)
    else:
        ids = [json.loads(line)["request_id"] for line in items.read_text().splitlines()]
        text = "".join(json.dumps({"request_id": name, "reviewer": "ann", "rating": 3}) + "\n" for name in ids)
    file_name = desk.file(f"made.{kind}", text)
    assert desk.json("import", file_name) == {"imported": 8, "known": 0, "faults": []}
    assert desk.json("import", file_name) == {"imported": 0, "known": 8, "faults": []}
    assert ratings_of(desk.engine, NAMES) == {(name, "ann"): 3 for name in NAMES}
    desk.program.run("review", "export", str(labels))
    assert desk.json("import", str(labels))["known"] == 8
    ended = desk.program.execute("review", "export", str(labels))
    assert (ended.returncode, "labels_exist" in ended.stderr) == (2, True)
    assert "review.import" in desk.program.run("audit", "list", "--json")


def test_of_a_file_with_a_wrong_line_nothing_is_taken(desk: Desk) -> None:
    text = "request_id,reviewer,rating\nr1,ann,4\nr2,ann,9\nunheard-of,ann,4\njudged,ann,4\n"
    file_name = desk.file("labels.csv", text)
    ended = desk.program.execute("review", "import", file_name)
    assert ended.returncode == 1
    assert "labels_refused" in ended.stderr
    for said in ("line 3: ", "(rating_invalid)", "line 4: ", "(output_unknown)", "line 5: ", "(output_not_drawn)"):
        assert said in ended.stdout
    told = desk.program.execute("review", "import", file_name, "--json")
    assert told.returncode == 1
    assert [fault["line"] for fault in json.loads(told.stdout)["faults"]] == [3, 4, 5]
    assert ratings_of(desk.engine, NAMES) == {}


def test_a_file_that_is_not_there(desk: Desk) -> None:
    ended = desk.program.execute("review", "import", str(desk.folder / "none.csv"))
    assert (ended.returncode, "labels_unreadable" in ended.stderr) == (2, True)


def test_agreement(desk: Desk) -> None:
    assert "Nobody has labelled" in desk.program.run("review", "agreement")
    add_epoch(desk.engine, "e1")
    add_judgements(desk.engine, "e1", {name: place / 7 for place, name in enumerate(NAMES)})
    now = time.time_ns() - 10**9
    add_labels(desk.engine, "ann", {name: 1 + place // 2 for place, name in enumerate(NAMES)}, at=now)
    add_labels(desk.engine, "bob", {name: 1 + place // 2 for place, name in enumerate(NAMES[:5])}, at=now)
    told = desk.json("agreement")
    assert [one["reviewer"] for one in told["reviewers"]] == ["ann", "bob"]
    assert told["reviewers"][0]["others_kappa"]["value"] == 1
    assert told["routes"][0]["reviewers"]["value"] == 1
    shown = desk.program.run("review", "agreement")
    assert "kappa of reviewers: 1.00" in shown
    assert "judge not measured: 8 rows are labelled by people, 10 are needed" in shown
