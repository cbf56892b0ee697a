"""What the replay of the cache is made of, and how it judges."""

from typing import Any

import msgspec

from bench.cache_crowd import Told, meaning_of
from bench.cache_house import Row
from bench.cache_replay import figures, leaks, missed, money
from bench.cache_traffic import OTHER, SAME, Question, Request, answers, questions, requests

TOLD = Told(
    status=200,
    cache="miss",
    entry="",
    similarity="",
    request_id="1",
    meaning=7,
    first_s=0.1,
    whole_s=0.2,
)


def asked(meaning: int = 7, key: int = 0, hard: str = "") -> Request:
    question = Question(text=f"What is {meaning}?", meaning=meaning, family=0, way="base", hard=hard)
    return Request(question=question, key=key, stream=False)


def test_no_text_has_two_meanings() -> None:
    meanings: dict[str, int] = {}
    for family in questions(0):
        for question in family:
            assert meanings.setdefault(question.text, question.meaning) == question.meaning
    assert len(set(meanings.values())) > 1_000


def test_every_text_has_an_answer_that_tells_its_meaning() -> None:
    families = questions(3)
    said = answers(families, 3)
    for family in families:
        for question in family:
            assert said[question.text].startswith(f"[{question.meaning}] ")


def test_requests_come_by_rank_and_in_all_kinds() -> None:
    families = questions(0)
    made = requests(families, 5_000, exponent=1.0, seed=0)
    assert made == requests(families, 5_000, exponent=1.0, seed=0)
    assert {one.question.way for one in made} == set(SAME)
    assert {one.question.hard for one in made} == {"", *OTHER}
    assert 0.3 < sum(bool(one.question.hard) for one in made) / len(made) < 0.37
    assert {one.stream for one in made} == {one.tools for one in made} == {bool(one.before) for one in made}
    counts = [one.question.family for one in made]
    assert max(map(counts.count, set(counts))) > 20 * len(made) / len(families)


def test_a_meaning_is_read_from_whole_answers_and_from_streams() -> None:
    whole = b'{"choices": [{"message": {"role": "assistant", "content": "[41] the \\"desk\\""}}]}'
    stream = b'data: {"choices":[{"delta":{"content":"["}}]}\n\ndata: {"choices":[{"delta":{"content":"41"}}]}\n\n'
    stream += b'data: {"choices":[{"delta":{"content":"] the"}}]}\n\n'
    assert meaning_of(whole) == meaning_of(stream) == 41
    assert meaning_of(b'{"error": {"message": "no"}}') is None


def test_an_answer_to_something_else_is_wrong() -> None:
    semantic = msgspec.structs.replace(TOLD, cache="semantic", entry="e")
    found = figures([asked(7), asked(8, hard="number"), asked(7)], [TOLD, semantic, semantic])
    assert found["wrong_of_semantic"]["wrong"] == 1
    assert found["wrong_of_twists"]["rate"] == found["wrong_by_twist"]["number"]["rate"] == 1.0
    assert found["wrong_of_exact"]["of"] == 0
    assert found["examples_of_wrong"][0]["given"] == "What is 7?"


def test_an_entry_that_serves_two_projects_is_a_leak() -> None:
    hit = msgspec.structs.replace(TOLD, cache="hit", entry="e")
    same_project = (asked(key=0), hit), (asked(key=1), hit)
    assert leaks(same_project) == 0
    assert leaks([*same_project, (asked(key=2), hit)]) == 1


def report_of(rows: dict[str, Row], plain: dict[str, Row]) -> dict[str, Any]:
    told = [msgspec.structs.replace(TOLD, request_id=name, cache=row.cache) for name, row in rows.items()]
    told_plain = [msgspec.structs.replace(TOLD, request_id=name) for name in plain]
    requested = [asked() for _ in told]
    calls = {name: {"calls": 1} for name in ("whole", "streamed", "both")}
    return {
        "requests": len(rows),
        "answers": figures(requested, told),
        "money": money(told, rows, told_plain, plain),
        "herds": {**calls, "missed": []},
    }


def test_what_was_saved_is_what_asking_would_have_cost() -> None:
    plain = {"a": Row(5, 0, ""), "b": Row(5, 0, ""), "c": Row(6, 0, "")}
    right = {"a": Row(5, 0, "miss"), "b": Row(0, 5, "hit"), "c": Row(0, 5, "semantic")}
    report = report_of(right, plain)
    assert missed(report) == []
    assert report["money"]["semantic_off"] == -1
    assert "saved by exact hits is not what asking would have cost" in missed(
        report_of({**right, "b": Row(0, 4, "hit")}, plain)
    )
    assert "a hit was paid for" in missed(report_of({**right, "b": Row(1, 5, "hit")}, plain))
    assert "misses cost something else than without a cache" in missed(
        report_of({**right, "a": Row(4, 0, "miss")}, plain)
    )
