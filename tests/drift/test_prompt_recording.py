"""Recordings of prompts are read by the day, and what cannot be used is named with its line."""

import io
import json
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.drift import prompt_recording
from homeport.drift.prompt_batches import MOST_PROMPTS
from homeport.drift.prompt_recording import parse_days, read_days


def parsed(*rows: object) -> list[prompt_recording.Day]:
    return parse_days(io.BytesIO(b"\n".join(json.dumps(row).encode() for row in rows)), "file")


def test_rows_of_a_day_are_together_whatever_their_order_and_zone() -> None:
    days = parsed(
        {"day": "2026-03-02", "prompt": "b", "id": "req_2", "more": 1},
        {"day": "2026-03-01T23:30:00-01:00", "prompt": "c"},
        {"day": "2026-03-01", "prompt": "a"},
        {"day": "2026-03-02", "prompt": " \n"},
    )
    assert [(day.day, day.asked) for day in days] == [("2026-03-01", 1), ("2026-03-02", 2)]
    assert [(one.id, one.text) for one in days[1].prompts] == [("req_2", "b"), ("line 2", "c")]


def test_of_a_busy_day_some_are_drawn() -> None:
    [day] = parsed(*({"day": "2026-03-01", "prompt": f"ask {number}"} for number in range(3 * MOST_PROMPTS)))
    assert (day.asked, len(day.prompts)) == (3 * MOST_PROMPTS, MOST_PROMPTS)
    numbers = [int(one.text.split()[1]) for one in day.prompts]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 2 * MOST_PROMPTS, "of the whole day"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b'{"day": "2026-03-01"}',
        b'{"day": "2026-03-01", "prompt": 1}',
        b'{"day": "yesterday", "prompt": "a"}',
        b'{"day": "2026-13-01", "prompt": "a"}',
        b'{"day": "2026-03-01", "prompt": "\xff"}',
        b'{"day": "2026-03-01", "prompt": "\\ud800"}',
        b'{"day": "\xd9\xa2026-03-01", "prompt": "a"}',
        b"[" * 100_000,
    ],
)
def test_a_row_that_cannot_be_used_is_named(line: bytes) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_days(io.BytesIO(b'{"day": "2026-03-01", "prompt": "a"}\n' + line), "file")
    assert refused.value.code == "recording_invalid"
    assert "line 2" in refused.value.message


def test_no_row_no_file_and_too_many_days_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_days(path)
    with pytest.raises(ConfigError, match="no row"):
        parsed()
    monkeypatch.setattr(prompt_recording, "MOST_DAYS", 2)
    with pytest.raises(ConfigError) as refused:
        parsed(*({"day": f"2026-03-0{day}", "prompt": "a"} for day in (1, 2, 3)))
    assert refused.value.code == "recording_too_large"
