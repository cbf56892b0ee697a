"""`homeport drift replay` on recordings of imagined providers."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.cli.terminal import Terminal

DAY = datetime(2026, 3, 1, tzinfo=UTC)

Answer = Callable[[Random, int, int], str]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def border(rng: Random, probe: int, day: int) -> str:
    """Prompts on which a model is nearly undecided, at T=0: one token."""
    return f" {'yes' if rng.random() < 0.2 + 0.02 * probe else 'no'}"


def other(rng: Random, probe: int, day: int) -> str:
    return f" {'maybe' if probe % 3 else 'yes'}"


def chatty(rng: Random, probe: int, day: int) -> str:
    beginning = rng.choice(["Certainly! ", "Sure, ", "The answer is "])
    return beginning + " ".join(rng.choice("abcdefgh") * 5 for _ in range(rng.randint(30, 40)))


def terse(rng: Random, probe: int, day: int) -> str:
    return " ".join(rng.choice("abcdefgh") * 5 for _ in range(rng.randint(10, 14)))


def rows(days: int, answer: Callable[[int], Answer], seed: int = 5, each: int = 10) -> Iterator[dict[str, Any]]:
    rng = Random(seed)
    for day in range(days):
        moment = (DAY + timedelta(days=day)).date().isoformat()
        for probe in range(26):
            for _ in range(each):
                yield {"batch": moment, "probe": f"p{probe}", "output": answer(day)(rng, probe, day)}


def write(path: Path, told: Iterator[dict[str, Any]]) -> Path:
    lines = [json.dumps(row) for row in told]
    Random(3).shuffle(lines)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(("before", "after"), [(border, other), (chatty, terse)])
@pytest.mark.parametrize("clean", [10, 25])
def test_a_swap_is_noticed_by_the_fourth_batch(
    terminal: Terminal, tmp_path: Path, before: Answer, after: Answer, clean: int
) -> None:
    path = write(tmp_path / "r.jsonl", rows(clean + 6, lambda day: before if day < clean else after))
    found = terminal.told("drift", "replay", str(path))
    dates = [one["batch"] for one in found["batches"]]
    assert dates == sorted(dates)
    assert len(dates) == clean + 6
    (alarm,) = found["alarms"]
    assert dates.index(alarm["batch"]) in range(clean + 1, clean + 4)
    assert alarm["since"] == dates[clean]
    assert len(alarm["probes"]) >= 8
    assert 0.02 <= found["tolerance"] <= 0.5
    assert all(type(one["e_value"]) is float for one in found["batches"])
    shown = terminal.run("drift", "replay", str(path))
    assert f"changed since {dates[clean]}" in shown


def test_where_nothing_changed_there_is_no_alarm(terminal: Terminal, tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", rows(40, lambda day: border))
    found = terminal.told("drift", "replay", str(path))
    assert found["alarms"] == []
    assert max(one["e_value"] for one in found["batches"]) < found["threshold"] == 1_000
    assert "no change was noticed" in terminal.run("drift", "replay", str(path))


def test_tables_of_log_probabilities_are_compared(terminal: Terminal, tmp_path: Path) -> None:
    def told(days: int) -> Iterator[dict[str, Any]]:
        for row in rows(days, lambda day: border, each=1):
            shift = 0.2 if row["batch"] > "2026-03-20" else 0.0
            yield {**row, "logprobs": {" yes": -0.5 - shift, " no": -1.2}}

    found = terminal.told("drift", "replay", str(write(tmp_path / "r.jsonl", told(25))))
    assert [alarm["since"] for alarm in found["alarms"]] == ["2026-03-21"]


def test_few_batches_are_told_as_a_warning(terminal: Terminal, tmp_path: Path) -> None:
    found = terminal.told("drift", "replay", str(write(tmp_path / "r.jsonl", rows(3, lambda day: border))))
    assert found["tolerance"] is None
    assert "nothing was judged" in found["warnings"][0]
    assert "nothing was judged" in terminal.run("drift", "replay", str(tmp_path / "r.jsonl"))


def test_a_lower_alpha_needs_more(terminal: Terminal, tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", rows(30, lambda day: border if day < 20 else other))
    usual, strict = (terminal.told("drift", "replay", str(path), "--alpha", alpha) for alpha in ("0.001", "1e-8"))
    assert strict["threshold"] == pytest.approx(1e8)
    assert usual["alarms"][0]["batch"] < strict["alarms"][0]["batch"]


def test_what_is_no_recording_is_told_with_its_line(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"batch": "2026-03-01", "probe": "a", "output": "x"}\n{"batch": 5}\n')
    said = terminal.ask("drift", "replay", str(path), "--json")
    assert (said.code, said.output) == ("recording_invalid", "")
    assert "line 2" in said.advice
    assert terminal.ask("drift", "replay", str(tmp_path / "none")).code == "recording_invalid"
    assert terminal.ask("drift", "replay").code == "usage"
    assert terminal.ask("drift", "replay", str(path), "--alpha", "2").code == "usage"
