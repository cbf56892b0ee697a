"""What is counted as found, as missed and as a false alarm; and the reference texts, where they are."""

import gzip
import os
from pathlib import Path

import pytest

from homeport.core import discovery
from homeport.core.errors import ConfigError
from homeport.privacy.measure import (
    STRUCTURED,
    TARGET,
    Label,
    Row,
    clean,
    confusion,
    measure,
    read_rows,
    share,
    texts_of,
)
from homeport.privacy.recognize import RECOGNIZERS, load_recognizers

DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[3] / "shared" / "data") / "privacy"
LABELLED = DATA / "presidio_synth_pii.jsonl.gz"
DEFAULT = load_recognizers()
CARD, BAD_CARD = "4111111111111111", "9111111111111112"


def row(before: str, value: str, kind: str) -> Row:
    return Row(before + value, (Label(kind, len(before), len(before) + len(value), value),))


def test_found_missed_and_wrong_are_told_apart() -> None:
    rows = [
        row("pay ", CARD, "CREDIT_CARD"),
        row("pay ", BAD_CARD, "CREDIT_CARD"),
        row("my name is ", "Rubija", "PERSON"),
        row("write to ", "a@example.org", "NRP"),
    ]
    found = measure(rows, DEFAULT)
    cards, mails = found["CREDIT_CARD"], found["EMAIL_ADDRESS"]
    assert (cards.spans, cards.recall.hits, cards.recall.value, cards.met) == (2, 1, 0.5, False)
    assert cards.recall_valid is not None
    assert (cards.recall_valid.hits, cards.recall_valid.of) == (1, 1)
    assert cards.precision.value == 1.0
    assert cards.f1 == pytest.approx(2 / 3)
    assert (mails.spans, mails.recall.value, mails.precision.value, mails.met) == (0, None, 0.0, None)
    assert (found["PERSON"].recognizers, found["PERSON"].recall.value) == ((), 0.0)


def test_a_share_has_its_interval() -> None:
    one = share([True] * 9 + [False])
    assert (one.hits, one.of, one.value) == (9, 10, 0.9)
    assert 0.55 < one.low < 0.6 < 0.9 < one.high < 0.99
    assert share([]).value is None


def test_alarms_and_routes_are_counted_by_text() -> None:
    texts = ["nothing", f"{CARD} and a@example.org", CARD]
    result = clean(texts, DEFAULT)
    assert (result.alarms.hits, result.texts, result.recognizers) == (2, 3, {"payment_card": 2, "email": 1})
    routes = confusion([("hello", "cloud"), (CARD, "edge"), ("hi", "edge")], DEFAULT)
    assert routes == {"cloud": {"local_only": 0, "allow": 1}, "edge": {"local_only": 1, "allow": 1}}


@pytest.mark.parametrize(
    "data",
    [
        b"no JSON",
        b"[]",
        b'{"spans": []}',
        b'{"text": 1}',
        b'{"text": "x", "spans": [{"type": "A", "start": 0, "end": 2}]}',
        b'{"text": "x", "spans": [{"type": "A", "start": -1, "end": 1}]}',
        b'{"text": "x", "spans": [{"type": "A", "start": 1, "end": 0}]}',
        b'{"text": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_labelled_text(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_rows(path)
    assert caught.value.code == "recording_invalid"


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"x")[:10]])
def test_a_broken_archive_is_told(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(data)
    if data:
        with pytest.raises(ConfigError):
            read_rows(path)
    with pytest.raises(ConfigError):
        read_rows(tmp_path / "none.jsonl")


def test_texts_of_other_files(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "one"}\n\n{"b": ["two", 3, "four"]}\n{"c": 1}\n[]\n')
    assert list(texts_of(path, "a", "b")) == ["one", "two", "four", "", ""]


@pytest.mark.skipif(not LABELLED.exists(), reason="the reference data is not here (HOMEPORT_DATA)")
def test_the_reference_texts() -> None:
    rows = read_rows(LABELLED)
    found = measure(rows, load_recognizers(discovery.discover(RECOGNIZERS)))
    for name in STRUCTURED & found.keys():
        assert (found[name].recall.value or 0) >= TARGET, name
        assert (found[name].precision.value or 0) >= TARGET, name
    assert (found["PHONE_NUMBER"].recall.value or 0) >= 0.95
    assert clean((row.text for row in rows if not row.spans), DEFAULT).alarms.hits == 0
