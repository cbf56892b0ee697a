"""What is unusual, as others read it."""

from pathlib import Path

import pytest

from homeport.core.unusual import Level, Measure, Unusual
from homeport.storage.unusual import (
    Noticed,
    Unusuals,
    headline,
    read_last_unusual,
    read_unusual,
    worst_first,
    write_unusual,
)

SECOND = 1_000_000_000
NOON = 1_792_324_800 * SECOND


def noticed(measure: Measure = Measure.ERRORS, found: float = 0.5, since: int = NOON) -> Noticed:
    unusual = Unusual(
        level=Level.MODEL, subject="m", measure=measure, since=since, usual=0.01, found=found, samples=120
    )
    return Noticed(
        unusual=unusual, incident="inc_1", told=True, severity=str(unusual.severity), sentence=unusual.sentence
    )


def state(*rows: Noticed, judged: int = 3) -> Unusuals:
    return Unusuals(computed_at=NOON, stale_at=NOON + 60 * SECOND, judged=judged, rows=rows)


def test_what_was_written_is_read_until_it_is_stale(tmp_path: Path) -> None:
    path, found = tmp_path / "unusual.json", state(noticed())
    assert read_unusual(path, NOON) is None
    write_unusual(path, found)
    assert read_unusual(path, NOON) == found
    assert read_unusual(path, found.stale_at) is None
    assert read_last_unusual(path) == found


@pytest.mark.parametrize("text", ["", "{", "[]", '{"computed_at": 1, "stale_at": 9e99, "judged": 0, "rows": [1]}'])
def test_a_file_that_is_broken_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "unusual.json"
    path.write_text(text)
    assert read_unusual(path, NOON) is None
    assert read_last_unusual(path) is None


def test_the_headline_is_one_sentence() -> None:
    one = "Model m has failed 50.0 % of its requests since 12:00 UTC, where 1.0 % would be usual: "
    assert headline(state(noticed())).startswith(one)
    assert headline(state(noticed(), noticed())).endswith("(1 more thing is unusual)")
    assert headline(state(noticed(), noticed(), noticed())).endswith("(2 more things are unusual)")
    assert headline(state()) == "Nothing is unusual"
    assert headline(state(judged=0)).startswith("It is not known yet what is usual")
    assert headline(None).startswith("Nobody looks")


def test_the_worst_come_first_and_of_those_the_oldest() -> None:
    mild, bad, newer = noticed(found=0.1, since=NOON - 9), noticed(), noticed(since=NOON + 1)
    assert worst_first([newer, mild, bad]) == (bad, newer, mild)


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("level", list(Level))
def test_every_sentence_says_what_since_when_how_much_and_what_to_do(measure: Measure, level: Level) -> None:
    unusual = Unusual(level=level, subject="x", measure=measure, since=NOON, usual=0.01, found=0.5, samples=9)
    assert unusual.sentence.count("12:00 UTC, where ") == 1
    assert unusual.sentence.count(": ") == 1
    assert "." not in unusual.sentence.replace("0.", "").replace("1.0", "")
