"""`homeport route calibrate` on invented recordings."""

import time
from pathlib import Path

import pytest

from homeport.config.home import Home
from homeport.core.routing import Answer, TokenLogprob
from homeport.routing.confidence import decode_confidence
from homeport.routing.thresholds import decode_thresholds
from homeport.routing.versions import CONFIDENCE, THRESHOLDS, Versions
from tests.cli.terminal import Terminal
from tests.routing.recorded import make_rows, write_rows

MODELS = ("a8b", "a70b", "a405b")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", make_rows(1_100, seed=4, models=MODELS))


def versions(terminal: Terminal) -> Versions:
    return Versions(Home(terminal.home).router, time.time_ns)


def test_a_split_becomes_a_version_that_a_gateway_can_use(terminal: Terminal, path: Path) -> None:
    told = terminal.told("route", "calibrate", str(path), "--split", "70/22/8")
    kept = versions(terminal)
    version = kept.current()
    assert version.number == told["version"] == 1
    confidence = decode_confidence(kept.read(version, CONFIDENCE) or b"")
    thresholds = decode_thresholds(kept.read(version, THRESHOLDS) or b"")
    assert thresholds.tiers == MODELS
    assert thresholds.shares == (0.70, 0.22, 0.08)
    assert len(thresholds.sketch) == 129
    assert told["test"]["shares"] == pytest.approx([0.70, 0.22, 0.08], abs=0.07)
    doubtful = Answer(text="x", logprobs=(TokenLogprob("x", -5.0),))
    sure = Answer(text="x", logprobs=(TokenLogprob("x", -0.0001),))
    cut = thresholds.accepts_from("a8b", "local")
    assert cut is not None
    low, high = (confidence.probability("a8b", "chat", answer) for answer in (doubtful, sure))
    assert low is not None
    assert high is not None
    assert low < cut < high


def test_a_quality_is_promised_and_another_version_kept(terminal: Terminal, path: Path) -> None:
    told = terminal.told("route", "calibrate", str(path), "--max-loss", "0.1", "--keep", "--models", "a8b,a405b")
    assert told["promise"]["max_loss"] == 0.1
    assert told["promise"]["labels"] == 275
    assert told["test"]["loss"] < 0.1
    assert not told["in_use"]
    assert versions(terminal).current().number == 0
    shown = terminal.run("route", "calibrate", str(path), "--max-loss", "0.1")
    assert "version 2 decides from now on" in shown


def test_what_cannot_be_is_refused(terminal: Terminal, path: Path, tmp_path: Path) -> None:
    few = write_rows(tmp_path / "few.jsonl", make_rows(300, models=MODELS))

    def code(file: Path, *options: str) -> str:
        return terminal.ask("route", "calibrate", str(file), *options).code

    assert code(few, "--max-loss", "0.05") == "labels_too_few"
    assert code(few, "--max-loss", "nan") in ("promise_impossible", "usage")
    assert code(few, "--max-loss", "-1") == code(few, "--confidence", "1") == "usage"
    assert code(path, "--split", "70/30") == "split_invalid"
    assert code(path, "--split", "70/22/8", "--max-loss", "0.1") == "split_invalid"
    assert code(path, "--signal", "vibes") == "signal_unknown"
    assert code(path, "--models", "nobody,a8b") == "recording_model_unknown"
    assert code(tmp_path / "none") == "recording_invalid"
    assert versions(terminal).every()[1:] == ()
