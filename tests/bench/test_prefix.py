"""How a trace becomes conversations, and what is counted of their answers."""

import gzip
import json
from pathlib import Path

import pytest

from bench.imagined import curve, imagined
from bench.prefix import Told, figures
from bench.trace import Request, dialogues, read_trace, sample

FIRST, SECOND, THIRD, OTHER = [0, 1, 2], [0, 1, 3, 4], [0, 1, 3, 5, 6, 7], [0, 8, 9]
"""Of each the last block is not full, so the next turn has another number for it."""


def traced(folder: Path, *prompts: list[int]) -> list[Request]:
    path = folder / "trace.jsonl.gz"
    with gzip.open(path, "wt") as lines:
        lines.writelines(json.dumps({"timestamp": 0, "hash_ids": prompt}) + "\n" for prompt in prompts)
    return read_trace(path)


def test_who_goes_on_with_whom(tmp_path: Path) -> None:
    trace = traced(tmp_path, FIRST, OTHER, SECOND, [0], THIRD)
    assert [request.blocks for request in trace] == [(0, 1), (0, 8), (0, 1, 3), (0, 1, 3, 5, 6)]
    assert [request.parent for request in trace] == [None, None, 0, 2]
    assert [request.conversation for request in trace] == [0, 1, 0, 0]


def test_a_turn_is_the_beginning_of_the_next(tmp_path: Path) -> None:
    one, two, three = (request.messages(3, "x") for request in traced(tmp_path, FIRST, SECOND, THIRD))
    assert two[: len(one)] == one
    assert three[: len(two)] == two
    assert [turn["role"] for turn in three] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert three[-1]["content"].count(" ") == 2


def test_another_seed_is_another_text_of_the_same_shape(tmp_path: Path) -> None:
    [request] = traced(tmp_path, FIRST)
    assert request.messages(3, "x") == request.messages(3, "x") != request.messages(3, "y")


def test_a_prompt_that_parts_in_the_middle_shares_what_is_before(tmp_path: Path) -> None:
    whole, parted = (request.messages(3, "x") for request in traced(tmp_path, [0, 1, 2, 3, 9], [0, 1, 2, 7, 8, 9]))
    assert whole[1]["content"].startswith(parted[1]["content"])


def test_a_sample_has_whole_conversations_of_several_turns(tmp_path: Path) -> None:
    prompts = [
        [0, 10 * talk, *range(10 * talk + 1, 10 * talk + turn + 2)] for turn in range(3) for talk in range(1, 90)
    ]
    alone = [[0, 2_000 + number, 1] for number in range(50)]
    drawn = sample(traced(tmp_path, *prompts, *alone), 30, longest=9, seed=3)
    assert len(drawn) >= 30
    for place, request in enumerate(drawn):
        assert request.parent is None or request.parent < place
        assert drawn[request.conversation].blocks[1] == request.blocks[1]
    by_talk = [request.conversation for request in drawn]
    assert {by_talk.count(one) for one in by_talk} == {3}


def test_an_imagined_engine_gains_what_can_be_gained(tmp_path: Path) -> None:
    """Two conversations of two turns by turns: round robin finds each second turn at the wrong one."""
    prompts = [[0, 1, 9], [0, 2, 9], [0, 1, 3, 9], [0, 2, 4, 9]]
    rows = imagined(traced(tmp_path, prompts[0], prompts[1], prompts[3], prompts[2]))
    two = next(row for row in rows if row["replicas"] == 2 and row["blocks_each"] == 10**9)
    assert two["round_robin"] == 0.2
    assert two["affinity"] >= 0.4


def test_a_dialogue_is_turns_that_each_begin_with_all_before(tmp_path: Path) -> None:
    parts_in_the_middle = [0, 1, 3, 99, 98, 97]
    trace = traced(tmp_path, FIRST, OTHER, SECOND, parts_in_the_middle, [0, 1, 3, 5, 6])
    assert [[turn.blocks for turn in talk] for talk in dialogues(trace, turns=2, longest=9)] == [
        [(0, 1), (0, 1, 3), (0, 1, 3, 99, 98)]
    ]
    assert dialogues(trace, turns=4, longest=9) == dialogues(trace, turns=2, longest=4) == []


def test_what_can_be_had_of_conversations_at_a_time(tmp_path: Path) -> None:
    """As long as one engine holds all of them, who asks it by turns loses the second turn alone."""
    prompts = [[0, *range(100 * talk, 100 * talk + 10 + turn), 1] for turn in range(4) for talk in range(1, 60)]
    talks = dialogues(traced(tmp_path, *prompts), turns=3, longest=20)
    assert len(talks) == 59
    rows = {row["active"]: row for row in curve(talks, runs=1)}
    assert rows[4]["affinity"] == pytest.approx(rows[4]["perfect"], abs=0.03)
    assert rows[4]["affinity"] > 1.2 * rows[4]["round robin"]
    assert rows[12]["affinity"] > 1.5 * rows[12]["round robin"]
    assert rows[24]["perfect"] < 0.2


def test_figures_by_hand() -> None:
    ours = [[Told(0, 110, 10, 10, 0.2), Told(0, 210, 110, 10, 0.1)]]
    theirs = [[Told(0, 110, 10, 10, 0.2), Told(0, 210, 60, 10, 0.3)]]
    found = figures({"affinity": ours, "round robin": theirs})
    assert found["ways"]["affinity"]["cached_share"] == 0.375
    assert found["ways"]["affinity"]["cached_share_beyond_system"] == pytest.approx(100 / 300, abs=1e-3)
    assert found["ratio"]["round robin"] == {"ratio": 1.71, "low": 1.71, "high": 1.71}
    assert found["ratio_beyond_system"]["round robin"]["ratio"] == 2.0
    assert found["ways"]["round robin"]["ttft_p95_ms"] == 300
